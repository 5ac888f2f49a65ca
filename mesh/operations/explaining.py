"""Explaining rights: who somebody is to meshbot, and whether they could do this, by which rule. Nothing is done."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mesh.domain.approvals import Rule, rules_for
from mesh.domain.commands import Command, Target
from mesh.domain.errors import Denied, TooLate, Unavailable
from mesh.domain.freezes import Freeze, covering
from mesh.domain.grammar import parse
from mesh.domain.limits import Beyond, Rise, beyond
from mesh.domain.operations import Origin
from mesh.domain.policy import Actor, Decision, Role, is_member, named_groups, sources
from mesh.operations.authorising import authorise
from mesh.operations.completing import completed, nothing_started
from mesh.operations.desk import Desk
from mesh.operations.foreseeing import least_rise
from mesh.operations.freezing import holding
from mesh.operations.voting import check_vote


@dataclass(frozen=True)
class Right:
    """A role that somebody holds, and by which ids: their own, or those of usergroups."""

    role: Role
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Say:
    """A rule by which somebody may vote on what others ask for, and by which ids."""

    rule: Rule
    sources: tuple[str, ...]
    later: bool = False
    """Only once the rule has escalated."""


@dataclass(frozen=True)
class Whoami:
    """What meshbot knows of one person."""

    actor: Actor
    groups: frozenset[str]
    """The usergroups that the policy names, for roles or for approvals, and the person is in."""
    held: tuple[Right, ...]
    trouble: str = ""
    """Why nobody may change anything now, where the configuration is to blame."""
    votes: tuple[Say, ...] = ()

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles alone."""
        return tuple(one.role for one in self.held)


@dataclass(frozen=True)
class Can:
    """Whether somebody may do what they ask about, and what else would be asked when it runs."""

    command: Command
    target: Target
    decision: Decision
    held: tuple[Right, ...] = ()
    """The roles that allow it."""
    freezes: tuple[Freeze, ...] = ()
    """What freezes the target now: it lets nothing rise, whoever asks."""
    beyond: Beyond | None = None
    """Why none of the roles lets it give more now, as far as the words alone tell; None where one does."""
    rules: tuple[Rule, ...] = ()
    """The rules by which it waits for people, as far as the words alone tell."""
    passes: tuple[Freeze, ...] = ()
    """What freezes the target now and would be passed: two people break the glass."""


def whoami(desk: Desk, actor: Actor) -> Whoami:
    """Return the person's groups, roles and votes; raise Unavailable when Slack does not say who is in which group."""
    policy, rules = desk.catalog.policy, _rules(desk)
    asked = named_groups(policy).union(*(_groups(rule) for rule in rules))
    groups = desk.directory.groups(actor, asked)
    mine = tuple(Right(role, sources(role, actor, groups)) for role in policy.roles if is_member(role, actor, groups))
    votes = tuple(one for rule in rules if (one := _say(rule, actor, groups)).sources)
    return Whoami(actor, groups, mine, policy.trouble, votes)


def _rules(desk: Desk) -> tuple[Rule, ...]:
    glass = desk.catalog.break_glass
    return (*desk.catalog.approvals, *((glass,) if glass else ()))


def _groups(rule: Rule) -> frozenset[str]:
    return frozenset((*rule.groups, *rule.second))


def _say(rule: Rule, actor: Actor, groups: frozenset[str]) -> Say:
    """Return by which ids the person may vote by this rule; by none where they may not."""
    own = (actor.user,) if actor.user in rule.users else ()
    at_once = (*own, *(group for group in rule.groups if group in groups))
    later = tuple(group for group in rule.second if group in groups)
    return Say(rule, at_once or later, later=not at_once)


def can(desk: Desk, command: Command, actor: Actor, origin: Origin) -> Can:
    """Judge the command that `command` asks about as it would be judged at the door; raise what that raises."""
    with nothing_started():
        asked, target = completed(desk, parse(command.topic), origin)
    if asked.votes:
        return Can(asked, target, _may_vote(desk, asked, actor))
    grant = authorise(desk.catalog, desk.directory, asked, actor, target, channel=origin.channel)
    held = tuple(Right(role, sources(role, actor, grant.groups)) for role in grant.decision.roles)
    found = Can(asked, target, grant.decision, held)
    if asked.break_glass and asked.changes_traffic and found.decision.allowed:
        found = _behind_glass(desk, found, actor)
    rise = least_rise(desk, asked, target) if asked.changes_traffic else Rise()
    if not rise:
        return found
    frozen = covering(holding(desk), target)
    found = replace(found, beyond=_beyond(grant.decision, rise, desk.time.now()) if held else None)
    if asked.break_glass:
        return replace(found, passes=frozen)
    return replace(found, freezes=frozen, rules=rules_for(desk.catalog.approvals, asked.verb, target, rise.share))


def _beyond(decision: Decision, rise: Rise, now: float) -> Beyond | None:
    """Return why none of the roles lets it rise so; where Slack did not say all, that is all there is to know."""
    found = beyond(decision.roles, rise, now)
    if found is None or not decision.unheard:
        return found
    return Beyond(f"Slack does not say whether you hold a wider role: {decision.unheard}", now)


def _may_vote(desk: Desk, command: Command, actor: Actor) -> Decision:
    """Decide as the vote itself would be, when it is received."""
    waiting, now = desk.operations.get(command.operation), desk.time.now()
    try:
        check_vote(command, actor, waiting, sources=(desk.catalog, desk.directory), now=now)
    except (TooLate, Denied) as error:
        return Decision(False, "approval", error.message.removesuffix("."))
    return Decision(True, "approval", "the approval names who may vote")


def _behind_glass(desk: Desk, found: Can, actor: Actor) -> Can:
    """Return it as it is for whoever would break the glass: one second person is asked, whatever the size."""
    glass = desk.catalog.break_glass
    if glass is None:
        return replace(found, decision=Decision(False, "default", "`policy.break_glass` names nobody"))
    try:
        if desk.directory.groups(actor, frozenset(glass.groups)):
            return replace(found, rules=(glass,))
    except Unavailable as error:
        why = f"Slack could not say who you are: {error.message.removesuffix('.')}"
        return replace(found, decision=Decision(False, "default", why))
    return replace(found, decision=Decision(False, glass.name, "you are not among those who may break the glass"))
