"""What would have been clear: complete commands become buttons, the rest stays text to copy. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chat.blocks import Button, Confirm, actions, size
from chat.confirming import NAMES, confirm_command
from chat.escape import Markup, clean, code, esc, join, shorten
from chat.locales import mark, tr
from chat.tables import more
from mesh.domain.choices import about, parted
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import Refused
from mesh.domain.grammar import format_command, parse

CHOICES = tuple(f"meshbot.choice.{place}" for place in range(12))
"""What Slack sends when one is pressed; the button's value is the command. Slack wants another id for each."""
CALLED = "/mesh "
"""How a choice begins that is a complete command."""
MOST_BUTTONS = 5
MOST_LINES = 8
MOST_JSON = 6000
"""Characters of the buttons as JSON: the rest of the card must fit beside them."""


@dataclass(frozen=True)
class Offer:
    """Choices, drawn."""

    buttons: tuple[Button, ...]
    lines: tuple[Markup, ...]
    """What is no complete command, and what is too much for buttons."""


def offer(choices: Sequence[str], *, asked: Command | None = None, target: Target | None = None) -> Offer:
    """Draw the choices of a refusal; `asked` is what was refused and `target` where, when that is known."""
    commands = {choice: found for choice in dict.fromkeys(choices) if (found := _command(choice))}
    buttons = _buttons(list(commands.values()), asked, target)
    pressable = list(commands)[: len(buttons)]
    left = [choice for choice in dict.fromkeys(choices) if choice not in pressable]
    beside = bool(buttons) and any(choice in commands for choice in left)
    return Offer(tuple(buttons), tuple(_lines(left, beside=beside)))


def _buttons(commands: Sequence[Command], asked: Command | None, target: Target | None) -> list[Button]:
    made: list[Button] = []
    for place, command in enumerate(commands[:MOST_BUTTONS]):
        label, confirm = _label(command, commands, asked), confirm_command(command, target)
        button = command_button(command, label, confirm, place=place)
        if size([actions([*made, button])]) > MOST_JSON:
            break
        made.append(button)
    return made


def command_button(command: Command, label: str, confirm: Confirm | None, *, place: int) -> Button:
    """Return the `place`-th button that runs a command as its presser, after the question."""
    typed = CALLED + format_command(command)
    value = about(typed, command.promised) if command.promised else typed
    back = command.verb in (Verb.ROLLBACK, Verb.ABORT) and command.changes_traffic
    return Button(label, CHOICES[place], value, f"{label}: {typed}", "danger" if back else "", confirm)


def is_typable(command: Command) -> bool:
    """Tell whether the command can be typed, letter by letter as people see it: else a press could not run it."""
    typed = format_command(command)
    try:
        return clean(typed) == typed and parse(typed) == command
    except Refused:
        return False


def _command(choice: str) -> Command | None:
    """Return what pressing would run; None for a name, another tool's command, or one that is not complete."""
    typed, what = parted(choice)
    if not typed.startswith(CALLED):
        return None
    try:
        found = parse(typed)
    except Refused:
        return None
    return replace(found, promised=what) if is_typable(found) else None


def _lines(choices: Sequence[str], *, beside: bool) -> list[Markup]:
    """Return what is left as code, one line each; `beside` the buttons it says that there is more."""
    shown = [join(" ", [esc("•"), code(shorten(parted(choice)[0], 300))]) for choice in choices[:MOST_LINES]]
    left = [esc(line) for line in more(len(choices) - MOST_LINES, mark("… and {count} more"))]
    head = [esc(tr("… and {count} more, to type:", count=len(choices)))] if beside else []
    return [*head, *shown, *left]


# --- labels: what tells one choice from the others --------------------------------------------------------------


def _label(command: Command, among: Sequence[Command], asked: Command | None) -> str:
    same = [other for other in among if other.verb is command.verb]
    alone = len(same) == 1 and (len(among) > 1 or (asked is not None and asked.verb is not command.verb))
    said = _all_to(command) or tr(NAMES[command.verb]) if alone else _difference(command, same)
    return said or format_command(command)


def _difference(command: Command, among: Sequence[Command]) -> str:
    """Return the one thing in which the commands differ; empty where that is not one thing."""
    if len({other.route for other in among}) > 1:
        return short_routes([other.route for other in among])[list(among).index(command)]
    if len({other.version for other in among}) > 1:
        return _all_to(command) or command.version
    if len({other.weights for other in among}) > 1:
        return _weights(command)
    return ""


def short_routes(routes: Sequence[str]) -> list[str]:
    """Leave out what all routes begin with, kind and name at most: a rule may hold slashes of its own."""
    parts = [route.split("/") for route in routes]
    for _ in range(2):
        if any(len(part) < 2 for part in parts) or len({part[0] for part in parts}) > 1:
            break
        parts = [part[1:] for part in parts]
    return ["/".join(part) for part in parts]


def _weights(command: Command) -> str:
    return _all_to(command) or " ".join(f"{arm}={weight}" for arm, weight in command.weights)


def _all_to(command: Command) -> str:
    """Say which arm gets everything, where the command itself names it: by weights, or as the one to go back to."""
    served = [arm for arm, weight in command.weights if str(weight) not in ("0", "0m")]
    if command.verb is Verb.ROLLBACK and command.version:
        served = [command.version]
    elif len(served) != 1 or len(command.weights) < 2:
        return ""
    return tr("All to {arm}", arm=served[0])
