"""Showing what is under way: a rollout's card is drawn anew every so often, and its thread hears each event."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation
from mesh.domain.points import Point
from mesh.domain.rollouts import MOVES
from mesh.operations.patching import LOOK_AGAIN_S
from mesh.operations.recording import LeftToTheNext, Record
from mesh.operations.stage import Stage
from mesh.ports import Cards, Watch

log = logging.getLogger(__name__)

SLOWEST_PICTURE_S = 30.0
"""Longer than drawing and uploading a picture can take."""
UNTOLD_AGAIN_S = 5.0
"""When to try again to tell what could not be written down, in seconds."""
MOVING_AGAIN_S = 1.0
"""When to see whether weights have been written, in seconds, should nobody have said so."""
REDRAWN_S = 15.0
"""How often a card is drawn anew at most, in seconds; rarer where there are many."""
EACH_S = 1.5
"""Seconds between two cards of all: Slack takes about 50 edits a minute."""


class Owed:
    """`ports.Cards` for whoever has a service's lock: what is to be shown is shown once that is free again.

    For showing asks Slack whether the channel is still ours alone, and a Slack that hangs must hold up no way back.
    """

    def __init__(self, cards: Cards) -> None:
        self._cards = cards
        self.owed = False
        """True once there is something to show."""

    def show(self, operation: Operation) -> Operation:
        """Show nothing yet."""
        self.owed = True
        return operation

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:  # noqa: ARG002 (the port's)
        """Draw nothing: a picture belongs to a card that is shown."""
        return operation

    def announce(self, operation: Operation, entry: str) -> None:
        """Put the line into the outbox, which asks nobody."""
        self._cards.announce(operation, entry)


def show_owed(stage: Stage, operation_id: str) -> None:
    """Show how far a change has come, as it is on record now; never raises, for that is worth no failure."""
    try:
        record = Record(stage, stage.operations.get(operation_id), None)
        revision = record.operation.revision
        record.show()
        if record.operation.revision != revision and not record.operation.done:
            # Writing down where its card is puts off the next try.
            stage.operations.later(operation_id, seconds=LOOK_AGAIN_S)
    except (Unavailable, LeftToTheNext) as error:
        log.warning("%s runs and could not be shown: %s", operation_id, error.message)


def show_rollout(stage: Stage, operation: Operation) -> Operation:
    """Draw the card by the latest verdicts and tell the thread what is new; come back for more, by the clock."""
    with stage.locks.hold(f"report {operation.id}", wait_s=0) as lease:
        if lease is None:
            return operation
        # A slow Slack must not bring in a second worker.
        stage.operations.later(operation.id, seconds=SLOWEST_PICTURE_S)
        record = Record(stage, stage.operations.get(operation.id), None)
        if record.operation.done:
            return record.operation
        watch = stage.watches.load([operation.id]).get(operation.id)
        record.show(picture(stage, _with_rows(record.operation, watch)))
        stage.operations.later(operation.id, seconds=_pace(record.operation, watch))
        return record.operation


def picture(stage: Stage, operation: Operation) -> Operation:
    """Draw the chart anew where something happened that people have not been told yet."""
    if operation.told >= len(operation.story) or operation.rollout is None or not operation.rollout.moves:
        return operation
    return stage.cards.picture(operation, stage.watches.points(operation.id))


def _pace(operation: Operation, watch: Watch | None) -> float:
    """Return in how many seconds a worker should look after it again."""
    if operation.rollout and operation.rollout.phase in MOVES:
        return MOVING_AGAIN_S
    if operation.told < len(operation.story):
        return UNTOLD_AGAIN_S
    return max(REDRAWN_S, EACH_S * (watch.among if watch else 1))


def _with_rows(operation: Operation, watch: Watch | None) -> Operation:
    """Return the operation with the verdicts of the last look, where they are about the step it is at."""
    rollout = operation.rollout
    if watch is None or rollout is None or not rollout.watched or watch.since != rollout.moved_at:
        return operation
    return replace(operation, gates=watch.rows)
