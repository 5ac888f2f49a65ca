// The box a person writes in: completion, recall of what was sent before, and text that survives an error.

import { el, remember } from "./dom.js";

const HISTORY_KEEP = 50;
const SHOW_AT_MOST = 40;
const HINT = "Enter sends · Shift + Enter starts a new line";
let count = 0;

/**
 * `send(text)` resolves when the server took the text and rejects with a reason otherwise;
 * `suggest(text)` returns [{insert, hint}] for what is written so far.
 */
export class Composer {
  constructor({ holder, id, label, send, suggest, note }) {
    Object.assign(this, { sendText: send, suggest, standingNote: note ?? (() => "") });
    this.form = document.getElementById("composer-template").content.firstElementChild.cloneNode(true);
    this.box = this.form.querySelector("textarea");
    this.list = this.form.querySelector(".completions");
    this.noteLine = this.form.querySelector(".composer-note");
    this.box.id = id;
    this.#name(label);
    this.options = [];
    this.active = -1;
    this.recalled = -1;
    this.draftKey = null;
    this.#listen();
    holder.replaceWith(this.form);
  }

  /** Turn to another conversation: its name and its own unsent text. */
  turnTo(key, label) {
    this.draftKey = `draft:${key}`;
    this.#name(label);
    this.#write(remember.get("sessionStorage", this.draftKey) ?? "");
    this.say("");
  }

  focus() {
    this.box.focus();
  }

  /** Focus as `/` does: an empty box gets the slash, and typing it again does not double it. */
  startCommand() {
    this.focus();
    if (this.box.value !== "") return;
    this.autoSlash = true;
    this.box.value = "/";
    this.#edited();
  }

  /** Show a line beside the box; an error is coloured and announced. */
  say(text, isError = false) {
    this.noteLine.textContent = text || HINT;
    this.noteLine.classList.toggle("error", isError);
    this.noteLine.classList.toggle("asked", Boolean(text));
  }

  /** Close the list; true when it was open. */
  closeList() {
    const open = !this.list.hidden;
    this.list.hidden = true;
    this.options = [];
    this.active = -1;
    this.box.setAttribute("aria-expanded", "false");
    this.box.removeAttribute("aria-activedescendant");
    return open;
  }

  #name(label) {
    this.box.setAttribute("aria-label", label);
    this.box.placeholder = label;
    this.list.setAttribute("aria-label", "Completions");
    this.list.id ||= `completions-${(count += 1)}`;
    this.box.setAttribute("aria-controls", this.list.id);
  }

  #listen() {
    this.box.addEventListener("input", () => this.#edited());
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("blur", () => this.closeList());
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.#submit(); });
  }

  #edited() {
    if (this.autoSlash && this.box.value === "//") this.box.value = "/";
    this.autoSlash = this.autoSlash && this.box.value === "/";
    this.recalled = -1;
    this.#grow();
    this.#keepDraft();
    this.say(this.standingNote(this.box.value));
    this.#complete();
  }

  #write(text) {
    this.box.value = text;
    this.box.setSelectionRange(text.length, text.length);
    this.#grow();
    this.#keepDraft();
    this.closeList();
  }

  #grow() {
    this.form.classList.toggle("filled", this.box.value.trim() !== "");
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight, 180)}px`;
  }

  #keepDraft() {
    if (this.draftKey) remember.set("sessionStorage", this.draftKey, this.box.value);
  }

  #complete() {
    const text = this.box.value;
    this.closeList();
    const options = this.suggest(text).filter((option) => option.alone || option.insert !== text.trim()).slice(0, SHOW_AT_MOST);
    if (!options.length) return;
    this.options = options;
    this.list.replaceChildren(...options.map((option, index) => this.#option(option, index)), el("div", { class: "completions-keys", "aria-hidden": "true" }, "Tab completes · ↑ ↓ choose · Esc closes"));
    this.list.hidden = false;
    this.box.setAttribute("aria-expanded", "true");
    // Enter may finish a command's name, not one that is whole, and never its numbers: "5" must not be sent as "50".
    if (!text.includes(" ") && !options[0].alone) this.#mark(0);
  }

  #option(option, index) {
    return el(
      "div",
      { role: "option", id: `${this.list.id}-${index}`, "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); this.#accept(index); } },
      el("code", {}, option.insert),
      el("span", { class: "quiet" }, option.hint ?? ""),
    );
  }

  #mark(index) {
    const rows = this.list.querySelectorAll("[role=option]");
    this.active = (index + rows.length) % rows.length;
    rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === this.active)));
    rows[this.active].scrollIntoView({ block: "nearest" });
    this.box.setAttribute("aria-activedescendant", rows[this.active].id);
  }

  #accept(index) {
    const { insert, more } = this.options[index];
    this.#write(more ? `${insert} ` : insert);
    if (more) this.#complete();
    this.focus();
  }

  #key(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.#listKey(event) || this.#historyKey(event)) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    }
  }

  #listKey({ key, shiftKey }) {
    if (this.list.hidden) return false;
    const step = { ArrowDown: 1, ArrowUp: this.active < 0 ? 0 : -1 }[key];
    if (step !== undefined) this.#mark(this.active + step);
    else if (key === "Tab" && !shiftKey) this.#accept(Math.max(this.active, 0));
    else if (key === "Enter" && !shiftKey && this.active >= 0) this.#accept(this.active);
    else if (key === "Escape") this.closeList();
    else return false;
    return true;
  }

  #historyKey({ key }) {
    const up = key === "ArrowUp" && (this.box.value === "" || this.recalled >= 0);
    const down = key === "ArrowDown" && this.recalled >= 0;
    if (!up && !down) return false;
    const past = history();
    const next = this.recalled + (up ? 1 : -1);
    if (next >= past.length) return true;
    this.#write(next < 0 ? "" : past[next]);
    this.recalled = next;
    return true;
  }

  async #submit() {
    const text = this.box.value.trim();
    if (!text || this.box.readOnly) return;
    const key = this.draftKey;
    this.closeList();
    this.#busy(true);
    try {
      await this.sendText(text);
      keepInHistory(text);
      remember.set("sessionStorage", key, "");
      if (this.draftKey === key) this.#write("");
      this.recalled = -1;
      this.say("");
    } catch (problem) {
      this.say(`Not sent: ${problem.message}. Your text is still here.`, true);
    } finally {
      this.#busy(false);
    }
  }

  #busy(on) {
    this.box.readOnly = on;
    this.form.classList.toggle("busy", on);
    this.form.setAttribute("aria-busy", String(on));
  }
}

const history = () => JSON.parse(remember.get("sessionStorage", "history") ?? "[]");

function keepInHistory(text) {
  const past = history().filter((other) => other !== text);
  remember.set("sessionStorage", "history", JSON.stringify([text, ...past].slice(0, HISTORY_KEEP)));
}
