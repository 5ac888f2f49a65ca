"""A week of changes in words and in characters. Pure."""

from __future__ import annotations

from datetime import date

from chat.figures import columns
from chat.locales import many, mark, tr
from mesh.domain.weeks import Changes, Week

CELLS = 24
"""Cells of the longest bar: it fits a phone."""
MARKS = (("#", mark("promotions")), ("<", mark("rollbacks")), ("x", mark("turned back")))
"""How each kind is drawn with characters, in the order of a bar."""
MOST_ALT = 1000


def changes_in_words(changes: Changes) -> str:
    """Return `3 promotions, 1 rollback, 2 turned back`; kinds that did not happen are left out."""
    counts = (
        (changes.promotions, many("{count} promotion", "{count} promotions", changes.promotions)),
        (changes.rollbacks, many("{count} rollback", "{count} rollbacks", changes.rollbacks)),
        (changes.turn_backs, tr("{count} turned back", count=changes.turn_backs)),
    )
    return ", ".join(said for count, said in counts if count) or tr("no changes")


def age(seconds: float) -> str:
    """Return how old something is, in its two largest units at most: `5 min`, `3 h 20 min`, `2 d 4 h`."""
    minutes = max(0, int(seconds // 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, mark("{count} d")), (hours, mark("{count} h")), (minutes, mark("{count} min"))]
    first = next((at for at, (count, _) in enumerate(parts) if count), 2)
    kept = [tr(said, count=count) for count, said in parts[first : first + 2] if count]
    return " ".join(kept) or tr("less than a minute")


def alt_text(week: Week) -> str:
    """Return what the picture of a week shows, for whom does not see it."""
    days = "; ".join(f"{day_name(day.date)} {changes_in_words(day.changes)}" for day in week.days)
    return tr("Changes of traffic by day. {days}.", days=days)[:MOST_ALT]


def bars(week: Week) -> list[str]:
    """Draw one bar for each day with characters, and say what they mean."""
    busiest = max(day.changes.total for day in week.days)
    rows = [[day_name(day.date), _bar(day.changes, busiest), str(day.changes.total)] for day in week.days]
    legend = "   ".join(f"{sign} {tr(what)}" for sign, what in MARKS)
    return [*columns(rows), legend]


def day_name(iso: str) -> str:
    """Return `Mon 30`."""
    day = date.fromisoformat(iso)
    # Not by the locale of the process.
    return f"{tr(_DAYS[day.weekday()])} {day.day:2d}"


_DAYS = (mark("Mon"), mark("Tue"), mark("Wed"), mark("Thu"), mark("Fri"), mark("Sat"), mark("Sun"))


def _bar(changes: Changes, busiest: int) -> str:
    """Draw a bar in which whatever happened shows."""
    counts = (changes.promotions, changes.rollbacks, changes.turn_backs)
    scale = min(1.0, (CELLS - len(counts)) / max(busiest, 1))
    return "".join(sign * max(1, round(count * scale)) for (sign, _), count in zip(MARKS, counts, strict=True) if count)
