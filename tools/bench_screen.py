"""Which hours of `bench_gates` can end in an alarm at all: the evidence of many hours at once.

Hours without an alarm are most of the work, and the real code would take an hour for them. So the same arithmetic is
done here for all hours side by side, and each hour in which any evidence comes near a proof is judged by the real code
from its start. What is printed is always a verdict of the real code; a test holds that both agree at every look.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mesh.domain import evidence
from mesh.domain.clues import ENOUGH, LONGEST_S
from mesh.domain.evidence import CLUMPS, ODDS, PAUSES, PROOF, Habit
from mesh.domain.gates import Limits
from tools.bench_traffic import BOUNDS, SCRAPE_S, SCRAPES, Array, Hours

LIMITS = Limits()
ALLOWED = 0.01
"""Share of bad requests that `LIMITS` allow, failed or late."""
_RAISED = np.array(ODDS)[:, None] - 1.0
_LOGS = np.log(np.array(ODDS))[:, None]
_STRETCH = round(LIMITS.window_s / 2 / SCRAPE_S)
"""Looks in one stretch of a history."""
_LATE = BOUNDS.index(LIMITS.p99_max_ms)


@dataclass
class _Lately:
    """What was counted in the newest stretch and the one before it, hour by hour."""

    now: Any = 0.0
    before: Any = 0.0

    def add(self, look: int, counted: Array) -> None:
        """Add one look."""
        if look and look % _STRETCH == 0:
            self.before, self.now = self.now, 0.0
        self.now = self.now + counted

    @property
    def total(self) -> Any:
        """Both."""
        return self.before + self.now


@dataclass
class Clues:
    """One kind of bad request, hour by hour: the twin of `mesh.domain.clues.Clue`."""

    hours: int
    habit: Habit
    allowed: float
    noise: Array = field(init=False)
    compared: Array = field(init=False)
    limited: Array = field(init=False)
    open: Array = field(init=False)
    """Of the open blocks: hits, others, over, requests."""
    stable: _Lately = field(default_factory=_Lately)

    def __post_init__(self) -> None:
        self.noise, self.open = np.zeros((6, self.hours)), np.zeros((4, self.hours))
        self.compared, self.limited = np.zeros((len(ODDS), self.hours)), np.zeros((len(ODDS), self.hours))

    def notice(self, counted: tuple[Array, Array, Array], hits: tuple[Array, Array], known: Array) -> None:
        """Add one look: requests of canary and stable, the canary's usual ones, and hits where they are `known`."""
        canary, stable, usual = counted
        kept, one = np.exp(-SCRAPE_S / evidence._FADES_S), np.ones(self.hours)
        seen = np.stack([one, stable, hits[1], stable * stable, stable * hits[1], hits[1] * hits[1]])
        self.noise = np.where(known & (stable > 0), self.noise * kept + seen, self.noise)
        rate = self.noise[2] / np.maximum(self.noise[1], 1e-300)
        mine, left = self._thinned(hits[0], usual * rate, rate)
        over, within = self._thinned(hits[0], canary * self.allowed, rate)
        self.open += np.where(known, np.stack([mine, hits[1] * left, over, canary * within]), 0.0)

    def _thinned(self, hits: Array, expected: Array, rate: Array) -> tuple[Array, Array]:
        looks, _, stable, nn, nk, kk = self.noise
        many, rare = expected >= evidence._RARE, np.minimum(expected / evidence._RARE, 1.0)
        guess = self.habit.rare + (self.habit.many - self.habit.rare) * rare
        spread = np.maximum(kk - 2.0 * rate * nk + rate * rate * nn, 0.0)
        worth = evidence._GUESS_HITS + self.habit.looks * stable / np.maximum(looks, 1.0)
        ratio = (guess * worth + spread) / (worth + stable)
        each = 1.0 / (1.0 + evidence._TAILS * np.maximum(ratio - 1.0, 0.0))
        first = np.where(expected > 1e-9, -np.expm1(-expected) / np.maximum(expected, 1e-9), 1.0)
        counted = np.where(many, hits * each, np.maximum(np.minimum(hits, 1.0), hits * each))
        return counted, np.where(many, each, each + (1.0 - each) * first)

    def weigh(self, full: Array, block: Array) -> None:
        """Put the blocks that are full on the scales; `block` holds seconds and requests of canary and stable."""
        hits, others, over, requests = self.open
        both = full & (block[1] > 0) & (block[2] > 0)
        share = block[1] / np.maximum(block[1] + block[2], 1.0)
        self.compared = np.where(both, self._weighed(self.compared, (hits, hits + others), share, block), self.compared)
        if self.allowed:
            limited = self._weighed(self.limited, (over, requests), np.full(self.hours, self.allowed), block)
            self.limited = np.where(full & (requests > 0), limited, self.limited)
        self.open = np.where(full, 0.0, self.open)

    def _weighed(self, levels: Array, counted: tuple[Array, Array], share: Array, block: Array) -> Array:
        floor = np.log(np.maximum(block[0], 1.0) / 3600.0)
        gained = np.minimum(counted[0] * _LOGS - counted[1] * np.log1p(_RAISED * share), self.habit.most)
        return np.asarray(np.minimum(np.maximum(levels, floor) + gained, evidence._HIGHEST))

    def near(self) -> Array:
        """Tell in which hours this can be a proof."""
        compared, limited = (levels.max(axis=0) >= np.log(PROOF) for levels in (self.compared, self.limited))
        return np.asarray(compared | (limited & (self.stable.total == 0)))


class Screen:
    """All hours side by side, look by look."""

    def __init__(self, hours: Hours) -> None:
        """Begin before the first look."""
        self._hours = hours
        count = len(hours.onset_s)
        self.errors, self.slow = Clues(count, CLUMPS, ALLOWED), Clues(count, PAUSES, 0.0)
        self.late = Clues(count, PAUSES, ALLOWED)
        self._block = np.zeros((3, count))
        self._canary, self._stable = _Lately(), _Lately()
        self._slow_from = np.full(count, -1)
        """Which bound is slow, hour by hour; below 0: not known yet."""
        self._timed = np.zeros((len(BOUNDS), count))

    def look(self, number: int) -> Array:
        """Look once more, and tell in which hours an alarm is possible now."""
        canary, stable = self._hours.canary, self._hours.stable
        nc, ns = canary.requests[:, number].astype(float), stable.requests[:, number].astype(float)
        odds = self._canary.total / np.maximum(self._stable.total, 1e-300)
        counted = nc, ns, np.where(nc > 0, nc, ns * odds)
        within = canary.buckets[:, number].T.astype(float), stable.buckets[:, number].T.astype(float)
        self._notice(counted, (canary.errors[:, number].astype(float), stable.errors[:, number].astype(float)), within)
        for lately, requests in ((self._canary, nc), (self._stable, ns)):
            lately.add(number, requests)
        self.errors.stable.add(number, stable.errors[:, number])
        self.slow.stable.add(number, ns)
        self.late.stable.add(number, ns - within[1][_LATE])
        self._learn(within[1])
        self._weigh(nc, ns)
        return self.errors.near() | self.slow.near() | self.late.near()

    def _notice(
        self, counted: tuple[Array, Array, Array], errors: tuple[Array, Array], within: tuple[Array, Array]
    ) -> None:
        always, every = np.ones(len(self._slow_from), dtype=bool), np.arange(len(self._slow_from))
        self.errors.notice(counted, errors, always)
        late = counted[0] - within[0][_LATE], counted[1] - within[1][_LATE]
        self.late.notice(counted, late, always)
        bound = np.maximum(self._slow_from, 0)
        slow = counted[0] - within[0][bound, every], counted[1] - within[1][bound, every]
        self.slow.notice(counted, slow, self._slow_from >= 0)

    def _learn(self, within: Array) -> None:
        self._timed += within
        bound = (self._timed[:-1] >= 0.95 * self._timed[-1]).argmax(axis=0)
        self._slow_from = np.where((self._slow_from < 0) & (self._timed[-1] >= 100.0), bound, self._slow_from)

    def _weigh(self, canary: Array, stable: Array) -> None:
        self._block += np.stack([np.full(len(canary), float(SCRAPE_S)), canary, stable])
        seconds, ours, theirs = self._block
        full = (seconds >= LONGEST_S) | ((ours >= ENOUGH) & ((theirs >= ENOUGH) | (self._stable.total == 0)))
        for clues in (self.errors, self.slow, self.late):
            clues.weigh(full, self._block)
        self._block = np.where(full, 0.0, self._block)


def suspects(hours: Hours) -> list[int]:
    """Return the hours in which the real code may give an alarm."""
    screen, found = Screen(hours), np.zeros(len(hours.onset_s), dtype=bool)
    for number in range(SCRAPES):
        found |= screen.look(number)
    return [int(index) for index in np.flatnonzero(found)]
