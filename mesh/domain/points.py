"""The points of a rollout's chart: small, and few however long it takes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mesh.domain.counts import Counts

MOST = 240
"""Most points of one chart."""


@dataclass(frozen=True)
class Answered:
    """What one arm answered in a stretch of time, without its buckets: a tenth of the size of `Counts`."""

    requests: float = 0.0
    success: float | None = None
    """Per cent, 0 to 100; None without requests."""
    p99_ms: float | None = None
    """Milliseconds; None where latency was not measured."""

    @classmethod
    def of(cls, counts: Counts) -> Answered:
        """Return what a chart shows of these counts."""
        return cls(counts.requests, counts.success, counts.quantile_ms(0.99))

    def __add__(self, other: Answered) -> Answered:
        """Return both together: the success share is exact, the latency a mean by requests, good enough to draw."""
        return Answered(
            self.requests + other.requests,
            _mean((self.requests, self.success), (other.requests, other.success)),
            _mean((self.requests, self.p99_ms), (other.requests, other.p99_ms)),
        )


@dataclass(frozen=True)
class Point:
    """One moment of a rollout's chart."""

    at: float
    """Unix time in seconds: the end of the stretch that was counted."""
    share: float
    """What the canary was given, in per cent."""
    canary: Answered
    stable: Answered

    @classmethod
    def of(cls, at: float, share: float, *, canary: Counts, stable: Counts) -> Point:
        """Return the point for what was counted until `at`, while the canary was given `share` per cent."""
        return cls(at, share, Answered.of(canary), Answered.of(stable))

    def __add__(self, later: Point) -> Point:
        """Return this point and a later one as one."""
        return Point(later.at, later.share, self.canary + later.canary, self.stable + later.stable)


def thinned(points: Sequence[Point], most: int = MOST) -> list[Point]:
    """Return at most `most` points, oldest first; when there are more they are merged to about half as many.

    Points of different shares are not merged, so a chart keeps its steps where they were. Where the share changes more
    often than a chart can show, the oldest points go.
    """
    found, span_s = list(points), points[-1].at - points[0].at if points else 0.0
    if len(found) <= most:
        return found
    width_s = 2 * span_s / most
    while len(found) > most / 2 and width_s <= span_s:
        found = list(_merged(points, width_s))
        width_s *= 1.5
    return found[-most:]


def _merged(points: Sequence[Point], width_s: float) -> Iterator[Point]:
    """Yield one point for each `width_s` seconds, and for each change of the share."""
    begun, last = points[0].at, points[0]
    for point in points[1:]:
        if point.share == last.share and point.at - begun <= width_s:
            last = last + point
        else:
            yield last
            begun, last = last.at, point
    yield last


def _mean(one: tuple[float, float | None], other: tuple[float, float | None]) -> float | None:
    """Return the mean of the values there are, by their weights; of two without weight the later one."""
    known = [(weight, value) for weight, value in (one, other) if value is not None]
    total = sum(weight for weight, _ in known)
    if not total:
        return known[-1][1] if known else None
    return sum(weight * value for weight, value in known) / total
