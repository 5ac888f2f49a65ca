"""Judging the gates of the arms that would rise."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import cache, cached_property

from mesh.domain.burning import judge_burn
from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.counts import Counts
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.gates import (
    CustomGate,
    GateResult,
    Lack,
    Limits,
    Verdict,
    judge_capacity,
    judge_first,
    lacking,
    overall,
)
from mesh.domain.measures import Measured, Subject
from mesh.domain.operations import Operation
from mesh.domain.plans import ArmChange, Plan, Roles
from mesh.domain.routes import Arm, Route
from mesh.domain.trials import Pair, Tick, judge_blind, judge_once
from mesh.ports import Cluster, Metrics, Ready


def judge_plan(
    plan: Plan, route: Route, operation: Operation, *, catalog: Catalog, sources: tuple[Cluster, Metrics]
) -> tuple[GateResult, ...]:
    """Judge every arm that rises: by its traffic where it has some, and by the ready endpoints that are to carry it.

    An arm without traffic now may have failed its gates minutes ago; that still counts, or going down to 0 and up again
    would be a way round them. That nothing is known of it limits how much it may get at once, unless it is only given
    back what it had (undo). An arm that falls needs nothing. Traffic that goes back to stable needs one ready endpoint
    there and no gates. `sources` are cluster and metrics.
    """
    target, (cluster, metrics) = operation.target, sources
    limits = catalog.service(target).limits
    judge = RouteJudge(route, target, _compared(plan, route), limits=limits, metrics=metrics)
    changes = {change.name: change for change in plan.arms}
    rows: list[GateResult] = []
    for name in plan.judged:
        rows += judge.arm(name)
    for name in plan.exposed:
        lately = judge.arm(name)
        if overall(lately) is not Verdict.UNKNOWN:
            rows += lately
        elif not operation.command.goes_back:
            rows += judge_first(name, changes[name].share_after, limits)
    if plan.judged or plan.exposed:
        rows += judge.service()
    return (*rows, *judge_endpoints(plan, route, target, cluster=cluster, load_max=limits.load_max))


def _compared(plan: Plan, route: Route) -> Roles:
    """Return who is compared with whom: the other of two arms is what there is to compare with, be it stable or not."""
    others = [arm.name for arm in route.arms if arm.name != plan.canary]
    alone = others[0] if plan.canary and len(others) == 1 else ""
    return Roles(plan.stable or alone, plan.canary)


def judge_endpoints(
    plan: Plan, route: Route, target: Target, *, cluster: Cluster, load_max: float
) -> tuple[GateResult, ...]:
    """Judge whether ready endpoints can carry what the plan gives to each arm that rises, stable included."""
    capacity = _Capacity(plan, route, target, cluster, load_max=load_max)
    rows = [capacity.judge(name, untold=Verdict.UNKNOWN) for name in plan.judged]
    rows += [capacity.judge(name, untold=Verdict.FAIL) for name in plan.exposed]
    return (*rows, *capacity.judge_return())


class RouteJudge:
    """The arms of one route by their traffic, over the window of their service; everything is asked once."""

    def __init__(self, route: Route, target: Target, roles: Roles, *, limits: Limits, metrics: Metrics) -> None:
        """Judge by `limits`; arms are compared with the stable one of `roles`, where that is known."""
        self._arms = {arm.name: arm for arm in route.arms}
        self._subject = Subject.of(target, route)
        self._target = target
        self._stable = roles.stable
        self._limits = limits
        self._metrics = metrics

    def arm(self, name: str) -> tuple[GateResult, ...]:
        """Judge one arm: floor, absolute limits, comparison, and what administrators added."""
        measured, limits = self._measured, self._limits
        pair = Pair(name, self._stable if self._stable != name and limits.compare else "")
        if why := blindness(measured, name, limits):
            rows = judge_blind(pair, limits, why, window_s=limits.window_s)
        else:
            counts = measured.counts
            tick = Tick(limits.window_s, counts.get(self._stable, Counts()), counts.get(name, Counts()))
            rows = judge_once(tick, pair, limits)
        lack = lack_of(measured, name, limits)
        rows = lacking(rows, lack)
        queried = (replace(row, query=row.query or measured.query(row.name, row.arm)) for row in rows)
        custom = judge_custom(self._arms[name], self._target, limits, self._metrics)
        return (*queried, *lacking_custom(custom, lack))

    def service(self) -> tuple[GateResult, ...]:
        """Judge the service as a whole: nothing is promoted into an incident."""
        if not self._limits.slo:
            return ()
        burn = self._metrics.burns(self._target.cluster, [self._subject])[0]
        return judge_burn(burn, slo=self._limits.slo, service=self._target.service)

    @cached_property
    def _measured(self) -> Measured:
        cluster, window_s = self._target.cluster, self._limits.window_s
        return self._metrics.measure(cluster, [self._subject], until=0, seconds=window_s)[0]


def blindness(measured: Measured, name: str, limits: Limits) -> str:
    """Say why nothing can be told of an arm, or return an empty string: no answer, no label, or only old samples."""
    if why := measured.blindness(name):
        return why
    old = measured.age_s is not None and measured.age_s > limits.max_age_s
    return f"the newest sample is {measured.age_s:.0f} s old" if old else ""


def lack_of(measured: Measured, name: str, limits: Limits) -> Lack:
    """Return what whatever is unknown of an arm lacks: a quiet service has series, one that is not scraped has none."""
    if measured.blindness(name) or measured.age_s is None:
        return Lack.SILENT
    return Lack.OLD if measured.age_s > limits.max_age_s else Lack.FEW


def lacking_custom(rows: Iterable[GateResult], lack: Lack) -> tuple[GateResult, ...]:
    """Return rows of administrators' conditions: one that merely found nothing lacks what all of its arm lacks.

    An empty answer alone does not tell a quiet arm from one whose series are gone.
    """
    return tuple(replace(row, lack=lack) if row.lack == Lack.FEW else row for row in rows)


def judge_custom(arm: Arm, target: Target, limits: Limits, metrics: Metrics) -> tuple[GateResult, ...]:
    """Judge what administrators wrote for the service: one query for each."""
    return tuple(metrics.ask(gate, arm, target, window_s=limits.window_s) for gate in limits.custom)


def judge_blind_custom(gate: CustomGate, arm: Arm, why: str, *, window_s: int, at: float) -> GateResult:
    """Return the row of a condition that was not asked, with the reason `why`: as little as an empty answer."""
    limit = gate.least if gate.most is None else gate.most
    row = GateResult(gate.name, arm.name, Verdict.UNKNOWN, None, limit or 0.0, gate.unit, 0, window_s, why)
    return replace(row, at_most=gate.most is not None, at=at, lack=Lack.FEW)


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
