"""A look: every active rollout of a cluster is judged at once, whatever their number, and what is due happens."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mesh.domain.ascents import climbed
from mesh.domain.burning import judge_burn
from mesh.domain.commands import Target
from mesh.domain.counts import Counts
from mesh.domain.errors import Conflict
from mesh.domain.gates import CustomGate, GateResult, Lack, Limits, Verdict, lacking, overall
from mesh.domain.measures import Burn, Measured, Subject
from mesh.domain.operations import Operation
from mesh.domain.plans import Plan
from mesh.domain.points import Point
from mesh.domain.rollouts import Phase
from mesh.domain.routes import Arm, Weights
from mesh.domain.trials import Pair, Tick, Trial, judge_blind, judge_trial, observe
from mesh.operations.incidents import Guard
from mesh.operations.judging import blindness, judge_blind_custom, lack_of, lacking_custom
from mesh.operations.rollouts import advance_alone, is_due, turns_back
from mesh.operations.stage import Stage
from mesh.operations.telling import the_plan, the_rollout
from mesh.ports import Watch

LONGEST_S = 60.0
"""After a longer pause nobody counts what was in it: it begins anew with one ordinary look."""
SHORTEST_S = 0.1
"""A look so soon after the last one would count nothing; looks in a hurry come each quarter of a second."""
SLOW = 0.25
"""Where finding out takes a larger part of a look's interval, none is asked for out of turn: with a thousand rollouts
one of them is near a proof at any time, and looks would follow each other without a pause."""
SETTLE_S = 60.0
"""Longest time between two scrapes, in seconds. Two servers scrape at different moments, so what one of them counts
up to a moment, and the other from there on, has a gap or an overlap as long as that."""
CUSTOM_S = 15.0
"""How often what administrators wrote in PromQL is asked, for each rollout, in seconds."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Looked:
    """What a look did."""

    rollouts: int = 0
    """How many were judged."""
    advanced: int = 0
    """How many took a transition."""


def look(cluster: str, stage: Stage) -> Looked:
    """Judge every watched rollout of the cluster by what happened since the last look; let happen what is due.

    Any number of these may run at once: one of them counts. Raises Unavailable when the store does not answer.
    """
    began, active = stage.time.now(), stage.watches.active(cluster)
    judged = _judged(cluster, stage, [one for one in active if the_rollout(one).watched])
    now = stage.time.now()
    # Before anything is done about the others: several that turn back at once must not keep one waiting that is near.
    if (
        any(one.watch.ascent.hurries(one.watch.looked_at) for one in judged)
        and now - began < SLOW * stage.catalog.look_s
    ):
        stage.watches.hurry(cluster)
    due = [one for one in judged if one.suspect or is_due(one.operation, one.watch, now=now)]
    # First what takes traffic back: a cluster that is slow to answer about others must not let its verdict grow old.
    due.sort(key=lambda one: not turns_back(one.operation, one.watch, now=now))
    back = [one for one in active if the_rollout(one).phase is Phase.TURNING_BACK]
    onward = [one for one in active if the_rollout(one).phase is Phase.MOVING]
    taken = [advance_alone(stage, one, watch=None) for one in back]
    taken += [advance_alone(stage, one.operation, watch=one.watch, suspect=one.suspect) for one in due]
    taken += [advance_alone(stage, one, watch=None) for one in onward]
    return Looked(len(judged), sum(taken))


def _judged(cluster: str, stage: Stage, watched: Sequence[Operation]) -> list[_Judged]:
    """Return the rollouts with their new watches; none where another look was had since."""
    before, until = stage.watches.looked_until(cluster), stage.time.now() - _lag(cluster, stage)
    since = until - before
    if not watched or -LONGEST_S <= since < SHORTEST_S:
        return []
    # Far ahead of us was a clock that has been set back since: waiting until it is that late again would blind us.
    seconds = since if 0 < since <= LONGEST_S else stage.catalog.look_s
    found = _Look(stage, cluster, watched, until=until, seconds=seconds).judged()
    watches = {one.operation.id: one.watch for one in found}
    try:
        stage.watches.save(cluster, (before, until), watches, {one.operation.id: one.point for one in found})
    except Conflict:
        return []
    return found


def _lag(cluster: str, stage: Stage) -> float:
    return stage.catalog.cluster(cluster).prometheus.lag_s


@dataclass(frozen=True)
class _Judged:
    """One rollout after a look."""

    operation: Operation
    watch: Watch
    point: Point
    suspect: bool
    """Its route seems to have other weights than it was left with."""


class _Look:
    """One look at many rollouts: everything is asked for all of them at once."""

    def __init__(
        self, stage: Stage, cluster: str, operations: Sequence[Operation], *, until: float, seconds: float
    ) -> None:
        self._stage = stage
        self._operations = operations
        self._until = until
        self._seconds = seconds
        subjects = [_subject(one) for one in operations]
        self._watches = stage.watches.load([one.id for one in operations])
        source = _believed(self._watches.values())
        self._measured = stage.metrics.measure(cluster, subjects, until=until, seconds=seconds, source=source)
        self._burns = stage.metrics.burns(cluster, subjects)
        plans = [(one.plan, one.target) for one in operations if one.plan]
        self._glances = stage.cluster.glance(plans)
        # Last, and once for all of them.
        guard = Guard(stage.catalog, stage.incidents, stage.time)
        self._incidents = guard.judge_all([one.target for one in operations])
        self._patient_until = stage.time.now() + stage.catalog.look_s

    def judged(self) -> list[_Judged]:
        """Return every rollout with its new watch; one that a bug keeps from being judged is left out, and told."""
        asked = zip(self._operations, self._measured, self._burns, self._glances, strict=True)
        return [found for one, *answers in asked if (found := self._tried(one, *answers)) is not None]

    def _tried(self, operation: Operation, *answers: Any) -> _Judged | None:
        try:
            return self._judge(operation, *answers)
        except Exception:
            log.exception("a bug kept %s from being judged", operation.id)
            return None

    def _judge(self, operation: Operation, measured: Measured, burn: Burn, seen: Weights | None) -> _Judged:
        rollout, plan = the_rollout(operation), the_plan(operation)
        limits = self._stage.catalog.service(operation.target).limits
        canary, stable = (measured.counts.get(name, Counts()) for name in (plan.canary, plan.stable))
        former = self._watches.get(operation.id, Watch())
        if former.since != rollout.moved_at:
            former = Watch(since=rollout.moved_at)
        source, counts_from = self._source(former, measured)
        trial, early = former.trial, self._too_early(rollout.moved_at, limits) or self._counted_twice(counts_from)
        if not (early or measured.problem):
            trial = observe(trial, Tick(self._seconds, stable, canary), limits)
        judged = _rows(trial, _pair(plan, limits), blindness(measured, plan.canary, limits) or early, limits)
        lack = lack_of(measured, plan.canary, limits)
        rows = (
            *lacking(judged, lack),
            *judge_burn(burn, slo=limits.slo, service=operation.target.service),
            *self._incidents.get(operation.target, ()),
        )
        now = self._stage.time.now()
        rows = tuple(
            replace(row, query=row.query or measured.query(row.name, row.arm), at=row.at or now) for row in rows
        )
        rows += lacking_custom(self._custom(operation, former.rows, limits, measured.problem or early), lack)
        watch = Watch(
            since=rollout.moved_at,
            trial=trial,
            rows=rows,
            looked_at=now,
            seen_at=now if canary.requests > 0 else former.seen_at,
            passing_since=(former.passing_since or now) if overall(rows) is Verdict.PASS else 0.0,
            among=len(self._operations),
            ascent=climbed(former.ascent, rows, now=now),
            source=source,
            counts_from=counts_from,
        )
        point = Point.of(self._until, plan.canary_share, canary=canary, stable=stable)
        return _Judged(operation, watch, point, suspect=seen is not None and seen != plan.weights)

    def _too_early(self, moved_at: float, limits: Limits) -> str:
        """Say that nothing counts yet, so soon after the weights were written; empty once it does."""
        set_back = moved_at > self._stage.time.now() + LONGEST_S
        if set_back or self._until - self._seconds >= moved_at + limits.warm_up_s:
            return ""
        return "nothing counts yet: the weights were written a moment ago"

    def _source(self, former: Watch, measured: Measured) -> tuple[str, float]:
        """Return which server is believed, and from when on what it counted was not counted by another."""
        changed = former.source and measured.source and measured.source != former.source
        counts_from = self._until - self._seconds + SETTLE_S if changed else former.counts_from
        return measured.source or former.source, counts_from

    def _counted_twice(self, counts_from: float) -> str:
        """Say that another server may have counted these requests; empty where none has."""
        begin = self._until - self._seconds
        # A moment further ahead is from before somebody set the clock back.
        if begin < counts_from <= begin + SETTLE_S:
            return "nothing counts for a minute: another metrics server answers now"
        return ""

    def _custom(
        self, operation: Operation, former: Iterable[GateResult], limits: Limits, problem: str
    ) -> tuple[GateResult, ...]:
        """Return the rows of administrators' conditions: those of the last look until they are old.

        They are asked one by one, so a sick server is not asked, nor any while nothing counts (`problem` says why), and
        a slow one only for as long as a look may take: nobody else's rollout waits for them.
        """
        if not limits.custom:
            return ()
        names = {gate.name for gate in limits.custom}
        kept, now = tuple(row for row in former if row.name in names and row.query), self._stage.time.now()
        if len(kept) == len(names) and now - min(row.at for row in kept) < CUSTOM_S:
            return kept
        rollout, plan = the_rollout(operation), the_plan(operation)
        arm = next(arm for arm in rollout.arms if arm.name == plan.canary)
        return tuple(self._asked(gate, arm, operation.target, problem, limits.window_s) for gate in limits.custom)

    def _asked(self, gate: CustomGate, arm: Arm, target: Target, problem: str, window_s: int) -> GateResult:
        now = self._stage.time.now()
        if problem:
            return judge_blind_custom(gate, arm, problem, window_s=window_s, at=now)
        if now >= self._patient_until:
            why = "the metrics server was too slow to be asked this as well"
            return replace(judge_blind_custom(gate, arm, why, window_s=window_s, at=now), lack=Lack.SILENT)
        return self._stage.metrics.ask(gate, arm, target, window_s=window_s)


def _believed(watches: Iterable[Watch]) -> str:
    """Return the server that most looks believed, so that workers who come in turn ask the same."""
    sources = Counter(watch.source for watch in watches if watch.source)
    return sources.most_common(1)[0][0] if sources else ""


def _subject(operation: Operation) -> Subject:
    plan = the_plan(operation)
    shares = {arm.name: arm.share_after for arm in plan.arms}
    arms = the_rollout(operation).arms
    return Subject(operation.target, arms, tuple(shares.get(arm.name, 0.0) for arm in arms))


def _pair(plan: Plan, limits: Limits) -> Pair:
    """Return who is compared: nobody is left to compare with once the canary really has everything."""
    alone = plan.canary_share >= 100 or not limits.compare
    return Pair(plan.canary, "" if alone else plan.stable)


def _rows(trial: Trial, pair: Pair, blind: str, limits: Limits) -> tuple[GateResult, ...]:
    if blind:
        return judge_blind(pair, limits, blind, window_s=round(trial.seconds))
    return judge_trial(trial, pair, limits)
