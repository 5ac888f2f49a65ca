// rich_text blocks, minimal: sections, lists, quotes and fixed-width text with the common inline parts.

import { el } from "./dom.js";
import { bars, emojiOr, link, mention } from "./mrkdwn.js";
import { slackDate } from "./dates.js";

const STYLES = { bold: "strong", italic: "em", strike: "s", code: "code" };

const PARTS = {
  text: (part) => part.text,
  link: (part) => link(part.url, part.text ?? part.url),
  user: (part, names) => mention(part.user_id, names),
  channel: (part, names) => el("span", { class: "mention" }, `#${names.channel(part.channel_id) ?? part.channel_id}`),
  usergroup: (part, names) => el("span", { class: "mention" }, `@${names.group(part.usergroup_id) ?? part.usergroup_id}`),
  broadcast: (part) => el("span", { class: "mention" }, `@${part.range}`),
  emoji: (part) => emojiOr(`:${part.name}:`),
  date: (part) => slackDate(`!date^${part.timestamp}^${part.format}`, part.fallback),
};

const SHAPES = {
  rich_text_section: (shape, names) => el("div", { class: "text" }, inlineParts(shape, names)),
  rich_text_quote: (shape, names) => el("blockquote", {}, inlineParts(shape, names)),
  rich_text_preformatted: (shape) =>
    el("pre", { tabindex: "0" }, el("code", {}, shape.elements.map((part) => bars(part.text ?? part.url ?? "")))),
  rich_text_list: (shape, names) =>
    el(shape.style === "ordered" ? "ol" : "ul", {}, shape.elements.map((item) => el("li", {}, inlineParts(item, names)))),
};

/** The nodes of a rich_text block or cell. */
export function richText(block, names) {
  return block.elements.map((shape) =>
    Object.hasOwn(SHAPES, shape.type)
      ? SHAPES[shape.type](shape, names)
      : el("p", { class: "unsupported" }, `unsupported element: ${shape.type}`));
}

function inlineParts(shape, names) {
  return shape.elements.map((part) => {
    const draw = Object.hasOwn(PARTS, part.type) ? PARTS[part.type] : () => `[${part.type}]`;
    return Object.keys(STYLES).filter((style) => part.style?.[style]).reduce((inner, style) => el(STYLES[style], {}, inner), draw(part, names));
  });
}
