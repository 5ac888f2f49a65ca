"""When digests are due: by the local clock, through both changes of the clocks, at the ends of months."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from mesh.domain.digests import Digest
from settings.cron import CronAlmanac, check_cron, check_zone

BERLIN, TROLL = "Europe/Berlin", "Antarctica/Troll"
ALMANAC = CronAlmanac()


def digest(cron: str, zone: str = BERLIN) -> Digest:
    """A digest of these times."""
    return Digest("daily", "C0PROD", cron, zone)


def moment(text: str, zone: str = BERLIN, *, fold: int = 0) -> float:
    """Unix time of a local time; `fold=1` is the second of a doubled hour."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def due(cron: str, begin: str, hours: float, zone: str = BERLIN) -> list[str]:
    """The local times that are due from a local time on, with their distance from UTC."""
    since = moment(begin, zone)
    found = ALMANAC.due(digest(cron, zone), since=since - 1, until=since + hours * 3600)
    return [f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%m-%d %H:%M %z}" for at in found]


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/45 2 * * *", "10,50 2 * * *"])
def test_a_time_in_the_skipped_hour_comes_once(cron: str) -> None:
    """In the night in which the clocks go forward, whatever lies between 2 and 3 comes once, at 3."""
    assert due(cron, "2026-03-29 00:00", 20) == ["03-29 03:00 +0200"]


def test_a_time_in_the_doubled_hour_comes_once() -> None:
    """In the night in which the clocks go back, half past two comes once, the first time; so does every minute."""
    assert due("30 2 * * *", "2026-10-25 00:00", 20) == ["10-25 02:30 +0200"]
    assert len(due("* 2 * * *", "2026-10-25 00:00", 20)) == 60


def test_a_jump_of_two_hours_skips_nothing_and_doubles_nothing() -> None:
    """Where the clocks change by two hours, a daily time still comes once a day, for a whole year."""
    at, days = moment("2026-01-01 00:00", TROLL), []
    while at < moment("2027-01-01 00:00", TROLL):
        found = ALMANAC.due(digest("30 2 * * *", TROLL), since=at, until=at + 6 * 3600)
        days += [datetime.fromtimestamp(one, ZoneInfo(TROLL)).date() for one in found]
        at += 6 * 3600
    assert len(days) == len(set(days)) == 365


@pytest.mark.parametrize("night", ["2026-03-29 00:00", "2026-10-25 00:00"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "*/15 * * * *", "0 1,2,3 * * *"])
def test_it_does_not_matter_when_one_asks(night: str, cron: str) -> None:
    """A clock that looks every seven minutes finds what one that looks once finds, each slot once."""
    begin, length = moment(night), 8 * 3600
    whole = ALMANAC.due(digest(cron), since=begin, until=begin + length)
    pieces = [begin + at for at in range(0, length, 420)] + [begin + length]
    found = [one for since, until in pairwise(pieces) for one in ALMANAC.due(digest(cron), since=since, until=until)]
    assert found == whole
    assert len(set(whole)) == len(whole)


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/15 * * * *", "0 9 L * *"])
def test_what_is_next_is_what_will_be_due(cron: str) -> None:
    """From the next time to the next, nothing else is due between."""
    after = moment("2026-10-24 23:00")
    for _ in range(20):
        upcoming = ALMANAC.upcoming(digest(cron), after=after)
        assert upcoming is not None
        assert ALMANAC.due(digest(cron), since=after, until=upcoming) == [upcoming]
        after = upcoming


def test_months_end_where_they_end() -> None:
    """The 31st is left out where there is none, the last day of the month is not, and leap days come."""
    assert due("0 9 31 * *", "2026-03-01 00:00", 24 * 100) == ["03-31 09:00 +0200", "05-31 09:00 +0200"]
    found = due("0 9 L * *", "2028-01-15 00:00", 24 * 60)
    assert found == ["01-31 09:00 +0100", "02-29 09:00 +0100"]
    assert due("0 0 1 1 *", "2026-12-31 12:00", 24) == ["01-01 00:00 +0100"]


def test_bounds_are_after_since_and_up_to_until() -> None:
    """Who asks from a slot on does not get it again; who asks up to one gets it."""
    slot = moment("2026-11-30 09:00")
    assert ALMANAC.due(digest("0 9 * * *"), since=slot, until=slot + 60) == []
    assert ALMANAC.due(digest("0 9 * * *"), since=slot - 60, until=slot) == [int(slot)]
    assert ALMANAC.upcoming(digest("0 9 * * *"), after=slot) == int(slot + timedelta(days=1).total_seconds())


def test_zones_differ() -> None:
    """Nine o'clock is another moment in Seoul than in UTC."""
    at = moment("2026-11-30 00:00", "UTC")
    assert ALMANAC.upcoming(digest("0 9 * * *", "UTC"), after=at) == at + 9 * 3600
    assert ALMANAC.upcoming(digest("0 9 * * *", "Asia/Seoul"), after=at - 1) == at


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("0 9 * *", "4 fields"),
        ("0 0 9 * * *", "6 fields"),
        ("@daily", "1 fields"),
        ("61 9 * * *", "minute"),
        ("0 9 * * MON-FRY", "day of week"),
        ("0 9 0 * *", "day of month"),
        ("0 9 31 2 *", "day of month"),
        ("", "0 fields"),
    ],
)
def test_what_is_no_cron_says_why(cron: str, why: str) -> None:
    """The message names the field and gives an example."""
    with pytest.raises(ValueError, match=why) as refused:
        check_cron(cron)
    assert "0 9 * * MON-FRI" in str(refused.value)


@pytest.mark.parametrize("zone", ["Europe/Berln", "../../etc/passwd", "/etc/localtime", "", "Europe", "CET\0"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    """Only names of the database; no paths."""
    with pytest.raises(ValueError, match="no time zone"):
        check_zone(zone)
