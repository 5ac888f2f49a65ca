"""Judging the gates of the arms that would rise."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import cache

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.gates import GateResult, Verdict, judge, judge_capacity, overall
from mesh.domain.plans import ArmChange, Plan
from mesh.domain.routes import Arm, Route
from mesh.ports import Cluster, Metrics, Ready


def judge_plan(
    plan: Plan, route: Route, target: Target, *, catalog: Catalog, sources: tuple[Cluster, Metrics]
) -> tuple[GateResult, ...]:
    """Judge every arm that rises: by its traffic where it has some, and by the ready endpoints that are to carry it.

    An arm without traffic now may have failed its gates minutes ago; that still counts, or going down to 0 and up again
    would be a way round them. That nothing is known of it does not. An arm that falls needs nothing. Traffic that goes
    back to stable needs one ready endpoint there and no gates. `sources` are cluster and metrics.
    """
    arms = {arm.name: arm for arm in route.arms}
    cluster, metrics = sources
    capacity = _Capacity(plan, route, target, cluster, load_max=catalog.service(target).limits.load_max)
    rows: list[GateResult] = []
    for name in plan.judged:
        rows += judge_arm(arms[name], target, catalog=catalog, metrics=metrics)
        rows.append(capacity.judge(name, untold=Verdict.UNKNOWN))
    for name in plan.exposed:
        rows.append(capacity.judge(name, untold=Verdict.FAIL))
        lately = judge_arm(arms[name], target, catalog=catalog, metrics=metrics)
        rows += lately if overall(lately) is Verdict.FAIL else ()
    return (*rows, *capacity.judge_return())


def judge_arm(arm: Arm, target: Target, *, catalog: Catalog, metrics: Metrics) -> tuple[GateResult, ...]:
    """Judge one arm by its traffic over the window of its service."""
    limits = catalog.service(target).limits
    return judge(arm.name, metrics.read(arm, target, window_s=limits.window_s), limits)


class _Capacity:
    """Ready endpoints of a route's arms, counted once, against the shares a plan gives them."""

    def __init__(self, plan: Plan, route: Route, target: Target, cluster: Cluster, *, load_max: float) -> None:
        self._changes = {change.name: change for change in plan.arms}
        self._stable = plan.stable
        arms = {arm.name: arm for arm in route.arms}
        self._ready = cache(lambda name: cluster.ready(arms[name], target))
        self._load_max = load_max
        self._unpermitted = {arm.name: arm.unpermitted for arm in route.arms}

    def judge(self, name: str, *, untold: Verdict) -> GateResult:
        """Judge one arm that rises; `untold` is the verdict where its endpoints cannot be counted."""
        if self._unpermitted[name]:
            # The status does not say which backend it means: nobody can tell that it is not this one.
            return GateResult("ready", name, Verdict.UNKNOWN, None, 1, "pods", 0, 0, self._unpermitted[name])
        try:
            ready = self._ready(name)
        except Refused as error:
            return GateResult("ready", name, untold, None, 1, "pods", 0, 0, error.message.removesuffix("."))
        return _row(self._changes[name], ready, busiest=self._busiest(), load_max=self._load_max)

    def judge_return(self) -> tuple[GateResult, ...]:
        """Return a row where nothing at all could serve a rising stable; what cannot be counted holds up nobody."""
        change = self._changes.get(self._stable)
        if change is None or not change.rises:
            return ()
        try:
            row = _row(change, self._ready(self._stable), busiest=0, load_max=0)
        except (Refused, Unavailable):
            return ()
        return () if row.verdict is Verdict.PASS else (row,)

    def _busiest(self) -> float:
        """Return the share that the busiest endpoint bears now, in per cent; 0 when nothing is known."""
        loads = [0.0]
        for name, change in self._changes.items():
            if change.share_before > 0:
                with suppress(Refused):
                    ready = self._ready(name).count
                    loads.append(change.share_before / ready if ready else 0.0)
        return max(loads)


def _row(change: ArmChange, ready: Ready, *, busiest: float, load_max: float) -> GateResult:
    row = judge_capacity(change.name, change.share_after, ready=ready.count, busiest=busiest, load_max=load_max)
    return replace(row, why=f"{row.why}: {ready.why.removesuffix('.')}") if ready.why else row
