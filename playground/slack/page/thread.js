// The thread panel: one message, the story below it, and a box to answer in.

import { api } from "./api.js";
import { Composer } from "./composer.js";
import { suggestions } from "./completions.js";
import { byId } from "./dom.js";
import { MessageLog } from "./messages.js";

/** Shows the thread of one message of the open channel. */
export class Thread {
  constructor(app) {
    this.app = app;
    this.ts = null;
    this.log = new MessageLog({
      root: byId("thread-log"),
      pill: byId("thread-pill"),
      ctxOf: (message) => app.ctxOf(message),
      onThread: null,
      emptyText: () => ["No messages in this thread."],
    });
    this.composer = new Composer({
      holder: byId("thread-composer"),
      id: "thread-box",
      label: "Reply",
      send: (text) => app.send(text, this.ts),
      suggest: (text) => suggestions(text, app.session.state, { inThread: true }),
      note: (text) => (text.startsWith("/") ? `Slash commands do not work in threads. Write @${app.session.state.bot.name} instead.` : ""),
    });
  }

  async open(message) {
    if (this.ts === message.ts) return this.composer.focus();
    this.ts = message.ts;
    const { session } = this.app;
    byId("thread-where").textContent = `in ${session.title(session.channel)}`;
    this.composer.turnTo(`${message.channel}:${message.ts}`, "Reply in thread");
    this.log.reset([message]);
    await this.load();
    return this.composer.focus();
  }

  /** Fetch the thread anew when one is open. */
  async load({ merge = false } = {}) {
    const { ts } = this;
    const { channelId, me } = this.app.session;
    if (!ts) return;
    try {
      const { messages } = await this.app.holding(() => api.replies(channelId, ts, me));
      if (ts !== this.ts) return;
      const parent = this.app.log.messages.get(ts);
      const shown = messages.filter((message) => this.app.session.sees(message));
      if (parent && !shown.some((message) => message.ts === ts)) shown.unshift(parent);
      if (merge) this.log.merge(shown);
      else this.log.reset(shown);
    } catch (problem) {
      this.composer.say(`The thread could not be loaded: ${problem.message}.`, true);
    }
  }

  onEvent(type, message) {
    if (!this.ts || (message.ts !== this.ts && message.thread_ts !== this.ts)) return;
    if (type === "delete") this.log.remove(message.ts);
    else if (type === "update") this.log.update(message);
    else this.log.add(message);
  }

  close() {
    if (this.ts) this.app.panels.hide("thread");
  }

  forget() {
    this.ts = null;
    this.log.reset([]);
  }
}
