"""Draws the week of a digest as a picture. It needs the plotting library, as `chat.drawing` does: for workers only."""

from __future__ import annotations

import io
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from chat.digest_words import changes_in_words, day_name
from chat.locales import Locale, speaking
from mesh.domain.weeks import Changes, Week

WIDTH_PX = 1200
HEIGHT_PX = 480
_DPI = 100
# As in `chat.drawing`: one paper for light and dark themes, and letters that are still read at a third of the size.
_PAPER, _PANEL, _INK, _QUIET, _GRID = "#eef1f4", "#ffffff", "#1d2733", "#5b6673", "#dde2e8"
_TEXT, _SMALL = 20.0, 18.0
_WIDE = 0.62
"""Width of a bar, in days."""


@dataclass(frozen=True)
class _Pen:
    """How one kind of change is drawn: apart by colour, also for colour-blind people, and by its hatching."""

    name: str
    colour: str
    hatch: str

    def count(self, changes: Changes) -> int:
        """Return how many of this kind there are."""
        return {"promotions": changes.promotions, "rollbacks": changes.rollbacks}.get(self.name, changes.turn_backs)


_PENS = (
    _Pen("promotions", "#0067a5", ""),
    _Pen("rollbacks", "#c2410c", "//"),
    _Pen("turned back", "#6d4a8f", ".."),
)


def week_chart(week: Week) -> bytes:
    """Return the week as a PNG of 1200 x 480 pixels; one bar for each day. In English, as the letters of its font."""
    with speaking(Locale.EN):
        return _week_chart(week)


def _week_chart(week: Week) -> bytes:
    figure = Figure(figsize=(WIDTH_PX / _DPI, HEIGHT_PX / _DPI), dpi=_DPI, facecolor=_PAPER)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.065, 0.16, 0.915, 0.62))
    _dress(axes, week)
    _draw(axes, week)
    figure.text(0.022, 0.915, f"Last seven days: {changes_in_words(week.changes)}", size=_TEXT, weight="bold",
                color=_INK, va="center", parse_math=False)  # fmt: skip
    kept = io.BytesIO()
    canvas.print_png(kept, metadata={"Software": None})  # type: ignore[no-untyped-call]  # the library types it not
    return kept.getvalue()


def _draw(axes: Axes, week: Week) -> None:
    places = range(len(week.days))
    bottoms = [0] * len(week.days)
    for pen in _PENS:
        heights = [pen.count(day.changes) for day in week.days]
        shown = [(place, bottoms[place], heights[place]) for place in places if heights[place]]
        for number, (place, bottom, height) in enumerate(shown):
            axes.bar(place, height, _WIDE, bottom=bottom, color=pen.colour, hatch=pen.hatch, edgecolor=_PANEL,
                     linewidth=2.0, label=pen.name if number == 0 else None, zorder=3)  # fmt: skip
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    for place, total in zip(places, bottoms, strict=True):
        axes.annotate(str(total), (place, total), (0, 4), textcoords="offset points", size=_SMALL, ha="center",
                      color=_INK if total else _QUIET, weight="bold" if total else "normal")  # fmt: skip
    axes.legend(loc="lower right", bbox_to_anchor=(1.005, 0.99), ncols=len(_PENS), fontsize=_SMALL, frameon=False,
                labelcolor=_INK, handlelength=1.2, columnspacing=1.2, borderpad=0.0)  # fmt: skip


def _dress(axes: Axes, week: Week) -> None:
    axes.set_facecolor(_PANEL)
    axes.set_xlim(-0.55, len(week.days) - 0.45)
    axes.set_ylim(0, 1.22 * max(1, *(day.changes.total for day in week.days)))
    axes.xaxis.set_major_locator(FixedLocator(list(range(len(week.days)))))
    axes.set_xticklabels([day_name(day.date) for day in week.days])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.tick_params(length=0, labelsize=_SMALL, labelcolor=_QUIET, pad=6)
    axes.grid(axis="y", color=_GRID, lw=1.2)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
