"""What a chart shows, in values, in words and in characters."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from chat.chart_words import CELLS, MOST_ALT, alt_text, span, sparkline
from chat.charts import chart_of
from chat.figures import milliseconds
from mesh.domain.points import Answered, Point
from tests.chat.plotted import BAKING, TURNED_BACK, moved, odd, points
from tests.chat.rolling import QUARTER, canary, rolled
from tests.chat.samples import AT

ODD = odd()


def silent(begin: float, end: float, success: float = 99.9) -> list[Point]:
    """Forty points of a canary that got no request between two seconds."""
    return points(40, canary=lambda at: (None, None) if begin <= at < end else (success, 200.0))


def test_who_is_compared_and_by_which_limits() -> None:
    """Names come from the command and the plan, limits from the gates; the shares are those read back."""
    shown = chart_of(BAKING, points(80))
    assert (shown.service, shown.canary.name, shown.stable.name) == ("api", "v2", "v1")
    assert (shown.success_min, shown.p99_max_ms) == (99.0, 500.0)
    assert list(shown.shares) == [(0, 5), (300, 25), (400, 25)]
    assert shown.start == AT
    assert shown.length_s == 400


def test_what_was_not_measured_is_a_gap() -> None:
    """A moment without requests has no value, neither zero nor a hundred."""
    shown = chart_of(BAKING, silent(50, 100))
    assert [math.isnan(value) for value in shown.canary.success].count(True) == 10
    assert not any(math.isnan(value) for value in shown.stable.success)


def test_a_stretch_in_which_nobody_looked_is_a_gap() -> None:
    """Where points lie far apart the lines break; where old ones were merged, evenly further apart, they do not."""
    early, late = points(6), [replace(point, at=point.at + 300) for point in points(6)]
    broken = chart_of(BAKING, [*early, *late])
    assert [math.isnan(value) for value in broken.stable.success].count(True) == 1
    merged = [replace(point, at=AT + 100 * at) for at, point in enumerate(points(6))]
    fresh = [replace(point, at=point.at + 500) for point in points(6)]
    assert not any(math.isnan(value) for value in chart_of(BAKING, [*merged, *fresh]).stable.success)


def test_a_rollout_that_came_back_ends_at_nothing() -> None:
    """The canary's share falls to 0 when traffic is back, and the moment it failed is marked."""
    shown = chart_of(TURNED_BACK, points(66))
    assert list(shown.shares) == [(0, 5), (300, 25), (340, 0), (340, 0)]
    assert [(mark.seconds, mark.label) for mark in shown.marks] == [(330, "turning back")]
    assert shown.outcome == "turned back"


def test_without_moves_the_points_tell_the_share() -> None:
    """A rollout whose moves are not known is drawn by what the points say."""
    shown = chart_of(moved(BAKING), points(3, share=25.0))
    assert next(iter(shown.shares)) == (0, 25)
    assert shown.start == AT + 5


def test_the_picture_in_words() -> None:
    """Who does not see the picture reads who, how it ended, the steps, the last and the worst values, and limits."""
    failing = points(66, canary=lambda at: (99.95, 180.0) if at < 320 else (93.2, 700.0))
    said = alt_text(TURNED_BACK, failing)
    assert said.startswith("Chart of the canary of api: v2 (canary) against v1 (stable), turned back. It begins at ")
    for part in (
        "spans 6 min.",
        "Share of v2: 5 %, 25 % after 5 min, 0 % after 6 min.",
        "v2: success 93.2 % at last, lowest 93.2 % after 5 min; p99 700 ms at last, highest 700 ms after 5 min.",
        "v1: success 99.95 % at last",
        "Turning back after 6 min.",
        "Limits: success at least 99 % and p99 at most 500 ms.",
    ):
        assert part in said


def test_words_for_silence() -> None:
    """Values that are not the latest ones are not called so; nothing measured at all is said."""
    assert "v2: success 99.9 % when last measured" in alt_text(BAKING, silent(50, 999))
    assert "Nothing was measured." in alt_text(*ODD["nothing measured"])
    assert "Nothing" not in alt_text(BAKING)


@pytest.mark.parametrize("name", ODD)
def test_words_for_everything(name: str) -> None:
    """Whatever there is to say fits what Slack takes, on one line."""
    said = alt_text(*ODD[name])
    assert 0 < len(said) <= MOST_ALT
    assert "nan" not in said
    assert said.isprintable()


def test_characters_for_the_canary() -> None:
    """Two lines of at most so many cells show where success fell and latency rose, and the last value of each."""
    falling = points(100, canary=lambda at: (99.95, 100.0) if at < 490 else (95.0, 800.0))
    success, p99 = sparkline(falling).split("\n")
    assert success == f"success {'█' * (CELLS - 1)}▁ 95 %"
    assert p99 == f"p99     {'▂' * (CELLS - 1)}█ 800 ms"


def test_characters_for_silence() -> None:
    """What was not measured is a dot, not the lowest block."""
    success, p99 = sparkline(silent(100, 150)).split("\n")
    assert "····" in success
    assert "····" in p99
    assert sparkline([]) == "success  not measured\np99      not measured"


def test_the_worst_of_a_cell_is_kept() -> None:
    """One bad moment among many is not averaged away."""
    one_bad = points(240, canary=lambda at: (50.0 if at == 600 else 100.0, 100.0))
    assert "▁" in sparkline(one_bad)


@pytest.mark.parametrize("name", ODD)
def test_characters_for_everything(name: str) -> None:
    """It is always two short lines."""
    lines = sparkline(ODD[name][1]).split("\n")
    assert len(lines) == 2
    assert max(map(len, lines)) <= CELLS + 22


def test_durations_and_latencies() -> None:
    """Numbers carry the unit that keeps them short."""
    assert [span(at) for at in (0, 45, 300, 12_600)] == ["0 s", "45 s", "5 min", "3.5 h"]
    assert [milliseconds(value) for value in (0.4, 182, 1250, 640_000)] == ["0.4 ms", "182 ms", "1.25 s", "640 s"]


def test_an_operation_that_is_no_rollout_yet() -> None:
    """Before it has begun there is nothing to show, and that is no error."""
    shown = chart_of(canary(None, QUARTER), [])
    assert list(shown.shares) == []
    assert not shown.marks
    assert shown.length_s == 0
    assert chart_of(canary(rolled(), QUARTER), []).outcome == "moving"
    answered = Point(AT, 5, Answered(1, 100.0), Answered())
    assert chart_of(BAKING, [answered]).length_s == 300
