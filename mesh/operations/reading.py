"""Operations that only read: status, gates and dry runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mesh.domain.catalog import Catalog, Service
from mesh.domain.commands import Target, Verb
from mesh.domain.digests import listed
from mesh.domain.errors import MeshbotError, Unreadable
from mesh.domain.gates import Verdict, overall
from mesh.domain.operations import ArmStatus, Operation, RouteStatus
from mesh.domain.plans import Roles
from mesh.domain.resting import unrest
from mesh.domain.routes import STAMP_OPERATION, Arm, Route
from mesh.operations import following
from mesh.operations.beginning import first_step
from mesh.operations.choosing import Known, choose, is_chosen, key
from mesh.operations.incidents import Guard, warned
from mesh.operations.judging import RouteJudge, judge_plan
from mesh.operations.knowing import LATELY_EACH, known
from mesh.operations.planning import make_plan
from mesh.operations.telling import where
from mesh.ports import Cluster, Metrics, Operations, Surveyed

LATELY = 10
"""How many of a service's newest changes are looked through for one that was proposed."""
MOST_STATUSES = 20
"""Routes that an overview keeps: a little more than a card shows."""


def read(
    operation: Operation, *, catalog: Catalog, operations: Operations, sources: tuple[Cluster, Metrics], guard: Guard
) -> Operation:
    """Return the operation with what it asked for filled in; raises what planning and choosing raise.

    `guard` says of gates and of dry runs whether an incident holds up promotions.
    """
    if operation.command.verb is Verb.STATUS:
        return _status(operation, catalog, operations, sources[0])
    if operation.command.verb is Verb.GATES:
        return _gates(operation, catalog, operations, (*sources, guard))
    return _dry_run(operation, catalog, operations, (*sources, guard))


def _status(operation: Operation, catalog: Catalog, operations: Operations, cluster: Cluster) -> Operation:
    target = operation.target
    if not target.service:
        return _overview(operation, catalog, operations, cluster)
    service, command = catalog.service(target), operation.command
    routes = [route for route in cluster.routes(target) if is_chosen(route, command.route)]
    if not routes:
        choose(cluster, target, service, command)  # raises, with the names there are
    running = operations.rollout(target)
    lately = operations.recent(target=target, count=LATELY) if any(route.kept for route in routes) else []
    statuses = tuple(
        replace(
            (status := route_status(route, about, target=target, cluster=cluster)),
            rollout=_rollout(running, route),
            kept=following.with_proposal(route, status.kept, lately),
        )
        for route, about in ((route, known(route, service, target, operations)) for route in routes)
    )
    return replace(operation, statuses=statuses, outcome=_weights_in_words(statuses))


def _rollout(running: Operation | None, route: Route) -> str:
    """Say what a rollout is doing with this route; an empty string where none is."""
    if running is None or running.plan is None or (running.plan.uid, running.plan.rule) != (route.uid, route.rule):
        return ""
    return f"A canary is under way: {where(running)}, {running.id}"


def _overview(operation: Operation, catalog: Catalog, operations: Operations, cluster: Cluster) -> Operation:
    """Status without a service: every service of the namespace that has weights, what does not rest first.

    A fixed number of lists, so nobody counts ready pods, and no more routes are kept than a card shows.
    """
    target = operation.target
    surveyed = cluster.survey(target.cluster, namespaces=[target.namespace])
    weighted = [
        (one.target, route, _known(route, one.target, catalog.service(one.target), operations))
        for one in surveyed
        for route in one.routes
        if len(route.arms) > 1
    ]
    weighted.sort(key=lambda one: not unrest(one[2].route, one[2].roles))
    shown = weighted[:MOST_STATUSES]
    found = tuple(route_status(route, about, target=one, cluster=None) for one, route, about in shown)
    return replace(
        operation,
        statuses=found,
        unshown=len(weighted) - len(found),
        outcome=_weights_in_words(found),
        hint=_faulty([one for one in surveyed if one.problem]),
    )


def _known(route: Route, target: Target, service: Service, operations: Operations) -> Known:
    """Say what is known of one route among many: what only a newer meshbot can read leaves this route alone unclear."""
    try:
        return known(route, service, target, operations, lately=LATELY_EACH)
    except Unreadable as error:
        return Known(route, service, Roles(), error.message.removesuffix("."))


def _faulty(surveyed: Sequence[Surveyed]) -> str:
    """Say which services' routes cannot be read, and why the first cannot; an empty string where all can."""
    if not surveyed:
        return ""
    return f"Not shown: {listed([one.target.service for one in surveyed])}. {surveyed[0].problem}"


def route_status(route: Route, about: Known, *, target: Target, cluster: Cluster | None) -> RouteStatus:
    """Describe one route: each arm's role, weight, share, and where a `cluster` is given ready endpoints."""
    found, kept = about.roles, following.in_status(route)
    drift, route = route.drift, route.as_live
    names = {found.stable: "stable", found.canary: "canary"}
    arms = tuple(
        ArmStatus(arm.name, names.get(arm.name, ""), arm.weight, route.share(arm), _ready(arm, target, cluster))
        for arm in route.arms
    )
    return RouteStatus(
        route.label,
        arms,
        route.warnings,
        last_operation=route.annotation(STAMP_OPERATION),
        drift=drift,
        owner=route.owner,
        key=key(route, target),
        parents=route.parents,
        generation=route.generation,
        kept=kept,
        unclear="" if route.owner or len(route.arms) < 2 else about.why,
    )


def _ready(arm: Arm, target: Target, cluster: Cluster | None) -> int | None:
    if cluster is None:
        return None
    try:
        return cluster.ready(arm, target).count
    except MeshbotError:
        return None


def _gates(
    operation: Operation, catalog: Catalog, operations: Operations, asked: tuple[Cluster, Metrics, Guard]
) -> Operation:
    target, (cluster, metrics, guard) = operation.target, asked
    service = catalog.service(target)
    route = choose(cluster, target, service, operation.command)
    about = known(route, service, target, operations)
    found = about.roles
    judge = RouteJudge(route, target, found, limits=service.limits, metrics=metrics)
    rows = {arm.name: judge.arm(arm.name) for arm in route.arms}
    whole = (*judge.service(), *guard.judge(target))
    judged = rows[found.canary] if found.canary else tuple(row for arm in rows.values() for row in arm)
    verdict = overall((*judged, *whole))
    return replace(
        operation,
        statuses=(route_status(route, about, target=target, cluster=cluster),),
        gates=(*(row for arm in rows.values() for row in arm), *whole),
        outcome=f"{found.canary or 'All arms'}: {_VERDICT_WORDS[verdict]}",
    )


_VERDICT_WORDS = {
    Verdict.PASS: "the gates pass, the share may rise",
    Verdict.FAIL: "a gate fails, the share may not rise",
    Verdict.UNKNOWN: "the gates cannot decide, so the share may not rise",
}


def _dry_run(
    operation: Operation, catalog: Catalog, operations: Operations, asked: tuple[Cluster, Metrics, Guard]
) -> Operation:
    steps, (cluster, metrics, guard) = "", asked
    if operation.command.verb is Verb.CANARY:
        strategy, plan, route = first_step(operation, catalog, cluster, operations)
        steps = f"; then {strategy.in_words}" if strategy.in_words else ""
    else:
        plan, route = make_plan(operation, catalog, cluster, operations)
    rows = judge_plan(plan, route, operation, catalog=catalog, sources=(cluster, metrics))
    rows = (*rows, *guard.judge_plan(plan, operation.target))
    verdict = overall(rows) if rows else Verdict.PASS
    would = {
        Verdict.PASS: "It would go ahead now",
        Verdict.FAIL: "It would be refused now: a gate fails",
        Verdict.UNKNOWN: "It would be refused now: the gates cannot decide",
    }[verdict]
    outcome = would + steps if plan.changes else "The weights already are as asked"
    return replace(operation, plan=warned(plan, rows), gates=rows, outcome=outcome)


def _weights_in_words(statuses: tuple[RouteStatus, ...]) -> str:
    if not statuses:
        return "No route here carries weights"
    lines = (", ".join(f"{arm.name} {arm.share:.4g} %" for arm in status.arms) for status in statuses)
    return "; ".join(lines)
