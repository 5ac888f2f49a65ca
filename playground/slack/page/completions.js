// What the box suggests: slash commands and the server's ready-made lines; after "@" the same lines for threads.

/** Suggestions for `text`, best first. A command's bare name goes on with a space (`more`). */
export function suggestions(text, state, { inThread }) {
  const typed = text.trimStart();
  if (typed.includes("\n")) return [];
  if (typed.startsWith("/") && !inThread) return [...alone(typed, state), ...matching(typed, slashLines(state))];
  if (typed.startsWith("@")) return matching(typed, mentionLines(state));
  return [];
}

/** A command whose whole name is typed may be meant as it stands: that is a line of its own, which Enter just sends. */
function alone(typed, { commands, completions }) {
  const found = commands.filter(({ command }) => command === typed);
  const hint = completions.find(({ insert }) => insert === typed)?.hint;
  return found.map(({ command, description }) => ({ insert: command, hint: hint ?? description, more: true, alone: true }));
}

function slashLines(state) {
  const commands = state.commands.map(({ command, description, usage_hint: usage }) => ({
    insert: command,
    hint: [description, usage].filter(Boolean).join(" · "),
    more: true,
  }));
  return [...commands, ...withWords(state)];
}

function mentionLines(state) {
  const name = `@${state.bot.name}`;
  const lines = withWords(state).map((line) => ({ ...line, insert: line.insert.replace(/^\/\S+/, name) }));
  return [{ insert: name, hint: "talk to the bot", more: true }, ...lines];
}

const withWords = ({ commands, completions }) => completions.filter(({ insert }) => commands.every(({ command }) => command !== insert));

function matching(typed, lines) {
  const wanted = typed.toLowerCase();
  const starts = lines.filter(({ insert }) => insert.toLowerCase().startsWith(wanted) && insert.length > wanted.trimEnd().length);
  if (starts.length) return starts;
  const [first, ...words] = wanted.split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  return lines.filter(({ insert }) => insert.toLowerCase().startsWith(first) && words.every((word) => insert.toLowerCase().includes(word)));
}
