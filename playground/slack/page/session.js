// Who is acting, where, and what the server said about people and channels.

import { remember } from "./dom.js";

const KINDS = ["public", "private", "im"];

/** One tab's session: two tabs can act as two people, so the choice is kept per tab. */
export class Session {
  constructor(state) {
    this.learn(state);
    const wanted = new URLSearchParams(location.search).get("as") ?? remember.get("sessionStorage", "as");
    this.me = (this.person(wanted) ?? state.people[0])?.id ?? "";
    this.turnTo(location.hash.slice(1));
  }

  /** Take a fresh answer of /page/state. */
  learn(state) {
    this.state = state;
    this.people = new Map(state.people.map((person) => [person.id, person]));
    this.channels = new Map(state.channels.map((channel) => [channel.id, channel]));
  }

  person(id) {
    return this.people.get(id);
  }

  get channel() {
    return this.channels.get(this.channelId);
  }

  actAs(id) {
    this.me = id;
    remember.set("sessionStorage", "as", id);
    this.turnTo(this.channelId);
  }

  /** Open a channel, or the first one this person sees when they do not see it. */
  turnTo(id) {
    const seen = this.visible();
    this.channelId = (seen.find((channel) => channel.id === id) ?? seen[0])?.id ?? "";
    if (this.channelId) window.history.replaceState(null, "", `#${this.channelId}`);
  }

  /** The channels a person sees, public first; private ones and direct messages only when they are in them. */
  visible(id = this.me) {
    const sees = (channel) => channel.kind === "public" || channel.members.includes(id);
    return [...this.channels.values()].filter(sees).sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
  }

  /** A channel's name as this person reads it. */
  title(channel) {
    if (channel.kind !== "im") return channel.name;
    const other = channel.members.find((id) => id !== this.me && id !== this.state.bot.id);
    return channel.bot_is_member || !other ? this.state.bot.name : (this.person(other)?.name ?? channel.name);
  }

  /** Names for rendering text. */
  get names() {
    return {
      me: this.me,
      user: (id) => (id === this.state.bot.id ? this.state.bot.name : this.person(id)?.name),
      channel: (id) => this.channels.get(id)?.name,
      group: (id) => this.state.usergroups?.find((group) => group.id === id)?.handle,
    };
  }

  /** Whether a message is meant for a person's eyes. */
  sees(message, id = this.me) {
    return !message.ephemeral_to || message.ephemeral_to === id;
  }

  /** Whether a person is in a channel, and so hears of what is new there. */
  reads(channelId, id) {
    return this.channels.get(channelId)?.members.includes(id) ?? false;
  }
}

/** Whether a message stands in a thread below another one. */
export const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts && !message.broadcast;
