"""What proxies counted of one arm between two moments: each request once, whatever the number of looks. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

Buckets = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Counts:
    """Requests of one arm. Counts are differences of counters at two moments, so those of later moments add up."""

    requests: float = 0.0
    errors: float = 0.0
    """Of these, how many failed (5xx, a gRPC status that is not OK, or never reached a pod)."""
    unreached: float = 0.0
    """Of the errors, how many never reached a pod: nobody knows their version, and they are blamed by the weights."""
    buckets: Buckets = ()
    """(upper bound in milliseconds, requests at or under it), rising in both, up to infinity; empty: not measured."""

    def __add__(self, other: Counts) -> Counts:
        """Return both together; buckets are joined bound by bound, and bounds must be the same where both have any."""
        return Counts(
            self.requests + other.requests,
            self.errors + other.errors,
            self.unreached + other.unreached,
            _joined(self.buckets, other.buckets),
        )

    @property
    def success(self) -> float | None:
        """Share of requests that did not fail, in per cent; None without requests."""
        return 100.0 * (1.0 - self.errors / self.requests) if self.requests > 0 else None

    @property
    def timed(self) -> float:
        """How many requests the buckets hold."""
        return self.buckets[-1][1] if self.buckets else 0.0

    def slower(self, than_ms: float) -> float:
        """Return how many requests took longer than `than_ms`: linear inside a bucket, as `quantile_ms`.

        Beyond the highest finite bound there is none: nobody knows how long those took.
        """
        floor, under = 0.0, 0.0
        for bound, count in self.buckets:
            if bound >= than_ms:
                part = 1.0 if math.isinf(bound) else (than_ms - floor) / (bound - floor)
                return self.timed - under - (count - under) * part
            floor, under = bound, count
        return 0.0

    def quantile_ms(self, share: float) -> float | None:
        """Return the latency that `share` (0 to 1) of the requests stayed within, in milliseconds; None without any.

        As Prometheus's `histogram_quantile`: linear inside a bucket, from 0 in the first one; what lies in the last,
        infinite one is given the highest finite bound.
        """
        rank, below, under = share * self.timed, 0.0, 0.0
        if self.timed <= 0:
            return None
        for bound, count in self.buckets:
            if count >= rank and count > under:
                if math.isinf(bound):
                    return below
                return below + (bound - below) * (rank - under) / (count - under)
            below, under = (below if math.isinf(bound) else bound), count
        return below


def _joined(mine: Buckets, theirs: Buckets) -> Buckets:
    if not mine or not theirs:
        return mine or theirs
    if [bound for bound, _ in mine] != [bound for bound, _ in theirs]:
        raise ValueError("buckets of different bounds cannot be joined")
    return tuple((bound, one + other) for (bound, one), (_, other) in zip(mine, theirs, strict=True))
