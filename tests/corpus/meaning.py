"""What weights mean, worked out from the raw JSON with fractions and without a line of the code under test.

Istio (reference of `HTTPRouteDestination.weight` and `RouteDestination.weight`): relative, absent is 0, a single
destination gets all. SMI TrafficSplit: the same, in v1alpha1 as quantities. Gateway API (`BackendRef.weight`):
relative, absent is 1, and a single backend of weight 0 gets nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Obj = dict[str, Any]
ABSENT = {"VirtualService": 0, "TrafficSplit": 0, "HTTPRoute": 1, "GRPCRoute": 1}
ALONE_TAKES_ALL = frozenset({"VirtualService", "TrafficSplit"})


def at(obj: Any, pointer: str) -> Any:
    """Return what stands at a JSON pointer; the pointers of the corpus need no escapes."""
    for token in pointer.split("/")[1:]:
        obj = obj[int(token)] if isinstance(obj, list) else obj[token]
    return obj


def number(weight: int | str) -> Fraction:
    """Return a weight as a number: 9/10 for `900m`."""
    text = str(weight)
    for suffix, scale in (("m", Fraction(1, 1000)), ("k", Fraction(1000))):
        if text.endswith(suffix):
            return Fraction(text[:-1]) * scale
    return Fraction(text)


def parts(kind: str, entries: Sequence[Obj]) -> list[Fraction]:
    """Return what each destination counts as."""
    weights = [entry.get("weight") for entry in entries]
    if len(entries) == 1 and kind in ALONE_TAKES_ALL:
        return [number(weights[0] or 1) or Fraction(1)]
    return [Fraction(ABSENT[kind]) if weight is None else number(weight) for weight in weights]


def shares(kind: str, entries: Sequence[Obj]) -> list[float]:
    """Return the per cent that each destination gets."""
    counted = parts(kind, entries)
    total = sum(counted)
    return [float(100 * one / total) if total else 0.0 for one in counted]


SEEN = Fraction(1, 200)
"""Shares are shown with two decimals at most, so half of the last one is not seen."""


@dataclass(frozen=True)
class Promotion:
    """One destination is to get a share of the same total."""

    place: int
    share: float
    """Per cent."""
    heir: int | None = None
    """Who takes the rest where all the others have nothing; None when nobody says."""

    def of(self, counted: Sequence[Fraction], unit: Fraction) -> list[Fraction] | None:
        """Return what each must count as then; None where it cannot be met or nobody takes the rest.

        The others keep their proportions in steps of `unit`: each gets the steps that fit, and what is left goes one
        by one to the largest remainders, to the first of equals.
        """
        total = sum(counted, Fraction(0))
        asked = Fraction(str(self.share))
        wanted = round(total * asked / 100 / unit) * unit
        if not total or abs(100 * wanted / total - asked) >= SEEN:
            return None
        others = [index for index in range(len(counted)) if index != self.place]
        exact = self._spread(counted, others, total - wanted)
        if exact is None:
            return None
        result = [wanted if index == self.place else exact[index] // unit * unit for index in range(len(counted))]
        left = int((total - sum(result)) / unit)
        for index in sorted(others, key=lambda index: (result[index] - exact[index], index))[:left]:
            result[index] += unit
        return result

    def _spread(self, counted: Sequence[Fraction], others: list[int], rest: Fraction) -> dict[int, Fraction] | None:
        have = sum((counted[index] for index in others), Fraction(0))
        if have or not rest:
            return {index: rest * counted[index] / (have or 1) for index in others}
        heir = others[0] if len(others) == 1 else self.heir
        return None if heir not in others else {index: rest if index == heir else Fraction(0) for index in others}
