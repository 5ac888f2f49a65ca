"""Judging the gates of the arms that would rise."""

from __future__ import annotations

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from mesh.domain.gates import GateResult, Verdict, judge, judge_ready, overall
from mesh.domain.plans import Plan
from mesh.domain.routes import Arm, Route
from mesh.ports import Cluster, Metrics


def judge_plan(
    plan: Plan, route: Route, target: Target, *, catalog: Catalog, sources: tuple[Cluster, Metrics]
) -> tuple[GateResult, ...]:
    """Judge every arm that rises: by its traffic, or by its ready endpoints where it has no traffic yet.

    An arm without traffic now may have failed its gates minutes ago; that still counts, or going down to 0 and up again
    would be a way round them. That nothing is known of it does not. An arm that falls needs nothing, nor does traffic
    that goes back to stable. `sources` are cluster and metrics.
    """
    arms = {arm.name: arm for arm in route.arms}
    cluster, metrics = sources
    rows = [row for name in plan.judged for row in judge_arm(arms[name], target, catalog=catalog, metrics=metrics)]
    for name in plan.exposed:
        rows.append(_judge_exposure(arms[name], target, cluster))
        lately = judge_arm(arms[name], target, catalog=catalog, metrics=metrics)
        rows += lately if overall(lately) is Verdict.FAIL else ()
    return tuple(rows)


def judge_arm(arm: Arm, target: Target, *, catalog: Catalog, metrics: Metrics) -> tuple[GateResult, ...]:
    """Judge one arm by its traffic over the window of its service."""
    limits = catalog.service(target).limits
    return judge(arm.name, metrics.read(arm, target, window_s=limits.window_s), limits)


def _judge_exposure(arm: Arm, target: Target, cluster: Cluster) -> GateResult:
    try:
        return judge_ready(arm.name, cluster.ready(arm, target))
    except Refused as error:
        return GateResult("ready", arm.name, Verdict.FAIL, None, 1, "pods", 0, 0, error.message.removesuffix("."))
