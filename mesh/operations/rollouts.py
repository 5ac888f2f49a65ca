"""A rollout under way: begun, and taken one transition further at a time, under its service's lock.

The record says what is to be done before it is done, and each move of weights is an operation of its own whose id is
on record first. Whoever comes next, after any interruption, finds out how far it came and goes on from there.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Command, Verb
from mesh.domain.errors import MeshbotError, NotFound, Refused
from mesh.domain.operations import Operation, State, Step
from mesh.domain.plans import Plan
from mesh.domain.rollouts import MOVES, Happening, Phase, Rollout, after, due, enter
from mesh.domain.routes import Route
from mesh.domain.strategies import RolloutStep, Strategy, strategy_of
from mesh.operations.choosing import again_with
from mesh.operations.moves import drift, promotion, start_move
from mesh.operations.naming import new_id
from mesh.operations.planning import make_plan
from mesh.operations.recording import LeftToTheNext, Record
from mesh.operations.stage import Stage
from mesh.operations.telling import in_words, step_in_words, the_plan, the_rollout, where
from mesh.operations.undoing import may_be_written
from mesh.ports import Cluster, Lease, Operations, Watch

STALE_S = 30.0
"""Verdicts older than this, in seconds, decide nothing."""

log = logging.getLogger(__name__)


def begin(stage: Stage, record: Record) -> None:
    """Begin a rollout: settle its steps and arms, and let the first step be taken.

    Raises Refused where another one runs, where the request is unclear, or where no step is above what the canary has.
    """
    operation = record.operation
    refuse_beside(stage, operation)
    strategy, plan, route = first_step(operation, stage.catalog, stage.cluster, stage.operations)
    rollout = Rollout(strategy, entered_at=stage.time.now(), move=new_id(), arms=route.arms)
    text = step_in_words(rollout, plan.canary)
    record.tell(State.RUNNING, Step.STEPPING, text, rollout=rollout, plan=plan, deadline=0.0)
    start_move(stage, record.operation)


def first_step(
    operation: Operation, catalog: Catalog, cluster: Cluster, operations: Operations
) -> tuple[Strategy, Plan, Route]:
    """Return the strategy, with the steps that are still to come, and the plan of its first step with its route.

    Raises what planning raises, and Refused where no step is above what the canary has.
    """
    command = operation.command
    strategy = strategy_of(command, catalog.strategy(operation.target, command.strategy))
    for number, one in enumerate(strategy.steps):
        wish = replace(operation, command=promotion(command, command.version, one.share))
        plan, route = make_plan(wish, catalog, cluster, operations)
        if any(arm.name == plan.canary and arm.rises for arm in plan.arms):
            return replace(strategy, steps=_still_to_come(strategy.steps, number, plan)), plan, route
    top = f"{strategy.steps[-1].share:g} %"
    raise Refused(
        f"{plan.canary} has {top} or more already, so there is no step to take.",
        hint="Name higher steps, or roll back.",
    )


def _still_to_come(steps: tuple[RolloutStep, ...], number: int, plan: Plan) -> tuple[RolloutStep, ...]:
    """Return the steps from `number` on; where that one must be confirmed, with what the canary has now before it.

    It bakes there and asks, like any other step: a button is not left out because its step happens to come first.
    """
    if not (steps[number].confirm and number):
        return steps[number:]
    now = next(arm.share_before for arm in plan.arms if arm.name == plan.canary)
    return (replace(steps[number - 1], share=now, confirm=False), *steps[number:])


def advance(stage: Stage, record: Record, *, watch: Watch | None, suspect: bool = False) -> bool:
    """Take the one transition that is due now, if any; tells whether one was taken. Safe to call at any time.

    `watch` is what the latest look found. `suspect`: somebody else may have changed the weights, so the route is read.
    Raises Unavailable when a part does not answer: nothing was changed then.
    """
    rollout = the_rollout(record.operation)
    if rollout.phase in MOVES:
        return _follow(stage, record)
    if suspect and after(rollout, Happening.DRIFTED) and (why := drift(stage, record.operation)):
        return step(stage, record, Happening.DRIFTED, why)
    found = _due(record.operation, watch, now=stage.time.now())
    return found is not None and step(stage, record, *found, gates=watch.rows if watch else ())


def advance_alone(stage: Stage, operation: Operation, *, watch: Watch | None, suspect: bool = False) -> bool:
    """Advance under the service's lock, where nobody holds it; who cannot now is looked at again.

    Nobody is told here: another worker draws the card, for a slow Slack must not delay what watches over traffic.
    """
    try:
        with stage.locks.hold(str(operation.target), wait_s=0) as lease:
            if lease is None:
                return False
            record = Record(stage, stage.operations.get(operation.id), lease)
            taken = record.operation.active_rollout and advance(stage, record, watch=watch, suspect=suspect)
        if taken:
            stage.operations.later(operation.id, seconds=0)
    except (LeftToTheNext, MeshbotError) as error:
        log.warning("%s is looked at again: %s", operation.id, error.message)
        return False
    except Exception:
        # Its own job meets the same bug, holds it and tells people; the others of this look must not wait for that.
        log.exception("a bug kept %s from going on", operation.id)
        stage.operations.later(operation.id, seconds=0)
        return False
    return taken


def is_due(operation: Operation, watch: Watch, *, now: float) -> bool:
    """Tell whether a transition is due, without anything being asked."""
    return _due(operation, watch, now=now) is not None


def _due(operation: Operation, watch: Watch | None, *, now: float) -> tuple[Happening, str] | None:
    rollout = the_rollout(operation)
    fresh = watch is not None and watch.since == rollout.moved_at and now - watch.looked_at < STALE_S
    rows, seen_at = (watch.rows, watch.seen_at) if watch and fresh else ((), 0.0)
    return due(rollout, rows, canary=the_plan(operation).canary, seen_at=seen_at, now=now)


def step(stage: Stage, record: Record, happening: Happening, why: str, *, by: str = "", **changes: Any) -> bool:
    """Enter the phase that follows: write it down, then start what it asks for. False where nothing follows."""
    operation = record.operation
    rollout = enter(the_rollout(operation), happening, now=stage.time.now(), why=why, by=by)
    rollout = replace(rollout, **{key: changes.pop(key) for key in ("arms", "said") if key in changes})
    moves = rollout.phase in MOVES
    if moves:
        rollout = replace(rollout, move=new_id())
    changes = {"rollout": rollout, "hint": "", "choices": (), **changes}
    if rollout.active:
        said = Step.CONTINUED if happening in _CONTINUING else _STEPS[rollout.phase]
        record.tell(State.RUNNING, said, in_words(operation, rollout, happening), by=by, **changes)
    else:
        _end(record, rollout, happening, changes)
    if moves and not rollout.pause_s:
        start_move(stage, record.operation)
    return True


def hold_for_bug(stage: Stage, record: Record, error: MeshbotError) -> None:
    """Hold a rollout that a bug keeps from going on, and tell people; what is on its way back is tried again."""
    if after(the_rollout(record.operation), Happening.BROKEN):
        step(stage, record, Happening.BROKEN, error.message.removesuffix("."))


def refuse_beside(stage: Stage, operation: Operation) -> None:
    """Raise Refused where a rollout of the service is under way: two hands on one set of weights are one too many."""
    running = stage.operations.rollout(operation.target)
    if running is None or running.id in (operation.id, operation.command.rollout):
        return
    service = operation.target.service
    said = Command(
        verb=Verb.STATUS, service=service, namespace=operation.target.namespace, cluster=operation.target.cluster
    )
    raise Refused(
        f"A canary of {service} is under way: {running.id}, {where(running)}.",
        hint="Nothing was changed. Steer it, or end it first:",
        choices=tuple(again_with(said, verb=verb) for verb in (Verb.SKIP, Verb.ABORT, Verb.STATUS)),
    )


def take_over(stage: Stage, operation: Operation, lease: Lease | None) -> None:
    """End the rollout of the service, for a person's own change is about to take traffic back; first of all, on record.

    Otherwise a step could be written after it.
    """
    running = stage.operations.rollout(operation.target)
    if running is None or running.id == operation.command.rollout:
        return
    why = f"{operation.command.verb} {operation.id} takes traffic back"
    step(stage, Record(stage, running, lease), Happening.TAKEN_OVER, why, by=operation.actor.user)
    # Told by a worker of its own, at once.
    stage.operations.later(running.id, seconds=0)


def _follow(stage: Stage, record: Record) -> bool:
    """See how the operation that writes the weights ended, and start it where nobody has."""
    rollout = the_rollout(record.operation)
    try:
        child = stage.operations.get(rollout.move)
    except NotFound:
        if stage.time.now() >= rollout.entered_at + rollout.pause_s:
            start_move(stage, record.operation)
        return False
    if not child.done:
        return False
    back = rollout.phase is Phase.TURNING_BACK
    if child.state is not State.SUCCEEDED:
        plan = child.plan if child.plan and may_be_written(child) else record.operation.plan
        happening = Happening.UNTURNED if back else Happening.UNMOVED
        told: dict[str, Any] = {"gates": child.gates, "hint": child.hint, "choices": child.choices}
        return step(stage, record, happening, child.outcome, plan=plan, **told)
    if back:
        return step(stage, record, Happening.TURNED, rollout.why, plan=child.plan)
    plan = child.plan or the_plan(record.operation)
    route = stage.cluster.reread(plan, record.operation.target)
    arms = route.arms if route is not None else rollout.arms
    return step(stage, record, Happening.MOVED, "", plan=plan, arms=arms, gates=())


_CONTINUING = frozenset({Happening.RESUME, Happening.CLEARED})
_STEPS = {
    Phase.MOVING: Step.STEPPING,
    Phase.BAKING: Step.STEPPED,
    Phase.CONFIRMING: Step.CONFIRMING,
    Phase.PAUSED: Step.PAUSED,
    Phase.HELD: Step.HELD,
    Phase.TURNING_BACK: Step.TURNING_BACK,
    Phase.COMPLETED: Step.COMPLETED,
    Phase.TURNED_BACK: Step.TURNED_BACK,
    Phase.ABORTED: Step.ABORTED,
    Phase.STOPPED: Step.STOPPED,
    Phase.EXPIRED: Step.EXPIRED,
}


def _end(record: Record, rollout: Rollout, happening: Happening, changes: dict[str, Any]) -> None:
    state = State.FAILED
    if rollout.phase is Phase.COMPLETED:
        state = State.SUCCEEDED
    elif rollout.phase is Phase.EXPIRED:
        state = State.EXPIRED
    elif not rollout.moves and happening is Happening.UNMOVED:
        state = State.REFUSED
    text = in_words(record.operation, rollout, happening)
    record.end(state, _STEPS[rollout.phase], text, by=rollout.by, **changes)
