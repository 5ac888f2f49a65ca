"""Random counts: how many requests come, how many of them fail, how long they take. Pure but for the dice given.

Counts are drawn for a whole tick at once, so that 5 000 requests a second cost hardly more than five. Where a count is
expected to be 30 or more, a normal distribution stands in for the binomial and Poisson ones.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from random import Random

MANY = 30.0
"""From this expectation on the normal distribution is close enough."""


@dataclass(frozen=True)
class Latencies:
    """How long some requests took, as a histogram holds it."""

    counts: tuple[int, ...]
    """Requests in each bucket, not cumulated; one more than there are bounds."""
    total_ms: float
    """All of them together, in milliseconds."""


@dataclass(frozen=True)
class Spread:
    """A log-normal latency, moved up by a constant."""

    median_ms: float
    sigma: float
    extra_ms: float = 0.0

    def below(self, bound_ms: float) -> float:
        """Return the share of requests that take at most `bound_ms`, 0 to 1."""
        if bound_ms <= self.extra_ms:
            return 0.0
        return 0.5 * (1 + math.erf(math.log((bound_ms - self.extra_ms) / self.median_ms) / self.sigma / math.sqrt(2)))

    @property
    def mean_ms(self) -> float:
        """Average latency in milliseconds."""
        return self.median_ms * math.exp(self.sigma**2 / 2) + self.extra_ms


def poisson(dice: Random, expected: float) -> int:
    """Draw a Poisson count, `expected` 0 or more."""
    if expected >= MANY:
        return max(0, round(dice.gauss(expected, math.sqrt(expected))))
    count, left = 0, expected
    while expected > 0 and (left := left - dice.expovariate(1.0)) > 0:
        count += 1
    return count


def binomial(dice: Random, tries: int, chance: float) -> int:
    """Draw how many of `tries` come true, each with `chance` 0 to 1."""
    if chance > 0.5:
        return tries - binomial(dice, tries, 1 - chance)
    if tries <= 0 or chance <= 0:
        return 0
    if tries * chance >= MANY:
        drawn = round(dice.gauss(tries * chance, math.sqrt(tries * chance * (1 - chance))))
        return min(tries, max(0, drawn))
    # The gaps between hits are geometric, so only the hits cost anything.
    count, at, scale = 0, 0, math.log1p(-chance)
    while (at := at + 1 + int(math.log(1 - dice.random()) / scale)) <= tries:
        count += 1
    return count


def clumped(dice: Random, tries: int, chance: float, clump: float) -> int:
    """Draw how many of `tries` come true where they come in clumps of the mean size `clump`, 1 or more."""
    if clump <= 1:
        return binomial(dice, tries, chance)
    stop = 1 / clump
    sizes = (_geometric(dice, stop) for _ in range(poisson(dice, tries * chance / clump)))
    return min(tries, sum(sizes))


def latencies(dice: Random, count: int, spread: Spread, bounds: tuple[float, ...]) -> Latencies:
    """Draw in which bucket each of `count` latencies falls; their sum is taken to be what is expected."""
    counts, left = [], count
    for chance in _chances(spread, bounds):
        drawn = binomial(dice, left, chance)
        counts.append(drawn)
        left -= drawn
    return Latencies((*counts, left), count * spread.mean_ms)


def all_at(count: int, latency_ms: float, bounds: Sequence[float]) -> Latencies:
    """Return the histogram of `count` requests that all took the same."""
    counts = [0] * (len(bounds) + 1)
    counts[bisect_left(bounds, latency_ms)] = count
    return Latencies(tuple(counts), count * latency_ms)


def quantile_ms(counts: Sequence[int], bounds: Sequence[float], share: float) -> float | None:
    """Return the latency that `share` (0 to 1) of the requests stay within, linear inside a bucket; None without any.

    The last bucket has no upper bound: what lies there is given the highest bound.
    """
    rank, below = share * sum(counts), 0.0
    for count, bound in zip(counts, bounds, strict=False):
        if count and rank <= count:
            return below + (bound - below) * rank / count
        rank, below = rank - count, bound
    return below if sum(counts) else None


@lru_cache(maxsize=256)
def _chances(spread: Spread, bounds: tuple[float, ...]) -> tuple[float, ...]:
    """Return for each bucket the chance to fall into it when no earlier one was hit."""
    within = [0.0, *(spread.below(bound) for bound in bounds)]
    return tuple((upper - lower) / (1 - lower) if lower < 1 else 1.0 for lower, upper in pairwise(within))


def _geometric(dice: Random, stop: float) -> int:
    """Draw a count of at least 1 with the mean 1 / `stop`."""
    return 1 + int(math.log(1 - dice.random()) / math.log1p(-stop))
