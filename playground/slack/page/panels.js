// Which side panels are open. On wide screens they stand beside the messages; on narrow ones they slide over them.

import { byId, remember } from "./dom.js";

const PHONE = window.matchMedia("(max-width: 760px)");
const NARROW = window.matchMedia("(max-width: 1099px)");
const WIDE = window.matchMedia("(min-width: 1500px)");
const SIDES = ["thread", "world"];

/** Opens and closes the sidebar, the thread and the world; `onWorld(isOpen)` starts and stops its polling. */
export class Panels {
  constructor({ onWorld, onThreadClosed }) {
    Object.assign(this, { onWorld, onThreadClosed });
    this.open = { sidebar: false, thread: false, world: !NARROW.matches && remember.get("localStorage", "world") !== "closed" };
    this.opener = null;
    byId("open-sidebar").addEventListener("click", () => this.show("sidebar"));
    byId("open-world").addEventListener("click", () => (byId("world").hidden ? this.#world() : this.hide("world")));
    byId("scrim").addEventListener("click", () => this.closeTop());
    for (const close of document.querySelectorAll("[data-close]")) close.addEventListener("click", () => this.hide(close.closest("aside").id));
    for (const query of [PHONE, NARROW, WIDE]) query.addEventListener("change", () => this.#rearrange());
    this.#draw();
  }

  show(name) {
    if (!this.open[name] && this.#isDrawer(name)) this.opener = document.activeElement;
    this.open[name] = true;
    this.#draw();
    if (this.#isDrawer(name)) byId(name).querySelector("[data-close]").focus();
  }

  hide(name) {
    const wasDrawer = this.#isDrawer(name);
    this.open[name] = false;
    if (name === "world" && !NARROW.matches) remember.set("localStorage", "world", "closed");
    this.#draw();
    if (name === "thread") this.onThreadClosed();
    if (wasDrawer) this.opener?.focus();
  }

  /** Close a panel that lies over the messages; one that stands beside them stays. */
  leave(name) {
    if (this.#isDrawer(name)) this.hide(name);
  }

  /** Close what lies on top; true when there was something. */
  closeTop() {
    const top = ["sidebar", "thread", "world"].find((name) => this.open[name] && (this.#isDrawer(name) || name === "thread"));
    if (top) this.hide(top);
    return Boolean(top);
  }

  #world() {
    if (!NARROW.matches) remember.set("localStorage", "world", "open");
    if (this.open.thread && !WIDE.matches) this.hide("thread");
    this.show("world");
  }

  #isDrawer(name) {
    return name === "sidebar" ? PHONE.matches : NARROW.matches;
  }

  #rearrange() {
    this.open.sidebar = false;
    if (NARROW.matches) this.open.world = false;
    this.#draw();
  }

  // The thread lies over the world where there is no room for both.
  #draw() {
    const drawers = ["sidebar", ...SIDES].filter((name) => this.open[name] && this.#isDrawer(name));
    byId("sidebar").classList.toggle("open", this.open.sidebar);
    byId("sidebar").inert = PHONE.matches && !this.open.sidebar;
    byId("thread").hidden = !this.open.thread;
    byId("world").hidden = !this.open.world || (this.open.thread && !WIDE.matches);
    byId("main").inert = drawers.length > 0;
    byId("scrim").hidden = drawers.length === 0;
    byId("open-sidebar").setAttribute("aria-expanded", String(this.open.sidebar));
    byId("open-world").setAttribute("aria-expanded", String(!byId("world").hidden));
    byId("app").classList.toggle("with-side", this.open.thread || this.open.world);
    byId("app").classList.toggle("with-two", this.open.thread && this.open.world && WIDE.matches);
    this.onWorld(!byId("world").hidden);
  }
}
