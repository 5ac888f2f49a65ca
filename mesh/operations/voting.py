"""Votes: who may give one, on what, and how it is counted, once, under the lock of the service that it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mesh.domain.approvals import Approval, Voter, why_not, why_not_deny, with_vote
from mesh.domain.catalog import Catalog
from mesh.domain.commands import Command, Verb
from mesh.domain.errors import Denied, Held, NotFound, Refused, TooLate, Unavailable
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.policy import Actor
from mesh.operations.persons import persons_of
from mesh.operations.recording import Record
from mesh.operations.silence import Unheard
from mesh.operations.stage import Stage
from mesh.ports import Directory

GO_WITHIN_S = 120.0
"""How long an approved operation may wait for its turn: like any change, it must not come out of the blue."""

_DECIDED = frozenset({Step.APPROVED, Step.VOTED_DOWN, Step.EXPIRED, Step.VOID})


def the_approval(operation: Operation) -> Approval:
    """Return what people are asked about an operation; ValueError where nobody is."""
    if operation.approval is None:
        raise ValueError(f"{operation.id} asks nobody")
    return operation.approval


def look_up(directory: Directory, actor: Actor, approval: Approval, person: str) -> Voter:
    """Return who this account of `person` is to `approval`, as Slack says now; raise Unavailable.

    Of groups only those are asked about that could decide: whom every rule names needs none.
    """
    active, asked = directory.active(actor), approval.groups_for(actor.user)
    groups = directory.groups(actor, asked) if active and asked else frozenset()
    return Voter(actor, person, active, groups)


def as_voter(catalog: Catalog, directory: Directory, actor: Actor, waiting: Operation) -> tuple[Approval, Voter, str]:
    """Return what people are asked, who this person is to it, and the person who asked; raise Unavailable.

    Those who voted are named as they are known today, so that all of them can be compared.
    """
    approval = the_approval(waiting)
    voted = [vote.voter for vote in approval.votes]
    person = persons_of(catalog, directory, (actor, waiting.actor, *voted))
    votes = tuple(replace(vote, person=person[vote.voter.user]) for vote in approval.votes)
    voter = look_up(directory, actor, approval, person[actor.user])
    return replace(approval, votes=votes), voter, person[waiting.actor.user]


def check_vote(
    command: Command, actor: Actor, waiting: Operation, *, sources: tuple[Catalog, Directory], now: float
) -> Voter:
    """Return the voter; raise TooLate where it is decided, Denied where this vote may not count.

    Asked when the vote is received and again when it is counted. Who somebody is, Slack must say, or they may not.
    """
    check_open(waiting, now)
    try:
        approval, voter, requester = as_voter(*sources, actor, waiting)
    except Unavailable as error:
        raise Denied(
            f"Slack could not say who you are: {error.message}",
            hint="Nothing was counted. Vote again in a minute.",
            lapse=error.lapse,
        ) from error
    judge = why_not_deny if command.verb is Verb.DENY else why_not
    if why := judge(approval, voter, requester):
        raise Denied(f"You may not {command.verb} {waiting.id}: {why}.", hint="Its card says who may.")
    return replace(voter, asked_for_it=voter.person == requester)


def check_open(waiting: Operation, now: float) -> None:
    """Raise TooLate where it waits for no vote any more, with what was decided and by whom."""
    # The first one: a canary that was approved may expire hours later, and that is another matter.
    decided = next((event for event in waiting.story if event.step in _DECIDED), None)
    if decided is not None and waiting.approval is not None:
        raise TooLate(
            f"{waiting.id} was decided before: {decided.step}{_reason(decided)}. It is {waiting.state} now.",
            hint="Its card says what became of it.",
            by=deciders(waiting, decided),
        )
    if waiting.state is not State.WAITING or waiting.approval is None:
        raise TooLate(f"{waiting.id} does not wait for approval: it is {waiting.state}.", hint="See /mesh approvals.")
    if now >= waiting.approval.expires_at:
        raise TooLate(f"The time to vote on {waiting.id} is over.", hint="Nothing was changed. It can be asked again.")


def _reason(decided: Event) -> str:
    # What a person typed is for their card, not for a sentence of ours.
    return f" ({decided.text})" if decided.text and decided.step is not Step.VOTED_DOWN else ""


def deciders(waiting: Operation, decided: Event) -> tuple[str, ...]:
    """Return who decided: all who agreed, or the one who denied; nobody where time or the world did."""
    if decided.step is Step.APPROVED and waiting.approval:
        return tuple(vote.voter.user for vote in waiting.approval.votes)
    return (decided.by,) if decided.by else ()


def cast(stage: Stage, record: Record, recheck: Callable[[Record], None], *, prove: Callable[[Record], None]) -> None:
    """Count the vote that `record` holds; under the service's lock. Counted twice, it counts once.

    `prove` raises Refused where this voter may not agree yet to what the record holds, which then waits on. `recheck`
    does all that is checked before the weights are written, for the operation that waits. Where it finds that the plan
    does not hold any more, that operation is void.
    """
    operation = record.operation
    waiting = stage.operations.get(operation.command.operation)
    if waiting.target != operation.target:
        raise NotFound(f"{waiting.id} is about another service.", hint="See /mesh approvals.")
    if not _is_cast(operation, waiting):
        try:
            waiting = _cast(stage, record, waiting, recheck=recheck, prove=prove)
        except TooLate as error:
            by = error.by[-1] if error.by else ""
            record.end(State.REFUSED, Step.REFUSED, error.message.removesuffix("."), by=by, hint=error.hint)
            return
    verb = "Agreed to" if operation.command.verb is Verb.APPROVE else "Denied"
    counted = f": {the_approval(waiting).in_words}" if operation.command.verb is Verb.APPROVE else ""
    record.end(State.SUCCEEDED, Step.VOTED, f"{verb} {waiting.id}{counted}")


def _cast(
    stage: Stage,
    record: Record,
    waiting: Operation,
    *,
    recheck: Callable[[Record], None],
    prove: Callable[[Record], None],
) -> Operation:
    operation = record.operation
    command = operation.command
    sources = (stage.catalog, stage.directory)
    voter = check_vote(command, operation.actor, waiting, sources=sources, now=stage.time.now())
    held = Record(stage, waiting, record.lease)
    if command.verb is Verb.DENY:
        _deny(held, operation, taken_back=voter.asked_for_it)
        return held.operation
    prove(held)
    try:
        recheck(held)
    except Held as error:
        raise Refused(
            f"{error.message} So your vote was not counted.", hint="Vote again once the gates can decide."
        ) from error
    except Unheard as error:
        raise Unavailable(
            "Slack does not say whether whoever asked for it still may, so your vote was not counted.",
            hint=f"Nothing was changed, and it waits on. Vote again in a minute. Slack's trouble: {error.message}.",
        ) from error
    except Refused as error:
        held.fail(State.VOID, Step.VOID, error)
        raise Refused(f"{waiting.id} is void: {error.message}", hint="Nothing was changed.") from error
    _count(stage, held, voter, operation)
    return held.operation


def _count(stage: Stage, held: Record, voter: Voter, operation: Operation) -> None:
    now = stage.time.now()
    approval = with_vote(the_approval(held.operation), voter, operation.id, now)
    state, step = (State.RUNNING, Step.APPROVED) if approval.met else (State.WAITING, Step.VOTED)
    deadline = now + GO_WITHIN_S if approval.met else 0.0
    held.tell(state, step, approval.in_words, by=operation.actor.user, approval=approval, deadline=deadline)


def _deny(held: Record, operation: Operation, *, taken_back: bool) -> None:
    why = operation.command.reason
    # The id of the vote stays on record: a worker that died after this finds that it was counted.
    approval = replace(the_approval(held.operation), denied=operation.id)
    hint = "Nothing was changed. Talk to whoever denied it before you ask again."
    outcome = "Somebody who had to agree did not"
    if taken_back:
        outcome, hint = "Whoever asked for it took it back", "Nothing was changed."
    told: dict[str, Any] = {"outcome": outcome, "approval": approval, "hint": hint}
    held.tell(State.REFUSED, Step.VOTED_DOWN, why, by=operation.actor.user, **told)


def _is_cast(operation: Operation, waiting: Operation) -> bool:
    """Tell whether this vote was counted before, by a worker that died between its two writes."""
    approval = waiting.approval
    if approval is None:
        return False
    return operation.id == approval.denied or any(vote.operation == operation.id for vote in approval.votes)
