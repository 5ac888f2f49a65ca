"""Rights in words: who somebody is to meshbot, and whether they may do what they ask about. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chat.blocks import Block, Message, header, message, section
from chat.escape import Markup, bold, code, esc, group, join, shorten, user
from chat.freezes import freeze_line
from mesh.domain.approvals import Rule
from mesh.domain.grammar import format_command
from mesh.domain.limits import limits_in_words
from mesh.domain.policy import Role
from mesh.operations.explaining import Can, Right, Whoami

_MOST_ROLES = 20


def whoami_answer(whoami: Whoami, *, votes: bool = False) -> Message:
    """Say who somebody is to meshbot, what they may change, within which limits, and by which id each right comes.

    With `votes` something waits for theirs: who holds no role is not told then that there is nothing for them to do.
    """
    person = join(" ", [esc("You are"), user(whoami.actor.user), code(whoami.actor.user)])
    groups = join(", ", [_by_name(one) for one in sorted(whoami.groups)]) or esc("none that the policy names")
    roles = [_role(one) for one in whoami.held[:_MOST_ROLES]]
    if not roles and votes:
        roles = [esc("You hold no role, so you start no changes. An administrator grants roles.")]
    if not roles:
        roles = [esc("You hold no role: you may read everything and change nothing. An administrator grants roles.")]
    hidden = len(whoami.held) - _MOST_ROLES
    more = [esc(f"… and {hidden} more roles")] if hidden > 0 else []
    trouble = (
        [esc(f":warning: Nobody may change traffic now: {shorten(whoami.trouble, 300)}.")] if whoami.trouble else []
    )
    lines = [person, join(" ", [esc("Usergroups:"), groups]), *trouble, *roles, *more]
    names = ", ".join(role.name for role in whoami.roles) or "none"
    return message(join(" ", [esc("You are"), user(whoami.actor.user), esc(f"with roles: {names}.")]), _sections(lines))


def can_answer(can: Can) -> Message:
    """Say whether somebody may do it, which rule decides, within which limits, and what is frozen."""
    asked = code(shorten(f"/mesh {format_command(can.command)}", 300))
    decision, word = can.decision, _word(can)
    emoji = ":white_check_mark:" if word == "Yes" else ":no_entry:"
    first = join(" ", [esc(emoji), bold(esc(f"{word}.")), asked])
    why = join(" ", [esc("Decided by"), code(decision.rule) + esc(":"), esc(f"{shorten(decision.why, 400)}.")])
    roles = [_limits(one) for one in can.held[:_MOST_ROLES]]
    barring = [freeze_line(one) for one in can.freezes[:5]]
    barring += [esc(f":warning: Now {shorten(can.beyond.why, 400)}.")] if can.beyond else []
    note = [_NOTE] if barring else []
    waiting = [_waits(one) for one in can.rules[:5]] if decision.allowed else []
    text = join(" ", [esc(f"{word}."), esc(f"{shorten(decision.why, 400)}.")])
    ahead = [] if can.command.changes_traffic is False or not decision.allowed else [_AHEAD]
    return message(text, [header("May I?"), *_sections([first, why, *roles, *barring, *note, *waiting, *ahead])])


def _word(can: Can) -> str:
    if not can.decision.allowed:
        return "No"
    if can.beyond and can.beyond.opens is None:
        return "Not so much"
    return "Not now" if can.freezes or can.beyond else "Yes"


_NOTE = esc("That bars only what gives a canary more; lowering it, undo and rollback go through.")
_AHEAD = esc("Asked again when it runs, with the gates, and the sizes of the change.")


def _waits(rule: Rule) -> Markup:
    people = f"{rule.need} {'person' if rule.need == 1 else 'people'}"
    return join(
        " ", [esc(":raised_hand: It waits for"), bold(esc(people)), esc("to approve, by"), code(rule.name) + esc(".")]
    )


def _limits(right: Right) -> Markup:
    limits = limits_in_words(right.role) or "no limits"
    said = esc(shorten(f"allows it: {limits}", 400))
    return join(" ", [esc("•"), bold(esc(shorten(right.role.name, 80))), said, _source(right)])


def _role(right: Right) -> Markup:
    return join(" ", [esc("•"), bold(esc(shorten(right.role.name, 80))), esc(_scope(right.role)), _source(right)])


def _scope(role: Role) -> str:
    verbs = "every change" if "*" in role.verbs else ", ".join(role.verbs) or "nothing"
    where = [
        ("services", role.scope.services),
        ("namespaces", role.scope.namespaces),
        ("clusters", role.scope.clusters),
    ]
    narrowed = [f"{what} {', '.join(names)}" for what, names in where if names != ("*",)]
    narrowed += [f"only in channels {', '.join(role.channels)}"] if role.channels else []
    scope = "; ".join(narrowed) or "everywhere"
    limits = limits_in_words(role)
    return shorten(f"allows {verbs}: {scope}" + (f"; limits: {limits}" if limits else ""), 400)


def _source(right: Right) -> Markup:
    """Say by which id the right comes: who reads it knows which usergroup to leave, or to guard."""
    if not right.sources:
        return Markup("")
    ids = join(", ", [_by_name(one) for one in right.sources[:10]])
    return join(" ", [esc("(by"), ids]) + esc(")")


def _by_name(found: str) -> Markup:
    """Return a usergroup by its handle, with the id that the policy knows it by; a person's id alone.

    What these answers are shown in calls nobody: one person alone sees them.
    """
    return join(" ", [group(found), code(found)]) if found.startswith("S") else code(found)


def _sections(lines: Sequence[Markup]) -> list[Block]:
    """Spread lines over sections so that none is cut."""
    return [section(join("\n", lines[start : start + 6])) for start in range(0, len(lines), 6)]
