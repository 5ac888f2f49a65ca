// Light or dark: the system's choice until a person makes their own.

import { byId, remember } from "./dom.js";

const DARK = window.matchMedia("(prefers-color-scheme: dark)");

/** Wire the toggle; early.js has already applied a remembered theme. */
export function themeToggle() {
  const toggle = byId("theme");
  const dark = () => (document.documentElement.dataset.theme ?? (DARK.matches ? "dark" : "light")) === "dark";
  const draw = () => toggle.setAttribute("aria-pressed", String(dark()));
  toggle.addEventListener("click", () => {
    const next = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    remember.set("localStorage", "theme", next);
    draw();
  });
  DARK.addEventListener("change", draw);
  draw();
}
