"""Whose requests were those that reached no pod? Pure but for what a ledger remembers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

BEYOND_LUCK = 3.0
"""How many standard deviations an arm must have missed before that is no longer luck (about 1 in 700)."""
FORGET_MS = 60_000
"""How long nothing may have gone missing before the ledger of a route begins anew."""


def blame(unreached: float, shares: Sequence[float], answered: Sequence[float]) -> tuple[float, ...]:
    """Return how many of the `unreached` requests each arm is put down for; their sum is `unreached`.

    Proxies choose an arm by its share before they look for a pod, so an arm whose pods are gone answers less than its
    share of all requests, answered and unreached: what it misses was its own. Where an arm misses no more than luck can
    explain, nobody can tell, and each is put down for its share, which is evidence against none. Without any shares
    nobody is blamed.
    """
    whole = sum(shares)
    if unreached <= 0 or whole <= 0:
        return tuple(0.0 for _ in shares)
    total = sum(answered) + unreached
    missing = [_missing(total, share / whole, had) for share, had in zip(shares, answered, strict=True)]
    known = min(unreached, sum(missing))
    each = known / sum(missing) if known else 0.0
    return tuple(gone * each + (unreached - known) * share / whole for gone, share in zip(missing, shares, strict=True))


def _missing(total: float, share: float, had: float) -> float:
    gone = total * share - had
    return gone if gone > 0 and gone >= BEYOND_LUCK * math.sqrt(total * share * (1 - share)) else 0.0


Window = tuple[object, int, int]
"""What names a route with its shares, and begin and end in milliseconds."""


@dataclass(frozen=True)
class _Page:
    """All of one route since requests began to go missing."""

    until_ms: int
    lost_ms: int
    """When some last did."""
    unreached: float
    answered: tuple[float, ...]


class Ledger:
    """Blames by all windows since requests began to go missing: a few seconds of a small share are always luck.

    Lost without harm: the blame is then by shares until enough is known again.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pages: dict[object, _Page] = {}

    def blame(
        self, window: Window, unreached: float, shares: Sequence[float], answered: Sequence[float]
    ) -> tuple[float, ...]:
        """Put down what was counted in one window, as the function of that name does."""
        key, begin, end = window
        former = self._pages.get(key)
        lost = end if unreached > 0 else (former.lost_ms if former else 0)
        self._pages = {other: page for other, page in self._pages.items() if end - page.until_ms <= FORGET_MS}
        if former is None or former.until_ms != begin or end - lost > FORGET_MS:
            former = _Page(begin, begin, 0.0, tuple(0.0 for _ in shares))
        page = _Page(
            end,
            lost,
            former.unreached + unreached,
            tuple(one + more for one, more in zip(former.answered, answered, strict=True)),
        )
        self._pages[key] = page
        if page.unreached <= 0:
            del self._pages[key]
            return tuple(0.0 for _ in shares)
        return tuple(part * unreached / page.unreached for part in blame(page.unreached, shares, page.answered))
