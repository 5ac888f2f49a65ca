"""The changes of a week, counted by day and by service. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from mesh.domain.commands import Target

DAYS = 7
MOST_SERVICES = 8
"""Services that are named; the rest is counted."""


class Outcome(StrEnum):
    """What a change came to, for counting."""

    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    """A person took traffic back: rollback or undo."""
    TURN_BACK = "turned back"
    """A rollout took its traffic back, by its gates or because somebody aborted it."""


@dataclass(frozen=True)
class Deed:
    """One change of traffic that is done: the little that is remembered of it for a week."""

    operation: str
    at: float
    """When it ended: Unix time in seconds."""
    target: Target
    outcome: Outcome


@dataclass(frozen=True)
class Changes:
    """How many changes there were of each kind."""

    promotions: int = 0
    rollbacks: int = 0
    turn_backs: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.promotions + self.rollbacks + self.turn_backs


@dataclass(frozen=True)
class Day:
    """One day of the week."""

    date: str
    """`2026-11-30`, in the digest's time zone."""
    changes: Changes


@dataclass(frozen=True)
class Busy:
    """What was changed of one service."""

    service: str
    """`cluster/namespace/service`."""
    changes: Changes


@dataclass(frozen=True)
class Week:
    """Seven days, the last of which is the digest's own."""

    days: tuple[Day, ...] = ()
    """The oldest first; also those on which nothing happened."""
    services: tuple[Busy, ...] = ()
    """Those with most changes first."""
    more: int = 0
    """How many services had changes and are left out."""

    @property
    def changes(self) -> Changes:
        """The changes of all days."""
        each = [day.changes for day in self.days]
        return Changes(
            sum(one.promotions for one in each), sum(one.rollbacks for one in each), sum(one.turn_backs for one in each)
        )

    @property
    def total(self) -> int:
        """How many changes there were."""
        return self.changes.total


def begin_of_week(at: float, zone: str) -> float:
    """Return when the first of the seven days that end with the moment `at` begins: Unix time in seconds."""
    first = datetime.fromtimestamp(at, ZoneInfo(zone)).date() - timedelta(days=DAYS - 1)
    return datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone)).timestamp()


def week_of(deeds: Iterable[Deed], at: float, zone: str) -> Week:
    """Count the deeds of the week that ends with the moment `at`; earlier and later ones do not count."""
    begin = begin_of_week(at, zone)
    known = [deed for deed in deeds if begin <= deed.at <= at]
    last = datetime.fromtimestamp(at, ZoneInfo(zone)).date()
    dates = [str(last - timedelta(days=back)) for back in range(DAYS - 1, -1, -1)]
    by_day: dict[str, list[Deed]] = {date: [] for date in dates}
    by_service: dict[str, list[Deed]] = {}
    for deed in known:
        by_day[str(datetime.fromtimestamp(deed.at, ZoneInfo(zone)).date())].append(deed)
        by_service.setdefault(str(deed.target), []).append(deed)
    busy = sorted(by_service.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return Week(
        days=tuple(Day(date, _changes(found)) for date, found in by_day.items()),
        services=tuple(Busy(service, _changes(found)) for service, found in busy[:MOST_SERVICES]),
        more=max(0, len(busy) - MOST_SERVICES),
    )


def _changes(deeds: Iterable[Deed]) -> Changes:
    found = Counter(deed.outcome for deed in deeds)
    return Changes(found[Outcome.PROMOTION], found[Outcome.ROLLBACK], found[Outcome.TURN_BACK])
