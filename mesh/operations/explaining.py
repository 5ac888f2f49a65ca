"""Explaining rights: who somebody is to meshbot, and whether they could do this, by which rule. Nothing is done."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.domain.approvals import Rule, rules_for
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.freezes import Freeze, covering
from mesh.domain.grammar import parse
from mesh.domain.limits import Beyond, Rise, beyond, rise_of
from mesh.domain.operations import Origin
from mesh.domain.policy import Actor, Decision, Role, is_member, named_groups, sources
from mesh.domain.strategies import strategy_of
from mesh.operations.authorising import authorise
from mesh.operations.freezing import holding
from mesh.operations.receiving import Desk, completed, nothing_started

_LEAST = 1e-6
"""Points: more than nothing."""


@dataclass(frozen=True)
class Right:
    """A role that somebody holds, and by which ids: their own, or those of usergroups."""

    role: Role
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Whoami:
    """What meshbot knows of one person."""

    actor: Actor
    groups: frozenset[str]
    """The usergroups that the policy names and the person is in."""
    held: tuple[Right, ...]
    trouble: str = ""
    """Why nobody may change anything now, where the configuration is to blame."""

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


def whoami(desk: Desk, actor: Actor) -> Whoami:
    """Return the person's groups and roles; raise Unavailable when Slack does not say who is in which group."""
    policy = desk.catalog.policy
    groups = desk.directory.groups(actor, named_groups(policy))
    mine = tuple(Right(role, sources(role, actor, groups)) for role in policy.roles if is_member(role, actor, groups))
    return Whoami(actor, groups, mine, policy.trouble)


def can(desk: Desk, command: Command, actor: Actor, origin: Origin) -> Can:
    """Judge the command that `command` asks about as it would be judged at the door; raise what that raises."""
    with nothing_started():
        asked, target = completed(desk, parse(command.topic), origin)
    grant = authorise(desk.catalog, desk.directory, asked, actor, target, channel=origin.channel)
    held = tuple(Right(role, sources(role, actor, grant.groups)) for role in grant.decision.roles)
    rise = _least_rise(desk, asked, target) if asked.changes_traffic else Rise()
    if not rise:
        return Can(asked, target, grant.decision, held)
    barring = beyond(grant.decision.roles, rise, desk.time.now()) if held else None
    rules = rules_for(desk.catalog.approvals, asked.verb, target, rise.share)
    return Can(asked, target, grant.decision, held, covering(holding(desk), target), barring, rules)


def _least_rise(desk: Desk, command: Command, target: Target) -> Rise:
    """Return what the command gives at least, where it gives anything: nobody reads the route here."""
    if command.freezes or command.verb in (Verb.ROLLBACK, Verb.ABORT):
        return Rise()
    if command.verb is Verb.UNDO and command.operation:
        # What it would undo is on record, and with it what comes back.
        undone = desk.operations.get(command.operation).plan
        return rise_of(undone.turned_round) if undone else Rise()
    share = command.share or 0.0
    if command.verb is Verb.CANARY:
        known = desk.catalog.strategy(target, command.strategy)
        share = strategy_of(command, known).steps[-1].share
    return Rise(command.version or "the canary", _LEAST, max(share, _LEAST))
