"""What waits for a Git server or a newer meshbot: people are told once what is in its way, and at its end again."""

from __future__ import annotations

import logging

from mesh.domain.errors import Unavailable, Unreadable
from mesh.domain.operations import UNTAKEN, Operation, State, Step
from mesh.operations.patching import LOOK_AGAIN_S
from mesh.operations.recording import LeftToTheNext, Record
from mesh.operations.stage import Stage

KUBECTL = "Nothing was changed. Traffic that must go back at once goes back with kubectl, once the sync is paused."
"""What people can do who wait for Git."""
NEWER = (
    "Nothing was changed. Finish the roll-out of the new version and repeat it. Until then kubectl takes traffic back."
)
"""What people can do who wait for a newer meshbot."""

log = logging.getLogger(__name__)


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


def tell_of_newer(stage: Stage, operation_id: str, error: Unreadable) -> None:
    """Let the card of a change say that only a newer meshbot can do it: its clock runs, and people may have to act.

    What that one wrote is not touched, and nothing is said of the steps of a rollout, which have no card.
    """
    why = error.message.removesuffix(".")
    try:
        record = Record(stage, stage.operations.get(operation_id), None)
        found = record.operation
        faster = ", or kubectl at once" if found.command.goes_back else ""
        said = f"Only a newer meshbot can do it{faster}: {why}"
        if not _has_own_card(found) or found.outcome == said:
            return
        record.write_down(outcome=said)
        record.show()
    except (Unavailable, LeftToTheNext) as trouble:
        log.info("nothing is said on the card of %s: %s", operation_id, trouble.message)


def tell_of_handing_on(stage: Stage, operation_id: str) -> None:
    """Put on record that a change waits for the process that asks Git, and on its card once that was said before.

    Nobody may work on that queue, and then only time brings an end, which names it. What Git itself said stays.
    """
    try:
        found = stage.operations.get(operation_id)
        if not _has_own_card(found) or found.state is not State.RUNNING or found.went(Step.PATCHING):
            return
        if found.outcome == UNTAKEN:
            Record(stage, found, None).show()
        elif not found.outcome:
            _put_on_record(stage, found)
    except (Unavailable, LeftToTheNext) as trouble:
        log.info("it is not on record that %s was handed on: %s", operation_id, trouble.message)


def _put_on_record(stage: Stage, found: Operation) -> None:
    """Only where nobody is at work on the service: who asks Git, perhaps for this, must not lose its record to it."""
    with stage.locks.hold(str(found.target), wait_s=0) as lease:
        if lease is not None:
            Record(stage, found, lease).write_down(outcome=UNTAKEN)


def taken(stage: Stage, operation: Operation) -> Operation:
    """Take that off the record: here is the process that it waited for. Raises LeftToTheNext."""
    if operation.outcome != UNTAKEN:
        return operation
    record = Record(stage, operation, None)
    record.write_down(outcome="")
    return record.operation


def _has_own_card(operation: Operation) -> bool:
    """Tell whether people wait for this change itself; the steps of a rollout have no card."""
    command = operation.command
    return command.changes_traffic and not (command.rollout or operation.rollout or operation.done)


def given_up(operation: Operation, now: float) -> tuple[str, str]:
    """Say why what waited for somebody ends with its time, and what to do; empty for what waited for its turn only."""
    if operation.story[-1].step is Step.UNANSWERED:
        return f"For {now - operation.created_at:.0f} s it could not be committed: {operation.outcome}", KUBECTL
    if operation.outcome == UNTAKEN:
        return f"For {now - operation.created_at:.0f} s no process that asks Git took it", KUBECTL
    if operation.outcome:
        return f"For {now - operation.created_at:.0f} s it was not carried out: {operation.outcome}", NEWER
    return "", ""
