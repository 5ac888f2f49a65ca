"""Floods: how much one person, and one channel, may ask for at once. Kept by each process for itself, and forgotten."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from mesh.domain.errors import Refused
from mesh.domain.operations import Operation

REMEMBERED = 10_000
"""People and channels whose last requests are remembered."""


@dataclass(frozen=True)
class Measure:
    """What is too much."""

    every_s: float
    """Seconds between two requests, in the long run."""
    burst: int
    """How many may come at once after a pause."""


PERSON = Measure(every_s=0.5, burst=240)
CHANNEL = Measure(every_s=0.2, burst=600)


class Floods:
    """Counts what is asked for. What takes traffic back is never too much, and counts nothing."""

    def __init__(self, *, person: Measure = PERSON, channel: Measure = CHANNEL) -> None:
        self._person = person
        self._channel = channel
        self._spent: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, operation: Operation) -> None:
        """Count a new operation at its `created_at`; Refused when its person or its channel asks for too much."""
        if operation.urgent:
            return
        actor, now = operation.actor, operation.created_at
        asked = [(f"person {actor.team} {actor.user}", self._person, "You ask")]
        if operation.origin.channel:
            asked.append((f"channel {operation.origin.channel}", self._channel, "This channel asks"))
        with self._lock:
            for key, measure, who in asked:
                wait = self._spent.get(key, 0.0) - (measure.burst - 1) * measure.every_s - now
                if wait > 0:
                    raise Refused(
                        f"{who} for more than can be done at once, so nothing was started.",
                        hint=f"Go on in {max(1, round(wait))} s. Rollback, undo and abort always go through.",
                    )
            for key, measure, _ in asked:
                self._count(key, measure, now)

    def _count(self, key: str, measure: Measure, now: float) -> None:
        self._spent[key] = max(self._spent.get(key, 0.0), now) + measure.every_s
        self._spent.move_to_end(key)
        while len(self._spent) > REMEMBERED:
            self._spent.popitem(last=False)
