"""Counters and histograms in Prometheus text form, with bucket bounds as the proxies write them (`le="100"`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import add

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def labels_text(labels: Mapping[str, str]) -> str:
    """Return `a="b",c="d"`, escaped; empty values are left out, as Prometheus would drop them anyway."""
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items() if value)


class Counter:
    """One counter family; a series exists from its first increment on, as with real sidecars."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._values: dict[str, int] = {}

    def add(self, labels: str, count: int) -> None:
        """Add `count`, at least 1, to the series of these labels (see `labels_text`)."""
        self._values[labels] = self._values.get(labels, 0) + count

    def lines(self) -> Iterator[str]:
        """Yield the exposition text, line by line."""
        yield f"# TYPE {self.name} counter"
        for labels, value in self._values.items():
            yield f"{self.name}{{{labels}}} {value}"


class Histogram:
    """One histogram family with fixed upper bounds; buckets are counted singly and shown cumulated."""

    def __init__(self, name: str, bounds: Sequence[float]) -> None:
        self.name = name
        self._texts = (*(f"{bound:g}" if bound < 1 else str(int(bound)) for bound in bounds), "+Inf")
        self._counts: dict[str, tuple[int, ...]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, labels: str, counts: Sequence[int], total: float) -> None:
        """Count values in the series of these labels: how many in each bucket, and their sum."""
        before = self._counts.get(labels, (0,) * len(self._texts))
        self._counts[labels] = tuple(map(add, before, counts))
        self._sums[labels] = self._sums.get(labels, 0.0) + total

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
