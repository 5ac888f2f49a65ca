"""After the end of a change: does the traffic follow the weights? Looked at a few times, then said once."""

from __future__ import annotations

from mesh.domain.counts import Counts
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.gates import Verdict
from mesh.domain.measures import Subject
from mesh.domain.operations import Operation, Step
from mesh.domain.plans import Plan
from mesh.domain.routes import Route
from mesh.domain.splits import SplitSeen, seen, unknown
from mesh.operations.recording import Record
from mesh.operations.stage import Stage

LOOKS_S = (8.0, 20.0, 40.0, 60.0, 90.0)
"""When to look, in seconds after the patch was read back: a few scrapes, whose usual interval is 15 s."""
SETTLING_S = 3.0
"""Proxies hear of new weights within this time; what they did before says nothing of them."""


def measure(stage: Stage, operation: Operation) -> Operation:
    """Compare the measured split with the written one; write down what is certain, else come back at the next look.

    Raises NeedsGit: who wrote since is asked of Git.
    """
    stage.check_may_ask(operation.target)
    with stage.locks.hold(f"report {operation.id}", wait_s=0) as lease:
        if lease is None:
            return operation
        record = Record(stage, stage.operations.get(operation.id), lease)
        plan = record.operation.plan
        if plan is None or not record.operation.to_be_measured:
            return record.operation
        since = stage.time.now() - _verified_at(record.operation)
        upcoming = next((look for look in LOOKS_S if look > since), None)
        try:
            found = _split(stage, record.operation, plan, since) if since >= LOOKS_S[0] else None
        except Refused as error:
            # No later look could tell more.
            found, upcoming = unknown(error.message.removesuffix("."), window_s=int(since)), None
        if upcoming is not None and (found is None or found.verdict is not Verdict.PASS):
            stage.operations.later(operation.id, seconds=upcoming - since)
        elif found is not None:
            record.measured(found)
        return record.operation


def _verified_at(operation: Operation) -> float:
    return next(event.at for event in reversed(operation.story) if event.step is Step.VERIFIED)


def _split(stage: Stage, operation: Operation, plan: Plan, since: float) -> SplitSeen:
    """Return what can be said now; raise Refused when nothing can be said ever."""
    window_s = int(min(since - SETTLING_S, LOOKS_S[-1]))
    try:
        route = stage.cluster.reread(plan, operation.target)
        if route is None or route.weights != plan.weights or _written_since(stage, operation):
            raise Refused("the weights were changed again before it could be measured")
        return seen(plan, _counts(stage, operation, route, window_s), window_s=window_s)
    except Unavailable as error:
        return unknown(error.message.removesuffix("."), window_s=window_s)


def _written_since(stage: Stage, operation: Operation) -> bool:
    """Tell whether another change was written on top, even one that was taken back: its traffic is in the counts."""
    since, others = _verified_at(operation), stage.operations.beside(operation)
    return any(event.step is Step.PATCHING and event.at >= since for other in others for event in other.story)


def _counts(stage: Stage, operation: Operation, route: Route, window_s: int) -> dict[str, float]:
    """Return the requests of each arm; raise Refused when nothing can ever tell, Unavailable when not now."""
    subject = Subject.of(operation.target, route)
    measured = stage.metrics.measure(operation.target.cluster, [subject], until=0, seconds=window_s)[0]
    for untold in measured.problems.values():
        raise Refused(untold)
    if measured.problem:
        raise Unavailable(measured.problem)
    return {arm.name: measured.counts.get(arm.name, Counts()).requests for arm in route.arms}
