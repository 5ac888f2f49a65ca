"""Counts: what was counted of one arm between two moments."""

from __future__ import annotations

import math

import pytest

from mesh.domain.counts import Counts

BUCKETS = ((100.0, 50.0), (200.0, 90.0), (math.inf, 100.0))


def test_counts_of_later_moments_add_up() -> None:
    """Requests, errors and each bucket; where one side has no buckets, those of the other stay."""
    both = Counts(100, 2, 1, BUCKETS) + Counts(50, 1, 0, ((100.0, 10.0), (200.0, 40.0), (math.inf, 50.0)))
    assert both == Counts(150, 3, 1, ((100.0, 60.0), (200.0, 130.0), (math.inf, 150.0)))
    assert (Counts(100, 2, 1, BUCKETS) + Counts(10)).buckets == BUCKETS


def test_buckets_of_other_bounds_cannot_be_added() -> None:
    """Nobody could say how many were within which."""
    with pytest.raises(ValueError, match="different bounds"):
        Counts(1, 0, 0, ((10.0, 1.0), (math.inf, 1.0))) + Counts(1, 0, 0, ((20.0, 1.0), (math.inf, 1.0)))


def test_no_requests_have_no_success() -> None:
    """Nothing is not 100 %."""
    assert Counts().success is None
    assert Counts(200, 1).success == 99.5


@pytest.mark.parametrize(("share", "expected"), [(0.25, 50.0), (0.5, 100.0), (0.7, 150.0), (0.9, 200.0), (0.99, 200.0)])
def test_quantiles_are_linear_inside_a_bucket(share: float, expected: float) -> None:
    """As Prometheus does it; what lies beyond the last finite bound is given that bound."""
    assert Counts(100, 0, 0, BUCKETS).quantile_ms(share) == pytest.approx(expected)


def test_nothing_timed_has_no_quantile() -> None:
    """Neither without buckets nor with empty ones."""
    assert Counts(100).quantile_ms(0.99) is None
    assert Counts(0, 0, 0, ((100.0, 0.0), (math.inf, 0.0))).quantile_ms(0.99) is None


@pytest.mark.parametrize(("than", "expected"), [(0, 100), (50, 75), (100, 50), (150, 30), (200, 10), (5000, 0)])
def test_slower_says_the_same_as_the_quantile(than: float, expected: float) -> None:
    """Linear inside a bucket: a p99 above its limit means that more than 1 % were slower than that."""
    assert Counts(100, 0, 0, BUCKETS).slower(than) == pytest.approx(expected)
