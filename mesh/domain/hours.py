"""Weekly hours in a time zone, as `mon-fri 09:00-17:00 Europe/Berlin` says them. Pure; `zoneinfo` knows the zones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mesh.domain.errors import Refused

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_S = 86_400
_QUARTER_S = 900
"""Clocks are put forward and back at quarters of an hour of UTC, everywhere and since 1972."""
_FORM = re.compile(r"(?:(\S+)\s+)?(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)(?:\s+(\S+))?")
_HINT = "Write days, hours and a time zone: mon-fri 09:00-17:00 Europe/Berlin."


@dataclass(frozen=True)
class Hours:
    """One stretch of time on some days of each week, by the wall clock of a zone.

    The wall clock decides: an hour that is struck twice in autumn is in or out both times, one that is left out in
    spring is missing. An end that is not after the beginning is that of the next day: `sun 22:00-06:00` ends on Monday.
    """

    days: tuple[int, ...]
    """0 for Monday to 6 for Sunday: the days on which it begins."""
    begin: int
    """Minutes after midnight, 0 to 1439."""
    end: int
    """Minutes after midnight, 1 to 1440."""
    zone: str
    """IANA name, `Europe/Berlin`."""

    def covers(self, now: float) -> bool:
        """Tell whether Unix time `now`, in seconds, lies within."""
        local = datetime.fromtimestamp(now, ZoneInfo(self.zone))
        minute, day = 60 * local.hour + local.minute, local.weekday()
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        began_yesterday = (day - 1) % 7 in self.days
        return (day in self.days and minute >= self.begin) or (began_yesterday and minute < self.end)

    def turns(self, now: float) -> float | None:
        """Return when this next begins or ends after `now`, in Unix time; None when it never does."""
        within = self.covers(now)
        return next((at for at in sorted(self._edges(now)) if at > now and self.covers(at) is not within), None)

    def _edges(self, now: float) -> set[float]:
        """Return the moments of the next eight days at which it may begin or end."""
        zone = ZoneInfo(self.zone)
        first = datetime.fromtimestamp(now, zone).date()
        found = {
            _moment(first + timedelta(days=ahead), minute, zone, fold)
            for ahead in range(9)
            for minute in (self.begin, self.end)
            for fold in (0, 1)
        }
        start = now - now % _QUARTER_S
        return found | {start + count * _QUARTER_S for count in range(1, 8 * _DAY_S // _QUARTER_S)}

    def __str__(self) -> str:
        return f"{_days_in_words(self.days)} {_clock(self.begin)}-{_clock(self.end)} {self.zone}"


def read_hours(text: str, *, zone: str = "") -> Hours:
    """Read `[days] HH:MM-HH:MM [zone]`; without days it is every day, and `zone` stands in for one that is not written.

    Raises Refused, with how it is written.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise Refused(f"{text!r} are no weekly hours.", hint=_HINT)
    days, *clock, said = match.groups()
    begin, end = _minutes(*clock[:2], most=1439), _minutes(*clock[2:], most=1440)
    if begin == end:
        raise Refused(f"{text!r} begins when it ends.", hint="The whole day is 00:00-24:00.")
    return Hours(_read_days(days or "daily"), begin, end, known_zone(said or zone))


def known_zone(name: str) -> str:
    """Return the name of a time zone; raise Refused for one that this machine does not know."""
    if not name:
        raise Refused("There is no time zone.", hint=_HINT)
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(f"{name!r} is not a time zone.", hint="Zones are called like Europe/Berlin or UTC.") from None


def opens(hours: Iterable[Hours], now: float) -> float | None:
    """Return when the first of `hours` begins, Unix time; `now` where one has begun, None where none ever does."""
    known = tuple(hours)
    if any(one.covers(now) for one in known):
        return now
    return min((at for one in known if (at := one.turns(now)) is not None), default=None)


def local_moment(day: date, clock: time, zone: str, *, late: bool) -> float:
    """Return the Unix time of a wall clock's time; of the two that a repeated hour has, the later one where `late`."""
    return datetime.combine(day, clock, ZoneInfo(zone)).replace(fold=int(late)).timestamp()


def in_zone(at: float, zone: str = "UTC") -> str:
    """Return `2026-11-30 09:00 CET`, without words of any language: for texts that know no reader's own zone."""
    return datetime.fromtimestamp(at, ZoneInfo(zone) if zone != "UTC" else UTC).strftime("%Y-%m-%d %H:%M %Z")


def _moment(day: date, minute: int, zone: ZoneInfo, fold: int) -> float:
    later, minute = divmod(minute, 1440)
    clock = time(minute // 60, minute % 60, fold=fold)
    return datetime.combine(day + timedelta(days=later), clock, zone).timestamp()


def _minutes(hour: str, minute: str, *, most: int) -> int:
    found = 60 * int(hour) + int(minute)
    if int(minute) > 59 or found > most:
        raise Refused(f"{hour}:{minute} is no time of day here.", hint="Days go from 00:00 to 24:00.")
    return found


def _read_days(text: str) -> tuple[int, ...]:
    if text.lower() == "daily":
        return tuple(range(7))
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise Refused(f"{part!r} is no day.", hint=f"Days are {', '.join(DAYS)}; mon-fri, sat,sun or daily.")
        begin = DAYS.index(first)
        count = (DAYS.index(last) - begin) % 7 if dash else 0
        found |= {(begin + ahead) % 7 for ahead in range(count + 1)}
    return tuple(sorted(found))


def _days_in_words(days: tuple[int, ...]) -> str:
    if len(days) == 7:
        return "daily"
    row = days == tuple(range(days[0], days[-1] + 1))
    return f"{DAYS[days[0]]}-{DAYS[days[-1]]}" if row and len(days) > 2 else ",".join(DAYS[day] for day in days)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
