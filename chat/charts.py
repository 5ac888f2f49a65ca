"""What the chart of a rollout shows, as plain values, and the same in words and in characters. Pure.

Drawing it is `chat.drawing`'s: that module alone needs the plotting library, and whoever only speaks does without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from chat import figures
from chat.escape import clean, shorten
from chat.figures import no_better, number, percent, short_name
from chat.locales import mark, tr
from mesh.domain.operations import Operation, Step
from mesh.domain.points import Answered, Point
from mesh.domain.rollouts import Phase

Worst = Callable[[Iterable[float]], float]

MOST_ALT = 1000
"""Characters of a picture's description; Slack refuses a longer one with an upload (`alt_txt_too_large`)."""
CELLS = 24
"""Cells of a sparkline: it fits a phone."""
NOTHING = float("nan")
"""Not measured: a gap in a line."""

_BLOCKS = "▁▂▃▄▅▆▇█"
_GAP = "·"
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
        canary=_line(canary, (point.canary for point in shown)),
        stable=_line(stable, (point.stable for point in shown)),
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
        canary=_line(canary, (point.canary for point in shown)),
        stable=_line(stable, (point.stable for point in shown)),
        shares=tuple((point.at - start, point.share) for point in answered),
        success_min=None,
        p99_max_ms=None,
        marks=(),
    )


def alt_text(operation: Operation, points: Sequence[Point] = ()) -> str:
    """Return what the picture shows, in at most 1,000 characters, for whom does not see it."""
    shown = chart_of(operation, points)
    when = datetime.fromtimestamp(shown.start, UTC).strftime("%Y-%m-%d %H:%M UTC")
    said = [
        tr(
            "Chart of the canary of {service}: {arms}, {outcome}",
            service=short_name(shown.service),
            arms=_of(shown),
            outcome=tr(shown.outcome),
        ),
        tr("It begins at {when} and spans {time}", when=when, time=span(shown.length_s))
        if points
        else tr("It begins at {when}", when=when),
        tr("Share of {arm}: {shares}", arm=shown.canary.name, shares=_told_shares(shown)) if shown.shares else "",
        *(_told_line(shown, line) for line in (shown.canary, shown.stable) if line.measured),
        *(
            tr("{what} after {time}", what=tr(one.label).capitalize(), time=span(one.seconds))
            for one in shown.marks[-3:]
        ),
        _told_limits(shown),
    ]
    if not (shown.canary.measured or shown.stable.measured) and points:
        said.append(tr("Nothing was measured"))
    return shorten(" ".join(f"{sentence}." for sentence in said if sentence), MOST_ALT)


def sparkline(points: Sequence[Point]) -> str:
    """Return success share and p99 of the canary as two lines of characters, `·` where nothing was measured."""
    arms = [point.canary for point in sorted(points, key=lambda point: point.at)]
    success = _cells([_value(arm.success) for arm in arms], min)
    p99 = _cells([_value(arm.p99_ms) for arm in arms], max)
    lowest, highest = min(known(success), default=100.0), max(known(p99), default=1.0)
    # Names of metrics, as gates have them: in letters that are all as wide, in whatever font.
    return "\n".join(
        (
            f"success {_blocks(success, min(lowest, 99.0), 100.0)} {_last(success, '%')}",
            f"p99     {_blocks(p99, 0.0, highest)} {_last(p99, 'ms')}",
        )
    )


def span(seconds: float) -> str:
    """Return a duration for people: `45 s`, `5 min`, `3.5 h`."""
    if seconds < 3 * 3600:
        return figures.span(seconds)
    return tr("{count} h", count=number(seconds / 3600, places=1))


def milliseconds(value: float) -> str:
    """Return a latency with three figures at most: `182 ms`, `1.25 s`, `250 s`."""
    if value < 1000:
        return f"{number(value, places=0 if value >= 10 else 1)} ms"
    return f"{number(value / 1000, places=2 if value < 10_000 else 0)} s"


def known(values: Iterable[float]) -> list[float]:
    """Return the values that were measured."""
    return [value for value in values if not math.isnan(value)]


# --- values --------------------------------------------------------------------------------------------------------


def _value(measured: float | None) -> float:
    return NOTHING if measured is None else measured


def _line(name: str, arms: Iterable[Answered]) -> Line:
    kept = list(arms)
    return Line(name, tuple(_value(arm.success) for arm in kept), tuple(_value(arm.p99_ms) for arm in kept))


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


# --- words ---------------------------------------------------------------------------------------------------------


def _of(shown: Chart) -> str:
    names = {"canary": short_name(shown.canary.name), "stable": short_name(shown.stable.name)}
    return tr("{canary} (canary) against {stable} (stable)", **names)


def _told_shares(shown: Chart) -> str:
    steps = [step for at, step in enumerate(shown.shares[:-1]) if not at or step[1] != shown.shares[at - 1][1]]
    told = [
        tr("{share} after {time}", share=percent(share), time=span(at)) if at >= 1 else percent(share)
        for at, share in steps
    ]
    return ", ".join(told if len(told) <= 8 else [*told[:3], "…", *told[-4:]])


def _told_line(shown: Chart, line: Line) -> str:
    parts = [
        _extreme(shown, line.success, tr("success"), "%", worst=min),
        _extreme(shown, line.p99_ms, "p99", "ms", worst=max),
    ]
    return f"{short_name(line.name)}: " + "; ".join(part for part in parts if part)


def _extreme(shown: Chart, values: Sequence[float], name: str, unit: str, *, worst: Worst) -> str:
    measured = [(value, at) for value, at in zip(values, shown.seconds, strict=True) if not math.isnan(value)]
    if not measured:
        return tr("{name} not measured", name=name)
    value = worst(found for found, _ in measured)
    at = next(moment for found, moment in measured if found == value)
    told = {"name": name, "value": _amount(measured[-1][0], unit)}
    last = tr("{name} {value} at last", **told)
    if measured[-1][1] < shown.seconds[-1]:
        last = tr("{name} {value} when last measured", **told)
    found = {"value": _amount(value, unit), "time": span(at)}
    extreme = (
        tr("lowest {value} after {time}", **found) if worst is min else tr("highest {value} after {time}", **found)
    )
    return f"{last}, {extreme}"


def _told_limits(shown: Chart) -> str:
    success, p99 = shown.success_min, shown.p99_max_ms
    least = tr("success at least {share}", share=percent(success)) if success is not None else ""
    most = tr("p99 at most {time}", time=milliseconds(p99)) if p99 is not None else ""
    told = tr("{one} and {other}", one=least, other=most) if least and most else least or most
    return tr("Limits: {limits}", limits=told) if told else ""


def _amount(value: float, unit: str) -> str:
    return milliseconds(value) if unit == "ms" else no_better(value, unit, at_most=False)


# --- characters ----------------------------------------------------------------------------------------------------


def _cells(values: Sequence[float], worst: Worst) -> list[float]:
    """Return at most `CELLS` values: where several share a cell, the worst of them."""
    count = min(len(values), CELLS)
    edges = [round(cell * len(values) / count) for cell in range(count + 1)] if count else [0]
    cells = []
    for begin, end in pairwise(edges):
        measured = known(values[begin:end])
        cells.append(worst(measured) if measured else NOTHING)
    return cells


def _blocks(values: Sequence[float], least: float, most: float) -> str:
    height = len(_BLOCKS) - 1
    room = most - least or 1.0
    return "".join(
        _GAP if math.isnan(value) else _BLOCKS[min(max(round((value - least) / room * height), 0), height)]
        for value in values
    )


def _last(values: Sequence[float], unit: str) -> str:
    measured = known(values)
    return _amount(measured[-1], unit) if measured else tr("not measured")
