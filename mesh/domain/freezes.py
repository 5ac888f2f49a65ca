"""Freezes: what may be given no more traffic for a while, by a person's word or by the calendar. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mesh.domain.commands import Target
from mesh.domain.hours import Hours, opens
from mesh.domain.scopes import Scope


@dataclass(frozen=True)
class Freeze:
    """One freeze, from a moment on."""

    id: str
    """That of the operation that made it, or the name that the configuration gives it."""
    scope: Scope
    since: float
    """Unix time in seconds."""
    until: float = math.inf
    """Unix time in seconds; infinite until somebody lifts it."""
    reason: str = ""
    by: str = ""
    """User id; empty for the calendar's."""


@dataclass(frozen=True)
class Closure:
    """A freeze of the configuration: in some hours of each week, or from one moment to another."""

    name: str
    reason: str
    scope: Scope = field(default_factory=Scope)
    weekly: tuple[Hours, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()
    """(begin, end) in Unix time."""

    def at(self, now: float) -> Freeze | None:
        """Return the freeze that this is at `now`; None where it is none then."""
        until = self._ends(now)
        return self._freeze(now, until) if until > now else None

    def upcoming(self, now: float) -> Freeze | None:
        """Return the freeze that this will be next, after `now`; None where none comes, or one holds now."""
        if self.at(now) is not None:
            return None
        begins = [begin for begin, _ in self.spans if begin > now]
        weekly = opens(self.weekly, now)
        first = min([*begins, *([] if weekly is None else [weekly])], default=None)
        return None if first is None else self._freeze(first, self._ends(first))

    def _freeze(self, since: float, until: float) -> Freeze:
        return Freeze(self.name, self.scope, since, until, self.reason)

    def _ends(self, now: float) -> float:
        """Return when what covers `now` ends, following windows that meet or overlap; `now` where nothing does."""
        at = now
        for _ in range(2 * len(self.weekly) + len(self.spans) + 1):
            ends = [end for begin, end in self.spans if begin <= at < end]
            ends += [
                math.inf if (turn := hours.turns(at)) is None else turn for hours in self.weekly if hours.covers(at)
            ]
            if not ends:
                break
            at = max(ends)
            if math.isinf(at):
                break
        return at


def in_force(freezes: Iterable[Freeze], closures: Iterable[Closure], now: float) -> tuple[Freeze, ...]:
    """Return every freeze that holds at `now`, the ones without an end first, then those that last longest.

    What people froze holds from when it is on record: their bot's clock may be ahead of whoever asks.
    """
    found = [one for one in freezes if now < one.until]
    found += [one for closure in closures if (one := closure.at(now)) is not None]
    return tuple(sorted(found, key=lambda one: -one.until))


def covering(freezes: Iterable[Freeze], target: Target) -> tuple[Freeze, ...]:
    """Return those of the freezes that mean this target."""
    return tuple(one for one in freezes if one.scope.covers(target))


def lifted(freeze: Freeze, now: float) -> Freeze:
    """Return the freeze as it is once somebody lifted it at `now`."""
    return replace(freeze, until=min(freeze.until, now))
