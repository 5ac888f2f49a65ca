// markdown blocks, minimal: headings, lists, quotes, fences, bold, italic, struck, code and links.

import { el } from "./dom.js";
import { bars, emojiOr, link } from "./mrkdwn.js";

const INLINE = /`([^`\n]+)`|\[([^\]\n]+)\]\(([^)\s]+)\)|\*\*([^*\n]+)\*\*|__([^_\n]+)__|\*([^*\n]+)\*|\b_([^_\n]+)_\b|~~([^~\n]+)~~|(:[a-z0-9_+-]+:)/g;
const ITEM = /^\s*(?:[-*+]|\d+[.)])\s+/;

/** The nodes of a markdown text. */
export function markdown(text) {
  return text.split(/(```[^\n]*\n[\s\S]*?\n?```)/).flatMap((part) => {
    const fence = /^```[^\n]*\n([\s\S]*?)\n?```$/.exec(part);
    return fence ? [el("pre", { tabindex: "0" }, el("code", {}, bars(fence[1])))] : part.split(/\n{2,}/).flatMap(paragraph);
  });
}

function paragraph(text) {
  const rows = text.split("\n").filter((row) => row.trim() !== "");
  const out = [];
  while (rows.length) {
    const kind = kindOf(rows[0]);
    const run = [rows.shift()];
    while (kind !== "heading" && rows.length && kindOf(rows[0]) === kind) run.push(rows.shift());
    out.push(DRAW[kind](run));
  }
  return out;
}

function kindOf(row) {
  if (/^#{1,6}\s/.test(row)) return "heading";
  if (/^>\s?/.test(row)) return "quote";
  if (ITEM.test(row)) return /^\s*\d/.test(row) ? "ordered" : "list";
  return "words";
}

const items = (run) => run.map((row) => el("li", {}, inline(row.replace(ITEM, ""))));
const DRAW = {
  heading: ([row]) => el("h4", {}, inline(row.replace(/^#+\s+/, ""))),
  quote: (run) => el("blockquote", {}, inline(run.map((row) => row.replace(/^>\s?/, "")).join("\n"))),
  list: (run) => el("ul", {}, items(run)),
  ordered: (run) => el("ol", {}, items(run)),
  words: (run) => el("p", { class: "text" }, inline(run.join("\n"))),
};

function inline(text) {
  const out = document.createDocumentFragment();
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    out.append(text.slice(from, found.index), token(found));
    from = found.index + found[0].length;
  }
  out.append(text.slice(from));
  return out;
}

function token([, code, label, url, bold, bold2, italic, italic2, struck, name]) {
  if (code !== undefined) return el("code", {}, bars(code));
  if (label !== undefined) return link(url, label);
  if (bold ?? bold2) return el("strong", {}, inline(bold ?? bold2));
  if (italic ?? italic2) return el("em", {}, inline(italic ?? italic2));
  return struck === undefined ? emojiOr(name) : el("s", {}, inline(struck));
}
