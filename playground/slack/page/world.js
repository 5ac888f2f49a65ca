// The world panel: what each service really does, and the switches to break an arm of it and mend it again.

import { api } from "./api.js";
import { byId, el } from "./dom.js";
import { Service } from "./service.js";

const EVERY_MS = 1000;

const DIGEST = "/mesh digest now";

/** Polls /page/world each second while the panel is open and the tab is in sight; `onCommand(text)` types a command. */
export class World {
  constructor({ onCommand }) {
    this.digest = el(
      "section",
      { class: "digest", "aria-label": "Digest" },
      el("header", {}, el("h3", {}, "Digest"), el("span", { class: "quiet" }, "comes by itself on working days at 9:00")),
      el("button", { type: "button", class: "press", title: `Types ${DIGEST} here`, onclick: () => onCommand(DIGEST) }, "Post the digest now"),
    );
    this.services = new Map();
    this.timer = null;
    document.addEventListener("visibilitychange", () => this.watch(this.watching));
  }

  /** Start or stop looking. */
  watch(on) {
    this.watching = on;
    clearTimeout(this.timer);
    this.round = Symbol("round");
    if (on && !document.hidden) this.#look(this.round);
  }

  async #look(round) {
    try {
      const world = await api.world();
      if (round === this.round) this.#draw(world);
    } catch (problem) {
      if (round === this.round) this.#absent(problem);
    }
    if (round === this.round) this.timer = setTimeout(() => this.#look(round), EVERY_MS);
  }

  #draw(world) {
    note(`Live · Prometheus ${world.prometheus ? "is running" : "is not running"}`, world.prometheus ? "up" : "part");
    const keys = world.services.map(keyOf);
    if (String(keys) !== String([...this.services.keys()])) {
      this.services = new Map(world.services.map((service) => [keyOf(service), this.services.get(keyOf(service)) ?? new Service(service)]));
      const none = el("p", { class: "world-empty" }, "The simulator runs, but no service is in it yet.");
      byId("world-body").replaceChildren(...(keys.length ? [...[...this.services.values()].map(({ root }) => root), this.digest] : [none]));
    }
    const alerts = world.alerts ? new Set(world.alerts) : null;
    for (const service of world.services) this.services.get(keyOf(service)).draw(service, alerts && alerts.has(keyOf(service)));
  }

  #absent(problem) {
    const stopped = problem.status === 503;
    note(stopped ? "Not running" : "No answer", "down");
    this.services.clear();
    byId("world-body").replaceChildren(
      el("p", { class: "world-empty" }, stopped ? "The traffic simulator is not running. Start the whole playground with " : `No news of the world: ${problem.message}. Trying again each second.`, stopped ? el("code", {}, "make demo") : "", stopped ? "." : ""),
    );
  }
}

const keyOf = ({ namespace, service }) => `${namespace}/${service}`;

function note(text, kind) {
  const line = byId("world-note");
  if (line.textContent !== text) line.textContent = text;
  line.className = `quiet live ${kind}`;
}
