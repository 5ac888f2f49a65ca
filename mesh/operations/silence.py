"""What becomes of an operation while Slack does not say what would decide whether it may be."""

from __future__ import annotations

from mesh.domain.errors import Barred, Unavailable
from mesh.domain.operations import Operation, State, Step
from mesh.operations.recording import Record
from mesh.operations.stage import Stage
from mesh.operations.telling import the_rollout
from mesh.operations.unanswered import wait_for_git

UNHEARD_AGAIN_S = 15.0
"""When it is tried again, in seconds: asking a Slack that hangs takes a worker for a few."""

_SAY_AGAIN = "Nothing was changed. Say it again in a minute."


class Unheard(Unavailable):
    """Slack does not say what would decide whether this may be: nobody knows, and no right is taken away."""


def can_wait(operation: Operation) -> bool:
    """Tell whether an operation waits for Slack's answer: a step of a rollout, and what people were asked about.

    Also a way back that waits for Git, for its card says that it is tried again. Whoever waits for an answer of their
    own hears at once that there is none, and says it again.
    """
    waits = operation.approval is not None or operation.went(Step.UNANSWERED)
    return bool(operation.command.rollout) or waits


def put_off(stage: Stage, record: Record, error: Unheard) -> None:
    """Try it again a little later, for as long as it may wait; then end it, and say what to do.

    A person's own word ends at once: they wait for it, and say it again.
    """
    operation = record.operation
    if operation.command.rollout:
        _put_off_step(stage, record, error)
    elif operation.went(Step.UNANSWERED):
        # It ends with its time, and says then what was in its way.
        silent = Unavailable(f"Slack does not say whether this is still allowed: {error.message}")
        wait_for_git(stage, record, silent)
    elif operation.approval is None:
        said = Unavailable(f"Slack does not say whether you may: {error.message}.", hint=_SAY_AGAIN)
        record.fail(State.FAILED, Step.FAILED, said)
    elif stage.time.now() + UNHEARD_AGAIN_S < operation.deadline:
        stage.operations.later(operation.id, seconds=UNHEARD_AGAIN_S)
    else:
        _give_up(stage, record, error)


def _put_off_step(stage: Stage, record: Record, error: Unheard) -> None:
    """Bar a step once that has lasted for long: people are then told once, and it goes on by itself.

    One that was barred before is barred again at once.
    """
    step = record.operation
    rollout = the_rollout(stage.operations.get(step.command.rollout))
    if not rollout.barred and stage.time.now() - step.created_at < rollout.strategy.patience_s:
        stage.operations.later(step.id, seconds=UNHEARD_AGAIN_S)
        return
    hint = f"Nothing was changed. Going back is possible at any time. Slack's trouble: {error.message}."
    # Without that in it: a rollout that is held again for the same reason calls nobody.
    barred = Barred("Not now: Slack does not say whether this step is still allowed.", hint=hint)
    record.fail(State.REFUSED, Step.BARRED, barred)


def _give_up(stage: Stage, record: Record, error: Unheard) -> None:
    """End what was approved and may not wait any longer: it would come out of the blue."""
    approved = next(event.at for event in reversed(record.operation.story) if event.step is Step.APPROVED)
    waited_s = stage.time.now() - approved
    text = f"For {waited_s:.0f} s Slack did not say whether this is still allowed, so it was not carried out"
    hint = f"Nothing was changed. Once Slack answers, ask for it again. Slack's trouble: {error.message}."
    record.end(State.EXPIRED, Step.EXPIRED, text, hint=hint)
