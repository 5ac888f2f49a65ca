// Slack's mrkdwn as DOM nodes. Rules: https://docs.slack.dev/messaging/formatting-message-text
// The text is hostile until proven otherwise: it reaches the page as text nodes only, and links must be http(s) or mailto.

import { el, safeUrl } from "./dom.js";
import { emoji } from "./emoji.js";
import { slackDate } from "./dates.js";

const FENCE = /```\n?([\s\S]+?)\n?```/g;
// A bar has twenty cells, of two kinds at most; the same letters in a row of eighths of a block are a sparkline.
const BAR = /(?<![▁-█░])(?=[█░]{20}(?![▁-█░]))(█*)(░*)/g;
const ESCAPED = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const EDGE = String.raw`(?![\p{L}\p{N}_])`;
const START = String.raw`(?<![\p{L}\p{N}_])`;
const span = (mark) => `${START}${mark}(?=\\S)([^${mark}\\n]*?[^${mark}\\s])${mark}${EDGE}`;
const INLINE = new RegExp(
  [String.raw`\x60([^\x60\n]+)\x60`, String.raw`<([^<>\n]+)>`, String.raw`:([a-z0-9_+-]+):`, span(String.raw`\*`), span("_"), span("~")].join("|"),
  "gu",
);

/** Undo Slack's three escapes, once: "&amp;lt;" is the text "&lt;". */
export const unescape = (text) => text.replace(/&(?:amp|lt|gt);/g, (found) => ESCAPED[found]);

/** Turn mrkdwn into a fragment. `names` gives user(id), channel(id), group(id) and me. */
export function mrkdwn(text, names) {
  const out = document.createDocumentFragment();
  let from = 0;
  for (const found of text.matchAll(FENCE)) {
    out.append(lines(text.slice(from, found.index).replace(/\n$/, ""), names), preformatted(found[1], names));
    from = found.index + found[0].length;
    if (text[from] === "\n") from += 1;
  }
  out.append(lines(text.slice(from), names));
  return out;
}

/** Plain text with emoji names, as in plain_text objects. */
export function plain(object) {
  const out = document.createDocumentFragment();
  const text = object?.text ?? "";
  if (object?.emoji === false) out.append(text);
  else for (const part of text.split(/(:[a-z0-9_+-]+:)/)) out.append(emojiOr(part));
  return out;
}

/** A plain_text or mrkdwn object. */
export const textObject = (object, names) => (object?.type === "mrkdwn" ? mrkdwn(object.text ?? "", names) : plain(object));

/** A block of fixed-width text that scrolls by itself; runs of bar characters get whole-cell widths so that rows align in any font. */
export function preformatted(text, names) {
  return el("pre", { tabindex: "0" }, el("code", {}, angles(text, names, bars)));
}

/** Someone's name, marked when it is the reader's own. */
export const mention = (id, names, fallback) =>
  el("span", { class: id === names.me ? "mention mine" : "mention" }, `@${names.user(id) ?? fallback ?? id}`);

/** A link that opens elsewhere, or only its label when the address is not safe. */
export function link(url, label) {
  const target = safeUrl(url);
  return target ? el("a", { href: target, target: "_blank", rel: "noopener noreferrer" }, label) : el("span", {}, label);
}

/** One emoji with its name for screen readers, or the text as it came. */
export function emojiOr(text) {
  const name = text.slice(1, -1);
  const character = text.startsWith(":") && text.endsWith(":") ? emoji(name) : null;
  return character ? el("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), title: text }, character) : text;
}

/** Text of a code span or block: bars drawn in whole cells. */
export function bars(text) {
  const out = document.createDocumentFragment();
  let from = 0;
  for (const bar of text.matchAll(BAR)) {
    out.append(text.slice(from, bar.index), ...cells("full", bar[1]), ...cells("rest", bar[2]));
    from = bar.index + bar[0].length;
  }
  out.append(text.slice(from));
  return out;
}

function cells(kind, run) {
  if (!run) return [];
  const drawn = el("span", { class: `bar ${kind}` }, run);
  drawn.style.width = `${run.length}ch`;
  return [drawn];
}

function lines(text, names) {
  const out = document.createDocumentFragment();
  if (text === "") return out;
  for (const run of quoteRuns(text.split("\n"))) {
    const body = inline(run.lines.join("\n"), names);
    if (run.quoted) out.append(el("blockquote", {}, body));
    else out.append(el("span", { class: "run" }, body));
  }
  return out;
}

function quoteRuns(all) {
  const runs = [];
  for (const line of all) {
    const quoted = /^(?:&gt;|>) ?/.exec(line);
    const last = runs.at(-1);
    const bare = quoted ? line.slice(quoted[0].length) : line;
    if (last && last.quoted === Boolean(quoted)) last.lines.push(bare);
    else runs.push({ quoted: Boolean(quoted), lines: [bare] });
  }
  return runs;
}

function inline(text, names) {
  const out = document.createDocumentFragment();
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    out.append(unescape(text.slice(from, found.index)), token(found, names));
    from = found.index + found[0].length;
  }
  out.append(unescape(text.slice(from)));
  return out;
}

function token([whole, code, angled, name, bold, italic, struck], names) {
  if (code !== undefined) return el("code", { class: /\s/.test(code) ? null : "whole" }, angles(code, names, bars));
  if (angled !== undefined) return angle(angled, names);
  if (name !== undefined) return emojiOr(whole);
  if (bold !== undefined) return el("strong", {}, inline(bold, names));
  if (italic !== undefined) return el("em", {}, inline(italic, names));
  return el("s", {}, inline(struck, names));
}

// Inside code only the <…> constructs stay active.
function angles(text, names, leaf) {
  const out = document.createDocumentFragment();
  for (const [index, part] of text.split(/<([^<>\n]+)>/).entries()) {
    out.append(index % 2 ? angle(part, names) : leaf(unescape(part)));
  }
  return out;
}

function angle(body, names) {
  const [target, label] = splitOnce(body, "|");
  if (/^@[UWB][A-Z0-9]*/.test(target)) return mention(target.slice(1), names, label);
  if (/^#[CGD][A-Z0-9]*/.test(target)) return el("span", { class: "mention" }, `#${label || names.channel(target.slice(1)) || target.slice(1)}`);
  if (target.startsWith("!date^")) return slackDate(target, label);
  if (target.startsWith("!subteam^")) return el("span", { class: "mention" }, label ? unescape(label) : `@${names.group(target.slice(9)) ?? target.slice(9)}`);
  if (/^!(here|channel|everyone)$/.test(target)) return el("span", { class: "mention" }, `@${target.slice(1)}`);
  if (/^(https?:|mailto:)/i.test(target)) return link(unescape(target), unescape(label ?? target));
  return document.createTextNode(unescape(`<${body}>`));
}

function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
