// The left side: who is acting, the channels, and which of them have news.

import { byId, el, icon } from "./dom.js";

const HEADINGS = { public: "Channels", private: "Private channels", im: "Direct messages" };
const FLAG_WORDS = { is_bot: "bot", is_restricted: "guest", is_ultra_restricted: "single-channel guest", deleted: "deactivated" };

/** Draws the picker and the list of channels; `onAs(id)` and `onChannel(id)` are told what was chosen. */
export class Sidebar {
  constructor(session, { onAs, onChannel }) {
    Object.assign(this, { session, onChannel });
    this.news = new Map();
    this.select = byId("as");
    this.select.addEventListener("change", () => onAs(this.select.value));
  }

  /** Count one unseen message in a channel. */
  tell(channelId) {
    this.news.set(channelId, (this.news.get(channelId) ?? 0) + 1);
    this.draw();
  }

  draw() {
    const { session } = this;
    this.news.delete(session.channelId);
    byId("team").textContent = session.state.team.name;
    this.select.replaceChildren(...session.state.people.map((person) => this.#person(person)));
    this.select.value = session.me;
    byId("as-note").replaceChildren(...this.#note(session.person(session.me)));
    const focused = document.activeElement?.dataset?.channel;
    byId("channels").replaceChildren(...this.#groups());
    if (focused) byId("channels").querySelector(`[data-channel="${CSS.escape(focused)}"]`)?.focus();
  }

  #person(person) {
    const flags = flagWords(person);
    return el("option", { value: person.id }, `${person.real_name || person.name}${flags.length ? ` (${flags.join(", ")})` : ""}`);
  }

  #note(person) {
    if (!person) return [];
    return [`@${person.name}`, person.title ? ` · ${person.title}` : "", ...flagWords(person).map((word) => el("span", { class: "tag" }, word))];
  }

  #groups() {
    return Object.entries(HEADINGS).flatMap(([kind, heading]) => {
      const channels = this.session.visible().filter((channel) => channel.kind === kind);
      if (!channels.length) return [];
      return [el("h2", { class: "nav-head" }, heading), el("ul", {}, channels.map((channel) => el("li", {}, this.#channel(channel))))];
    });
  }

  #channel(channel) {
    const news = this.news.get(channel.id) ?? 0;
    const here = channel.id === this.session.channelId;
    return el(
      "button",
      { type: "button", class: news ? "channel news" : "channel", "data-channel": channel.id, "aria-current": here ? "page" : null, onclick: () => this.onChannel(channel.id) },
      channelMark(channel),
      el("span", { class: "channel-name" }, this.session.title(channel)),
      news ? el("span", { class: "count", "aria-label": `${news} new` }, String(news)) : null,
    );
  }
}

/** The sign before a channel's name. */
export function channelMark(channel) {
  if (channel.kind === "private") return el("span", { class: "mark" }, icon("lock"));
  return el("span", { class: "mark", "aria-hidden": "true" }, channel.kind === "im" ? "●" : "#");
}

const flagWords = (person) => (person.flags ?? []).map((flag) => FLAG_WORDS[flag] ?? flag.replace(/^is_/, "").replaceAll("_", " "));
