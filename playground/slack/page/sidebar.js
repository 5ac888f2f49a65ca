// The left side: who is acting, the channels, and which of them have news.

import { byId, el, icon } from "./dom.js";
import { avatar } from "./messages.js";

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

  /** Count a new message for everybody who would see it, but its author and whoever has the channel open. */
  tell(message) {
    const { session } = this;
    const before = String([...this.news]);
    for (const { id } of session.state.people) {
      const reading = id === session.me && message.channel === session.channelId;
      if (reading || id === message.author?.id || !session.sees(message, id) || !session.reads(message.channel, id)) continue;
      const key = `${id} ${message.channel}`;
      this.news.set(key, (this.news.get(key) ?? 0) + 1);
    }
    // Drawing anew would close an open picker, so it is done for news only.
    if (String([...this.news]) !== before) this.draw();
  }

  #newsOf(id, channelId) {
    return this.news.get(`${id} ${channelId}`) ?? 0;
  }

  #allNewsOf(id) {
    return this.session.visible(id).reduce((sum, channel) => sum + this.#newsOf(id, channel.id), 0);
  }

  draw() {
    const { session } = this;
    this.news.delete(`${session.me} ${session.channelId}`);
    byId("team").textContent = session.state.team.name;
    this.select.replaceChildren(...session.state.people.map((person) => this.#person(person)));
    this.select.value = session.me;
    byId("as-note").replaceChildren(...this.#note(session.person(session.me)));
    byId("as-avatar").replaceChildren(avatar(session.person(session.me) ?? { id: "", name: "?" }));
    const news = this.#allNewsOf(session.me);
    byId("open-sidebar").classList.toggle("news", news > 0);
    byId("open-sidebar").setAttribute("aria-label", news ? `Open channels, ${news} new` : "Open channels");
    const focused = document.activeElement?.dataset?.channel;
    byId("channels").replaceChildren(...this.#groups());
    if (focused) byId("channels").querySelector(`[data-channel="${CSS.escape(focused)}"]`)?.focus();
  }

  #person(person) {
    const { session } = this;
    const [acting, news] = [person.id === session.me, this.#allNewsOf(person.id)];
    // The line below the picker says the title of who acts; the name must not be cut for it.
    const what = flagWords(person).join(", ") || (acting ? "" : person.title);
    const words = [person.real_name || person.name, what, news && !acting ? `${news} new` : ""];
    return el("option", { value: person.id }, words.filter(Boolean).join(" · "));
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
    const news = this.#newsOf(this.session.me, channel.id);
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
