"""The hours that `bench_gates` simulates: what one proxy counts of two arms, scraped every 15 s."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mesh.domain.counts import Counts
from mesh.domain.trials import Tick

SCRAPE_S = 15
SCRAPES = 3600 // SCRAPE_S
BOUNDS = (50.0, 100.0, 250.0, 500.0, 1000.0, math.inf)
QUICK = (0.6, 0.3, 0.07, 0.027, 0.0025, 0.0005)
"""Share of requests in each bucket: 3 % take longer than the bucket of the p95, and 0.3 % longer than 500 ms."""
SLOW = (0.4, 0.35, 0.13, 0.112, 0.0075, 0.0005)
"""The same where four times as many are slow, while the p99 stays under 500 ms."""
PAUSED = 0.01
"""Share of requests that meet a pause, where there are pauses."""
PAUSE = 20
"""How many requests a pause slows down, on average."""
LATEST = 300
"""A late fault begins at a random second of so many after minute 30: no rule is lucky with its phase."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class World:
    """What is the matter in an hour."""

    name: str
    canary: float = 0.001
    """Share of requests that fail, 0 to 1."""
    stable: float = 0.001
    clump: int = 1
    """How many errors come at once, on average."""
    pauses: bool = False
    slow: bool = False
    """The canary is slow."""
    late: bool = False
    """Whatever it is begins after minute 30 only."""

    @property
    def healthy(self) -> bool:
        """True where the canary is as good as stable: every alarm is a false one."""
        return self.canary == self.stable and not self.slow


@dataclass(frozen=True)
class Arm:
    """What one arm answered: an hour a line, a scrape a column."""

    requests: Array
    errors: Array
    buckets: Array
    """Cumulative, along a third axis."""

    def until(self, onset: Array, then: Arm) -> Arm:
        """Return this arm before each hour's scrape number `onset`, and the other one from there on."""
        early = np.arange(SCRAPES)[None, :] < onset[:, None]
        return Arm(
            np.where(early, self.requests, then.requests),
            np.where(early, self.errors, then.errors),
            np.where(early[..., None], self.buckets, then.buckets),
        )

    def hour(self, index: int) -> list[Counts]:
        """Return one hour, scrape by scrape."""
        lines = zip(
            self.requests[index].tolist(), self.errors[index].tolist(), self.buckets[index].tolist(), strict=True
        )
        return [Counts(n, k, 0.0, tuple(zip(BOUNDS, within, strict=True))) for n, k, within in lines]


@dataclass(frozen=True)
class Hours:
    """Some hours of one world."""

    canary: Arm
    stable: Arm
    onset_s: Array
    """When it began to be bad, in seconds from the start of each hour."""

    def ticks(self, index: int) -> list[Tick]:
        """Return one hour as a trial sees it."""
        pairs = zip(self.stable.hour(index), self.canary.hour(index), strict=True)
        return [Tick(SCRAPE_S, stable, canary) for stable, canary in pairs]


def simulate(world: World, *, rps: float, share: float, hours: int, seed: int) -> Hours:
    """Draw `hours` of a world with `rps` requests a second, of which the canary gets a `share` (0 to 1)."""
    dice = np.random.default_rng(seed)
    mean = rps * SCRAPE_S
    stable = _arm(dice, world, mean * (1 - share), (world.stable, QUICK), hours)
    bad = _arm(dice, world, mean * share, (world.canary, SLOW if world.slow else QUICK), hours)
    if not world.late:
        return Hours(bad, stable, np.zeros(hours))
    onset = (1800 + dice.integers(0, LATEST, hours)) // SCRAPE_S
    good = _arm(dice, world, mean * share, (world.stable, QUICK), hours)
    return Hours(good.until(onset, bad), stable, onset * SCRAPE_S)


def _arm(
    dice: np.random.Generator, world: World, mean: float, kind: tuple[float, tuple[float, ...]], hours: int
) -> Arm:
    failing, latencies = kind
    requests = dice.poisson(mean, (hours, SCRAPES))
    clumps = dice.binomial(requests, failing / world.clump)
    errors = _clumped(dice, clumps, world.clump)
    # A client that tries again makes requests of its own.
    requests = requests + errors - clumps
    each = dice.multinomial(requests, latencies)
    if world.pauses:
        paused = np.minimum(_clumped(dice, dice.binomial(requests, PAUSED / PAUSE), PAUSE), each[..., 0])
        each[..., 0] -= paused
        each[..., 3] += paused
    return Arm(requests, errors, np.cumsum(each, axis=-1))


def _clumped(dice: np.random.Generator, clumps: Array, mean: int) -> Array:
    """Return how many there are in so many clumps, whose sizes are geometric."""
    if mean == 1:
        return clumps
    return clumps + np.where(clumps > 0, dice.negative_binomial(np.maximum(clumps, 1), 1 / mean), 0)
