"""What `undo` restores: the weights an operation found, or, when our store has forgotten, what the object remembers."""

from __future__ import annotations

from mesh.domain.errors import NotFound, Refused
from mesh.domain.operations import Operation, State, Step
from mesh.domain.plans import Plan, Roles
from mesh.domain.routes import STAMP_OPERATION, Route, Weights, shown
from mesh.operations.choosing import again
from mesh.ports import Cluster, Operations


def restored(operation: Operation, cluster: Cluster, operations: Operations) -> tuple[Route, Roles, Weights]:
    """Return route, roles and weights from before the operation that is to be undone.

    Raises Refused when it changed nothing, when its end is not certain, and when the weights changed since.
    """
    former = operations.get(operation.command.operation)
    wrote = former.command.changes_traffic and not former.command.steers and may_be_written(former)
    if former.plan is None or not (wrote and former.plan.moves):
        raise _nothing(former)
    route = again(cluster, former.plan, operation.target)
    _check_merged(former, route)
    _check_written(former, route)
    if not route.stands(former.plan.weights):
        raise _drifted(route, former.id, former.plan.weights)
    return route, Roles(former.plan.stable, former.plan.canary), former.plan.former


def remembered(route: Route, operation: Operation) -> Weights:
    """Return the weights from before our last patch, as the object itself remembers them.

    Raises NotFound when it remembers none, Refused when the weights or the arms changed since.
    """
    previous, written = route.previous, route.written
    service = operation.target.service
    if previous is None or written is None:
        raise NotFound(
            f"There is no change of {service} to undo: none is on record, and {route.label} remembers none.",
            hint=f"Write the weights with /mesh set {service} …",
        )
    if not route.stands(written):
        raise _drifted(route, route.annotation(STAMP_OPERATION), written)
    if previous.keys() != written.keys():
        raise Refused(
            f"{route.label} has other arms than before its last change: it had {shown(previous)}.",
            hint=f"Write the weights with /mesh set {service} …",
        )
    return previous


def may_be_written(former: Operation) -> bool:
    """Tell whether an operation that is done may have changed the object."""
    if former.state is State.SUCCEEDED:
        return True
    return former.done and former.patch_step in (Step.PATCHING, Step.PATCHED, Step.UNACCEPTED)


def is_written(former: Operation, made: Plan, route: Route) -> bool:
    """Tell whether an operation that is done sent its plan and, as far as is known, wrote it to the route.

    What was only proposed is written where the weights are as proposed: then somebody merged it.
    """
    sent = may_be_written(former) and former.patch_step not in (None, Step.CONFLICT, Step.UNWRITTEN)
    return sent and (not former.went(Step.PROPOSED) or route.stands(made.weights))


def _check_written(former: Operation, route: Route) -> None:
    """Raise Refused where a change that did not end well left no stamp: nobody knows then what there is to undo."""
    was_read_back = former.state is State.SUCCEEDED or former.patch_step is Step.UNACCEPTED
    if not was_read_back and route.annotation(STAMP_OPERATION) != former.id:
        raise Refused(
            f"{former.id} sent a patch and did not end well, and {route.label} does not show that it was written.",
            hint="Look at /mesh status, then write the weights with /mesh set.",
        )


def _check_merged(former: Operation, route: Route) -> None:
    """Raise Refused where a change was only proposed."""
    if former.went(Step.PROPOSED) and former.commit and not route.stands(former.plan.weights if former.plan else {}):
        raise Refused(
            f"{former.id} only proposed its change: {former.commit.request} is not merged, or others came after it.",
            hint="Close it there if it is not wanted.",
        )


def _nothing(former: Operation) -> Refused:
    hint = f"See /mesh history {former.target.service}."
    return Refused(f"{former.id} changed nothing, so there is nothing to undo.", hint=hint)


def _drifted(route: Route, operation: str, left: Weights) -> Refused:
    by = f" (by {route.writer.manager} at {route.writer.at})" if route.writer else ""
    return Refused(
        f"The weights changed since {operation}: it left {shown(left)}, now it is {shown(route.weights)}{by}.",
        hint="If another change came since, undo that first; else write the weights with /mesh set, or roll back.",
    )
