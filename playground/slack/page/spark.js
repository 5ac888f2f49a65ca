// A line of the last minute, beside a number. It is decoration: the number says the same.

import { svg } from "./dom.js";

const KEEP = 60;
const [WIDTH, HEIGHT] = [64, 18];

/** `floor` is the smallest top of the scale, so that noise on a healthy arm stays flat. */
export class Spark {
  constructor({ floor }) {
    this.floor = floor;
    this.values = [];
    this.line = svg("path", { class: "spark-line" });
    this.node = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true", preserveAspectRatio: "none" }, this.line);
  }

  /** Add one second's value; null (no data) leaves a gap. */
  add(value) {
    this.values = [...this.values, value].slice(-KEEP);
    const top = Math.max(this.floor, ...this.values.filter((known) => known !== null));
    const from = KEEP - this.values.length;
    let pen = "M";
    const path = this.values.map((known, index) => {
      if (known === null) { pen = "M"; return ""; }
      const x = ((from + index) * WIDTH) / (KEEP - 1);
      const y = HEIGHT - 1 - (known / top) * (HEIGHT - 2);
      const step = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
      return step;
    });
    this.line.setAttribute("d", path.join(""));
  }
}
