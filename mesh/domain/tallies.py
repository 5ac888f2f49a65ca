"""What an arm has answered, in all and lately: small and of fixed size, whatever the age. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import add

from mesh.domain.counts import Counts

Bounds = tuple[float, ...]
"""Upper bounds of latency buckets in milliseconds, rising, without the last, infinite one (JSON has no infinity)."""

_MOST = 1e15
"""More than this is not counted between two looks, whatever a server says; squares of less are still numbers."""


@dataclass(frozen=True)
class Tally:
    """Counts as they are kept: their bounds are kept once for all."""

    requests: float = 0.0
    errors: float = 0.0
    within: tuple[float, ...] = ()
    """Requests at or under each bound, and all that were timed; empty: not measured."""

    @classmethod
    def of(cls, counts: Counts, bounds: Bounds) -> Tally:
        """Return the counts without their bounds, and without buckets of other bounds than these."""
        if not counts.buckets or bounds_of(counts) != bounds:
            return cls(counts.requests, counts.errors)
        return cls(counts.requests, counts.errors, tuple([count for _, count in counts.buckets]))

    def __add__(self, other: Tally) -> Tally:
        """Return both together."""
        mine, theirs = self.within, other.within
        joined = tuple(map(add, mine, theirs)) if mine and theirs else mine or theirs
        return Tally(self.requests + other.requests, self.errors + other.errors, joined)

    def counts(self, bounds: Bounds) -> Counts:
        """Return it with its bounds."""
        buckets = tuple(zip((*bounds, math.inf), self.within, strict=True)) if self.within else ()
        return Counts(self.requests, self.errors, 0.0, buckets)


@dataclass(frozen=True)
class History:
    """What one arm has answered, in two short stretches up to now and before them."""

    past: Tally = Tally()
    before: Tally = Tally()
    now: Tally = Tally()

    def plus(self, tally: Tally) -> History:
        """Return it with what was just counted."""
        return History(self.past, self.before, self.now + tally)

    def turned(self) -> History:
        """Begin a new stretch."""
        return History(self.past + self.before, self.now, Tally())

    def untimed(self) -> History:
        """Return it without latencies: buckets have got other bounds."""
        return History(*(Tally(one.requests, one.errors) for one in (self.past, self.before, self.now)))

    @property
    def lately(self) -> float:
        """How many requests there were in the newest stretch and the one before it."""
        return self.before.requests + self.now.requests

    @property
    def recent(self) -> Tally:
        """The newest stretch and the one before it."""
        return self.before + self.now

    @property
    def total(self) -> Tally:
        """Everything."""
        return self.past + self.recent


def bounds_of(counts: Counts) -> Bounds:
    """Return the finite bounds of its buckets."""
    return tuple([bound for bound, _ in counts.buckets[:-1]])


def sound(counts: Counts) -> Counts:
    """Return the counts, or none at all where they cannot be true: not a number, infinite, absurd, or below zero."""
    requests, errors = counts.requests, counts.errors
    figures = [requests, errors, *[count for _, count in counts.buckets]]
    # Not a number compares with nothing, so what is asked is what must be true.
    if not (min(figures) >= 0.0 and sum(figures) < _MOST):
        return Counts()
    if errors > requests:
        return Counts(requests, requests, counts.unreached, counts.buckets)
    return counts
