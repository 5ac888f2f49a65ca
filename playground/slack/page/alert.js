// The alert of one service in the world panel: what Alertmanager would tell the bot, raised and resolved by one button.

import { api } from "./api.js";
import { el } from "./dom.js";

/** `draw(firing)` follows the server: true, false, or null where nobody takes alerts. */
export class Alert {
  constructor({ namespace, service }) {
    this.where = { namespace, service };
    this.firing = false;
    this.state = el("span", { class: "switch-state" });
    this.button = el("button", { type: "button", class: "press", onclick: () => this.#press() });
    this.problem = el("p", { class: "error", role: "alert" });
    this.root = el(
      "div",
      { class: "switches alert", role: "group", "aria-label": `Alert of ${service}`, hidden: true },
      el("div", { class: "switch-head" }, this.state, this.button),
      this.problem,
    );
  }

  draw(firing) {
    this.root.hidden = firing === null;
    // What a person has just pressed is newer than an answer that was under way.
    if (firing === null || this.sending) return;
    this.firing = firing;
    this.root.classList.toggle("broken", firing);
    this.state.textContent = firing ? "An alert fires" : "No alert";
    this.button.textContent = firing ? "Resolve it" : "Raise an alert";
    this.button.classList.toggle("primary", firing);
  }

  async #press() {
    if (this.sending) return;
    const firing = !this.firing;
    this.sending = true;
    this.problem.textContent = "";
    try {
      await api.alert({ ...this.where, firing });
      this.firing = firing;
    } catch (problem) {
      this.problem.textContent = `The bot was not told: ${problem.message}.`;
    }
    this.sending = false;
    this.draw(this.firing);
  }
}
