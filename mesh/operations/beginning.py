"""A rollout's beginning: its steps and arms are settled, whoever must agree is asked, and the first step is let go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mesh.domain.approvals import agreed
from mesh.domain.catalog import Catalog
from mesh.domain.errors import Refused
from mesh.domain.gates import GateResult
from mesh.domain.limits import Rise, rise_of_steps
from mesh.domain.operations import Operation, State, Step
from mesh.domain.plans import Plan
from mesh.domain.policy import Decision
from mesh.domain.rollouts import Happening, Rollout, enter
from mesh.domain.routes import Route
from mesh.domain.shares import promoted
from mesh.domain.strategies import RolloutStep, Strategy, strategy_of
from mesh.operations import approving
from mesh.operations.following import refuse_rollout
from mesh.operations.moves import promotion
from mesh.operations.naming import new_id
from mesh.operations.planning import make_plan
from mesh.operations.proving import prove_for_plan
from mesh.operations.raising import check_rise
from mesh.operations.recording import Record
from mesh.operations.rollouts import refuse_beside, refuse_shared, start
from mesh.operations.stage import Stage
from mesh.operations.telling import step_in_words
from mesh.ports import Cluster, Operations

Begun = tuple[Strategy, Plan, Route]
"""The steps of a rollout that are still to come, and the plan of the first one with its route."""


def begin(
    stage: Stage, record: Record, decision: Decision, *, judge: Callable[[Begun], tuple[GateResult, ...]]
) -> None:
    """Begin a rollout: settle its steps and arms, ask whoever must agree, and let the first step be taken.

    Raises Refused where another one runs, where the request is unclear, where no step is above what the canary has, or
    where one of them is beyond what `decision` lets it be: nobody is left standing in the middle of the way for that.
    `judge` raises it where the gates do not pass the first step; it is asked before people are.
    """
    operation = record.operation
    refuse_beside(stage, operation)
    strategy, plan, route = first_step(operation, stage.catalog, stage.cluster, stage.operations)
    refuse_shared(stage, operation, plan)
    check_rise(stage, operation, decision, whole_rise(strategy, plan))
    asks = not approving.may_go(stage, operation, plan, strategy)
    # Where nobody is asked the step is judged next, by itself.
    gates = judge((strategy, plan, route)) if asks else ()
    prove_for_plan(stage, operation, plan, agreed(plan, strategy))
    if asks:
        approving.request(stage, record, plan, gates, strategy)
        return
    rollout = Rollout(strategy, entered_at=stage.time.now(), move=new_id(), arms=route.arms)
    if paused := operation.paused:
        rollout = enter(rollout, Happening.PAUSE, now=rollout.entered_at, why=paused.why, by=paused.by)
        rollout = replace(rollout, move="", said=paused.said)
        told: dict[str, Any] = {"rollout": rollout, "plan": plan, "gates": (), "deadline": 0.0}
        record.tell(State.RUNNING, Step.HELD, paused.why, by=paused.by, **told)
        return
    text = step_in_words(rollout, plan.canary)
    record.tell(State.RUNNING, Step.STEPPING, text, rollout=rollout, plan=plan, gates=(), deadline=0.0)
    start(stage, record.operation)


def whole_rise(strategy: Strategy, plan: Plan) -> Rise:
    """Return what all of its steps give the canary; `plan` is that of the first."""
    has = plan.canary_share_before
    return rise_of_steps(plan.canary, has, [one.share for one in strategy.steps if one.share > has])


def first_step(operation: Operation, catalog: Catalog, cluster: Cluster, operations: Operations) -> Begun:
    """Return the strategy, with the steps that are still to come, and the plan of its first step with its route.

    Raises what planning raises, and Refused where no step is above what the canary has.
    """
    command = operation.command
    strategy = strategy_of(command, catalog.strategy(operation.target, command.strategy))
    for number, one in enumerate(strategy.steps):
        wish = replace(operation, command=promotion(command, command.version, one.share))
        plan, route = make_plan(wish, catalog, cluster, operations)
        refuse_rollout(route)
        if any(arm.name == plan.canary and arm.rises for arm in plan.arms):
            _check_way_back(plan, operation)
            for later in strategy.steps[number + 1 :]:
                # What can never be written is refused now, and not in the middle of the way.
                promoted(route, route.find(plan.canary, command.service), later.share, stable=plan.stable)
            return replace(strategy, steps=_still_to_come(strategy.steps, number, plan)), plan, route
    has, top = f"{plan.canary_share:g} %", f"{strategy.steps[-1].share:g} %"
    full = plan.canary_share >= 100
    raise Refused(
        f"{plan.canary} has {has} already, so there is no step to take: the last one is {top}.",
        hint="A canary begins at less: roll back first." if full else "Name higher steps, or roll back.",
    )


def _check_way_back(plan: Plan, operation: Operation) -> None:
    """Raise Refused where nobody could say where traffic goes back to, when the canary turns out to be worse."""
    if not plan.stable:
        raise Refused(
            f"Nothing says which arm of {plan.label} is stable, so a canary could not be turned back.",
            hint=f"Say so in the configuration: `services.{operation.target.service}.stable`.",
        )


def _still_to_come(steps: tuple[RolloutStep, ...], number: int, plan: Plan) -> tuple[RolloutStep, ...]:
    """Return the steps from `number` on; where that one must be confirmed, with what the canary has now before it.

    It bakes there and asks, like any other step: a button is not left out because its step happens to come first.
    """
    if not (steps[number].confirm and number):
        return steps[number:]
    before = replace(steps[number - 1], share=plan.canary_share_before, confirm=False)
    return (before, *steps[number:])
