"""A way back that waits for a Git server: people are told once that it does not answer, and hear at the end why."""

from __future__ import annotations

from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation, State, Step
from mesh.operations.patching import LOOK_AGAIN_S
from mesh.operations.recording import Record
from mesh.operations.stage import Stage

KUBECTL = "Nothing was changed. Traffic that must go back at once goes back with kubectl, once the sync is paused."
"""What people can do who wait for Git."""


def wait_for_git(stage: Stage, record: Record, error: Unavailable) -> None:
    """Try it again a little later, and let the card say so: what people wait for may need their hands instead.

    What stands in the way now is on record as the outcome so far, so that an end that only time brings can name it.
    Raises LeftToTheNext, Unavailable.
    """
    why = error.message.removesuffix(".")
    if record.operation.story[-1].step is not Step.UNANSWERED:
        record.tell(State.RUNNING, Step.UNANSWERED, why, outcome=why)
        record.show()
    elif record.operation.outcome != why:
        record.write_down(outcome=why)
        record.show()
    stage.operations.later(record.operation.id, seconds=LOOK_AGAIN_S)


def given_up(operation: Operation, now: float) -> str:
    """Say why what waited for Git ends with its time; an empty string for what did not wait for that."""
    if operation.story[-1].step is not Step.UNANSWERED:
        return ""
    return f"For {now - operation.created_at:.0f} s it could not be committed: {operation.outcome}"
