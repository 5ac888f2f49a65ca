"""Votes at the door: what waits for one, whose counts now, and who is turned away, on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from mesh.domain.approvals import Approval, why_not
from mesh.domain.commands import Command, Target
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.operations import Event, Operation, Origin, Step
from mesh.domain.policy import Actor
from mesh.operations import facts
from mesh.operations.completing import completed, nothing_started
from mesh.operations.desk import Desk
from mesh.operations.noting import note
from mesh.operations.voting import as_voter, check_open, check_vote


@dataclass(frozen=True)
class Waiting:
    """One operation that waits for approval, as one person sees it."""

    operation: Operation
    approval: Approval
    mine: bool | None
    """True where the person may approve it now; None where Slack does not say."""


def waiting_for(desk: Desk, actor: Actor) -> list[Waiting]:
    """Return what waits for approval, the most pressing first, and what of it this person may approve now."""
    found = []
    for operation in desk.operations.waiting():
        if operation.approval is not None and operation.approval.expires_at > desk.time.now():
            found.append(Waiting(operation, operation.approval, _may_approve(desk, actor, operation)))
    return found


def _may_approve(desk: Desk, actor: Actor, operation: Operation) -> bool | None:
    if operation.approval is None:
        return False
    try:
        approval, voter, requester = as_voter(desk.catalog, desk.directory, actor, operation)
    except Unavailable:
        return None
    return not why_not(approval, voter, requester)


def check_may_vote(desk: Desk, command: Command, actor: Actor, origin: Origin) -> None:
    """Raise what `receive` would of this vote now: TooLate, Denied (both on record), NotFound, Unavailable."""
    with nothing_started():
        command, target = completed(desk, command, origin)
        waiting = desk.operations.get(command.operation)
    with _turning_away_on_record(desk, command, actor, origin, target):
        check_open(waiting, desk.time.now())
    checked_vote(desk, command, actor, origin, target)


def turn_vote_away(desk: Desk, command: Command, actor: Actor, origin: Origin, error: Refused) -> NoReturn:
    """Raise `error`, why this vote cannot be, with an audit entry; NotFound, Unavailable."""
    with nothing_started():
        command, target = completed(desk, command, origin)
    with _turning_away_on_record(desk, command, actor, origin, target):
        raise error


def checked_vote(desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target) -> frozenset[str]:
    """Return the voter's usergroups; raise TooLate where it is decided, and Denied, both with an audit entry."""
    with nothing_started():
        voted_on, now = desk.operations.get(command.operation), desk.time.now()
    if actor.user in {event.by for event in voted_on.story}:
        # Their vote may be this very delivery, repeated by Slack; the worker sees whether it is.
        return frozenset()
    with _turning_away_on_record(desk, command, actor, origin, target):
        return check_vote(command, actor, voted_on, sources=(desk.catalog, desk.directory), now=now).groups


@contextmanager
def _turning_away_on_record(
    desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target
) -> Iterator[None]:
    """Note a vote that is turned away inside, whatever the reason."""
    try:
        yield
    except Refused as error:
        event = Event(Step.DENIED, desk.time.now(), error.message.removesuffix("."))
        denial = facts.of_denial(actor, origin, command, target, event)
        # Nothing else counts votes that do not count.
        note(desk.operations, desk.buckets, denial, most=desk.catalog.flood.user_per_minute)
        raise
