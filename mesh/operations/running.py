"""Running an operation in a worker: begin or resume, work alone on its service, show, tell, look whether it took."""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from dataclasses import replace

from mesh.domain.commands import Verb
from mesh.domain.errors import NeedsGit, Unreadable
from mesh.domain.operations import Operation, State, Step
from mesh.operations import approving, measuring
from mesh.operations.beforehand import Beforehand, Unasked, ask_beforehand
from mesh.operations.patching import ACCEPTED_AGAIN_S, LOOK_AGAIN_S
from mesh.operations.recording import LeftToTheNext, Record
from mesh.operations.rollouts import advance_alone
from mesh.operations.showing import Owed, picture, show_owed, show_rollout
from mesh.operations.stage import Stage
from mesh.operations.unanswered import taken, tell_of_handing_on, tell_of_newer
from mesh.operations.working import Work, expired
from mesh.ports import Lease

LOCK_WAIT_S = 0.5
"""How long a worker waits for another change of the same service before it gives its place to the next job."""
NEWER_AGAIN_S = 5.0
"""When to hand out again what only a newer meshbot can do: a worker of that one may take it then."""
ASK_TIMES = 10
"""How often a try may find out that Slack has to be asked something more; each time all that was missing is asked."""
LOCK_AGAIN_S = 0.5
"""When to try again for the place of another change of the same service."""

log = logging.getLogger(__name__)


def run(operation_id: str, stage: Stage) -> Operation:
    """Bring the operation to its end, or leave it to the clock; safe to call any number of times, from anywhere.

    Raises Unreadable where a newer meshbot has written of it, or of what it must know; a worker of that one does it.
    NeedsGit where only a process that may wait for Git servers can go on.
    """
    try:
        return _run(operation_id, stage)
    except Unreadable as error:
        tell_of_newer(stage, operation_id, error)
        stage.operations.later(operation_id, seconds=NEWER_AGAIN_S)
        raise
    except NeedsGit:
        tell_of_handing_on(stage, operation_id)
        raise


def _run(operation_id: str, stage: Stage) -> Operation:
    operation = stage.operations.get(operation_id)
    try:
        if not operation.done:
            operation = _begun(stage, operation)
        if not operation.done:
            operation = _carried_on(stage, operation)
        if operation.done and operation.command.rollout and not operation.reported:
            # First the rollout learns of its step, so that the canary is watched from its first request on.
            _heard(stage, operation.command.rollout)
        if operation.done and operation.command.votes and not operation.reported:
            # First what was voted on: it may go to work now, and its card says what the vote did.
            run(operation.command.operation, stage)
        if operation.done and not operation.reported:
            operation = _reported(stage, operation)
        if operation.reported and operation.to_be_measured:
            operation = measuring.measure(stage, operation)
    except LeftToTheNext as error:
        log.warning("%s is left to the next worker: %s", operation_id, error.message)
        return stage.operations.get(operation_id)
    return operation


def _heard(stage: Stage, rollout_id: str) -> None:
    """Let a rollout see that its step has ended; whoever looks next sees it, too."""
    advance_alone(stage, stage.operations.get(rollout_id), watch=None)


def _carried_on(stage: Stage, operation: Operation) -> Operation:
    """Do the work, and show what is worth showing before the end."""
    if not operation.command.freezes:
        # Before the service's lock: who may ask Git can hold that for as long as Git says nothing.
        stage.check_may_ask(operation.target, ahead=operation.ahead)
        operation = taken(stage, operation)
    awaited, begun = operation.patch_step is Step.AWAITING, operation.rollout is not None
    found = worked(stage, operation)
    if found is None:
        return operation
    operation = found
    if operation.command.changes_traffic and (operation.done or (operation.rollout and not begun)):
        approving.wake(stage, operation)
    if operation.state is State.WAITING:
        return approving.show_waiting(stage, operation)
    if operation.patch_step is Step.AWAITING and not awaited:
        return _shown(stage, operation)
    return show_rollout(stage, operation) if operation.active_rollout else operation


def _begun(stage: Stage, operation: Operation) -> Operation:
    """Let a queued operation begin and show its card, or expire."""
    record = Record(stage, operation, None)
    if not operation.went(Step.PATCHING) and expired(record, stage.time.now()):
        return record.operation
    if operation.state is not State.QUEUED:
        return operation
    record.tell(State.RUNNING, Step.CHECKING)
    # What must be fast tells people afterwards: drawing a card takes its time, too.
    if not operation.urgent:
        record.show()
    return record.operation


def worked(stage: Stage, operation: Operation) -> Operation | None:
    """Do the work; a change, or a vote on one, does it alone on its service. None where that cannot be now.

    Slack is asked without the service's lock, and never under it, nor for a card: no way back must wait for that.
    """
    if not operation.command.acts:
        return Work(stage, Record(stage, operation, None)).work()
    with ExitStack() as until_done:
        asks = stage.locks.hold(f"asking {operation.id}", wait_s=0)
        slack = Beforehand(stage.directory, alone=lambda: until_done.enter_context(asks) is not None)
        cards = Owed(stage.cards)
        try:
            done = _worked_with(replace(stage, directory=slack, cards=cards), operation, slack)
        finally:
            if cards.owed:
                show_owed(stage, operation.id)
    if done is None:
        stage.operations.later(operation.id, seconds=LOCK_AGAIN_S)
    return done


def _worked_with(stage: Stage, operation: Operation, slack: Beforehand) -> Operation | None:
    ask_beforehand(stage, operation)
    for _ in range(ASK_TIMES):
        with stage.locks.hold(str(operation.target), wait_s=LOCK_WAIT_S) as lease:
            if lease is None:
                return None
            with suppress(Unasked), slack.asking_nobody():
                return _worked_alone(stage, operation, lease)
        if not slack.ask():
            return None
    return None


def _worked_alone(stage: Stage, operation: Operation, lease: Lease) -> Operation:
    fresh = stage.operations.get(operation.id)
    if fresh.done:
        return fresh
    if not fresh.command.writes_weights:
        # The operations that it starts, or lets go, look after what others left.
        return Work(stage, Record(stage, fresh, lease)).work()
    # What a newer meshbot wrote keeps others waiting for that one; what goes back to stable shuts it out.
    for other in stage.operations.beside(operation, whole=operation.command.verb is not Verb.ROLLBACK):
        if other.patch_is_open:
            # Left by a dead worker: found out before anything is planned on top of it, or nobody could know later.
            left = Work(stage, Record(stage, other, lease))
            left.settle()
            # A rollback is right on top of anything, and shuts out what may still be on its way.
            if left.operation.patch_is_open and operation.command.verb is not Verb.ROLLBACK:
                stage.operations.later(operation.id, seconds=LOOK_AGAIN_S)
                return fresh
    return Work(stage, Record(stage, fresh, lease)).work()


def _shown(stage: Stage, operation: Operation) -> Operation:
    """Show on the card, once and outside the lock, that the parents are waited for."""
    record = Record(stage, operation, None)
    record.show()
    # Writing down where its card is puts off the next look.
    stage.operations.later(operation.id, seconds=ACCEPTED_AGAIN_S)
    return record.operation


def _reported(stage: Stage, operation: Operation) -> Operation:
    """Tell people the end, one worker at a time and without holding up other changes of the service."""
    with stage.locks.hold(f"report {operation.id}", wait_s=0) as lease:
        if lease is None:
            return operation
        record = Record(stage, stage.operations.get(operation.id), lease)
        if not record.operation.reported:
            record.report(picture(stage, record.operation))
        return record.operation
