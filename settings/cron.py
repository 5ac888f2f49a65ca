"""When digests are due: cron expressions in time zones, by `cronsim`, which follows Debian's cron."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from mesh.domain.digests import Digest

FIELDS = 5
_EVERY = ("0-59", "0-23")
"""What `*` means in the first two fields: written out, the library counts by the local clock there as well."""
_NAMES = ("second", "minute", "hour", "day-of-month", "month", "day-of-week")


class CronAlmanac:
    """Implements `mesh.ports.Almanac`.

    Every time is one of the local clock: what lies in the hour that is skipped comes once, as soon as that is over, and
    what lies in the hour that is doubled comes once, the first time.
    """

    def due(self, digest: Digest, *, since: float, until: float) -> list[int]:
        """Return the times after `since`, up to and including `until`, oldest first, each once."""
        found: set[int] = set()
        for at in _times(digest.cron, digest.zone, since):
            if at > until:
                break
            found.add(at)
        return sorted(at for at in found if at > since)

    def upcoming(self, digest: Digest, *, after: float) -> int | None:
        """Return the next time after `after`; None when it never comes."""
        return next((at for at in _times(digest.cron, digest.zone, after) if at > after), None)


def check_cron(cron: str) -> None:
    """Raise ValueError, saying what is wrong, for what is no cron expression of five fields, or never comes."""
    if len(cron.split()) != FIELDS:
        raise ValueError(
            f"{cron!r} has {len(cron.split())} fields and needs five: minute, hour, day of the month, month, day of "
            "the week; for example 0 9 * * MON-FRI"
        )
    try:
        never = next(_times(cron, "UTC", 0.0), None) is None
    except CronSimError as error:
        field = next((name for name in _NAMES if str(error).endswith(name)), "")
        what = f"its {field.replace('-', ' ')} means nothing" if field else "it means nothing"
        raise ValueError(f"{cron!r} is no cron expression: {what}; for example 0 9 * * MON-FRI") from error
    if never:
        raise ValueError(f"{cron!r} never comes")


def check_zone(zone: str) -> None:
    """Raise ValueError for what is no time zone of the IANA database."""
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, KeyError) as error:  # a name that is not found is a KeyError
        raise ValueError(f"{zone!r} is no time zone; write an IANA name such as Europe/Berlin, or UTC") from error


def _times(cron: str, zone: str, after: float) -> Iterator[int]:
    begin = datetime.fromtimestamp(after, UTC).astimezone(ZoneInfo(zone))
    # The library compares with `datetime.UTC` to leave the local clock out of it.
    begin = begin.astimezone(UTC) if zone == "UTC" else begin
    return (int(at.timestamp()) for at in CronSim(_by_the_clock(cron), begin))


def _by_the_clock(cron: str) -> str:
    fields = cron.split()
    return " ".join([*(field.replace("*", every) for field, every in zip(fields, _EVERY, strict=False)), *fields[2:]])
