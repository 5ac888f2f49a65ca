"""Numbers, bars and columns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.figures import bar, columns, counted, no_better, number, percent, short_name, units_kept, with_unit


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (50, "50 %"),
        (49.6, "49.6 %"),
        (100 / 3, "33.3 %"),
        (0, "0 %"),
        (100, "100 %"),
        (0.01, "<0.1 %"),
        (99.99, ">99.9 %"),
        (math.nan, "? %"),
    ],
)
def test_percent(share: float, shown: str) -> None:
    """Shares carry a unit and never claim nothing or everything when it is not so."""
    assert percent(share) == shown


def test_numbers() -> None:
    """Thousands are apart, decimals only where there are some, and odd floats do not break a card."""
    assert number(12431.4) == "12 431"
    assert number(1_200_000) == "1 200 000"
    assert number(99.5, places=3) == "99.5"
    assert number(math.inf) == "inf"
    assert number(1e40) == "1e+40"
    assert counted(1, "pods") == "1 pod"
    assert counted(0, "pods") == "0 pods"


@given(st.floats(0, 100), st.integers(0, 100))
def test_rounding_never_crosses_a_limit(value: float, limit: int) -> None:
    """What is below a limit that it should reach is never shown at it, what is above one never at or below it."""
    for unit in ("%", "ms", "jobs"):
        assert (value >= limit) >= (float(no_better(value, unit, at_most=False).split()[0]) >= limit)
        assert (value <= limit) >= (float(no_better(value, unit, at_most=True).split()[0]) <= limit)


@given(st.floats(0, 100))
def test_bars(share: float) -> None:
    """A bar has 20 cells; it is empty only at 0 and full only at 100."""
    drawn = bar(share)
    assert len(drawn) == 20
    assert ("█" in drawn) == (share > 0)
    assert ("░" in drawn) == (share < 100)


def test_units() -> None:
    """Requests and pods are counted; an administrator's unit stands behind the number, or nothing does."""
    assert no_better(12431.9, "requests", at_most=True) == "12 431 requests"
    assert with_unit(0.1234567, "s") == "0.123 s"
    assert with_unit(3.0, "") == "3"
    assert with_unit(4.996, "%") == "5 %"


def test_units_stay_beside_their_numbers() -> None:
    """No line break parts a number from its unit; other words are left alone."""
    assert units_kept("2 % in 5 min, 3 more") == "2\u00a0% in 5\u00a0min, 3 more"


def test_long_names_keep_their_ends() -> None:
    """Names that differ at the end still differ when shortened."""
    first, second = (short_name(f"{'checkout-service-' * 4}v{index}") for index in (1, 2))
    assert first != second
    assert len(first) == 28


def test_columns() -> None:
    """Columns align, right ones to the right, and one that is empty in every row takes no room."""
    assert columns([["a", "", "1"], ["bb", "", "22"]], right=frozenset({2})) == ["a    1", "bb  22"]
    assert columns([]) == []
