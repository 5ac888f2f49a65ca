// Wires the parts together: who acts, which channel and thread are open, and what arrives.

import { api, follow } from "./api.js";
import { Composer } from "./composer.js";
import { suggestions } from "./completions.js";
import { byId, el } from "./dom.js";
import { Home } from "./home.js";
import { MessageLog } from "./messages.js";
import { Modals } from "./modal.js";
import { Panels } from "./panels.js";
import { isReply, Session } from "./session.js";
import { channelMark, Sidebar } from "./sidebar.js";
import { themeToggle } from "./theme.js";
import { Thread } from "./thread.js";
import { World } from "./world.js";

class App {
  constructor(state) {
    this.session = new Session(state);
    this.fetching = 0;
    this.late = [];
    this.world = new World({ onCommand: (text) => this.command(text) });
    this.modals = new Modals(this.session);
    this.home = new Home(this.session);
    this.thread = new Thread(this);
    this.panels = new Panels({ onWorld: (on) => this.world.watch(on), onThreadClosed: () => this.thread.forget() });
    this.sidebar = new Sidebar(this.session, { onAs: (id) => this.actAs(id), onChannel: (id) => this.openChannel(id) });
    this.log = new MessageLog({
      root: byId("log"),
      pill: byId("pill"),
      ctxOf: (message) => this.ctxOf(message),
      onThread: (message) => this.openThread(message),
      emptyText: () => this.emptyText(),
    });
    this.composer = new Composer({
      holder: byId("composer"),
      id: "box",
      label: "Message",
      send: (text) => this.send(text),
      suggest: (text) => suggestions(text, this.session.state, { inThread: false }),
    });
  }

  /** What rendering a message needs: names, and what a press does. */
  ctxOf(message) {
    return { names: this.session.names, click: (block, element, extra) => this.click(message, block, element, extra) };
  }

  async click(message, block, element, extra = {}) {
    const press = { as: this.session.me, channel: message.channel, message_ts: message.ts, block_id: block.block_id, action_id: element.action_id };
    try {
      await api.click({ ...press, ...extra });
    } catch (problem) {
      this.composer.say(`“${element.text?.text ?? "Choice"}” did not get through: ${problem.message}.`, true);
    }
  }

  /** Type a command for the person who acts, from outside of the box. */
  async command(text) {
    if (this.panels.open.world) this.panels.leave("world");
    try {
      await this.send(text);
    } catch (problem) {
      this.composer.say(`“${text}” was not sent: ${problem.message}.`, true);
    }
  }

  async send(text, threadTs) {
    const { me, channelId } = this.session;
    await api.send({ as: me, channel: channelId, text, ...(threadTs ? { thread_ts: threadTs } : {}) });
    if (!threadTs) this.log.toBottom();
    this.refresh();
  }

  /** Learn anew about people, channels and completions; a failure is no news. */
  async refresh() {
    try {
      this.session.learn(await api.state());
      this.sidebar.draw();
    } catch {
      // The connection line already says that the server is away.
    }
  }

  async openChannel(id) {
    this.session.turnTo(id);
    this.thread.close();
    this.head();
    if (this.panels.open.sidebar) this.panels.hide("sidebar");
    await this.load();
    if (!window.matchMedia("(hover: none)").matches) this.composer.focus();
  }

  async actAs(id) {
    this.session.actAs(id);
    this.head();
    await this.load();
    await this.loadViews();
    await this.thread.load();
  }

  /** Fetch the modals and the App Home on this person's screen; a failure is no news, they come again as events. */
  async loadViews() {
    const { me } = this.session;
    try {
      const { views } = await api.views(me);
      if (me !== this.session.me) return;
      const mine = views.map(({ view }) => view);
      this.modals.reset(mine);
      this.home.reset(mine);
    } catch {
      // The connection line already says that the server is away.
    }
  }

  openThread(message) {
    this.panels.show("thread");
    this.thread.open(message);
  }

  head() {
    const { session } = this;
    const { channel } = session;
    this.sidebar.draw();
    if (!channel) return;
    const name = session.title(channel);
    const words = [channel.topic, channel.kind === "im" ? "" : `${channel.members.length} members`].filter(Boolean).join(" · ");
    byId("channel-name").replaceChildren(channelMark(channel), name);
    byId("channel-topic").replaceChildren(words, channel.bot_is_member ? "" : el("span", { class: "tag" }, `${session.state.bot.name} is not in this channel`));
    byId("log").setAttribute("aria-label", `Messages in ${name}`);
    document.title = `${name} · meshbot playground`;
    this.home.head();
    const who = session.person(session.me)?.real_name ?? "";
    this.composer.turnTo(channel.id, `Message ${channel.kind === "im" ? "" : "#"}${name}${who ? ` as ${who}` : ""}`);
  }

  /** Fetch the channel's messages; with `merge` the reader's place is kept. */
  async load({ merge = false } = {}) {
    const { channelId, me } = this.session;
    if (!channelId) return;
    try {
      const { messages } = await this.holding(() => api.messages(channelId, me));
      if (channelId !== this.session.channelId || me !== this.session.me) return;
      const shown = messages.filter((message) => !isReply(message) && this.session.sees(message));
      if (merge) this.log.merge(shown);
      else this.log.reset(shown);
    } catch (problem) {
      this.composer.say(`Messages could not be loaded: ${problem.message}.`, true);
    }
  }

  /** Await a list of messages; events wait meanwhile, or the older list would undo them. */
  async holding(fetching) {
    this.fetching += 1;
    try {
      return await fetching();
    } finally {
      this.fetching -= 1;
      // After the caller has taken the list in.
      if (this.fetching === 0) setTimeout(() => this.late.splice(0).forEach((event) => this.onEvent(event)));
    }
  }

  onEvent(event) {
    if (this.fetching > 0) {
      this.late.push(event);
      return;
    }
    const { type, message } = event;
    if (event.view) {
      if (event.user === this.session.me) (event.view.type === "home" ? this.home : this.modals).onEvent(event);
      return;
    }
    if (type === "message") this.sidebar.tell(message);
    if (!this.session.sees(message)) return;
    if (!this.session.channels.has(message.channel)) this.refresh();
    if (message.channel !== this.session.channelId) return;
    this.thread.onEvent(type, message);
    if (isReply(message)) this.countReplies(message);
    else if (type === "delete") this.log.remove(message.ts);
    else if (type === "update") this.log.update(message);
    else this.log.add(message);
  }

  // A reply changes its parent's count; the server's list is the one truth about it.
  async countReplies(reply) {
    const { channel, thread_ts: ts } = reply;
    try {
      const { messages } = await api.replies(channel, ts, this.session.me);
      const count = messages.filter((message) => message.ts !== ts).length;
      const parent = this.log.messages.get(ts);
      if (parent && parent.channel === channel && parent.reply_count !== count) this.log.update({ ...parent, reply_count: count });
    } catch {
      // The count is right again after the next reply or reload.
    }
  }

  async onState(state) {
    const line = byId("connection");
    line.hidden = state !== "lost";
    line.textContent = state === "lost" ? "Reconnecting… messages may be late." : "";
    if (state === "lost") return;
    if (state === "back") await this.refresh();
    // Also on the first opening: something may have been said between loading and listening.
    await this.load({ merge: true });
    await this.loadViews();
    await this.thread.load({ merge: true });
  }

  emptyText() {
    const { channel, state } = this.session;
    if (!channel) return ["This person sees no channel."];
    const title = `${channel.kind === "im" ? "" : "#"}${this.session.title(channel)}`;
    const [command] = state.commands;
    const example = state.completions[0]?.insert ?? [command?.command, command?.usage_hint].filter(Boolean).join(" ");
    const hint = channel.bot_is_member && example ? [" Try ", el("code", {}, example), "."] : [];
    const deaf = channel.bot_is_member ? "." : `, and ${state.bot.name} does not listen here.`;
    return [el("strong", {}, `This is the start of ${title}`), el("p", {}, `Nothing here yet${deaf}`, hint)];
  }

  onKey(event) {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      if (this.panels.closeTop()) event.preventDefault();
      return;
    }
    const typing = event.target.closest?.("input:not([type=range]), textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey || byId("main").inert) return;
    event.preventDefault();
    this.composer.startCommand();
  }
}

/** The first answer of the server, however long it takes to start. */
async function firstState() {
  for (;;) {
    try {
      return await api.state();
    } catch (problem) {
      byId("connection").hidden = false;
      byId("connection").textContent = `Connecting… ${problem.message}.`;
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

async function start() {
  themeToggle();
  const app = new App(await firstState());
  byId("connection").hidden = true;
  document.addEventListener("keydown", (event) => app.onKey(event));
  app.head();
  await app.load();
  follow({ onEvent: (event) => app.onEvent(event), onState: (state) => app.onState(state) });
}

start();
