// Times: of messages, and Slack's <!date^unix^{tokens}^link|fallback>, both in the reader's own zone.

import { el, safeUrl } from "./dom.js";

const DATE = /^!date\^(-?\d+)\^([^^]*)(?:\^(.*))?$/s;
const format = (options) => new Intl.DateTimeFormat(undefined, options);
const clock = format({ hour: "2-digit", minute: "2-digit" });
const clockSeconds = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const full = format({ dateStyle: "full", timeStyle: "long" });
const numeric = format({ year: "numeric", month: "2-digit", day: "2-digit" });
const short = format({ year: "numeric", month: "short", day: "numeric" });
const medium = format({ year: "numeric", month: "long", day: "numeric" });
const long = format({ weekday: "long", year: "numeric", month: "long", day: "numeric" });

const TOKENS = {
  date_num: (at) => numeric.format(at),
  date: (at) => medium.format(at),
  date_short: (at) => short.format(at),
  date_long: (at) => long.format(at),
  date_pretty: (at) => nearDay(at) ?? medium.format(at),
  date_short_pretty: (at) => nearDay(at) ?? short.format(at),
  date_long_pretty: (at) => nearDay(at) ?? long.format(at),
  time: (at) => clock.format(at),
  time_secs: (at) => clockSeconds.format(at),
  ago: (at) => ago(at),
};

/** Render `!date^…`; the fallback is shown when the construct is not understood. */
export function slackDate(target, fallback) {
  const found = DATE.exec(target);
  if (!found) return document.createTextNode(fallback ?? target);
  const at = new Date(Number(found[1]) * 1000);
  if (Number.isNaN(at.getTime())) return document.createTextNode(fallback ?? target);
  const text = found[2].replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(TOKENS, name) ? TOKENS[name](at) : whole));
  const time = el("time", { datetime: at.toISOString(), title: full.format(at) }, text);
  const url = found[3] ? safeUrl(found[3]) : null;
  return url ? el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, time) : time;
}

/** When a message was written: 14:05, with the full date on hover. */
export function stamp(ts) {
  const at = dateOf(ts);
  return el("time", { datetime: at.toISOString(), title: full.format(at) }, clock.format(at));
}

/** The name of a message's day: Today, Yesterday, or its date. */
export const dayName = (ts) => nearDay(dateOf(ts)) ?? long.format(dateOf(ts));

/** A message's `ts` ("seconds.microseconds") as a Date. */
export const dateOf = (ts) => new Date(Number.parseFloat(ts) * 1000);

function nearDay(at) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const days = Math.round((midnight(at) - midnight(new Date())) / 86_400_000);
  return { "-1": "Yesterday", 0: "Today", 1: "Tomorrow" }[days] ?? null;
}

function ago(at) {
  const seconds = Math.round((at.getTime() - Date.now()) / 1000);
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  for (const [unit, size] of [["day", 86_400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit);
  }
  return words.format(seconds, "second");
}
