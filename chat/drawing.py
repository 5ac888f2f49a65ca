"""Draws a rollout's chart as a picture: the one module that needs the plotting library. Pure.

It uses the library's objects and its in-memory canvas only: no display, no global state, no fonts but those it ships.
Importing it takes half a second and 50 MB, so only a process that draws does: the workers' wiring hands `chart` to the
outbox, and their supervisor has imported it before it forks, so no job and no replaced worker waits for it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from chat.charts import Chart, Line, chart_of, known
from chat.figures import milliseconds, no_better, number, percent
from mesh.domain.operations import Operation
from mesh.domain.points import Point

WIDTH_PX = 1200
HEIGHT_PX = 720
_DPI = 100
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.105, 0.80, 0.80, 0.115
"""Where the panels are, as shares of the picture; the right margin holds the labels of the lines."""

# A picture is shown about 360 px wide on a phone: a third of its size, so 20 points become about 8 px.
_BIG, _TEXT, _SMALL = 25.0, 20.0, 18.0
_PAPER, _PANEL, _INK, _QUIET, _GRID = "#eef1f4", "#ffffff", "#1d2733", "#5b6673", "#dde2e8"
_FAIL = "#a4262c"
_TALL = 0.4
"""Height of a label, as a share of its panel."""


@dataclass(frozen=True)
class _Pen:
    """How an arm is drawn. The colours are told apart by colour-blind people too; the marks differ for everybody."""

    colour: str
    marker: str
    width: float
    filled: bool


_CANARY = _Pen("#c2410c", "o", 3.6, filled=True)
_STABLE = _Pen("#0067a5", "s", 2.2, filled=False)


@dataclass(frozen=True)
class _Unit:
    """How moments are written along the bottom."""

    name: str
    seconds: float


def chart(operation: Operation, points: Sequence[Point]) -> bytes:
    """Return the chart of a rollout as a PNG of 1200 x 720 pixels. `points` oldest first; few or none will do."""
    return draw(chart_of(operation, points))


def draw(shown: Chart) -> bytes:
    """Return a chart as a PNG of 1200 x 720 pixels."""
    figure = Figure(figsize=(WIDTH_PX / _DPI, HEIGHT_PX / _DPI), dpi=_DPI, facecolor=_PAPER)
    canvas = FigureCanvasAgg(figure)
    panels = GridSpec(3, 1, figure, height_ratios=[3.0, 2.8, 1.1], hspace=0.32,
                      left=_LEFT, right=_RIGHT, top=_TOP, bottom=_BOTTOM)  # fmt: skip
    success, p99, share = (figure.add_subplot(panels[row, 0]) for row in range(3))
    _head(figure, shown)
    _success(success, shown)
    _p99(p99, shown)
    _share(share, shown)
    for axes in (success, p99, share):
        _dress(axes, shown, lowest=axes is share)
    for axes in (success, p99):
        _marks(axes, shown, named=axes is success)
    return _png(canvas)


def _png(canvas: FigureCanvasAgg) -> bytes:
    kept = io.BytesIO()
    canvas.print_png(kept, metadata={"Software": None})  # type: ignore[no-untyped-call]  # the library types it not
    return kept.getvalue()


def _head(figure: Figure, shown: Chart) -> None:
    """Write who is compared, and what came of it."""
    arms = f"canary {_name(shown.canary.name, 24)} against stable {_name(shown.stable.name, 24)}"
    what = f"{_name(shown.service, 40)}: {shown.outcome}"
    figure.text(0.022, 0.957, what, size=_fitting(what, _BIG), weight="bold", color=_INK, va="center", parse_math=False)
    figure.text(0.022, 0.898, arms, size=_fitting(arms, _TEXT), color=_QUIET, va="center", parse_math=False)


def _fitting(text: str, size: float) -> float:
    """Return the size at which a line fits the picture's width: a letter is about 0.62 of its size wide."""
    widest = 0.62 * size * _DPI / 72 * len(text)
    return size * min(1.0, 0.95 * WIDTH_PX / max(widest, 1.0))


# --- panels --------------------------------------------------------------------------------------------------------


def _success(axes: Axes, shown: Chart) -> None:
    limit = shown.success_min
    values = known([*shown.canary.success, *shown.stable.success, 100.0, *([limit] if limit is not None else [])])
    room = max(100.0 - min(values), 0.2)
    axes.set_ylim(100.0 - 1.16 * room, 100.0 + 0.16 * room)
    axes.yaxis.set_major_locator(FixedLocator(_ticks(100.0 - room, 100.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{number(value, places=2)} %"))
    _limit(axes, limit)
    ends = [_line(axes, shown, arm.success, pen) for arm, pen in _arms(shown)]
    _label(axes, ends, lambda value: no_better(value, "%", at_most=False))
    _caption(axes, "success", None if limit is None else f"at least {percent(limit)}")
    if not any(ends):
        _nothing(axes)


def _p99(axes: Axes, shown: Chart) -> None:
    limit = shown.p99_max_ms
    values = known([*shown.canary.p99_ms, *shown.stable.p99_ms, *([limit] if limit is not None else [])]) or [1.0]
    _latencies(axes, max(min(values), 0.1), max(*values, 1.0))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: milliseconds(value)))
    _limit(axes, limit)
    ends = [_line(axes, shown, arm.p99_ms, pen) for arm, pen in _arms(shown)]
    _label(axes, ends, milliseconds)
    _caption(axes, "p99", None if limit is None else f"at most {milliseconds(limit)}")
    if not any(ends):
        _nothing(axes)


def _latencies(axes: Axes, least: float, most: float) -> None:
    """Scale for latencies: from nothing where that shows them well, in powers of ten where they lie far apart."""
    if most / least <= 20:
        axes.set_ylim(0.0, 1.2 * most)
        axes.yaxis.set_major_locator(FixedLocator(_ticks(0.0, most)))
        return
    axes.set_yscale("log")
    axes.set_ylim(least / 1.6, most * (most / least) ** 0.16)
    powers = [10.0**power for power in range(math.ceil(math.log10(least)), math.floor(math.log10(most)) + 1)]
    axes.yaxis.set_major_locator(FixedLocator(powers[:: math.ceil(len(powers) / 3)]))
    axes.yaxis.set_minor_locator(NullLocator())


def _share(axes: Axes, shown: Chart) -> None:
    axes.set_ylim(0.0, 112.0)
    axes.yaxis.set_major_locator(FixedLocator([0.0, 50.0, 100.0]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: "" if value == 50 else f"{value:.0f} %"))
    _caption(axes, "share of the canary", None)
    if not shown.shares:
        return
    at, share = zip(*shown.shares, strict=True)
    axes.step(at, share, where="post", color=_CANARY.colour, lw=2.6)
    axes.fill_between(at, share, step="post", color=_CANARY.colour, alpha=0.16, lw=0)
    _beside(axes, percent(share[-1]), _CANARY, height=min(max(share[-1] / 112, 0.16), 0.8))


def _dress(axes: Axes, shown: Chart, *, lowest: bool) -> None:
    """Give a panel its calm look, and the lowest one its moments."""
    unit = _unit(shown.length_s)
    axes.set_facecolor(_PANEL)
    axes.set_xlim(-0.015 * max(shown.length_s, 1.0), 1.015 * max(shown.length_s, 1.0))
    axes.xaxis.set_major_locator(
        FixedLocator([tick * unit.seconds for tick in _moments(shown.length_s / unit.seconds)])
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / unit.seconds:.3g}"))
    axes.tick_params(length=0, labelsize=_SMALL, labelcolor=_QUIET, labelbottom=lowest, pad=6)
    axes.grid(color=_GRID, lw=1.2)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    if lowest:
        start = datetime.fromtimestamp(shown.start, UTC)
        form = "%H:%M" if shown.length_s < 12 * 3600 else "%d %b %H:%M"
        axes.figure.text(
            0.985, 0.03, f"{unit.name} since {start.strftime(form)} UTC", size=_SMALL, color=_QUIET, ha="right",
            va="center",
        )  # fmt: skip


def _caption(axes: Axes, name: str, limit: str | None) -> None:
    """Name the panel above it, where no line is drawn."""
    text = name if limit is None else f"{name}, {limit}"
    axes.text(0.0, 1.05, text, transform=axes.transAxes, size=_SMALL, color=_INK, weight="bold", va="bottom")


def _nothing(axes: Axes) -> None:
    axes.text(0.5, 0.42, "nothing measured yet", transform=axes.transAxes, size=_TEXT, color=_QUIET, ha="center")


# --- lines ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _End:
    """Where a line ends."""

    name: str
    value: float
    pen: _Pen
    stale: bool
    """True when newer moments have no value."""


def _arms(shown: Chart) -> tuple[tuple[Line, _Pen], ...]:
    return (shown.stable, _STABLE), (shown.canary, _CANARY)


def _line(axes: Axes, shown: Chart, values: Sequence[float], pen: _Pen) -> _End | None:
    """Draw a line that breaks where nothing was measured; a value alone between two gaps is a dot."""
    measured = [at for at, value in enumerate(values) if not math.isnan(value)]
    if not measured:
        return None
    alone = [at for at in measured if not {at - 1, at + 1} & set(measured)]
    dots = sorted({*alone, *measured[:: max(1, len(measured) // 9)], measured[-1]})
    axes.plot(shown.seconds, values, color=pen.colour, lw=pen.width, solid_capstyle="round", zorder=4)
    axes.plot(
        [shown.seconds[at] for at in dots], [values[at] for at in dots], pen.marker, ls="none", ms=9,
        mfc=pen.colour if pen.filled else _PANEL, mec=pen.colour, mew=2.4, zorder=5, clip_on=False,
    )  # fmt: skip
    name = (shown.canary if pen is _CANARY else shown.stable).name
    return _End(name, values[measured[-1]], pen, stale=measured[-1] < len(values) - 1)


def _label(axes: Axes, ends: Sequence[_End | None], said: Callable[[float], str]) -> None:
    """Name the lines where they end, the higher one above."""
    placed = sorted((end for end in ends if end), key=lambda end: (_height(axes, end.value), end.pen is _STABLE))
    for end, height in zip(placed, _apart([_height(axes, end.value) for end in placed]), strict=True):
        text = "no data" if end.stale else said(end.value)
        _beside(axes, f"{_name(end.name, 10)}\n{text}", end.pen, height=height)


def _apart(heights: Sequence[float]) -> list[float]:
    """Return the heights, lowest first, moved as little as lets each label stand free and inside the panel."""
    free: list[float] = []
    for above, height in zip(range(len(heights) - 1, -1, -1), heights, strict=True):
        lowest = free[-1] + _TALL if free else _TALL / 2
        free.append(min(max(height, lowest), 1.0 - _TALL * above - _TALL / 2))
    return free


def _beside(axes: Axes, text: str, pen: _Pen, *, height: float) -> None:
    """Write beside the panel, at a height given as a share of it."""
    axes.text(1.022, height, text, transform=axes.transAxes, size=_TEXT, color=pen.colour, weight="bold", va="center",
              linespacing=1.05, clip_on=False, parse_math=False)  # fmt: skip


def _height(axes: Axes, value: float) -> float:
    """Return where a value is in its panel, as a share of the panel's height."""
    pixel = axes.transData.transform((0.0, value))
    return float(axes.transAxes.inverted().transform(pixel)[1])


def _limit(axes: Axes, limit: float | None) -> None:
    if limit is not None:
        axes.axhline(limit, color=_INK, lw=2.0, ls=(0, (5, 4)), zorder=3)


def _marks(axes: Axes, shown: Chart, *, named: bool) -> None:
    """Mark the moments at which something went wrong, and name the newest ones as far as there is room."""
    taken = 2.0
    for mark in reversed(shown.marks[-4:]):
        axes.axvline(mark.seconds, color=_FAIL, lw=2.4, ls=":", zorder=3)
        place = _place(axes, mark.seconds)
        if named and taken - place > 0.3:
            _named(axes, place, mark.label)
            taken = place


def _named(axes: Axes, place: float, label: str) -> None:
    """Name a moment above the panel; where the panel's own name stands, inside it."""
    height, side = (1.05, "right") if place > 0.62 else (0.5, "left")
    axes.text(place + (0.008 if side == "right" else 0.012), height, label, transform=axes.transAxes, size=_SMALL,
              color=_FAIL, weight="bold", ha=side, va="bottom" if side == "right" else "center", zorder=7)  # fmt: skip


def _place(axes: Axes, seconds: float) -> float:
    """Return where a moment is, as a share of the panel's width."""
    left, right = axes.get_xlim()
    return (seconds - left) / (right - left)


# --- numbers -------------------------------------------------------------------------------------------------------


def _ticks(least: float, most: float, *, count: int = 3) -> list[float]:
    """Return about `count` round numbers from `least` to `most`."""
    step = _round_step((most - least) / count)
    first = math.ceil(least / step - 1e-9)
    return [tick * step for tick in range(first, math.floor(most / step + 1e-9) + 1)]


def _round_step(least: float) -> float:
    """Return the next number of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(least, 1e-9)))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1 - 1e-9))


def _unit(length_s: float) -> _Unit:
    if length_s < 120:
        return _Unit("seconds", 1.0)
    return _Unit("minutes", 60.0) if length_s < 3 * 3600 else _Unit("hours", 3600.0)


def _moments(length: float) -> list[float]:
    """Return round moments along the bottom: clocks count in sixes and dozens, not in tens."""
    step = next((step for step in (1, 2, 5, 10, 15, 20, 30, 60) if length / step <= 6), length / 6 or 1.0)
    return [at * step for at in range(int(length / step + 1e-9) + 1)]


def _name(text: str, most: int) -> str:
    """Return a name that the fonts can draw, cut in its middle where it is too long: versions end differently."""
    plain = "".join(letter if letter.isprintable() and ord(letter) < 0x250 else "?" for letter in text)
    if len(plain) <= most:
        return plain
    return f"{plain[: most - most // 2 - 1]}…{plain[-(most // 2) :]}"
