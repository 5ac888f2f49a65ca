// What a person can press inside a message. Each press may be asked about first in a native dialog.

import { el, safeUrl } from "./dom.js";
import { plain, textObject } from "./mrkdwn.js";

/** A button block element; one with a `url` opens it as well. */
export function button(part, block, ctx) {
  const node = el("button", {
    type: "button",
    class: `press ${["primary", "danger"].includes(part.style) ? part.style : ""}`.trim(),
    "data-action": part.action_id,
    "aria-label": part.accessibility_label,
    onclick: () => press(node, part, () => ctx.click(block, part)),
  }, plain(part.text));
  return node;
}

/** A select of fixed options; choosing one is the press. */
export function staticSelect(part, block, ctx) {
  const groups = part.option_groups ?? [{ options: part.options ?? [] }];
  const options = groups.flatMap((group) => group.options);
  const label = part.placeholder?.text ?? "Choose";
  const start = options.findIndex((option) => option.value === part.initial_option?.value);
  const node = el("select", {
    class: "press",
    "data-action": part.action_id,
    "aria-label": label,
    onchange: () => {
      const chosen = options[Number(node.value)];
      press(node, part, () => ctx.click(block, part, { value: chosen.value, selected_option: chosen }));
    },
  }, el("option", { value: "", disabled: true, selected: start < 0 }, label));
  node.append(...options.map((option, index) => el("option", { value: index, selected: index === start }, option.text.text)));
  return node;
}

async function press(node, part, act) {
  if (part.confirm && !(await agreed(part.confirm, node))) {
    if (node.tagName === "SELECT") node.selectedIndex = 0;
    return;
  }
  if (part.url && safeUrl(part.url)) window.open(part.url, "_blank", "noopener,noreferrer");
  node.setAttribute("aria-busy", "true");
  node.disabled = true;
  try {
    await act();
  } finally {
    node.removeAttribute("aria-busy");
    node.disabled = false;
  }
}

/** Ask with the words of a confirm object; true when the person agrees. Focus starts on the careful answer. */
function agreed(confirm, opener) {
  const answer = (value, text, style) =>
    el("button", { type: "button", class: `press ${style}`.trim(), value, onclick: () => dialog.close(value) }, text);
  const deny = answer("no", plain(confirm.deny ?? { text: "Cancel" }), "");
  const yes = answer("yes", plain(confirm.confirm ?? { text: "Yes" }), confirm.style === "danger" ? "danger solid" : "primary");
  const dialog = el(
    "dialog",
    { class: "confirm", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
    el("h2", { id: "confirm-title" }, plain(confirm.title ?? { text: "Are you sure?" })),
    el("div", { id: "confirm-text", class: "text" }, textObject(confirm.text, { user: () => null, channel: () => null })),
    el("div", { class: "confirm-answers" }, deny, yes),
  );
  document.body.append(dialog);
  dialog.showModal();
  deny.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener.isConnected) opener.focus();
      resolve(dialog.returnValue === "yes");
    });
  });
}
