"""Hearing a request: complete it, authorise it, write it down; all that must happen before the acknowledgement."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NoReturn

from mesh.digest_ports import Almanac
from mesh.domain.approvals import Approval, why_not
from mesh.domain.catalog import Catalog
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.digests import Digest
from mesh.domain.errors import Barred, Denied, Flooded, Lapse, NotFound, Refused, Unavailable
from mesh.domain.grammar import format_command
from mesh.domain.operations import Event, Operation, Origin, State, Step
from mesh.domain.policy import Actor, Decision
from mesh.operations import facts
from mesh.operations.authorising import Grant, authorise
from mesh.operations.freezing import refuse_frozen, scope_of
from mesh.operations.naming import new_id
from mesh.operations.noting import note
from mesh.operations.voting import as_voter, check_open, check_vote
from mesh.ports import Bucket, Buckets, Directory, Freezes, Incidents, Operations, Outbox, Receipt, Rounds, Time

PATIENCE_S = 120.0
"""A change still queued after this long expires: nobody wants their promotion to happen out of the blue later."""
WAYS_BACK = 10
"""How many times as often a person may roll back, abort or freeze: only a script comes near."""


@dataclass(frozen=True)
class Desk:
    """What receiving needs."""

    catalog: Catalog
    operations: Operations
    directory: Directory
    time: Time
    incidents: Incidents
    freezes: Freezes
    buckets: Buckets
    almanac: Almanac | None = None
    """Says when digests come next; None where nobody asks."""
    outbox: Outbox | None = None
    """Knows which messages are an operation's card before the operation does; None where only the latter counts."""
    rounds: Rounds | None = None
    """Knows what Flagger asks about; None where it is not answered."""
    locale: str = ""
    """Language of whoever is served, as Slack names it; empty where it is not known."""


@dataclass(frozen=True)
class Waiting:
    """One operation that waits for approval, as one person sees it."""

    operation: Operation
    approval: Approval
    mine: bool | None
    """True where the person may approve it now; None where Slack does not say."""


def receive(desk: Desk, command: Command, actor: Actor, origin: Origin, *, dedupe: str) -> Receipt:
    """Authorise the command and write one durable operation for it; a repeated delivery gives the first one back.

    `dedupe` names the delivery (Slack's trigger id, event id or action). Raises Denied, Barred (frozen), Flooded,
    NotFound, and Unavailable when the store did not answer; the message says whether anything may have been started.
    """
    if command.answered_by_bot:
        raise ValueError(f"{command.verb} makes no operation")
    with nothing_started():
        command, target = completed(desk, command, origin)
        with _floods_on_record(desk, command, actor, origin, target):
            _not_flooded(desk, command, actor)
    grant = _authorised(desk, command, actor, origin, target)
    with nothing_started():
        _may_rise(desk, command, actor, origin, target)
        with _floods_on_record(desk, command, actor, origin, target):
            _not_crowded(desk, command, origin, target)
    operation = replace(_new(desk, command, actor, origin, target), groups=tuple(sorted(grant.groups)))
    intent = f"{actor.user} {target} {format_command(command)}"
    return desk.operations.receive(
        operation,
        dedupe=dedupe,
        intent=intent,
        facts=facts.of_event(operation, operation.story[0], allowed_by=grant.decision.rule),
    )


@contextmanager
def nothing_started() -> Iterator[None]:
    """Let whatever is Unavailable inside say that nothing was started: for reads that come before the write."""
    try:
        yield
    except Unavailable as error:
        said = f"{error.message.removesuffix('.')}, so nothing was started."
        raise Unavailable(said, hint=error.hint, lapse=error.lapse) from error


def history(desk: Desk, command: Command) -> list[Operation]:
    """Return the latest changes of a service, newest first."""
    return desk.operations.recent(target=desk.catalog.target(command))


def digests(desk: Desk) -> list[tuple[Digest, int | None]]:
    """Return every configured digest with its next time (Unix time in seconds; None when it never comes)."""
    if desk.almanac is None:
        raise ValueError("this desk was set up without an almanac")
    return [(one, desk.almanac.upcoming(one, after=desk.time.now())) for one in desk.catalog.digests]


def completed(desk: Desk, command: Command, origin: Origin) -> tuple[Command, Target]:
    """Return the command with what it left out, and what it is about; raise NotFound, Unavailable."""
    if command.verb is Verb.UNFREEZE and command.operation:
        return command, scope_of(desk, command.operation)
    command = _completed(desk, command, origin)
    return command, desk.catalog.target(command)


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


def _completed(desk: Desk, command: Command, origin: Origin) -> Command:
    """Let a vote name its service, and `undo` the operation with its service and route, whichever of them was typed.

    A service whose changes are not on record goes on without an operation: the object may remember the last one.
    """
    if command.votes:
        where = desk.operations.get(command.operation).target
        return replace(command, service=where.service, namespace=where.namespace, cluster=where.cluster)
    if command.verb is not Verb.UNDO or command.route:
        return command
    former = _named(desk, command) if command.operation else _last_change(desk, command, origin)
    if former is None:
        return command
    where = former.target
    return replace(
        command,
        operation=former.id,
        service=where.service,
        namespace=where.namespace,
        cluster=where.cluster,
        route=former.command.route,
    )


def _named(desk: Desk, command: Command) -> Operation:
    try:
        return desk.operations.get(command.operation)
    except NotFound as error:
        hint = "If it was the last change of a service, undo that: /mesh undo <service>. The route remembers it."
        raise NotFound(error.message, hint=hint) from error


def _last_change(desk: Desk, command: Command, origin: Origin) -> Operation | None:
    if command.service:
        found = desk.operations.recent(target=desk.catalog.target(command), whole=True)
    else:
        found = desk.operations.recent(channel=origin.channel, whole=True)
    for operation in found:
        written = operation.state is State.SUCCEEDED or operation.patch_step is Step.UNACCEPTED
        # A word to a rollout carries the plan of the rollout's step, and wrote nothing of it.
        if written and operation.plan and operation.plan.moves and not operation.command.steers:
            return operation
    if command.service:
        return None
    raise NotFound("There is no change from this channel to undo.", hint="Name the service: /mesh undo api")


def _authorised(desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target) -> Grant:
    """Return the decision and the usergroups that counted; raise Denied, with an audit entry."""
    if command.votes:
        groups = _checked_vote(desk, command, actor, origin, target)
        return Grant(Decision(True, "approval", "the approval names who may vote"), groups)
    grant = authorise(desk.catalog, desk.directory, command, actor, target, channel=origin.channel)
    verdict = grant.decision
    if verdict.allowed:
        return grant
    event = Event(Step.DENIED, desk.time.now(), verdict.why)
    desk.operations.audit(facts.of_denial(actor, origin, command, target, event))
    raise Denied(
        f"You may not {command.verb} {target.service}: {verdict.why}.",
        hint="An administrator grants rights in the policy; /mesh whoami shows yours.",
        lapse=Lapse.SLACK if verdict.unheard else None,
    )


def _may_rise(desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target) -> None:
    """Raise Barred, with an audit entry, for what surely raises a canary under a freeze; the worker asks again."""
    # Two people who break the glass pass freezes as well.
    if not command.changes_traffic or command.break_glass or not _surely_raises(desk, command, target):
        return
    try:
        refuse_frozen(desk, target)
    except Barred as error:
        event = Event(Step.BARRED, desk.time.now(), error.message.removesuffix("."))
        desk.operations.audit(facts.of_denial(actor, origin, command, target, event))
        raise


def _surely_raises(desk: Desk, command: Command, target: Target) -> bool:
    """Tell whether it gives a canary more, by the record alone: what may be a way back is left to the worker."""
    if command.verb is Verb.CANARY:
        return True
    if command.verb is not Verb.PROMOTE or not command.share:
        return False
    last = next((one for one in desk.operations.recent(target=target) if one.plan and one.plan.moves), None)
    return last is None or last.plan is None or last.plan.canary_share < command.share


def note_stranger(desk: Desk, hook: str, *, closed: bool) -> None:
    """Put on record, once a minute, that somebody had no token of a hook, or that there is none. Raises Unavailable."""
    note(desk.operations, desk.buckets, facts.of_stranger(hook, desk.time.now(), closed=closed))


@contextmanager
def _floods_on_record(desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target) -> Iterator[None]:
    """Note a flood that is stopped inside: one entry for each person and minute, or it would flood the log instead."""
    try:
        yield
    except Flooded as error:
        event = Event(Step.FLOODED, desk.time.now(), error.message.removesuffix("."))
        note(desk.operations, desk.buckets, facts.of_denial(actor, origin, command, target, event))
        raise


def _not_flooded(desk: Desk, command: Command, actor: Actor) -> None:
    """Raise Flooded where one person asks for too much: before their rights are asked, which costs others something."""
    if not command.changes_traffic:
        return
    most = desk.catalog.flood.user_per_minute
    name, most = ("user", most) if _counts(command) else ("back", WAYS_BACK * most)
    _take(
        desk,
        Bucket(f"{name}:{actor.user}", most),
        f"You asked for more than {most} changes of this kind within a minute",
    )


def _not_crowded(desk: Desk, command: Command, origin: Origin, target: Target) -> None:
    """Raise Flooded where too much is asked for in one channel, or waits for one service."""
    if not _counts(command):
        return
    flood = desk.catalog.flood
    if (waiting := desk.operations.undone(target)) >= flood.open_per_service:
        raise Flooded(
            f"{waiting} changes of {target.service} are waiting or running already, so nothing more was started.",
            hint=f"Wait until some are done: /mesh history {target.service}. Rolling back is always possible.",
        )
    # Last of all before the write: a bot's buckets know what time it is.
    if origin.channel:
        said = f"More than {flood.channel_per_minute} changes were asked for here within a minute"
        _take(desk, Bucket(f"channel:{origin.channel}", flood.channel_per_minute), said)


def _counts(command: Command) -> bool:
    """Tell what is counted among the others: changes, but not what sends everything back, and not a freeze."""
    return command.changes_traffic and command.verb not in (Verb.ROLLBACK, Verb.ABORT, Verb.FREEZE)


def _take(desk: Desk, bucket: Bucket, said: str) -> None:
    wait_s = desk.buckets.take(bucket)
    if wait_s:
        hint = f"Try again in {max(1, math.ceil(wait_s))} s. Rolling back, aborting and freezing are counted apart."
        raise Flooded(f"{said}, so nothing more was started.", hint=hint)


def check_may_vote(desk: Desk, command: Command, actor: Actor, origin: Origin) -> None:
    """Raise what `receive` would of this vote now: TooLate, Denied (both on record), NotFound, Unavailable."""
    with nothing_started():
        command, target = completed(desk, command, origin)
        waiting = desk.operations.get(command.operation)
    with _turning_away_on_record(desk, command, actor, origin, target):
        check_open(waiting, desk.time.now())
    _checked_vote(desk, command, actor, origin, target)


def turn_vote_away(desk: Desk, command: Command, actor: Actor, origin: Origin, error: Refused) -> NoReturn:
    """Raise `error`, why this vote cannot be, with an audit entry; NotFound, Unavailable."""
    with nothing_started():
        command, target = completed(desk, command, origin)
    with _turning_away_on_record(desk, command, actor, origin, target):
        raise error


def _checked_vote(desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target) -> frozenset[str]:
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


def _new(desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target) -> Operation:
    now = desk.time.now()
    return Operation(
        id=new_id(),
        command=command,
        target=target,
        actor=actor,
        origin=replace(origin, locale=desk.locale),
        created_at=now,
        story=(Event(Step.QUEUED, now),),
        deadline=now + PATIENCE_S,
        # What freezes may be about every cluster, which is none.
        in_git=command.writes_weights and desk.catalog.in_git(target) is not None,
    )
