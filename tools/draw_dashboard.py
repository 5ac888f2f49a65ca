"""Draws the dashboard's panels from its file and a running Prometheus: for the documents, where no Grafana is at hand.

`python -m tools.draw_dashboard http://127.0.0.1:9090 docs/pictures/dashboard` writes `…-light.png` and `…-dark.png` of
the last minutes. It knows as much of Grafana's form as that file uses, and shows what its expressions answer.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BOARD = Path(__file__).parents[1] / "helm/meshbot/files/dashboard.json"
SPAN_S, STEP_S = 150, 1
LEGEND, SIGN = 100, 5
"""Characters of one line of a legend, and how many of them the sign before each name is as wide as."""
COLOURS = ("#3274d9", "#e0752d", "#299c46", "#a352cc", "#e02f44", "#0ab4b4")
GRAFANA = {"green": "#299c46", "red": "#e02f44", "orange": "#e0752d", "blue": "#3274d9"}
"""Grafana's names of colours."""


@dataclass(frozen=True)
class Look:
    """What differs between light and dark."""

    name: str
    page: str
    panel: str
    ink: str
    faint: str


LOOKS = (
    Look("light", "#f4f5f5", "#ffffff", "#24292e", "#d8dade"),
    Look("dark", "#111217", "#181b1f", "#ccccdc", "#2c3235"),
)


def ask(prometheus: str, expression: str) -> list[dict[str, Any]]:
    """Return the series of an expression over the last minutes."""
    now = time.time()
    asked = expression.replace("$__rate_interval", "15s").replace("$namespace", ".*")
    query = urlencode({"query": asked, "start": now - SPAN_S, "end": now, "step": STEP_S})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query_range?{query}") as answer:  # noqa: S310 (an address that the caller types)
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


def legend(form: str, labels: dict[str, str]) -> str:
    """Fill in the labels."""
    for name, value in labels.items():
        form = form.replace(f"{{{{{name}}}}}", value)
    return form


def draw(board: dict[str, Any], data: dict[int, list[tuple[str, list[Any]]]], look: Look) -> Figure:
    """Return the picture of all panels in their places."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    figure = Figure(figsize=(15, rows * 0.36), dpi=80, facecolor=look.page)
    for panel in board["panels"]:
        place = panel["gridPos"]
        left, bottom = place["x"] / 24, 1 - (place["y"] + place["h"]) / rows
        width, height = place["w"] / 24, place["h"] / rows
        if panel["type"] == "row":
            figure.text(left + 0.008, bottom + height / 3, panel["title"], color=look.ink, weight="bold", size=11)
            continue
        axes = figure.add_axes((left + 0.004, bottom + 0.004, width - 0.008, height - 0.008), facecolor=look.panel)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(look.faint)
        axes.text(
            0.02, 1 - 0.16 / place["h"] * 2, panel["title"], transform=axes.transAxes, color=look.ink, size=9, va="top"
        )
        if panel["type"] == "stat":
            _stat(axes, panel, data[panel["id"]])
        else:
            inner = (left + 0.035, bottom + height * 0.27, width - 0.05, height * 0.52)
            _lines(figure.add_axes(inner, facecolor=look.panel), panel, data[panel["id"]], look)
    return figure


def _stat(axes: Axes, panel: dict[str, Any], series: list[tuple[str, list[Any]]]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    value = float(series[0][1][-1][1]) if series else 0.0
    colour = next(step["color"] for step in reversed(defaults["thresholds"]["steps"]) if value >= (step["value"] or 0))
    texts = {key: entry["text"] for one in defaults.get("mappings", ()) for key, entry in one["options"].items()}
    text = texts.get(f"{value:g}", f"{value:g}")
    axes.text(0.5, 0.4, text, transform=axes.transAxes, ha="center", va="center", size=24, color=GRAFANA[colour])


def _lines(axes: Axes, panel: dict[str, Any], series: list[tuple[str, list[Any]]], look: Look) -> None:
    stacked = "stacking" in panel["fieldConfig"]["defaults"]["custom"]
    base: dict[float, float] = {}
    for (name, points), colour in zip(series, COLOURS * 3, strict=False):
        numbers = [(at, float(value)) for at, value in points if value != "NaN"]
        at = [moment for moment, _ in numbers]
        low = [base.get(moment, 0.0) if stacked else 0.0 for moment in at]
        high = [below + value for below, (_, value) in zip(low, numbers, strict=True)]
        axes.fill_between(at, low, high, color=colour, alpha=0.3 if stacked else 0.06, linewidth=0)
        axes.plot(at, high, color=colour, linewidth=1.4, label=name)
        base |= dict(zip(at, high, strict=True)) if stacked else {}
    now = time.time()
    axes.set_xlim(now - SPAN_S, now)
    axes.set_ylim(bottom=0)
    axes.set_xticks([])
    axes.grid(axis="y", color=look.faint, linewidth=0.6)
    axes.tick_params(colors=look.ink, labelsize=7, length=0)
    unit = "s" if panel["fieldConfig"]["defaults"]["unit"] == "s" else ""
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}{' s' if unit else ''}")
    for spine in axes.spines.values():
        spine.set_visible(False)
    if series:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(-0.06, -0.03),
            ncols=max(1, min(4, LEGEND // (max(len(name) for name, _ in series) + SIGN))),
            fontsize=7,
            frameon=False,
            labelcolor=look.ink,
            handlelength=1,
            columnspacing=1,
            labelspacing=0.2,
        )


def main(prometheus: str, place: str) -> None:
    """Draw both."""
    board = json.loads(BOARD.read_text())
    data = {
        panel["id"]: [
            (legend(target["legendFormat"], one["metric"]), one["values"])
            for target in panel["targets"]
            for one in ask(prometheus, target["expr"])
        ]
        for panel in board["panels"]
        if panel["type"] != "row"
    }
    for look in LOOKS:
        figure = draw(board, data, look)
        FigureCanvasAgg(figure).print_png(f"{place}-{look.name}.png")  # type: ignore[no-untyped-call]  # typed in part


if __name__ == "__main__":
    main(*sys.argv[1:])
