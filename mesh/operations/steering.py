"""What people say to a rollout that is under way: pause, resume, skip, confirm, abort."""

from __future__ import annotations

from typing import Any

from mesh.domain.commands import Verb
from mesh.domain.errors import Held, Refused
from mesh.domain.gates import GateResult, Verdict, overall
from mesh.domain.operations import Operation, State, Step
from mesh.domain.rollouts import MOST_HEARD, Happening, Phase, after
from mesh.operations.recording import Record
from mesh.operations.rollouts import fresh, step
from mesh.operations.stage import Stage
from mesh.operations.telling import the_rollout, where

SAID: dict[Verb, Happening] = {
    Verb.PAUSE: Happening.PAUSE,
    Verb.RESUME: Happening.RESUME,
    Verb.SKIP: Happening.SKIP,
    Verb.CONFIRM: Happening.CONFIRM,
    Verb.ABORT: Happening.ABORT,
}
AGAIN_S = 0.5
"""When to say it again to a rollout whose weights are just being written, in seconds."""


def steer(stage: Stage, record: Record) -> None:
    """Let the rollout of the service hear it; under the service's lock. Heard twice, it counts once.

    Raises Refused where there is no such rollout, or where it cannot do that now.
    """
    operation = record.operation
    parent = _heard_before(stage, operation) or _addressed(stage, operation)
    rollout = the_rollout(parent)
    if operation.id not in rollout.heard:
        happening = SAID[operation.command.verb]
        if after(rollout, happening) is None:
            if rollout.phase is Phase.MOVING:
                stage.operations.later(operation.id, seconds=AGAIN_S)
                return
            raise _unfit(operation, parent)
        rows = _rows(stage, parent)
        if happening is Happening.CONFIRM and overall(rows) is not Verdict.PASS:
            raise Held(
                "The gates do not pass now, so it is not confirmed.",
                hint=f"See /mesh status {operation.target.service}; confirm once they pass, or abort.",
            )
        heard = Record(stage, parent, record.lease)
        why = operation.command.reason or f"{operation.command.verb} {operation.id}"
        words: dict[str, Any] = {"said": operation.id, "heard": (*rollout.heard, operation.id)[-MOST_HEARD:]}
        step(stage, heard, happening, why, by=operation.actor.user, gates=rows or parent.gates, **words)
        parent = heard.operation
        stage.operations.later(parent.id, seconds=0)
    record.end(State.SUCCEEDED, Step.STEERED, f"{parent.id}: {where(parent)}", plan=parent.plan)


def _rows(stage: Stage, parent: Operation) -> tuple[GateResult, ...]:
    watch = fresh(parent, stage.watches.load([parent.id]).get(parent.id), now=stage.time.now())
    return watch.rows if watch else ()


def _heard_before(stage: Stage, operation: Operation) -> Operation | None:
    """Return the rollout that has heard this already, when a worker died between its word and ours."""
    found = stage.operations.recent(target=operation.target, count=20)
    return next((one for one in found if one.rollout and operation.id in one.rollout.heard), None)


def _addressed(stage: Stage, operation: Operation) -> Operation:
    service, promised = operation.target.service, operation.command.promised
    parent = stage.operations.rollout(operation.target)
    if parent is None:
        raise Refused(f"No canary of {service} is under way.", hint=f"Start one: /mesh canary {service}.")
    if promised not in ("", parent.id):
        raise Refused(
            f"That card is old: its canary {promised} is over, and {parent.id} is under way.",
            hint=f"Nothing was changed. See /mesh status {service}.",
        )
    return parent


def _unfit(operation: Operation, parent: Operation) -> Refused:
    verb, rollout = operation.command.verb, the_rollout(parent)
    fitting = [str(one) for one, happening in SAID.items() if after(rollout, happening)]
    said = f"The canary of {operation.target.service} cannot {verb} now: {where(parent)}."
    return Refused(said, hint=f"It takes: {', '.join(fitting)}." if fitting else "Wait until traffic is back.")
