"""Counts fall as the distributions say, and cost nothing when nothing happens."""

from __future__ import annotations

import random
from statistics import mean, variance

import pytest

from playground.traffic.dice import MANY, Latencies, Spread, all_at, binomial, clumped, latencies, poisson, quantile_ms

BOUNDS = (1.0, 10.0, 100.0, 1000.0)


def draws(draw: object, count: int = 20_000) -> list[int]:
    """Return many draws of a function of the dice."""
    dice = random.Random(7)
    assert callable(draw)
    return [draw(dice) for _ in range(count)]


@pytest.mark.parametrize("expected", [0.02, 3.0, MANY - 1, 400.0])
def test_poisson_counts(expected: float) -> None:
    """Mean and variance are what is expected, on both sides of the place where the normal distribution takes over."""
    seen = draws(lambda dice: poisson(dice, expected))
    assert mean(seen) == pytest.approx(expected, rel=0.05, abs=0.005)
    assert variance(seen) == pytest.approx(expected, rel=0.05, abs=0.005)


@pytest.mark.parametrize(
    ("tries", "chance"), [(1, 0.5), (40, 0.01), (40, 0.95), (700, 0.03), (700, 0.3), (5000, 0.999)]
)
def test_binomial_counts(tries: int, chance: float) -> None:
    """Mean and variance are right for rare, even and near-certain chances, and no count leaves its range."""
    seen = draws(lambda dice: binomial(dice, tries, chance))
    assert mean(seen) == pytest.approx(tries * chance, rel=0.03)
    assert variance(seen) == pytest.approx(tries * chance * (1 - chance), rel=0.06)
    assert 0 <= min(seen) <= max(seen) <= tries


@pytest.mark.parametrize(("tries", "chance", "count"), [(0, 0.5, 0), (9, 0.0, 0), (9, 1.0, 9)])
def test_certain_counts(tries: int, chance: float, count: int) -> None:
    """Nothing comes of nothing, and all of a certainty."""
    assert set(draws(lambda dice: binomial(dice, tries, chance), 50)) == {count}


def test_clumps_keep_the_share_and_raise_the_spread() -> None:
    """In clumps of five as many fail on average, and the variance is several times that of single failures."""
    single = draws(lambda dice: clumped(dice, 2000, 0.005, 1))
    five = draws(lambda dice: clumped(dice, 2000, 0.005, 5))
    assert mean(five) == pytest.approx(mean(single), rel=0.05)
    # A Poisson number of geometric clumps of mean 5 has 9 times the variance of a Poisson count of the same mean.
    assert variance(five) == pytest.approx(9 * 10, rel=0.1)


def test_latencies_fill_the_right_buckets() -> None:
    """Half of the requests are under the median, every request is in some bucket, and the sum is what is expected."""
    seen = latencies(random.Random(1), 10_000, Spread(100.0, 0.65), BOUNDS)
    assert sum(seen.counts) == 10_000
    assert sum(seen.counts[:3]) == pytest.approx(5_000, abs=250)
    assert seen.total_ms == pytest.approx(10_000 * 123.5, rel=0.001)


def test_an_added_latency_moves_everything() -> None:
    """With 700 ms more nothing is under 100 ms any more."""
    seen = latencies(random.Random(1), 500, Spread(40.0, 0.65, 700.0), BOUNDS)
    assert seen.counts[:3] == (0, 0, 0)
    assert seen.counts[3] > 400


def test_equal_latencies_share_a_bucket() -> None:
    """A latency that is a bound belongs to that bucket, as Prometheus has it."""
    assert all_at(3, 10.0, BOUNDS) == Latencies((0, 3, 0, 0, 0), 30.0)


@pytest.mark.parametrize(
    ("counts", "share", "value"),
    [
        ((0, 10, 0, 0, 0), 0.5, 5.5),
        ((1, 1, 1, 1, 0), 1.0, 1000.0),
        ((0, 0, 0, 0, 2), 0.99, 1000.0),
        ((0,) * 5, 0.5, None),
    ],
)
def test_quantiles_are_read_off_the_buckets(counts: tuple[int, ...], share: float, value: float | None) -> None:
    """Linear inside a bucket, the highest bound above all, and nothing of nothing."""
    assert quantile_ms(counts, BOUNDS, share) == value
