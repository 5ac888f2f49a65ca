// A list of messages that stays true while events arrive: the channel's log and the thread's are both one of these.

import { dayName, dateOf, stamp } from "./dates.js";
import { renderBody } from "./blocks.js";
import { el, icon } from "./dom.js";

const GROUP_WITHIN_MS = 5 * 60_000;
const NEAR_BOTTOM_PX = 48;
const CLIP_AT = { characters: 2400, lines: 36 };

/**
 * `root` scrolls; `pill` is the button that says how many messages wait below.
 * `ctxOf(message)` gives {names, click}; `onThread(message)` opens a thread (null where threads make no sense).
 */
export class MessageLog {
  constructor({ root, pill, ctxOf, onThread, emptyText }) {
    Object.assign(this, { root, pill, ctxOf, onThread, emptyText, inThread: onThread === null });
    this.messages = new Map();
    this.waiting = 0;
    this.pinned = true;
    root.addEventListener("scroll", () => this.#scrolled());
    pill.addEventListener("click", () => this.toBottom());
    new ResizeObserver(() => this.pinned && this.toBottom()).observe(root);
    root.addEventListener("load", () => this.pinned && this.toBottom(), true);
  }

  /** Show exactly these messages, scrolled to the newest. */
  reset(messages) {
    this.messages = new Map(messages.map((message) => [message.ts, message]));
    this.root.replaceChildren(...[...this.messages.values()].sort(byTs).map((message) => this.#article(message)));
    this.#arrange();
    this.toBottom();
  }

  /** Bring in messages that were missed, without moving the reader. */
  merge(messages) {
    const seen = new Set(messages.map((message) => message.ts));
    for (const ts of [...this.messages.keys()].filter((ts) => !seen.has(ts))) this.remove(ts);
    for (const message of messages) {
      const known = this.messages.get(message.ts);
      if (!known) this.add(message);
      else if (JSON.stringify(known) !== JSON.stringify(message)) this.update(message);
    }
  }

  add(message) {
    if (this.messages.has(message.ts)) return this.update(message);
    const follow = this.pinned;
    this.messages.set(message.ts, message);
    const node = this.#article(message);
    node.classList.add("arrived");
    const later = this.#articles().find((other) => compareTs(other.dataset.ts, message.ts) > 0);
    this.root.insertBefore(node, later ?? null);
    this.#arrange();
    if (follow) this.toBottom();
    else this.#wait(1);
    return undefined;
  }

  /** Redraw one message where it stands; a message that is not shown is left alone. */
  update(message) {
    const old = this.#find(message.ts);
    if (!old) return;
    this.messages.set(message.ts, message);
    this.#steadily(old, () => {
      const focused = old.contains(document.activeElement) ? document.activeElement.dataset.action : null;
      const fresh = this.#article(message, old.classList.contains("opened"));
      // Edits of a living card would be read out again and again: only its arrival is announced.
      old.setAttribute("aria-live", "off");
      old.replaceChildren(...fresh.childNodes);
      old.className = fresh.className;
      if (focused) old.querySelector(`[data-action="${CSS.escape(focused)}"]`)?.focus();
      this.#arrange();
      highlight(old);
    });
  }

  remove(ts) {
    const old = this.#find(ts);
    this.messages.delete(ts);
    if (old) this.#steadily(old, () => { old.remove(); this.#arrange(); });
  }

  toBottom() {
    this.root.scrollTop = this.root.scrollHeight;
    this.pinned = true;
    this.#wait(-this.waiting);
  }

  #find(ts) {
    return this.#articles().find((node) => node.dataset.ts === ts);
  }

  #articles() {
    return [...this.root.children].filter((node) => node.dataset.ts);
  }

  #scrolled() {
    this.pinned = this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < NEAR_BOTTOM_PX;
    if (this.pinned) this.#wait(-this.waiting);
  }

  #wait(change) {
    this.waiting += change;
    this.pill.hidden = this.waiting <= 0;
    this.pill.replaceChildren(`${this.waiting} new ${this.waiting === 1 ? "message" : "messages"}`, icon("down"));
  }

  // A change above the reader must not move what they read; a pinned reader stays at the newest message.
  #steadily(node, change) {
    const above = node.getBoundingClientRect().bottom <= this.root.getBoundingClientRect().top;
    const [height, top] = [this.root.scrollHeight, this.root.scrollTop];
    const follow = this.pinned;
    change();
    if (follow) this.toBottom();
    else this.root.scrollTop = above ? top + this.root.scrollHeight - height : top;
  }

  // Day lines and grouping depend on neighbours, so they are decided for the whole list.
  #arrange() {
    for (const line of this.root.querySelectorAll(":scope > .day, :scope > .empty")) line.remove();
    let previous = null;
    for (const node of this.#articles()) {
      const message = this.messages.get(node.dataset.ts);
      const newDay = previous ? dayName(previous.ts) !== dayName(message.ts) : !this.inThread;
      const belowRoot = this.inThread && !message.thread_ts !== !previous?.thread_ts;
      if (newDay) node.before(el("div", { class: "day" }, el("span", {}, dayName(message.ts))));
      node.classList.toggle("grouped", !newDay && !belowRoot && grouped(previous, message));
      previous = message;
    }
    if (!previous && this.emptyText()) this.root.append(el("div", { class: "empty" }, ...this.emptyText()));
  }

  #article(message, opened = false) {
    const author = message.author ?? { name: "unknown", id: "" };
    const kind = ["message", message.notice && "notice", message.ephemeral_to && "ephemeral", opened && "opened"].filter(Boolean);
    return el(
      "article",
      { class: kind.join(" "), "data-ts": message.ts, "aria-label": `${author.name}, ${dateOf(message.ts).toLocaleTimeString()}` },
      message.notice ? el("span", { class: "avatar warn" }, icon("warn")) : avatar(author),
      el("div", { class: "gutter", "aria-hidden": "true" }, stamp(message.ts)),
      el("div", { class: "content" }, message.ephemeral_to ? onlyYou() : null, byline(message, author), this.#origin(message), this.#body(message, opened), this.#replies(message)),
      this.#tools(message),
    );
  }

  #body(message, opened) {
    const body = renderBody(message, this.ctxOf(message));
    if (message.edited && !message.blocks?.length) body.append(el("span", { class: "edited" }, " (edited)"));
    if (!isLong(message)) return body;
    const more = el("button", { type: "button", class: "link", "aria-expanded": String(opened) }, opened ? "Show less" : "Show more");
    more.addEventListener("click", () => {
      const open = more.closest("article").classList.toggle("opened");
      more.setAttribute("aria-expanded", String(open));
      more.textContent = open ? "Show less" : "Show more";
    });
    return el("div", { class: "clip" }, el("div", { class: "clipped" }, body), more);
  }

  /** Of a reply that the channel sees as well: where it comes from. */
  #origin(message) {
    if (!message.broadcast) return null;
    if (!this.onThread) return el("p", { class: "also" }, "Also sent to the channel");
    const root = this.messages.get(message.thread_ts) ?? { ...message, ts: message.thread_ts, thread_ts: null, broadcast: false };
    return el("button", { type: "button", class: "also link", onclick: () => this.onThread(root) }, "replied to a thread");
  }

  #replies(message) {
    if (!this.onThread || !message.reply_count) return null;
    const words = `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`;
    return el("button", { type: "button", class: "replies", onclick: () => this.onThread(message) }, icon("reply"), words);
  }

  #tools(message) {
    if (!this.onThread || message.ephemeral_to || message.notice || message.broadcast) return null;
    return el("button", { type: "button", class: "ghost reply", "aria-label": "Reply in thread", title: "Reply in thread", onclick: () => this.onThread(message) }, icon("reply"));
  }
}

/** Order of two timestamps "seconds.microseconds" without losing digits to floating point. */
export function compareTs(left, right) {
  const [a, b] = [left.split("."), right.split(".")];
  return Number(a[0]) - Number(b[0]) || Number((a[1] ?? "0").padEnd(6, "0")) - Number((b[1] ?? "0").padEnd(6, "0"));
}

const byTs = (left, right) => compareTs(left.ts, right.ts);

function grouped(previous, message) {
  if (!previous || previous.author?.id !== message.author?.id) return false;
  if (previous.notice || message.notice || previous.ephemeral_to !== message.ephemeral_to) return false;
  return dateOf(message.ts) - dateOf(previous.ts) < GROUP_WITHIN_MS;
}

const isLong = (message) =>
  !message.blocks?.length && ((message.text ?? "").length > CLIP_AT.characters || (message.text ?? "").split("\n").length > CLIP_AT.lines);

const onlyYou = () => el("p", { class: "only-you" }, icon("eye"), "Only visible to you");

function byline(message, author) {
  return el("div", { class: "byline" }, el("strong", { class: "author" }, author.name), author.is_bot ? el("span", { class: "tag" }, "app") : null, stamp(message.ts));
}

/** Initials on a quiet tint, told apart by the id; the bot wears the accent. */
export function avatar(author) {
  if (author.is_bot) return el("span", { class: "avatar bot", "aria-hidden": "true" }, icon("mesh"));
  const sum = [...(author.id ?? "")].reduce((total, letter) => (total * 31 + letter.codePointAt(0)) % 997, 7);
  return el("span", { class: `avatar tint-${sum % 5}`, "aria-hidden": "true" }, (author.name ?? "?").slice(0, 1).toUpperCase());
}

function highlight(node) {
  node.classList.remove("arrived", "changed");
  void node.offsetWidth; // Restarts the animation when edits follow each other closely.
  node.classList.add("changed");
}
