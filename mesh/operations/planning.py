"""From a changing command to a plan, against the route as it is now."""

from __future__ import annotations

import json
from collections.abc import Callable

from mesh.domain.catalog import Catalog, Service
from mesh.domain.commands import Verb
from mesh.domain.errors import Refused
from mesh.domain.operations import Operation, State, Step
from mesh.domain.plans import Plan, Roles, plan
from mesh.domain.routes import STAMP_ACTOR, STAMP_CANARY, STAMP_OPERATION, STAMP_PREVIOUS, STAMP_STABLE, Arm, Route
from mesh.domain.shares import all_to, promoted
from mesh.operations.choosing import again, check_configured, choose, is_settled, promoted_roles, roles
from mesh.ports import Cluster, Operations

Wanted = dict[str, int | None]


def make_plan(operation: Operation, catalog: Catalog, cluster: Cluster, operations: Operations) -> tuple[Plan, Route]:
    """Plan a changing operation and return the plan with the route it was made for.

    Raises Refused or NotFound when the request is unclear, Unavailable when unreadable.
    """
    if operation.command.verb is Verb.UNDO:
        return _undo(operation, cluster, operations)
    service = catalog.service(operation.target)
    route = _free(choose(cluster, operation.target, service))
    check_configured(route, service)
    found, wanted = _WANTED[operation.command.verb](route, service, operation)
    return plan(route, wanted, found, stamps=_stamps(operation, route, found)), route


def _free(route: Route) -> Route:
    """Return the route unless a rollout controller owns it: two writers of one weight would undo each other."""
    if route.owner:
        raise Refused(
            f"{route.owner} owns the weights of {route.label} and would write its own over ours.",
            hint=f"Change it through {route.owner}; /mesh status shows the weights.",
        )
    return route


def _promote(route: Route, service: Service, operation: Operation) -> tuple[Roles, Wanted]:
    command = operation.command
    found = promoted_roles(route, service, command)
    arm = route.find(found.canary, command.service)
    return found, {**promoted(route, arm, command.share or 0.0, stable=found.stable)}


def _set(route: Route, service: Service, operation: Operation) -> tuple[Roles, Wanted]:
    command = operation.command
    found = roles(route, service)
    wanted: Wanted = {route.find(version, command.service).name: weight for version, weight in command.weights}
    if len(wanted) < len(command.weights):
        raise Refused("Two of these versions are the same arm.", hint="Name each arm once.")
    after = [wanted.get(arm.name, arm.effective) for arm in route.arms]
    if not any(after):
        raise Refused("All weights would be 0, and then nothing is served.", hint="Give one arm a weight above 0.")
    # A settled canary is the new stable to some people and not to others: then every rising arm is judged.
    return (Roles() if is_settled(route, service, found) else found), wanted


def _rollback(route: Route, service: Service, operation: Operation) -> tuple[Roles, Wanted]:
    # Planned again, it goes where it was going: somebody else's weights must not say anew who is stable.
    former = operation.plan
    same = former is not None and (former.uid, former.rule) == (route.uid, route.rule)
    found = Roles(former.stable, former.canary) if former and same else roles(route, service)
    if not found.stable:
        name = operation.command.service
        # Not `promote`: that would make the arm they flee to the canary, and the next rollback would go back.
        choices = tuple(f"/mesh set {name} {_all_by_name(route, arm)}" for arm in route.arms)
        raise Refused(f"Nothing says which arm of {name} is stable.", hint="Send everything to one:", choices=choices)
    return found, {**all_to(route, found.stable)}


def _all_by_name(route: Route, heir: Arm) -> str:
    return " ".join(f"{arm.name}={(route.total or 100) if arm is heir else 0}" for arm in route.arms)


_WANTED: dict[Verb, Callable[[Route, Service, Operation], tuple[Roles, Wanted]]] = {
    Verb.PROMOTE: _promote,
    Verb.SET: _set,
    Verb.ROLLBACK: _rollback,
}


def _undo(operation: Operation, cluster: Cluster, operations: Operations) -> tuple[Plan, Route]:
    former = operations.get(operation.command.operation)
    if former.state is not State.SUCCEEDED and former.patch_step in (Step.PATCHING, Step.PATCHED):
        raise Refused(
            f"{former.id} sent a patch and did not end well, so what there is to undo is not certain.",
            hint="Look at /mesh status, then write the weights with /mesh set.",
        )
    carried_out = former.command.changes_traffic and former.state is State.SUCCEEDED
    if former.plan is None or not carried_out or not former.plan.changes:
        raise Refused(f"{former.id} changed nothing, so there is nothing to undo.", hint=_history_hint(former))
    route = _free(again(cluster, former.plan, operation.target))
    if route.weights != former.plan.weights:
        raise Refused(
            f"The weights changed since {former.id}: it left {_shown(former.plan.weights)}, now it is "
            f"{_shown(route.weights)}.",
            hint="Undo the newer change first, or write the weights with /mesh set.",
        )
    found = Roles(former.plan.stable, former.plan.canary)
    return plan(route, former.plan.former, found, stamps=_stamps(operation, route, found)), route


def _history_hint(former: Operation) -> str:
    return f"See /mesh history {former.target.service}."


def _shown(weights: Wanted) -> str:
    return ", ".join(f"{name} {'absent' if weight is None else weight}" for name, weight in weights.items())


def _stamps(operation: Operation, route: Route, found: Roles) -> dict[str, str]:
    """Return the annotations written with the weights: who and what, and enough to go back without our store."""
    stamps = {
        STAMP_OPERATION: operation.id,
        STAMP_ACTOR: operation.actor.user,
        STAMP_PREVIOUS: json.dumps(route.weights, separators=(",", ":")),
    }
    said = {STAMP_STABLE: found.stable, STAMP_CANARY: found.canary}
    return stamps | {name: value for name, value in said.items() if value}
