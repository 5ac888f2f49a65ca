// The App Home: a tab beside the direct messages with the app, drawn as the app published it for the acting person.

import { api } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { byId, el } from "./dom.js";

export class Home {
  constructor(session) {
    this.session = session;
    this.open = false;
    this.view = null;
    byId("tab-messages").addEventListener("click", () => this.turn(false));
    byId("tab-home").addEventListener("click", () => this.turn(true));
  }

  /** Show the tabs in the direct messages with the app only. */
  head() {
    const { channel } = this.session;
    const here = channel?.kind === "im" && channel.bot_is_member;
    byId("tabs").hidden = !here;
    if (!here) this.open = false;
    this.draw();
  }

  /** Take over what was published for this person. */
  reset(views) {
    this.view = views.find((view) => view.type === "home") ?? null;
    this.draw();
    if (this.open) this.#tell();
  }

  onEvent({ view }) {
    this.view = view;
    this.draw();
  }

  turn(open) {
    this.open = open;
    this.draw();
    if (open) this.#tell();
  }

  draw() {
    byId("tab-home").setAttribute("aria-pressed", String(this.open));
    byId("tab-messages").setAttribute("aria-pressed", String(!this.open));
    byId("home").hidden = !this.open;
    byId("messages").hidden = this.open;
    byId("below").hidden = this.open;
    if (!this.open) return;
    const focused = document.activeElement?.dataset?.action;
    byId("home-body").replaceChildren(this.view ? renderBlocks(this.view.blocks, this.#ctx()) : el("p", { class: "empty" }, `${this.session.state.bot.name} has not drawn this page yet.`));
    if (focused) byId("home-body").querySelector(`[data-action="${CSS.escape(focused)}"]`)?.focus();
  }

  #ctx() {
    const { session, view } = this;
    const at = (block, part) => ({ as: session.me, view_id: view.id, block_id: block.block_id, action_id: part.action_id });
    return { names: session.names, click: (block, part, extra = {}) => this.#try(() => api.view({ ...at(block, part), do: "click", ...extra })) };
  }

  async #tell() {
    await this.#try(() => api.home(this.session.me));
  }

  async #try(ask) {
    byId("home-note").textContent = "";
    try {
      await ask();
    } catch (problem) {
      byId("home-note").textContent = `That did not get through: ${problem.message}.`;
    }
  }
}
