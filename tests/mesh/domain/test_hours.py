"""Weekly hours: what the wall clock of a zone says, over midnights, weeks and the changes of clocks."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.domain.errors import Refused
from mesh.domain.hours import Hours, opens, read_hours

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN, fold: int = 0) -> float:
    """Return the Unix time of a wall clock's time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("hours", "moment", "within"),
    [
        ("mon-fri 09:00-17:00 Europe/Berlin", "2026-11-30T09:00", True),
        ("mon-fri 09:00-17:00 Europe/Berlin", "2026-11-30T08:59", False),
        ("mon-fri 09:00-17:00 Europe/Berlin", "2026-11-30T16:59", True),
        ("mon-fri 09:00-17:00 Europe/Berlin", "2026-11-30T17:00", False),
        ("mon-fri 09:00-17:00 Europe/Berlin", "2026-11-29T12:00", False),
        ("mon-fri 09:00-17:00 UTC", "2026-11-30T09:30", False),
        ("daily 22:00-06:00 Europe/Berlin", "2026-11-30T23:00", True),
        ("22:00-06:00 Europe/Berlin", "2026-12-01T05:59", True),
        ("22:00-06:00 Europe/Berlin", "2026-12-01T06:00", False),
        ("sun 22:00-06:00 Europe/Berlin", "2026-11-30T05:00", True),
        ("sun 22:00-06:00 Europe/Berlin", "2026-11-29T05:00", False),
        ("fri-mon 00:00-24:00 Europe/Berlin", "2026-11-30T23:59", True),
        ("fri-mon 00:00-24:00 Europe/Berlin", "2026-12-01T00:00", False),
        ("sat,sun 10:00-12:00 Europe/Berlin", "2026-11-28T11:00", True),
        # Clocks go from 2:00 to 3:00 on 29 March 2026: what lies between is not there.
        ("daily 02:00-03:00 Europe/Berlin", "2026-03-29T01:59", False),
        ("daily 02:00-03:00 Europe/Berlin", "2026-03-29T03:00", False),
        ("daily 02:30-04:00 Europe/Berlin", "2026-03-29T03:00", True),
    ],
)
def test_the_wall_clock_decides(hours: str, moment: str, within: bool) -> None:
    """It begins with its first minute and ends before its last; a night belongs to the day on which it begins."""
    assert read_hours(hours).covers(at(moment)) is within


@pytest.mark.parametrize("fold", [0, 1])
def test_an_hour_that_is_struck_twice_is_in_both_times(fold: int) -> None:
    """On 25 October 2026 it is 2:30 twice in Berlin."""
    assert read_hours("sun 02:00-03:00 Europe/Berlin").covers(at("2026-10-25T02:30", fold=fold))


@pytest.mark.parametrize(
    ("hours", "moment", "turns"),
    [
        ("mon-fri 09:00-17:00 Europe/Berlin", "2026-11-27T18:00", at("2026-11-30T09:00")),
        ("mon-fri 09:00-17:00 Europe/Berlin", "2026-11-30T10:00", at("2026-11-30T17:00")),
        ("sun 22:00-06:00 Europe/Berlin", "2026-11-29T23:00", at("2026-11-30T06:00")),
        ("sat-sun 00:00-24:00 Europe/Berlin", "2026-11-28T12:00", at("2026-11-30T00:00")),
        ("mon 09:00-17:00 Europe/Berlin", "2026-11-30T17:00", at("2026-12-07T09:00")),
        # Over both changes of clocks: 9:00 stays 9:00, and what is left out begins at 3:00.
        ("sun 09:00-17:00 Europe/Berlin", "2026-03-28T12:00", at("2026-03-29T09:00")),
        ("sun 02:30-04:00 Europe/Berlin", "2026-03-29T01:00", at("2026-03-29T03:00")),
        ("sun 00:00-02:30 Europe/Berlin", "2026-10-25T01:00", at("2026-10-25T02:30")),
        ("sun 00:00-02:30 Europe/Berlin", "2026-10-25T02:45", at("2026-10-25T02:00", fold=1)),
    ],
)
def test_when_it_begins_or_ends_next(hours: str, moment: str, turns: float) -> None:
    """By the wall clock, over weekends and changes of clocks."""
    assert read_hours(hours).turns(at(moment)) == turns


def test_what_never_ends_has_no_turn() -> None:
    """All hours of all days."""
    assert read_hours("00:00-24:00 UTC").turns(0.0) is None
    assert opens([read_hours("00:00-24:00 UTC")], 5.0) == 5.0
    assert opens([], 5.0) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mon-fri", "no weekly hours"),
        ("mon-fri 9-17 UTC", "no weekly hours"),
        ("mon-fri 09:00-17:00", "no time zone"),
        ("mon-fri 09:00-17:00 Berlin", "'Berlin' is not a time zone"),
        ("mon-fri 09:00-17:00 ../etc/passwd", "not a time zone"),
        ("mo-fr 09:00-17:00 UTC", "'mo-fr' is no day"),
        ("mon 09:00-09:00 UTC", "begins when it ends"),
        ("mon 09:60-10:00 UTC", "09:60 is no time"),
        ("mon 24:00-25:00 UTC", "24:00 is no time"),
        ("mon 09:00-24:01 UTC", "24:01 is no time"),
    ],
)
def test_what_are_no_hours_is_refused_with_how_they_are_written(text: str, said: str) -> None:
    """Each mistake is named."""
    with pytest.raises(Refused, match=said) as refused:
        read_hours(text)
    assert refused.value.hint


@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.floats(1.7e9, 1.9e9),
    st.sampled_from([BERLIN, "UTC", "Asia/Seoul", "Australia/Lord_Howe", "America/St_Johns"]),
)
def test_hours_agree_with_themselves(days: set[int], begin: int, end: int, now: float, zone: str) -> None:
    """Written and read they are the same; nothing changes before the next turn, and something does at it."""
    if begin == end:
        return
    hours = Hours(tuple(sorted(days)), begin, end, zone)
    assert read_hours(str(hours)) == hours
    turn = hours.turns(now)
    if turn is not None:
        assert hours.covers(turn) is not hours.covers(now)
        assert all(hours.covers(now + (turn - now) * part) is hours.covers(now) for part in (0.3, 0.6, 0.999))
