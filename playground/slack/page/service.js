// One service in the world panel: its split, a row of numbers for each arm, the switches for breaking an arm, its alert.

import { Alert } from "./alert.js";
import { api } from "./api.js";
import { el } from "./dom.js";
import { Spark } from "./spark.js";

const SEND_AFTER_MS = 150;
const QUICK_ERRORS = 0.2;

/** Draws one service; `draw` updates numbers in place so that focus and sliders stay put. */
export class Service {
  constructor(service) {
    this.rps = el("span", { class: "quiet" });
    this.split = el("div", { class: "split", role: "img" });
    this.arms = new Map(service.arms.map((arm) => [arm.name, new ArmRow(arm)]));
    const breakable = service.arms.length > 1 ? service.arms.slice(1) : service.arms;
    this.switches = new Map(breakable.map((arm) => [arm.name, new Switches(service, arm)]));
    this.alert = new Alert(service);
    const head = ["arm", "traffic", "errors", "p99"].map((word) => el("th", { scope: "col" }, word));
    this.root = el(
      "section",
      { class: "service", "aria-label": `${service.service} in ${service.namespace}` },
      el("header", {}, el("h3", {}, service.service), el("span", { class: "quiet" }, service.namespace), this.rps),
      el("p", { class: "route quiet" }, `${service.route.kind} `, el("code", {}, service.route.name)),
      this.split,
      el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, [...this.arms.values()].map(({ row }) => row))),
      [...this.switches.values()].map(({ root }) => root),
      this.alert.root,
    );
  }

  /** `alert`: whether one fires, or null where nobody takes alerts. */
  draw(service, alert) {
    this.alert.draw(alert);
    this.rps.textContent = `${number(service.rps, 0)} req/s`;
    this.split.setAttribute("aria-label", service.arms.map((arm) => `${arm.name} ${number(arm.share, 1)} %`).join(", "));
    if (this.split.children.length !== service.arms.length) {
      this.split.replaceChildren(...service.arms.map(() => el("span", {})));
    }
    for (const [index, arm] of service.arms.entries()) {
      this.split.children[index].style.flexGrow = String(arm.share ?? 0);
      this.arms.get(arm.name)?.draw(arm);
      this.switches.get(arm.name)?.draw(arm);
    }
  }
}

class ArmRow {
  constructor(arm) {
    this.share = el("strong", {});
    this.weight = el("small", { class: "quiet" });
    this.traffic = el("span", {});
    this.errors = el("span", {});
    this.p99 = el("span", {});
    this.errorSpark = new Spark({ floor: 5 });
    this.p99Spark = new Spark({ floor: 500 });
    this.row = el(
      "tr",
      {},
      el("th", { scope: "row" }, el("span", { class: "swatch", "aria-hidden": "true" }), arm.name, this.weight),
      el("td", {}, this.share, this.traffic),
      el("td", {}, this.errors, this.errorSpark.node),
      el("td", {}, this.p99, this.p99Spark.node),
    );
  }

  draw(arm) {
    const errors = known(arm.success) ? Math.max(0, 100 - arm.success) : null;
    this.share.textContent = `${number(arm.share, 1)} %`;
    this.weight.textContent = `weight ${arm.weight}`;
    this.traffic.textContent = `${number(arm.rps, 1)}/s`;
    this.errors.textContent = errors === null ? "no data" : `${number(errors, 2)} %`;
    this.p99.textContent = known(arm.p99_ms) ? `${number(arm.p99_ms, 0)} ms` : "no data";
    this.row.classList.toggle("failing", errors !== null && errors >= 1);
    this.errorSpark.add(errors);
    this.p99Spark.add(known(arm.p99_ms) ? arm.p99_ms : null);
  }
}

class Switches {
  constructor(service, arm) {
    this.where = { namespace: service.namespace, service: service.service, version: arm.name };
    const id = `${service.namespace}-${service.service}-${arm.name}`;
    this.errors = slider(id, { name: "Errors", max: 50, step: 1, words: (value) => `${value} %`, of: arm.name });
    this.latency = slider(id, { name: "Latency", max: 2000, step: 50, words: (value) => `+${value} ms`, of: arm.name });
    this.state = el("span", { class: "switch-state" });
    this.quick = el("button", { type: "button", class: "press", onclick: () => this.#quick() });
    this.problem = el("p", { class: "error", role: "alert" });
    this.heldUntil = 0;
    for (const { input } of [this.errors, this.latency]) input.addEventListener("input", () => this.#moved());
    this.root = el(
      "div",
      { class: "switches", role: "group", "aria-label": `Break ${arm.name} of ${service.service}` },
      el("div", { class: "switch-head" }, this.state, this.quick),
      this.errors.row,
      this.latency.row,
      this.problem,
    );
  }

  draw({ name, broken }) {
    const isBroken = Boolean(broken.errors || broken.latency_ms);
    this.isBroken = isBroken;
    this.root.classList.toggle("broken", isBroken);
    this.state.textContent = isBroken ? `${name} is broken` : `${name} is healthy`;
    this.quick.textContent = isBroken ? `Mend ${name}` : `Break ${name}`;
    this.quick.classList.toggle("primary", isBroken);
    // What a person is moving right now is newer than what the server says.
    if (Date.now() > this.heldUntil) this.#set(broken.errors, broken.latency_ms);
  }

  #set(errors, latency) {
    this.errors.show(Math.round(errors * 100));
    this.latency.show(latency);
  }

  #quick() {
    this.#set(this.isBroken ? 0 : QUICK_ERRORS, 0);
    this.#moved();
  }

  #moved() {
    this.heldUntil = Date.now() + 2500;
    this.errors.show(this.errors.input.value);
    this.latency.show(this.latency.input.value);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#send(), SEND_AFTER_MS);
  }

  async #send() {
    const wanted = { errors: Number(this.errors.input.value) / 100, latency_ms: Number(this.latency.input.value) };
    try {
      await api.breakArm({ ...this.where, ...wanted });
      this.problem.textContent = "";
      this.draw({ name: this.where.version, broken: wanted });
    } catch (problem) {
      this.heldUntil = 0;
      this.problem.textContent = `Not changed: ${problem.message}.`;
    }
  }
}

function slider(id, { name, max, step, words, of }) {
  const key = `${id}-${name.replace(" ", "-").toLowerCase()}`;
  const input = el("input", { type: "range", id: key, min: 0, max, step, value: 0, "aria-label": `${name} of ${of}` });
  const output = el("output", { for: key });
  const show = (value) => {
    input.value = String(value);
    output.textContent = words(value);
    input.setAttribute("aria-valuetext", output.textContent);
    input.style.setProperty("--filled", `${(100 * Math.min(value, max)) / max}%`);
  };
  return { input, show, row: el("div", { class: "slider" }, el("label", { for: key }, name), input, output) };
}

const known = (value) => value !== null && value !== undefined;
const number = (value, digits) =>
  known(value) ? value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits }) : "no data";
