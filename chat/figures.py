"""Numbers, bars and columns as people read them: units beside every number, rounding that never flatters."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from chat.escape import clean
from chat.locales import many, tr

CELLS = 20
"""Cells of a bar: one for each 5 %."""
MOST_NAME = 28
"""Characters of a name in a table."""
COUNTED = frozenset({"requests", "pods"})
"""Units that are counted, and so never have decimals."""
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|min)(?![A-Za-z0-9_]))")
_PLACES = {"%": 2, "ms": 1}
"""Decimals that people read in a unit."""


def percent(share: float) -> str:
    """Return a share (0 to 100) as `50 %`, `49.6 %`; what is not quite nothing or all says so: `<0.1 %`, `>99.9 %`."""
    if not math.isfinite(share):
        return "? %"
    if 0 < share < 0.05:
        return "<0.1 %"
    if 99.95 <= share < 100:
        return ">99.9 %"
    return f"{number(share, places=1)} %"


def number(value: float, *, places: int = 0, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return a number with at most `places` decimals and spaces between thousands: `12 431`."""
    if not math.isfinite(value) or abs(value) >= 1e15:
        return f"{value:.3g}"
    step = Decimal(1).scaleb(-places)
    text = f"{Decimal(str(value)).quantize(step, rounding):,f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace(",", " ")


def no_better(value: float, unit: str, *, at_most: bool) -> str:
    """Return a measured value, rounded towards its limit: 98.999 % is not shown as 99 %, nor 500.04 ms as 500 ms.

    `at_most` says on which side of the limit it should be. Requests and pods are counted, whatever the limit.
    """
    if unit in COUNTED:
        return counted(value, unit)
    return with_unit(value, unit, rounding=ROUND_CEILING if at_most else ROUND_FLOOR)


def with_unit(value: float, unit: str, *, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return `0.51 %`, `182 ms`, or a number of an administrator's own unit, which may be none."""
    if unit in COUNTED:
        return counted(value, unit)
    return f"{number(value, places=_PLACES.get(unit, 3), rounding=rounding)} {unit}".rstrip()


def units_kept(text: str) -> str:
    """Return the sentence with numbers that no line break parts from their units."""
    return _BEFORE_UNIT.sub("\u00a0", text)


def counted(value: float, unit: str) -> str:
    """Return `1 pod`, `3 pods`, `12 431 requests`; counts are rounded down. KeyError for what nobody counts here."""
    whole = number(value, rounding=ROUND_FLOOR)
    return _COUNTS[unit](1 if whole == "1" else 2, whole)


_COUNTS: dict[str, Callable[[int, str], str]] = {
    "requests": lambda count, number: many("{number} request", "{number} requests", count, number=number),
    "pods": lambda count, number: many("{number} pod", "{number} pods", count, number=number),
    "alerts": lambda count, number: many("{number} alert", "{number} alerts", count, number=number),
}


def span(seconds: float) -> str:
    """Return a duration for people: `45 s`, `5 min`. What is on record says it by `mesh.domain.gates.span`."""
    count = round(seconds if seconds < 120 else seconds / 60)
    return tr("{count} s", count=count) if seconds < 120 else tr("{count} min", count=count)


def milliseconds(value: float) -> str:
    """Return a latency with three figures at most: `182 ms`, `1.25 s`, `250 s`."""
    if value < 1000:
        return f"{number(value, places=0 if value >= 10 else 1)} ms"
    return f"{number(value / 1000, places=2 if value < 10_000 else 0)} s"


def bar(share: float) -> str:
    """Draw a share (0 to 100) in 20 cells; a share that is not 0 shows a cell, one that is not 100 leaves one."""
    filled = round(share / 100 * CELLS) if math.isfinite(share) else 0
    if 0 < share < 100:
        filled = min(max(filled, 1), CELLS - 1)
    filled = min(max(filled, 0), CELLS)
    return "█" * filled + "░" * (CELLS - filled)


def short_name(name: str) -> str:
    """Shorten a long name in its middle: versions differ at the end."""
    plain = clean(name)
    if len(plain) <= MOST_NAME:
        return plain
    tail = MOST_NAME // 2
    return f"{plain[: MOST_NAME - tail - 1]}…{plain[-tail:]}"


def width(text: str) -> int:
    """Count the cells that a text takes in a preformatted block: letters of Korean take two."""
    return len(text) + sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)


def columns(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Pad cells so that columns align, two spaces apart; those in `right` are flushed right, empty ones left out."""
    if not rows:
        return []
    widths = [max(width(row[index]) for row in rows) for index in range(len(rows[0]))]

    def cell(text: str, index: int) -> str:
        room = " " * (widths[index] - width(text))
        return room + text if index in right else text + room

    return ["  ".join(cell(text, i) for i, text in enumerate(row) if widths[i]).rstrip() for row in rows]
