"""Counters and histograms in Prometheus text form, with bucket bounds as the proxies write them (`le="100"`)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def labels_text(labels: Mapping[str, str]) -> str:
    """Return `a="b",c="d"`, escaped; empty values are left out, as Prometheus would drop them anyway."""
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items() if value)


class Counter:
    """One counter family; a series exists from its first increment on, as with real sidecars."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._values: dict[str, int] = {}

    def add(self, labels: str) -> None:
        """Add one to the series of these labels (see `labels_text`)."""
        self._values[labels] = self._values.get(labels, 0) + 1

    def lines(self) -> Iterator[str]:
        """Yield the exposition text, line by line."""
        yield f"# TYPE {self.name} counter"
        for labels, value in self._values.items():
            yield f"{self.name}{{{labels}}} {value}"


class Histogram:
    """One histogram family with fixed upper bounds; buckets are counted singly and shown cumulated."""

    def __init__(self, name: str, bounds: Sequence[float]) -> None:
        self.name = name
        self._bounds = tuple(bounds)
        self._texts = (*(f"{bound:g}" if bound < 1 else str(int(bound)) for bound in bounds), "+Inf")
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, labels: str, value: float) -> None:
        """Count one value in the series of these labels."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * len(self._texts)
            self._sums[labels] = 0.0
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def lines(self) -> Iterator[str]:
        """Yield the exposition text, line by line."""
        yield f"# TYPE {self.name} histogram"
        for labels, counts in self._counts.items():
            running = 0
            for text, count in zip(self._texts, counts, strict=True):
                running += count
                yield f'{self.name}_bucket{{{labels},le="{text}"}} {running}'
            yield f"{self.name}_sum{{{labels}}} {self._sums[labels]:.3f}"
            yield f"{self.name}_count{{{labels}}} {running}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
