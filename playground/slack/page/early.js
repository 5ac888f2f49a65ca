// Runs before the first paint (a plain script, not a module) so that a remembered theme does not flash.
try {
  const remembered = localStorage.getItem("theme");
  if (remembered === "light" || remembered === "dark") document.documentElement.dataset.theme = remembered;
} catch {
  // Storage can be switched off; the system's theme is used then.
}
