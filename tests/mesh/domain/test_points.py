"""The points of a chart."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mesh.domain.counts import Counts
from mesh.domain.points import MOST, Answered, Point, thinned

BUCKETS = ((100.0, 90.0), (200.0, 100.0), (float("inf"), 100.0))


def a_point(at: float, share: float = 5.0, *, requests: float = 10.0, success: float | None = 100.0) -> Point:
    """Return a point at which both arms answered alike."""
    arm = Answered(requests, success, 100.0 if success is not None else None)
    return Point(at, share, arm, arm)


def test_a_point_keeps_what_a_chart_shows() -> None:
    """Requests, success share and p99 of each arm stay; buckets do not."""
    point = Point.of(7.0, 5.0, canary=Counts(100, 1, 0, BUCKETS), stable=Counts())
    assert point.canary.p99_ms == pytest.approx(190.0)
    assert point == Point(7.0, 5.0, Answered(100, 99.0, point.canary.p99_ms), Answered(0, None, None))


def test_two_points_are_one_by_their_requests() -> None:
    """A quiet stretch weighs as little as it had requests, and one without any changes no value."""
    together = Answered(900, 100.0, 100.0) + Answered(100, 90.0, 200.0)
    assert (together.requests, together.success, together.p99_ms) == pytest.approx((1000, 99.0, 110.0))
    assert together + Answered(0, None, None) == together
    assert Answered() + Answered() == Answered()


def test_few_points_stay_as_they_are() -> None:
    """Nothing is merged before a chart is full."""
    points = [a_point(5.0 * number) for number in range(MOST)]
    assert thinned(points) == points
    assert thinned([]) == []


def test_a_full_chart_becomes_half_of_one_and_loses_no_request() -> None:
    """Points merged are evenly spaced, end where the chart ended, and hold every request."""
    points = [a_point(5.0 * number) for number in range(MOST + 1)]
    fewer = thinned(points)
    assert MOST / 4 <= len(fewer) <= MOST / 2
    assert sum(point.canary.requests for point in fewer) == pytest.approx(10.0 * len(points))
    assert fewer[-1].at == points[-1].at


def test_a_day_of_looks_is_drawn_evenly() -> None:
    """However long a rollout takes there are never many points, and no part of it is drawn by a few only."""
    chart: list[Point] = []
    for number in range(17_280):
        chart = thinned([*chart, a_point(5.0 * number)])
        assert len(chart) <= MOST
    assert max(later.at - point.at for point, later in pairwise(chart)) < 86_400 / 30
    assert sum(point.canary.requests for point in chart) == pytest.approx(172_800)


def test_steps_stay_where_they_were() -> None:
    """Points of different shares are never merged."""
    points = [a_point(5.0 * number, share=5.0 if number < 100 else 25.0) for number in range(MOST + 10)]
    steps = {(point.share, point.at < 500) for point in thinned(points)}
    assert steps == {(5.0, True), (25.0, False)}


def test_a_share_that_never_rests_cannot_fill_a_chart() -> None:
    """Where nothing can be merged the oldest points go."""
    points = [a_point(5.0 * number, share=float(number)) for number in range(MOST + 10)]
    assert thinned(points) == points[-MOST:]
