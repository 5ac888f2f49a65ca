// The modal on top of the page: drawn as the app says, filled in, sent off, closed. One per person, the newest on top.

import { api } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { byId, el, icon } from "./dom.js";
import { Fields, showErrors } from "./inputs.js";

export class Modals {
  constructor(session) {
    Object.assign(this, { session, dialog: byId("modal") });
    this.views = new Map();
    this.fields = new Map();
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
  }

  /** Take over what is on this person's screen. */
  reset(views) {
    this.views = new Map(views.filter((view) => view.type === "modal").map((view) => [view.id, view]));
    this.draw();
  }

  onEvent({ type, view }) {
    if (type === "view") this.views.set(view.id, view);
    else this.#forget(view.id);
    this.draw();
  }

  get top() {
    return [...this.views.values()].at(-1);
  }

  draw() {
    const view = this.top;
    if (!view) {
      if (this.dialog.open) this.dialog.close();
      return;
    }
    const same = this.dialog.dataset.view === view.id && this.dialog.open;
    const [focused, scroll] = [same ? document.activeElement?.id : "", same ? this.dialog.querySelector(".modal-body")?.scrollTop : 0];
    this.dialog.dataset.view = view.id;
    this.dialog.replaceChildren(this.#form(view));
    if (!this.dialog.open) this.dialog.showModal();
    const body = this.dialog.querySelector(".modal-body");
    body.scrollTop = scroll ?? 0;
    const first = body.querySelector("select, input, textarea, button") ?? this.dialog.querySelector("footer button");
    if (!same) first?.focus({ preventScroll: true });
    else if (focused) byId(focused)?.focus({ preventScroll: true });
    if (same) this.#reveal(body);
  }

  async close() {
    await this.#try(() => api.view({ ...this.#who(), do: "close" }));
  }

  #form(view) {
    const title = el("h2", { id: "modal-title" }, view.title.text);
    const shut = el("button", { type: "button", class: "ghost", "aria-label": "Close", onclick: () => this.close() }, icon("close"));
    const cancel = el("button", { type: "button", class: "press", id: "modal-close", onclick: () => this.close() }, view.close?.text ?? "Close");
    const submit = view.submit ? el("button", { type: "submit", class: "press primary", id: "modal-submit" }, view.submit.text) : null;
    const form = el("form", { class: "modal-form", novalidate: true, onsubmit: (event) => this.#submit(event, view) },
      el("header", { class: "modal-head" }, title, shut),
      el("div", { class: "modal-body content" }, renderBlocks(view.blocks, this.#ctx(view))),
      el("footer", { class: "modal-foot" }, el("p", { class: "modal-note", role: "alert" }), cancel, submit));
    return form;
  }

  #ctx(view) {
    const fields = this.#fieldsOf(view);
    const state = () => fields.values(view.blocks);
    const at = (block, part) => ({ ...this.#who(), block_id: block.block_id, action_id: part.action_id, values: state() });
    return {
      names: this.session.names,
      fields,
      click: (block, part, extra = {}) => this.#try(() => api.view({ ...at(block, part), do: "click", ...extra })),
      suggest: async (block, part, typed) => (await api.view({ ...at(block, part), do: "suggest", typed })).options,
    };
  }

  async #submit(event, view) {
    event.preventDefault();
    const [form, fields] = [event.target, this.#fieldsOf(view)];
    const missing = fields.missing(view.blocks);
    showErrors(form, missing);
    if (Object.keys(missing).length) return;
    const button = form.querySelector("#modal-submit");
    button.disabled = true;
    const answer = await this.#try(() => api.view({ ...this.#who(), do: "submit", values: fields.values(view.blocks) }));
    button.disabled = false;
    if (answer?.answer?.response_action === "errors") showErrors(form, answer.answer.errors);
  }

  #who() {
    return { as: this.session.me, view_id: this.top?.id };
  }

  async #try(ask) {
    const note = this.dialog.querySelector(".modal-note");
    if (note) note.textContent = "";
    try {
      return await ask();
    } catch (problem) {
      const now = this.dialog.querySelector(".modal-note");
      if (now) now.textContent = `That did not get through: ${problem.message}.`;
      return null;
    }
  }

  #fieldsOf(view) {
    if (!this.fields.has(view.id)) this.fields.set(view.id, new Fields());
    return this.fields.get(view.id);
  }

  #forget(id) {
    this.views.delete(id);
    this.fields.delete(id);
  }

  // What came in below the fields, a preview for example, would else be found by scrolling only.
  #reveal(body) {
    body.querySelector("hr")?.scrollIntoView({ block: "nearest" });
    const last = body.querySelector(".blocks")?.lastElementChild;
    if (body.querySelector("hr")) last?.scrollIntoView({ block: "nearest" });
  }
}
