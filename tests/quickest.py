"""What must be quick, told on a machine that may be busy: load slows some of many tries, a defect all of them."""

from __future__ import annotations

import time
from collections.abc import Callable

TRIES = 8


def quickest(measure: Callable[[], float], *, within_s: float, tries: int = TRIES) -> None:
    """Measure until one try took less than `within_s` seconds; AssertionError with all of them when none did.

    What each try must be besides quick is asserted in `measure`, and every one of them must be that.
    """
    took: list[float] = []
    while not took or min(took) >= within_s:
        assert len(took) < tries, f"never within {within_s:g} s: {[round(one, 2) for one in took]}"
        took.append(measure())


def quickly(act: Callable[[], object], *, within_s: float, tries: int = TRIES) -> None:
    """Do something until it took less than `within_s` seconds once, by the wall clock; AssertionError as above."""

    def measure() -> float:
        began = time.monotonic()
        act()
        return time.monotonic() - began

    quickest(measure, within_s=within_s, tries=tries)
