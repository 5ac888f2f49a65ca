"""The chart of a rollout, or of an hour, in words and in characters: for whom no picture reaches. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from chat import figures
from chat.charts import NOTHING, Chart, Line, chart_of, known, line_of
from chat.escape import shorten
from chat.figures import milliseconds, no_better, number, percent, short_name
from chat.locales import tr
from mesh.domain.operations import Operation
from mesh.domain.points import Point

Worst = Callable[[Iterable[float]], float]

MOST_ALT = 1000
"""Characters of a picture's description; Slack refuses a longer one with an upload (`alt_txt_too_large`)."""
CELLS = 24
"""Cells of a sparkline: it fits a phone."""

_BLOCKS = "▁▂▃▄▅▆▇█"
_GAP = "·"


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
    canary = line_of("canary", (point.canary for point in sorted(points, key=lambda point: point.at)))
    success, p99 = _cells(canary.success, min), _cells(canary.p99_ms, max)
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
