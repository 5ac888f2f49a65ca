"""A digest: what a channel is told at set times. Plain values, few whatever the number of services. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mesh.domain.scopes import Scope
from mesh.domain.weeks import Week

LATE_S = 3600
"""How late a digest may be: one that was missed for longer, because everything was down, is left out."""
MOST_ITEMS = 8
"""Lines of one part; the rest is counted."""
MOST_NAMES = 6
"""Names in one line; the rest is counted."""


@dataclass(frozen=True)
class Digest:
    """One digest of the configuration."""

    name: str
    channel: str
    """Slack channel id."""
    cron: str
    """Five fields: minute, hour, day of the month, month, day of the week."""
    zone: str = "UTC"
    """IANA name of the time zone that `cron` and the days of the week are in."""
    scope: Scope = field(default_factory=Scope)
    quiet: bool = False
    """Post nothing when there is nothing to say."""
    language: str = ""
    """Language it is told in; empty for that of the whole configuration."""


@dataclass(frozen=True)
class Slot:
    """One time at which one digest is due."""

    digest: str
    at: int
    """Unix time in whole seconds."""

    def __str__(self) -> str:
        return f"{self.digest}@{self.at}"

    @classmethod
    def parse(cls, text: str) -> Slot:
        """Read what `str` wrote; ValueError for anything else."""
        name, _, at = text.rpartition("@")
        if not (name and at.isdecimal() and at.isascii()):
            raise ValueError(f"{text!r} is not a slot")
        return cls(name, int(at))


class SlotState(StrEnum):
    """How far a slot has come. Only the first two may still become a message."""

    OPEN = "open"
    """Nobody works on it."""
    CLAIMED = "claimed"
    """A worker gathers it. One that dies here is followed by the next, who starts over."""
    POSTED = "posted"
    """It is in the outbox, which sends it once."""
    SKIPPED = "skipped"
    """There was nothing to say, and the digest is quiet then."""
    MISSED = "missed"
    """Too old when a worker came to it, or a newer one of the same digest was begun."""

    @property
    def over(self) -> bool:
        """True when nothing more will happen."""
        return self not in (SlotState.OPEN, SlotState.CLAIMED)


class Kind(StrEnum):
    """What a part of a digest is about, in the order in which people must see it."""

    ROLLOUTS = "rollouts"
    WAITING = "waiting"
    FREEZES = "freezes"
    DRIFT = "drift"
    OFF_REST = "off rest"
    BLIND = "blind"


@dataclass(frozen=True)
class Item:
    """One line of a part. Both texts may hold what other people wrote."""

    what: str
    """What it is about, e.g. `prod/shop/api`."""
    text: str
    """Without a final stop."""
    since: float = 0.0
    """Since when: Unix time in seconds; 0 where nobody knows."""
    by: str = ""
    """Slack user id of whoever did it; empty where that is nobody, or not known."""
    operation: str = ""
    """Id of the operation it is about; empty without one."""


@dataclass(frozen=True)
class Part:
    """All that a digest says of one thing."""

    kind: Kind
    items: tuple[Item, ...]
    total: int
    """How many there are, shown or not."""
    more: int = 0
    """How many lines are left out."""


def part(kind: Kind, items: Iterable[Item]) -> Part:
    """Return a part of these items, the oldest first, cut to what a person reads."""
    found = sorted(items, key=lambda item: (item.since or float("inf"), item.what))
    return Part(kind, tuple(found[:MOST_ITEMS]), len(found), max(0, len(found) - MOST_ITEMS))


def grouped(kind: Kind, reasons: Iterable[tuple[str, str]]) -> Part:
    """Return a part of (name, reason) pairs with one line for each reason, that of the most names first."""
    groups: dict[str, list[str]] = {}
    for name, reason in reasons:
        groups.setdefault(reason, []).append(name)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    items = tuple(Item(reason, listed(sorted(names))) for reason, names in ordered[:MOST_ITEMS])
    return Part(kind, items, sum(map(len, groups.values())), max(0, len(ordered) - MOST_ITEMS))


def listed(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """Return `a, b and 12 more`."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


@dataclass(frozen=True)
class Edition:
    """What one digest says at one time."""

    name: str
    """Of the digest; empty where somebody asked for one in a channel that has none."""
    at: float
    """Unix time in seconds."""
    zone: str
    scope: Scope
    services: int
    """How many services with weighted routes were looked at."""
    parts: tuple[Part, ...] = ()
    """Those that have something to say, in the order of `Kind`."""
    week: Week = field(default_factory=Week)
    troubles: tuple[str, ...] = ()
    """What could not be read, as sentences: what is not shown is then not known."""

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to say at all."""
        return not (self.parts or self.troubles or self.week.total)


def narrowed(digest: Digest, *, cluster: str, namespace: str) -> Digest:
    """Return the digest for one cluster or namespace only; an empty name limits nothing."""
    scope = digest.scope
    if cluster:
        scope = replace(scope, clusters=(cluster,))
    if namespace:
        scope = replace(scope, namespaces=(namespace,))
    return replace(digest, scope=scope)
