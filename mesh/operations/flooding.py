"""Too much at once: what one person, one channel or one service asks for is counted, and who floods is turned away."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import Flooded
from mesh.domain.operations import Event, Origin, Step
from mesh.domain.policy import Actor
from mesh.operations import facts
from mesh.operations.desk import Desk
from mesh.operations.noting import note
from mesh.ports import Bucket

WAYS_BACK = 10
"""How many times as often a person may roll back, abort or freeze: only a script comes near."""


@contextmanager
def floods_on_record(desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target) -> Iterator[None]:
    """Note a flood that is stopped inside: one entry for each person and minute, or it would flood the log instead."""
    try:
        yield
    except Flooded as error:
        event = Event(Step.FLOODED, desk.time.now(), error.message.removesuffix("."))
        note(desk.operations, desk.buckets, facts.of_denial(actor, origin, command, target, event))
        raise


def not_flooded(desk: Desk, command: Command, actor: Actor) -> None:
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


def not_crowded(desk: Desk, command: Command, origin: Origin, target: Target) -> None:
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
