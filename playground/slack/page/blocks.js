// Block Kit as DOM nodes: one function per block type, in one table. Reference: https://docs.slack.dev/reference/block-kit/blocks
// `ctx` is {names, click(block, element, extra)}; see messages.js. In a modal also {fields, suggest}; see modal.js.

import { el, safeUrl } from "./dom.js";
import { button, staticSelect } from "./elements.js";
import { inputBlock } from "./inputs.js";
import { markdown } from "./markdown.js";
import { mrkdwn, plain, textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";

const BLOCKS = {
  header: (block) => el("h3", { class: "b-header" }, plain(block.text)),
  section,
  context: (block, ctx) => el("div", { class: "b-context" }, block.elements.map((part) => contextPart(part, ctx))),
  actions: (block, ctx) => el("div", { class: "b-actions" }, block.elements.map((part) => element(part, block, ctx))),
  divider: () => el("hr"),
  image: (block, ctx) => el("figure", { class: "b-image" }, block.title ? el("figcaption", {}, plain(block.title)) : null, picture(block, ctx)),
  table,
  input: inputBlock,
  markdown: (block) => el("div", { class: "b-markdown" }, markdown(block.text ?? "")),
  rich_text: (block, ctx) => el("div", { class: "b-rich" }, richText(block, ctx.names)),
};

const ELEMENTS = {
  button,
  static_select: staticSelect,
  image: (part, _block, ctx) => picture(part, ctx),
};

/** Render a list of blocks; a block this page does not know, or a malformed one, becomes a visible line. */
export function renderBlocks(blocks, ctx) {
  return el("div", { class: "blocks" }, blocks.map((block) => guarded(block, ctx)));
}

/** What a message says: its blocks, or its text when it has none. */
export function renderBody(message, ctx) {
  const said = message.blocks?.length ? renderBlocks(message.blocks, ctx) : el("div", { class: "text" }, mrkdwn(message.text ?? "", ctx.names));
  const files = (message.files ?? []).map((file) => el("p", { class: "file" }, el("strong", {}, file.title || file.name || "file"), ` · ${size(file.size)}`));
  return files.length ? el("div", {}, said, files) : said;
}

const size = (bytes) => (bytes >= 1024 ? `${Math.round(bytes / 1024)} kB` : `${bytes ?? 0} bytes`);

function guarded(block, ctx) {
  const draw = Object.hasOwn(BLOCKS, block?.type) ? BLOCKS[block.type] : null;
  if (!draw) return unsupported("block", block?.type);
  try {
    return draw(block, ctx);
  } catch (problem) {
    console.warn("malformed block", block, problem);
    return unsupported("block", `${block.type}, malformed`);
  }
}

const unsupported = (what, type) => el("p", { class: "unsupported" }, `unsupported ${what}: ${type ?? "without a type"}`);

function element(part, block, ctx) {
  const draw = Object.hasOwn(ELEMENTS, part?.type) ? ELEMENTS[part.type] : null;
  return draw ? draw(part, block, ctx) : unsupported("element", part?.type);
}

function section(block, ctx) {
  const words = el(
    "div",
    { class: "b-words" },
    block.text ? el("div", { class: "text" }, textObject(block.text, ctx.names)) : null,
    block.fields ? el("div", { class: "b-fields" }, block.fields.map((field) => el("div", { class: "text" }, textObject(field, ctx.names)))) : null,
  );
  const accessory = block.accessory ? el("div", { class: "b-accessory" }, element(block.accessory, block, ctx)) : null;
  return el("div", { class: "b-section" }, words, accessory);
}

function contextPart(part, ctx) {
  return part.type === "image" ? picture(part, ctx) : el("span", { class: "text" }, textObject(part, ctx.names));
}

function picture(part, ctx) {
  const address = addressOf(part, ctx);
  if (!address) return unsupported("image", part.alt_text);
  const shown = el("img", { src: address, alt: part.alt_text ?? "", loading: "lazy" });
  if (part.slack_file) shown.addEventListener("error", () => shown.replaceWith(unsupported("picture", "Slack shows others “file not found”")));
  return shown;
}

// An uploaded file is shown to those only whom it was shared with: the server looks at who asks.
function addressOf(part, ctx) {
  const file = part.slack_file?.id ? `/files/${encodeURIComponent(part.slack_file.id)}` : part.slack_file?.url;
  const url = part.image_url ?? file;
  if (!url) return null;
  const address = new URL(url, location.href);
  if (part.slack_file && ctx.names.me) address.searchParams.set("as", ctx.names.me);
  return safeUrl(address.href);
}

function table(block, ctx) {
  const [head, ...rows] = block.rows;
  const cell = (tag) => (content, column) => {
    const { align, is_wrapped: wrapped } = block.column_settings?.[column] ?? {};
    const kind = [align === "right" || align === "center" ? align : "left", wrapped ? "wrapped" : ""].join(" ").trim();
    return el(tag, { class: kind, scope: tag === "th" ? "col" : null }, cellBody(content, ctx));
  };
  const body = el(
    "table",
    {},
    el("thead", {}, el("tr", {}, head.map(cell("th")))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map(cell("td"))))),
  );
  return el("div", { class: "b-table", tabindex: "0", role: "region", "aria-label": "Table" }, body);
}

const cellBody = (content, ctx) => (content.type === "rich_text" ? richText(content, ctx.names) : (content.text ?? ""));
