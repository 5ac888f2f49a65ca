"""Freezes of the calendar, and the weekly hours of roles, in the configuration file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from mesh.domain.errors import Refused
from mesh.domain.freezes import Closure
from mesh.domain.hours import known_zone, local_moment, read_hours
from settings.forms import Label, Scoped, Text, scope_of
from settings.lines import Path

MIDNIGHT = time()
_CLOCK = "0123456789"


def _hours(value: str) -> str:
    _tried(lambda: read_hours(value))
    return value


def _window(value: str) -> str:
    _tried(lambda: read_hours(value, zone="UTC"))
    return value


def _zone(value: str) -> str:
    _tried(lambda: known_zone(value))
    return value


def _tried(read: Any) -> None:
    try:
        read()
    except Refused as refused:
        raise ValueError(f"{refused.message} {refused.hint}") from refused


def _lone(value: object) -> object:
    """Let one line of text stand for the list that holds it."""
    return [value] if isinstance(value, str) else value


def _moment(value: object) -> object:
    """Take what YAML makes of a date, and text with a time of day, as `2026-12-24` or `2026-12-24T18:00`."""
    found = value
    if isinstance(value, str):
        try:
            # Without `date.fromisoformat` first, 2026-12-24 would be its midnight, and not the whole day.
            found = date.fromisoformat(value) if len(value) <= len("2026-12-24") else datetime.fromisoformat(value)
        except ValueError:
            found = None
    if not isinstance(found, date):
        raise ValueError(f"{value!r} is no date; write 2026-12-24, or 2026-12-24 18:00")  # noqa: TRY004 (only a ValueError becomes a mistake with its line)
    if isinstance(found, datetime) and found.tzinfo is not None:
        raise ValueError(f"{value} has an offset; write the wall clock's time, `time_zone` says which")
    return found.isoformat()


HoursText = Annotated[Text, AfterValidator(_hours)]
HoursList = Annotated[list[HoursText], BeforeValidator(_lone)]
Moment = Annotated[str, BeforeValidator(_moment), WithJsonSchema({"type": "string"})]


class FreezeSection(Scoped):
    """A freeze of the calendar: nothing that is not stable is given more traffic then. Going back stays possible."""

    name: Annotated[Label, Field(description="What it is called.")]
    reason: Annotated[Text, Field(description="Why; people who are turned away read it.")]
    time_zone: Annotated[
        Text, AfterValidator(_zone), Field(description="IANA name of the time zone that hours and dates are of.")
    ]
    weekly: Annotated[
        list[Annotated[Text, AfterValidator(_window)]],
        BeforeValidator(_lone),
        Field(description="Hours of each week, `fri 16:00-24:00`; an end before the begin is that of the next day."),
    ] = []
    since: Annotated[
        Moment | None, Field(description="First day, `2026-12-24`, or moment, `2026-12-24 18:00`; with `until`.")
    ] = None
    until: Annotated[
        Moment | None, Field(description="Last day, which is frozen to its end, or the moment at which it ends.")
    ] = None


def closure_of(section: FreezeSection) -> Closure:
    """Turn a checked section into the value that the rules work with."""
    zone = section.time_zone
    return Closure(
        name=section.name,
        reason=section.reason,
        scope=scope_of(section),
        weekly=tuple(read_hours(text, zone=zone) for text in section.weekly),
        spans=((_begin(section.since, zone), _end(section.until, zone)),) if section.since and section.until else (),
    )


def contradictions(section: FreezeSection) -> Iterator[tuple[Path, str]]:
    """Find freezes that are never, and half of a span."""
    if bool(section.since) is not bool(section.until):
        yield ("since" if section.since else "until",), "needs both `since` and `until`; a freeze must have its end"
    elif section.since and section.until:
        if _end(section.until, section.time_zone) <= _begin(section.since, section.time_zone):
            yield ("until",), "is not after `since`"
    elif not section.weekly:
        yield (), "is never; give it `weekly`, or `since` and `until`"
    for index, text in enumerate(section.weekly):
        if text.strip()[-1] not in _CLOCK or "/" in text:
            yield ("weekly", index), "names a time zone of its own; `time_zone` says it"


def _begin(text: str, zone: str) -> float:
    day, clock = _split(text)
    return local_moment(day, clock or MIDNIGHT, zone, late=False)


def _end(text: str, zone: str) -> float:
    day, clock = _split(text)
    return local_moment(day if clock else day + timedelta(days=1), clock or MIDNIGHT, zone, late=True)


def _split(text: str) -> tuple[date, time | None]:
    if len(text) <= len("2026-12-24"):
        return date.fromisoformat(text), None
    moment = datetime.fromisoformat(text)
    return moment.date(), moment.time()
