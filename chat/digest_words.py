"""A week of changes in words and in characters. Pure."""

from __future__ import annotations

from datetime import date

from chat.figures import columns
from mesh.domain.weeks import Changes, Week

CELLS = 24
"""Cells of the longest bar: it fits a phone."""
MARKS = (("#", "promotions"), ("<", "rollbacks"), ("x", "turned back"))
"""How each kind is drawn with characters, in the order of a bar."""
MOST_ALT = 1000


def changes_in_words(changes: Changes) -> str:
    """Return `3 promotions, 1 rollback, 2 turned back`; kinds that did not happen are left out."""
    counts = (
        (changes.promotions, "promotion" if changes.promotions == 1 else "promotions"),
        (changes.rollbacks, "rollback" if changes.rollbacks == 1 else "rollbacks"),
        (changes.turn_backs, "turned back"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count) or "no changes"


def age(seconds: float) -> str:
    """Return how old something is, in its two largest units at most: `5 min`, `3 h 20 min`, `2 d 4 h`."""
    minutes = max(0, int(seconds // 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    first = next((at for at, (count, _) in enumerate(parts) if count), 2)
    kept = [f"{count} {unit}" for count, unit in parts[first : first + 2] if count]
    return " ".join(kept) or "less than a minute"


def alt_text(week: Week) -> str:
    """Return what the picture of a week shows, for whom does not see it."""
    days = "; ".join(f"{day_name(day.date)} {changes_in_words(day.changes)}" for day in week.days)
    return f"Changes of traffic by day. {days}."[:MOST_ALT]


def bars(week: Week) -> list[str]:
    """Draw one bar for each day with characters, and say what they mean."""
    busiest = max(day.changes.total for day in week.days)
    rows = [[day_name(day.date), _bar(day.changes, busiest), str(day.changes.total)] for day in week.days]
    legend = "   ".join(f"{mark} {what}" for mark, what in MARKS)
    return [*columns(rows), legend]


def day_name(iso: str) -> str:
    """Return `Mon 30`."""
    day = date.fromisoformat(iso)
    # Not by the locale of the process.
    return f"{('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')[day.weekday()]} {day.day:2d}"


def _bar(changes: Changes, busiest: int) -> str:
    """Draw a bar in which whatever happened shows."""
    counts = (changes.promotions, changes.rollbacks, changes.turn_backs)
    scale = min(1.0, (CELLS - len(counts)) / max(busiest, 1))
    return "".join(mark * max(1, round(count * scale)) for (mark, _), count in zip(MARKS, counts, strict=True) if count)
