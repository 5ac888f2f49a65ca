"""The door: who may ask for anything at all, and where. Before any word is read, the same for every way in."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.domain.errors import Denied, MeshbotError, Refused, Unavailable
from mesh.domain.operations import Event, Origin, Step
from mesh.domain.outsiders import HINT, SHARED, SHARED_HINT, WHY, Outsider
from mesh.domain.policy import Actor
from mesh.operations import facts
from mesh.operations.noting import note
from mesh.ports import Buckets, Operations, People, Time


@dataclass(frozen=True)
class Door:
    """What admitting needs."""

    people: People
    operations: Operations
    """For the audit log."""
    time: Time
    buckets: Buckets
    """Bound how many refusals of one person are noted."""


@dataclass(frozen=True)
class Caller:
    """Somebody at the door, as the request says."""

    actor: Actor
    origin: Origin
    asked: str = ""
    """What was typed or pressed, for the audit log."""
    machine: Outsider | None = None
    """BOT or WORKFLOW where the request itself says that no person made it."""
    shared: bool | None = None
    """Whether people from outside can be in the channel; None where the request does not say."""


def admit(door: Door, caller: Caller) -> None:
    """Let full members in, in places of our own; raise Denied for everybody else, after an audit entry.

    When Slack cannot say who somebody is or what the channel is, the answer is no, with the reason.
    """
    try:
        refusal = _refusal(door.people, caller)
    except Unavailable as error:
        said = error.message.removesuffix(".")
        refusal = Denied(f"Slack could not say who you are: {said}.", hint=error.hint, lapse=error.lapse)
    if refusal is not None:
        turn_away(door, caller, refusal)


def turn_away(door: Door, caller: Caller, refusal: Refused) -> None:
    """Raise `refusal`, with an audit entry: one for each person and minute."""
    event = Event(Step.DENIED, door.time.now(), refusal.message.removesuffix("."))
    note(door.operations, door.buckets, facts.of_turning_away(caller.actor, caller.origin, caller.asked, event))
    raise refusal


def lapsed(door: Door, caller: Caller, error: MeshbotError) -> None:
    """Put on record that a request came to nothing by no decision, once a minute for each person and `error.lapse`.

    Raises Unavailable: the part that was away may be the one that keeps the record.
    """
    event = Event(Step.DENIED, door.time.now(), f"came to nothing ({error.lapse}): {error.message.removesuffix('.')}")
    facts_ = facts.of_turning_away(caller.actor, caller.origin, caller.asked, event)
    note(door.operations, door.buckets, facts_, about=str(error.lapse))


def _refusal(people: People, caller: Caller) -> Denied | None:
    outsider = caller.machine or people.outsider(caller.actor)
    if outsider is not None:
        return Denied(WHY[outsider], hint=HINT)
    # A channel that is known to be ours need not be asked about.
    shared = caller.shared is not False and (caller.shared or people.place(caller.origin.channel).shared)
    return Denied(SHARED, hint=SHARED_HINT) if shared else None
