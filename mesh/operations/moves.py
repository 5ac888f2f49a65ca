"""A step of a rollout, as the operation that writes its weights: how it is made, wanted, judged."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mesh.domain.commands import Command, Verb
from mesh.domain.errors import NotFound, Refused
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.incidents import ALERTS
from mesh.domain.operations import Event, Operation, Step
from mesh.domain.plans import Plan
from mesh.domain.rollouts import MOVES, STALE_S, Happening, Phase
from mesh.domain.routes import Route, Weights
from mesh.domain.strategies import Strategy
from mesh.operations import facts
from mesh.operations.incidents import Guard
from mesh.operations.judging import judge_endpoints, judge_plan
from mesh.operations.patching import Patching
from mesh.operations.recording import Record
from mesh.operations.stage import Stage
from mesh.operations.telling import the_plan, the_rollout
from mesh.operations.undoing import may_be_written


def start_move(stage: Stage, parent: Operation) -> None:
    """Write down the operation that writes the weights, under the id on record; a second call finds the first."""
    rollout, plan, now = the_rollout(parent), the_plan(parent), stage.time.now()
    command = replace(promotion(parent.command, plan.canary, rollout.current.share), promised=plan.stable)
    if rollout.phase is Phase.TURNING_BACK:
        command = replace(command, verb=Verb.ROLLBACK, version="", share=None, break_glass=False)
    child = Operation(
        id=rollout.move,
        command=replace(command, rollout=parent.id),
        target=parent.target,
        actor=parent.actor,
        origin=replace(parent.origin, way="rollout", response_url=""),
        created_at=now,
        groups=parent.groups,
        story=(Event(Step.QUEUED, now),),
        # No deadline: its rollout is under way for people to see, and what comes late is judged anew.
    )
    name = f"{parent.id} {child.id}"
    stage.operations.receive(child, dedupe=name, intent=name, facts=facts.of_event(child, child.story[0]))


def promotion(command: Command, version: str, share: float) -> Command:
    """Return the promotion that a step of a `canary` command is."""
    return Command(
        verb=Verb.PROMOTE,
        service=command.service,
        version=version,
        share=share,
        route=command.route,
        namespace=command.namespace,
        cluster=command.cluster,
        reason=command.reason,
        # What two people agreed to is the whole of it: a freeze does not hold up its steps either.
        break_glass=command.break_glass,
    )


def check_wanted(stage: Stage, child: Operation) -> Operation:
    """Return the rollout whose move this operation is; raise Refused where it is not wanted any more."""
    parent = stage.operations.get(child.command.rollout)
    moving = parent.rollout is not None and parent.rollout.phase in MOVES
    if parent.done or not moving or the_rollout(parent).move != child.id:
        raise Refused(f"The canary {parent.id} went another way meanwhile.", hint="Nothing was changed.")
    return parent


def check_drift(parent: Operation, route: Route) -> None:
    """Raise Refused where somebody else changed the weights since the last step, or since somebody resumed it."""
    rollout = the_rollout(parent)
    told = rollout.moves or rollout.cause is Happening.RESUME
    if rollout.phase is Phase.MOVING and told and not stands(route, parent, rollout.found):
        raise Refused(_changed(route, parent), hint="Nothing was changed. Resume, or abort.")


def judge_first(asked: Operation, strategy: Strategy, plan: Plan, route: Route, stage: Stage) -> tuple[GateResult, ...]:
    """Judge the first step of a rollout that others are to agree to, as it will be when it is taken.

    A step that the canary has already, and only bakes again, needs no more than that no incident is open.
    """
    guard = Guard(stage.catalog, stage.incidents, stage.time).judge_plan(plan, asked.target)
    if strategy.steps[0].share <= plan.canary_share_before:
        return guard
    judged = judge_plan(plan, route, asked, catalog=stage.catalog, sources=(stage.cluster, stage.metrics))
    return (*judged, *guard)


def judge_step(parent: Operation, plan: Plan, route: Route, stage: Stage) -> tuple[GateResult, ...]:
    """Judge a step: the first one as any promotion, a later one by what the looks found, and by the endpoints.

    Where a person said to go on, what nobody could decide holds up nothing; what failed does.
    """
    target, catalog = parent.target, stage.catalog
    rollout = the_rollout(parent)
    guard = Guard(catalog, stage.incidents, stage.time)
    if not rollout.moves or rollout.phase is Phase.TURNING_BACK:
        judged = judge_plan(plan, route, parent, catalog=catalog, sources=(stage.cluster, stage.metrics))
        return (*judged, *guard.judge_plan(plan, target))
    said = rollout.cause in (Happening.SKIP, Happening.RESUME)
    found = parent.gates
    if stage.time.now() - rollout.entered_at >= STALE_S:
        # It waited in the queue, and nobody looks meanwhile: what was found before decides nothing any more.
        judged = judge_plan(plan, route, parent, catalog=catalog, sources=(stage.cluster, stage.metrics))
        found = tuple(row for row in judged if row.name != "ready")
    # What a look found of incidents is asked again: one may have been opened, or ended, since.
    found = (*(row for row in found if row.name != ALERTS), *guard.judge_plan(plan, target))
    rows = tuple(row for row in found if not said or row.verdict is Verdict.FAIL)
    load_max = catalog.service(target).limits.load_max
    return (*rows, *judge_endpoints(plan, route, target, cluster=stage.cluster, load_max=load_max))


def landed(stage: Stage, record: Record) -> Plan | None:
    """Shut out the patch of a step that is just being written; return its plan where it is found to be written.

    Raises TryLater while nobody can tell, Unavailable where somebody else changed the object since.
    """
    try:
        child = Record(stage, stage.operations.get(the_rollout(record.operation).move), record.lease)
    except NotFound:
        return None
    written = may_be_written(child.operation) or Patching(stage, child).was_applied()
    return child.operation.plan if written else None


@dataclass(frozen=True)
class Drifted:
    """Somebody else changed what a rollout had left."""

    why: str
    found: Weights | None
    """The weights that are there now; None where the route is gone."""


def drift(stage: Stage, operation: Operation, *, known: Weights | None = None) -> Drifted | None:
    """Read the route and say how its weights differ from what the rollout left, and from `known`; None where not."""
    route = current(stage, operation)
    if route is None:
        return Drifted(f"{the_plan(operation).label} is gone, or was made anew", None)
    if stands(route, operation, known):
        return None
    return Drifted(_changed(route, operation), route.weights)


def current(stage: Stage, operation: Operation) -> Route | None:
    """Return the route of a rollout as it is now; None where it is gone, or was made anew."""
    plan = the_plan(operation)
    route = stage.cluster.reread(plan, operation.target)
    return None if route is None or route.uid != plan.uid else route


def stands(route: Route, operation: Operation, known: Weights | None) -> bool:
    """Tell whether the route has the weights that the rollout left, or began with, or those that are known."""
    plan = the_plan(operation)
    left = plan.weights if the_rollout(operation).moves else plan.former
    return route.stands(left) or (known is not None and route.stands(known))


def _changed(route: Route, operation: Operation) -> str:
    plan = the_plan(operation)
    who = f" by {route.writer.manager}" if route.writer else ""
    left = plan.shares_after if the_rollout(operation).moves else plan.shares_before
    return f"the weights were changed{who}: {left} became {route.shares}"
