"""Ending what was handed to workers too often: it kills them, or can never be done, and people wait for it."""

from __future__ import annotations

from mesh.domain.operations import Event, Operation, State, Step
from mesh.operations import facts
from mesh.ports import Operations, Time

GIVEN_UP = "It was taken up again and again and never came to an end, so it was given up"


def give_up(operations: Operations, time: Time, operation_id: str) -> None:
    """End an operation as failed, and say what is known of it; what is told of that is left to a worker.

    Needs no lock: who is at work on it after all can write nothing more down, so sends no patch. A rollout that has
    begun is not ended: whoever looks at all of them still watches it, and its canary. Raises Unavailable, and Conflict
    where it went on meanwhile.
    """
    operation = operations.get(operation_id)
    if operation.done or operation.active_rollout:
        return
    event = Event(Step.FAILED, time.now(), GIVEN_UP)
    ended = operation.move(State.FAILED, event, outcome=GIVEN_UP, hint=_what_to_do(operation))
    operations.commit(ended, [facts.of_event(ended, event, state=str(ended.state))] if ended.command.acts else [])


def _what_to_do(operation: Operation) -> str:
    logs = f"The workers' logs have the details under {operation.id}."
    if operation.commit:
        return f"Its commit {operation.commit.short} counts as soon as it is synced: look at /mesh status. {logs}"
    if operation.patch_step in (Step.PATCHED, Step.AWAITING):
        return f"The weights are written: look at /mesh status. {logs}"
    if operation.patch_is_open:
        return f"Whether its patch was written is not known: look at the object before doing anything else. {logs}"
    if operation.command.writes_weights:
        return f"No weight was moved. {logs}"
    return logs
