"""What the chart of a rollout shows, as plain values. Pure.

Drawing it is `chat.drawing`'s: that module alone needs the plotting library. Saying it is that of `chat.chart_words`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chat.escape import clean
from chat.locales import mark
from mesh.domain.operations import Operation, Step
from mesh.domain.points import Answered, Point
from mesh.domain.rollouts import Phase

NOTHING = float("nan")
"""Not measured: a gap in a line."""

_LATE = 3.0
"""A moment that comes so many times later than its neighbours do leaves a gap: nobody looked meanwhile."""
_MARKED = {Step.HELD: mark("held"), Step.TURNING_BACK: mark("turning back"), Step.ABORTED: mark("aborted")}
OUTCOMES = {
    Phase.MOVING: mark("moving"),
    Phase.BAKING: mark("under way"),
    Phase.CONFIRMING: mark("waits for a person"),
    Phase.PAUSED: mark("paused"),
    Phase.HELD: mark("held"),
    Phase.TURNING_BACK: mark("turning back"),
    Phase.COMPLETED: mark("completed"),
    Phase.TURNED_BACK: mark("turned back"),
    Phase.ABORTED: mark("aborted"),
    Phase.STOPPED: mark("stopped"),
    Phase.EXPIRED: mark("expired"),
}
"""As the picture says it: always English, as the letters of its font. What describes it says it in any language."""


@dataclass(frozen=True)
class Line:
    """What one arm did: values over seconds since the start, NaN where nothing was measured."""

    name: str
    success: tuple[float, ...]
    """Per cent."""
    p99_ms: tuple[float, ...]

    @property
    def measured(self) -> bool:
        """True when it has any value at all."""
        return bool(known(self.success) or known(self.p99_ms))


@dataclass(frozen=True)
class Mark:
    """A moment worth a line of its own."""

    seconds: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Everything that is drawn, in the order of time."""

    service: str
    outcome: str
    """`under way`, `held`, `turned back` …"""
    start: float
    """Unix time in seconds of second 0."""
    seconds: tuple[float, ...]
    """When each value of the lines was measured, since the start."""
    canary: Line
    stable: Line
    shares: tuple[tuple[float, float], ...]
    """(seconds since the start, per cent): what the canary had from then on; the last one is the end."""
    success_min: float | None
    """The limits; None where nobody judged by one."""
    p99_max_ms: float | None
    marks: tuple[Mark, ...]

    @property
    def length_s(self) -> float:
        """From the start to the last thing that is shown, in seconds."""
        last = (self.seconds[-1:], [at for at, _ in self.shares[-1:]], [mark.seconds for mark in self.marks])
        return max((0.0, *(at for part in last for at in part)))


def chart_of(operation: Operation, points: Sequence[Point]) -> Chart:
    """Return what the chart of a rollout shows. `points` oldest first; none are needed."""
    shown = _with_gaps(sorted(points, key=lambda point: point.at))
    start = _start(operation, points)
    canary, stable = _names(operation)
    return Chart(
        service=clean(operation.target.service),
        outcome=_outcome(operation),
        start=start,
        seconds=tuple(point.at - start for point in shown),
        canary=line_of(canary, (point.canary for point in shown)),
        stable=line_of(stable, (point.stable for point in shown)),
        shares=tuple((at - start, share) for at, share in _shares(operation, points)),
        success_min=_limit(operation, "success", canary),
        p99_max_ms=_limit(operation, "p99", canary),
        marks=tuple(_marks(operation, start)),
    )


def chart_of_hour(service: str, outcome: str, arms: tuple[str, str], points: Sequence[Point]) -> Chart:
    """Return the chart of a service that no rollout is about; `arms` are the names of canary and stable."""
    shown = _with_gaps(sorted(points, key=lambda point: point.at))
    start = shown[0].at if shown else 0.0
    answered = [point for point in shown if point.canary.requests or point.stable.requests]
    canary, stable = (clean(arm) or role for arm, role in zip(arms, ("canary", "stable"), strict=True))
    return Chart(
        service=clean(service),
        outcome=outcome,
        start=start,
        seconds=tuple(point.at - start for point in shown),
        canary=line_of(canary, (point.canary for point in shown)),
        stable=line_of(stable, (point.stable for point in shown)),
        shares=tuple((point.at - start, point.share) for point in answered),
        success_min=None,
        p99_max_ms=None,
        marks=(),
    )


def line_of(name: str, arms: Iterable[Answered]) -> Line:
    """Return what an arm answered, as a line of that name; NaN where nothing was measured."""
    kept = list(arms)
    return Line(name, tuple(_value(arm.success) for arm in kept), tuple(_value(arm.p99_ms) for arm in kept))


def known(values: Iterable[float]) -> list[float]:
    """Return the values that were measured."""
    return [value for value in values if not math.isnan(value)]


def _value(measured: float | None) -> float:
    return NOTHING if measured is None else measured


def _with_gaps(points: Sequence[Point]) -> list[Point]:
    """Put a moment without values where nobody looked for much longer than before and after.

    Old points are merged and so lie further apart than new ones: only their neighbours tell what is usual.
    """
    between = [later.at - earlier.at for earlier, later in pairwise(points)]
    shown = list(points[:1])
    for at, point in enumerate(points[1:]):
        beside = [*between[max(at - 1, 0) : at], *between[at + 1 : at + 2]]
        if beside and between[at] > _LATE * max(beside):
            shown.append(Point(point.at - between[at] / 2, point.share, Answered(), Answered()))
        shown.append(point)
    return shown


def _start(operation: Operation, points: Sequence[Point]) -> float:
    moves = operation.rollout.moves if operation.rollout else ()
    shown = [*(move.at for move in moves[:1]), *(point.at for point in points)]
    return min(shown, default=operation.created_at)


def _shares(operation: Operation, points: Sequence[Point]) -> list[tuple[float, float]]:
    """Return from when on the canary had which share; the weights that were read back say it best."""
    rollout = operation.rollout
    steps = [(move.at, move.share) for move in rollout.moves] if rollout else []
    steps = steps or [(point.at, point.share) for point in sorted(points, key=lambda point: point.at)]
    if not steps:
        return []
    ended = rollout is not None and not rollout.active
    if rollout and rollout.phase in (Phase.TURNED_BACK, Phase.ABORTED):
        steps.append((rollout.entered_at, 0.0))
    end = max([steps[-1][0], *(point.at for point in points), *([rollout.entered_at] if rollout and ended else [])])
    return [*steps, (end, steps[-1][1])]


def _names(operation: Operation) -> tuple[str, str]:
    plan, gates = operation.plan, operation.gates
    canary = operation.command.version or (plan.canary if plan else "") or next((gate.arm for gate in gates), "")
    stable = (plan.stable if plan else "") or next((gate.against for gate in gates if gate.against), "")
    return clean(canary) or "canary", clean(stable) or "stable"


def _outcome(operation: Operation) -> str:
    if operation.rollout is None:
        return str(operation.state)
    phase = operation.rollout.phase
    return OUTCOMES.get(phase) or str(phase)


def _limit(operation: Operation, name: str, canary: str) -> float | None:
    rows = [gate for gate in operation.gates if gate.name == name]
    return next((gate.limit for gate in rows if gate.arm == canary), rows[0].limit if rows else None)


def _marks(operation: Operation, start: float) -> Iterator[Mark]:
    for event in operation.story:
        if event.step in _MARKED:
            yield Mark(max(event.at - start, 0.0), _MARKED[event.step])
