"""Showing a rollout while it is under way: its card is drawn anew every so often, and its thread hears each event."""

from __future__ import annotations

from dataclasses import replace

from mesh.domain.operations import Operation
from mesh.domain.rollouts import MOVES
from mesh.operations.recording import Record
from mesh.operations.stage import Stage
from mesh.ports import Watch

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
