"""Rights in words: who somebody is to meshbot, and whether they may do what they ask about. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chat.blocks import Block, Message, header, message, section
from chat.escape import Markup, bold, code, esc, group, join, shorten, tell, user
from chat.freezes import freeze_line, narrowed
from chat.locales import heard, many, mark, tr
from chat.tables import more
from mesh.domain.approvals import Rule
from mesh.domain.grammar import format_command
from mesh.domain.limits import limits_in_words
from mesh.domain.policy import Role
from mesh.domain.scopes import Scope
from mesh.operations.explaining import Can, Right, Say, Whoami

_MOST_ROLES = 20


def whoami_answer(whoami: Whoami, *, votes: bool = False) -> Message:
    """Say who somebody is to meshbot, what they may change, within which limits, and by which id each right comes.

    With `votes` something waits for theirs: who holds no role is not told then that there is nothing for them to do.
    """
    person, identity = user(whoami.actor.user), code(whoami.actor.user)
    groups = join(", ", [_by_name(one) for one in sorted(whoami.groups)]) or esc(tr("none that the policy names"))
    nothing = _NO_ROLE_BUT_A_VOTE if votes or whoami.votes else _NO_ROLE
    roles = [_role(one) for one in whoami.held[:_MOST_ROLES]] or [esc(tr(nothing))]
    left = [esc(line) for line in more(len(whoami.held) - _MOST_ROLES, mark("… and {count} more roles"))]
    trouble = [_trouble(whoami.trouble)] if whoami.trouble else []
    first = tell("You are {person} {id}", person=person, id=identity)
    lines = [first, tell("Usergroups: {groups}", groups=groups), *trouble, *roles, *left, *_votes(whoami.votes)]
    names = ", ".join(role.name for role in whoami.roles) or tr("none")
    return message(tell("You are {person} with roles: {roles}.", person=person, roles=esc(names)), _sections(lines))


def _trouble(why: str) -> Markup:
    told = tr("Nobody may change traffic now: {why}.", why=shorten(heard(why), 300))
    return join(" ", [esc(":warning:"), esc(told)])


def _votes(votes: Sequence[Say]) -> list[Markup]:
    left = more(len(votes) - _MOST_ROLES, mark("… and {count} more rules"))
    return [*(_vote(one) for one in votes[:_MOST_ROLES]), *(esc(line) for line in left)]


def _vote(vote: Say) -> Markup:
    where = "; ".join(_where(vote.rule.scope)) or tr("everywhere")
    said = mark("lets you vote once it has escalated: {scope}") if vote.later else mark("lets you vote: {scope}")
    name, scope = code(shorten(vote.rule.name, 80)), esc(shorten(tr(said, scope=where), 400))
    return join(" ", [esc(":raised_hand:"), name, scope, _source(vote.sources)])


_NO_ROLE = mark("You hold no role: you may read everything and change nothing. An administrator grants roles.")
_NO_ROLE_BUT_A_VOTE = mark("You hold no role, so you start no changes. An administrator grants roles.")


def can_answer(can: Can) -> Message:
    """Say whether somebody may do it, which rule decides, within which limits, and what is frozen."""
    asked = code(shorten(f"/mesh {format_command(can.command)}", 300))
    decision, (emoji, word) = can.decision, _answer(can)
    first = join(" ", [esc(emoji), bold(esc(f"{tr(word)}.")), asked])
    said = esc(shorten(heard(decision.why), 400))
    why = tell("Decided by {rule}: {why}.", rule=code(decision.rule), why=said)
    roles = [_limits(one) for one in can.held[:_MOST_ROLES]]
    barring = [freeze_line(one) for one in can.freezes[:5]]
    barring += [_beyond(can.beyond.why)] if can.beyond else []
    note = [esc(tr(_NOTE))] if barring else []
    passed = [*(freeze_line(one) for one in can.passes[:5]), esc(tr(_PASSED))] if can.passes else []
    waiting = [_waits(one) for one in can.rules[:5]] if decision.allowed else []
    text = join(" ", [esc(f"{tr(word)}."), said + esc(".")])
    ahead = [] if can.command.changes_traffic is False or not decision.allowed else [esc(tr(_AHEAD))]
    return message(
        text, [header(tr("May I?")), *_sections([first, why, *roles, *barring, *note, *passed, *waiting, *ahead])]
    )


def _answer(can: Can) -> tuple[str, str]:
    """Return the sign of the answer, and its marked word."""
    if not can.decision.allowed:
        return ":no_entry:", mark("No")
    if can.beyond and can.beyond.opens is None:
        return ":no_entry:", mark("Not so much")
    barred = can.freezes or can.beyond
    return (":no_entry:", mark("Not now")) if barred else (":white_check_mark:", mark("Yes"))


def _beyond(why: str) -> Markup:
    return join(" ", [esc(":warning:"), esc(tr("Now {why}.", why=shorten(heard(why), 400)))])


_NOTE = mark("That bars only what gives a canary more; what lowers it, and a rollback, go through.")
_PASSED = mark("Two people who break the glass pass that, and everybody is told.")
_AHEAD = mark("Asked again when it runs, with the gates, and the sizes of the change.")


def _waits(rule: Rule) -> Markup:
    people = bold(esc(many("{count} person", "{count} people", rule.need)))
    waits = tell("It waits for {people} to approve, by {rule}.", people=people, rule=code(rule.name))
    return join(" ", [esc(":raised_hand:"), waits])


def _limits(right: Right) -> Markup:
    limits = _limits_of(right.role) or tr("no limits")
    said = esc(shorten(tr("allows it: {limits}", limits=limits), 400))
    return join(" ", [esc("•"), bold(esc(shorten(right.role.name, 80))), said, _source(right.sources)])


def _limits_of(role: Role) -> str:
    """Return the limits of a role, each of which is a sentence of its own."""
    return ", ".join(heard(limit) for limit in limits_in_words(role).split(", "))


def _role(right: Right) -> Markup:
    return join(
        " ", [esc("•"), bold(esc(shorten(right.role.name, 80))), esc(_scope(right.role)), _source(right.sources)]
    )


def _scope(role: Role) -> str:
    verbs = tr("every change") if "*" in role.verbs else ", ".join(role.verbs) or tr("nothing")
    where = _where(role.scope)
    where += [tr("only in channels {names}", names=", ".join(role.channels))] if role.channels else []
    scope = "; ".join(where) or tr("everywhere")
    allows = tr("allows {verbs}: {scope}", verbs=verbs, scope=scope)
    limits = _limits_of(role)
    return shorten(tr("{allows}; limits: {limits}", allows=allows, limits=limits) if limits else allows, 400)


def _where(scope: Scope) -> list[str]:
    return narrowed(services=scope.services, namespaces=scope.namespaces, clusters=scope.clusters)


def _source(sources: Sequence[str]) -> Markup:
    """Say by which id the right comes: who reads it knows which usergroup to leave, or to guard."""
    if not sources:
        return Markup("")
    ids = join(", ", [_by_name(one) for one in sources[:10]])
    return tell("(by {ids})", ids=ids)


def _by_name(found: str) -> Markup:
    """Return a usergroup by its handle, with the id that the policy knows it by; a person's id alone.

    What these answers are shown in calls nobody: one person alone sees them.
    """
    return join(" ", [group(found), code(found)]) if found.startswith("S") else code(found)


def _sections(lines: Sequence[Markup]) -> list[Block]:
    """Spread lines over sections so that none is cut."""
    return [section(join("\n", lines[start : start + 6])) for start in range(0, len(lines), 6)]
