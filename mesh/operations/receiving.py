"""Hearing a request: complete it, authorise it, write it down; all that must happen before the acknowledgement."""

from __future__ import annotations

from dataclasses import replace

from mesh.domain.commands import Command, Target, Verb
from mesh.domain.digests import Digest
from mesh.domain.errors import Barred, Denied, Lapse
from mesh.domain.grammar import format_command
from mesh.domain.operations import Event, Operation, Origin, Step
from mesh.domain.policy import Actor, Decision
from mesh.operations import facts
from mesh.operations.authorising import Grant, authorise
from mesh.operations.ballots import checked_vote
from mesh.operations.completing import completed, nothing_started
from mesh.operations.desk import Desk
from mesh.operations.flooding import floods_on_record, not_crowded, not_flooded
from mesh.operations.freezing import refuse_frozen
from mesh.operations.naming import new_id
from mesh.operations.noting import note
from mesh.operations.words import bound
from mesh.ports import Receipt

PATIENCE_S = 120.0
"""A change still queued after this long expires: nobody wants their promotion to happen out of the blue later."""


def receive(desk: Desk, command: Command, actor: Actor, origin: Origin, *, dedupe: str) -> Receipt:
    """Authorise the command and write one durable operation for it; a repeated delivery gives the first one back.

    `dedupe` names the delivery (Slack's trigger id, event id or action). Raises Denied, Barred (frozen), Flooded,
    NotFound, and Unavailable when the store did not answer; the message says whether anything may have been started.
    """
    if command.answered_by_bot:
        raise ValueError(f"{command.verb} makes no operation")
    with nothing_started():
        command, target = completed(desk, command, origin)
        if command.steers and origin.way != "button":
            # What a button is about, its card has said.
            command = bound(desk.operations, command, target)
        with floods_on_record(desk, command, actor, origin, target):
            not_flooded(desk, command, actor)
    grant = _authorised(desk, command, actor, origin, target)
    with nothing_started():
        _may_rise(desk, command, actor, origin, target)
        with floods_on_record(desk, command, actor, origin, target):
            not_crowded(desk, command, origin, target)
    operation = _new(desk, command, actor, origin, target)
    operation = replace(operation, groups=tuple(sorted(grant.groups)), unheard=grant.decision.unheard)
    # The same word about another stop is another wish.
    what = f" {command.promised}" if command.steers else ""
    intent = f"{actor.user} {target} {format_command(command)}{what}"
    return desk.operations.receive(
        operation,
        dedupe=dedupe,
        intent=intent,
        facts=facts.of_event(operation, operation.story[0], allowed_by=grant.decision.rule),
    )


def history(desk: Desk, command: Command) -> list[Operation]:
    """Return the latest changes of a service, newest first."""
    return desk.operations.recent(target=desk.catalog.target(command))


def digests(desk: Desk) -> list[tuple[Digest, int | None]]:
    """Return every configured digest with its next time (Unix time in seconds; None when it never comes)."""
    if desk.almanac is None:
        raise ValueError("this desk was set up without an almanac")
    return [(one, desk.almanac.upcoming(one, after=desk.time.now())) for one in desk.catalog.digests]


def note_stranger(desk: Desk, hook: str, *, closed: bool) -> None:
    """Put on record, once a minute, that somebody had no token of a hook, or that there is none. Raises Unavailable."""
    note(desk.operations, desk.buckets, facts.of_stranger(hook, desk.time.now(), closed=closed))


def _authorised(desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target) -> Grant:
    """Return the decision and the usergroups that counted; raise Denied, with an audit entry."""
    if command.votes:
        groups = checked_vote(desk, command, actor, origin, target)
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
