"""Who is stable and who is canary, as every verb sees it: what was said, then what is on record, then the shape.

The object may have lost our annotations, or carry older ones, and to the shape alone a canary at 80 % is stable. Where
the object, the record and the shape say different things, nobody is stable until somebody says so.
"""

from __future__ import annotations

from itertools import pairwise

from mesh.domain.catalog import Service
from mesh.domain.commands import Target, Verb
from mesh.domain.errors import NotFound
from mesh.domain.operations import Operation, Step
from mesh.domain.plans import Plan, Roles
from mesh.domain.routes import STAMP_CANARY, STAMP_OPERATION, STAMP_STABLE, Route
from mesh.operations.choosing import (
    Known,
    as_written,
    by_shape,
    configured,
    had_everything,
    is_over,
    named,
    roles,
    stamped,
)
from mesh.operations.undoing import is_written
from mesh.ports import Operations

LATELY = 50
"""How many of a service's newest changes are looked through for those that were written to a route."""
LATELY_EACH = 5
"""The same where many services are looked at: the newest is most often one of them."""

Written = list[tuple[Operation, Plan]]
"""Changes that were written, with their plans, newest first."""


def known(route: Route, service: Service, target: Target, operations: Operations, *, lately: int = LATELY) -> Known:
    """Say what is known of the route's arms, or why nobody knows which one is stable.

    First what the configuration says, then the rollout that is under way, then the object, then the record: the newest
    of the `lately` newest changes that was written to this route; last of all the shape, and never against the others.
    Raises Unavailable when the record cannot be asked.
    """
    if configured(route, service) != Roles():
        return _told(route, service)
    # Before the stamps: older ones may come back beside it, and it has promised where it turns back to.
    if begun := _begun(route, operations.rollout(target)):
        return Known(route, service, begun)
    written = _written(route, operations.recent(target=target, count=lately))
    if stamped(route) == Roles() and not route.lost_roles and not route.left_open:
        route = as_written(route, [plan for _, plan in written])
        why = _drifted(route, service)
    else:
        why = _older(route, written, operations)
    why = why or _guessed(route, written) or _orphaned(route, service)
    return Known(route, service, Roles(), why) if why else _told(route, service)


def _told(route: Route, service: Service) -> Known:
    found = roles(route, service)
    return Known(route, service, found, "" if found.stable else _unknown(route, found))


def _unknown(route: Route, found: Roles) -> str:
    if is_over(route):
        return f"{stamped(route).canary} had everything, and then somebody else moved traffic"
    if route.lost_roles:
        return "what is remembered of it is of a rule that has another name by now"
    if route.left_open:
        return "it was unclear at an earlier change already, and nobody has said so since"
    if found.canary:
        return f"only {found.canary} was named, as the canary"
    return "neither the configuration, the object nor the record says so, and the shares do not tell"


def _begun(route: Route, running: Operation | None) -> Roles | None:
    """Return the roles of the rollout that is under way here, as it said at its beginning; None without one."""
    plan = running.plan if running else None
    if plan is None or not _is_about(plan, route) or plan.rule != route.rule:
        return None
    return Roles(plan.stable, plan.canary) if plan.stable in route.weights else None


def _written(route: Route, changes: list[Operation]) -> Written:
    """Return those of these changes that were written to the route's object, this rule of it or another."""
    planned = ((one, one.plan) for one in changes if one.plan)
    return [(one, plan) for one, plan in planned if _is_about(plan, route) and is_written(one, plan, route)]


def _is_about(plan: Plan, route: Route) -> bool:
    """Tell whether a plan was of this object, also where somebody made it anew: that loses annotations as well."""
    return (plan.kind, plan.namespace, plan.name) == (route.kind, route.namespace, route.name)


# --- what is not believed --------------------------------------------------------------------------------------------


def _drifted(recalled: Route, service: Service) -> str:
    """Say where the record names one arm and the shape another, and the weights are not as we left them."""
    said, shape = named(recalled, service), by_shape(recalled)
    if not said.stable or shape.stable in ("", said.stable) or recalled.drift is None:
        return ""
    return f"the record says {said.stable}, and the shares, which somebody else wrote, say {shape.stable}"


def _older(route: Route, written: Written, operations: Operations) -> str:
    """Say where the object has our stamps, and not those that our newest change left: somebody put old ones back.

    Git is asked for its own history. What another service wrote to the same rule since is newer, and counts.
    """
    ours = route.has_role(STAMP_STABLE) and route.has_role(STAMP_CANARY) and route.kept is None
    newest = next(((one, plan) for one, plan in written if plan.rule == route.rule and one.went(Step.PATCHED)), None)
    if not ours or newest is None:
        return ""
    (operation, plan), said = newest, stamped(route)
    if said.stable in ("", plan.stable) or _is_newer(route, operation, operations):
        return ""
    if not plan.stable:
        return f"the object says {said.stable}, and to {operation.id}, which came later, nobody was stable"
    return f"the object says {said.stable}, and {operation.id} left {plan.stable} there"


def _is_newer(route: Route, than: Operation, operations: Operations) -> bool:
    """Tell whether the stamps on the object are of a change of this very rule that came later."""
    try:
        last = operations.get(route.annotation(STAMP_OPERATION))
    except NotFound:
        return False
    about = last.plan is not None and _is_about(last.plan, route) and last.plan.rule == route.rule
    return about and last.created_at > than.created_at


def _guessed(route: Route, written: Written) -> str:
    """Say where a change turned the roles round though the canary did not have everything, as the shape once did.

    An undo takes the roles of what it undoes; a plain name on the object is somebody's word, and so is a rollback's.
    """
    if any(route.plain_role(key) for key in (STAMP_STABLE, STAMP_CANARY)):
        return ""
    for (newer, now), (older, before) in pairwise((one, plan) for one, plan in written if plan.rule == route.rule):
        if (now.stable, now.canary) == (before.stable, before.canary):
            continue
        turned = now.stable and (now.stable, now.canary) == (before.canary, before.stable)
        had = next((arm.share_before for arm in now.arms if arm.name == now.stable), 0.0)
        if not turned or had >= 100 or newer.command.verb is Verb.UNDO or _was_named(newer):
            return ""
        return f"{newer.id} took {now.stable} for stable at {had:g} %, and to {older.id} it was the canary"
    return ""


def _was_named(change: Operation) -> bool:
    """Tell whether somebody said with it which arm is stable."""
    return change.command.verb is Verb.ROLLBACK and bool(change.command.version)


def _orphaned(route: Route, service: Service) -> str:
    """Say where the shape would make a canary stable whose own stable arm is gone, before it had everything."""
    said, shape = stamped(route), by_shape(route)
    if named(route, service) != Roles() or not shape.stable or shape.stable != said.canary or had_everything(route):
        return ""
    return f"{said.canary} was the canary, and {said.stable}, which was stable, is gone"
