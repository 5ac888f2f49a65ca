// The fields of a modal: each keeps what was typed in `ctx.fields`, under the ids of its block and its element.

import { el } from "./dom.js";
import { plain } from "./mrkdwn.js";

const ASK_AFTER_MS = 150;
const REQUIRED = "Please fill this in.";

/** What stands in the fields of one view, as payloads carry it; kept while the view is drawn anew. */
export class Fields {
  constructor() {
    this.kept = new Map();
  }

  get(block, part) {
    return this.kept.get(`${block.block_id}\n${part.action_id}`);
  }

  set(block, part, value) {
    this.kept.set(`${block.block_id}\n${part.action_id}`, { ...value, type: part.type });
  }

  /** `view.state.values` for these blocks: fields nobody touched are null. */
  values(blocks) {
    const inputs = blocks.filter((block) => block.type === "input");
    return Object.fromEntries(inputs.map((block) => [block.block_id, { [block.element.action_id]: this.get(block, block.element) ?? untouched(block.element) }]));
  }

  /** What is missing, by block: Slack looks before it sends. */
  missing(blocks) {
    const empty = (block) => {
      const found = this.get(block, block.element) ?? untouched(block.element);
      return !(found.value || found.selected_option || found.selected_options?.length);
    };
    return Object.fromEntries(blocks.filter((block) => block.type === "input" && !block.optional && empty(block)).map((block) => [block.block_id, REQUIRED]));
  }
}

const untouched = (part) => {
  if (part.type.endsWith("_input")) return { type: part.type, value: part.initial_value ?? null };
  if (part.type === "checkboxes") return { type: part.type, selected_options: part.initial_options ?? [] };
  return { type: part.type, selected_option: part.initial_option ?? null };
};

const FIELDS = { plain_text_input: typed, number_input: typed, static_select: choice, external_select: search, radio_buttons: boxes, checkboxes: boxes };

/** An input block: label, field, hint, and room for what is wrong with it. */
export function inputBlock(block, ctx) {
  const part = block.element;
  const draw = Object.hasOwn(FIELDS, part?.type) ? FIELDS[part.type] : null;
  const id = `field-${block.block_id}`;
  const many = part?.type === "radio_buttons" || part?.type === "checkboxes";
  const label = el(many ? "legend" : "label", { class: "field-label", for: many ? null : id }, plain(block.label), block.optional ? el("span", { class: "quiet" }, " (optional)") : null);
  const hint = block.hint ? el("p", { class: "field-hint quiet", id: `${id}-hint` }, plain(block.hint)) : null;
  const wrong = el("p", { class: "field-error", id: `${id}-error`, role: "alert" });
  const field = draw ? draw(block, part, ctx, { id, described: `${id}-error ${hint ? `${id}-hint` : ""}`.trim() }) : el("p", { class: "unsupported" }, `unsupported field: ${part?.type}`);
  return el(many ? "fieldset" : "div", { class: "field", "data-block": block.block_id }, label, field, wrong, hint);
}

/** Put what is wrong beside the fields; the first one gets the focus. */
export function showErrors(root, errors) {
  for (const field of root.querySelectorAll(".field")) {
    const words = errors[field.dataset.block] ?? "";
    field.querySelector(".field-error").textContent = words;
    field.classList.toggle("wrong", Boolean(words));
    for (const control of field.querySelectorAll("input, textarea, select")) control.setAttribute("aria-invalid", String(Boolean(words)));
  }
  root.querySelector(".field.wrong :is(input, textarea, select)")?.focus();
}

function typed(block, part, ctx, { id, described }) {
  const value = ctx.fields.get(block, part)?.value ?? part.initial_value ?? "";
  const node = el(part.multiline ? "textarea" : "input", {
    id, class: "control", maxlength: part.max_length, placeholder: part.placeholder?.text, "aria-describedby": described, autocomplete: "off", spellcheck: "false",
    oninput: () => ctx.fields.set(block, part, { value: node.value || null }),
  });
  node.value = value;
  return node;
}

const optionsOf = (part) => (part.option_groups ?? [{ options: part.options ?? [] }]).flatMap((group) => group.options);

function choice(block, part, ctx, { id, described }) {
  const options = optionsOf(part);
  const chosen = ctx.fields.get(block, part)?.selected_option ?? part.initial_option;
  const start = options.findIndex((option) => option.value === chosen?.value);
  const note = el("p", { class: "field-hint quiet" }, options[start]?.description?.text ?? "");
  const node = el("select", {
    id, class: "control", "aria-describedby": described,
    onchange: () => {
      const option = options[Number(node.value)];
      ctx.fields.set(block, part, { selected_option: option });
      note.textContent = option.description?.text ?? "";
    },
  }, start < 0 ? el("option", { value: "", disabled: true, selected: true }, part.placeholder?.text ?? "Choose") : null);
  node.append(...options.map((option, index) => el("option", { value: index, selected: index === start }, option.text.text)));
  return options.some((option) => option.description) ? el("div", {}, node, note) : node;
}

function boxes(block, part, ctx, { id }) {
  const many = part.type === "checkboxes";
  const now = () => [ctx.fields.get(block, part)?.selected_options ?? part.initial_options ?? ctx.fields.get(block, part)?.selected_option ?? part.initial_option ?? []].flat();
  const change = (option, on) => {
    if (!many) return ctx.fields.set(block, part, { selected_option: option });
    const others = now().filter((other) => other.value !== option.value);
    return ctx.fields.set(block, part, { selected_options: on ? [...others, option] : others });
  };
  return el("div", {}, optionsOf(part).map((option) => el("label", { class: "box-line" },
    el("input", { type: many ? "checkbox" : "radio", name: id, checked: now().some((one) => one.value === option.value), onchange: (event) => change(option, event.target.checked) }), " ", option.text.text)));
}

/** A select whose options the app gives while one types. */
function search(block, part, ctx, { id, described }) {
  const least = part.min_query_length ?? 3;
  const chosen = () => ctx.fields.get(block, part)?.selected_option ?? part.initial_option ?? null;
  const list = el("ul", { class: "options", id: `${id}-list`, role: "listbox", hidden: true });
  let [found, active, turn, timer] = [[], -1, 0, null];

  const node = el("input", {
    id, class: "control search", role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": `${id}-list`,
    "aria-describedby": described, placeholder: part.placeholder?.text ?? "Type to search", autocomplete: "off", spellcheck: "false",
    // What is wrong stands where the list would open: it stays to be read until one types, clicks or presses an arrow.
    onfocus: () => { node.select(); if (!node.closest(".wrong")) ask(); },
    onclick: () => list.hidden && ask(),
    oninput: () => { ctx.fields.set(block, part, { selected_option: null }); ask(); },
    onkeydown: (event) => key(event),
    onblur: () => { close(); node.value = chosen()?.text.text ?? node.value; },
  });
  node.value = chosen()?.text.text ?? "";

  function ask() {
    clearTimeout(timer);
    timer = setTimeout(fetchOptions, ASK_AFTER_MS);
  }

  async function fetchOptions() {
    const query = chosen() ? "" : node.value.trim();
    if (query.length < least) return say(`Type at least ${least} characters.`);
    const mine = ++turn;
    try {
      const options = await ctx.suggest(block, part, query);
      if (mine === turn && document.activeElement === node) show(options);
    } catch (problem) {
      if (mine === turn) say(`No suggestions: ${problem.message}.`);
    }
    return undefined;
  }

  function show(options) {
    [found, active] = [options, -1];
    if (!options.length) return say("Nothing fits.");
    list.replaceChildren(...options.map((option, index) => el("li", {
      role: "option", id: `${id}-option-${index}`, "aria-selected": "false",
      // Before the field loses the focus, which would close the list.
      onpointerdown: (event) => { event.preventDefault(); take(index); },
    }, option.text.text)));
    return open();
  }

  function say(words) {
    found = [];
    list.replaceChildren(el("li", { class: "quiet", role: "presentation" }, words));
    open();
  }

  function open() {
    list.hidden = document.activeElement !== node;
    node.setAttribute("aria-expanded", String(!list.hidden));
  }

  function close() {
    clearTimeout(timer);
    turn += 1;
    list.hidden = true;
    node.setAttribute("aria-expanded", "false");
    node.removeAttribute("aria-activedescendant");
  }

  function take(index) {
    ctx.fields.set(block, part, { selected_option: found[index] });
    node.value = found[index].text.text;
    close();
  }

  function move(by) {
    if (list.hidden || !found.length) return ask();
    active = (active + by + found.length) % found.length;
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === active)));
    list.children[active].scrollIntoView({ block: "nearest" });
    node.setAttribute("aria-activedescendant", `${id}-option-${active}`);
    return undefined;
  }

  function key(event) {
    const does = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Enter: () => !list.hidden && active >= 0 && take(active), Escape: () => !list.hidden && (close(), event.stopPropagation()) }[event.key];
    if (!does) return;
    if (event.key !== "Escape" || !list.hidden) event.preventDefault();
    does();
  }

  return el("div", { class: "search-frame" }, node, list);
}
