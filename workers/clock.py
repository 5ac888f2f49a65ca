"""The clock: whatever is due goes to a worker. Any number may run, one of them works."""

from __future__ import annotations

import logging
import signal
import threading
import time as stopwatch
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from mesh.domain.errors import MeshbotError, Unavailable
from mesh.ports import Lease, Time
from store.pending import Handed

log = logging.getLogger(__name__)

TICK_S = 0.1
LEAD_S = 3.0
"""How long the leader's lock lives without renewal: how long nothing is due after it died."""
LONGEST_PAUSE_S = 2.0


class Due(Protocol):
    """The index of what is not settled; see `store.pending`."""

    def due(self, now: float, limit: int = 100) -> list[str]:
        """Return the ids of what is due."""

    def requeue(self, operation_id: str, now: float) -> Handed:
        """Hand one of them to a worker."""


class Looking(Protocol):
    """What has due times of its own: looks at active rollouts (`store.looks`), incidents and digests (same room)."""

    def begin(self, now: float) -> None:
        """Enqueue what is due, once."""


class Leadership(Protocol):
    """Locks that can be asked whether a lease still stands; see `store.locks`."""

    def hold(self, key: str, *, wait_s: float) -> AbstractContextManager[Lease | None]:
        """Hold a lock in a `with` block."""

    def holds(self, lease: Lease) -> bool:
        """Tell whether the lease still stands."""


class Ending:
    """`Due`, and what was handed out too often is ended for people."""

    def __init__(self, pending: Due, give_up: Callable[[str], None]) -> None:
        """`give_up` ends one operation, or raises why it cannot be."""
        self._pending = pending
        self._give_up = give_up

    def due(self, now: float, limit: int = 100) -> list[str]:
        """Return the ids of what is due."""
        return self._pending.due(now, limit)

    def requeue(self, operation_id: str, now: float) -> Handed:
        """Hand one of them to a worker, or end it."""
        handed = self._pending.requeue(operation_id, now)
        if handed is Handed.STUCK:
            try:
                self._give_up(operation_id)
            except MeshbotError as error:
                # It comes back, more rarely.
                log.warning("%s could not be ended: %s", operation_id, error.message)
        return handed


class Clock:
    """Looks ten times a second for what is due. `locks` should live `LEAD_S`; all should be quick to give up."""

    def __init__(
        self,
        pending: Due,
        locks: Leadership,
        time: Time,
        *,
        looks: Looking | None = None,
        others: Sequence[Looking] = (),
    ) -> None:
        """Without `looks` nothing watches rollouts; `others` have due times of their own."""
        self._pending = pending
        self._looks = looks
        self._others = others
        self._locks = locks
        self._time = time
        self._pause_s = TICK_S
        self.leads = False
        """True while this is the clock that works."""
        self._round_at = stopwatch.monotonic()

    def silent_s(self) -> float:
        """Return for how many seconds it has not come round: leading, or waiting to lead, also without Redis."""
        return stopwatch.monotonic() - self._round_at

    def run(self, stop: threading.Event) -> None:
        """Lead, or wait to lead, until `stop` is set; an absent Redis is waited for."""
        while not stop.is_set():
            self._round_at = stopwatch.monotonic()
            try:
                with self._locks.hold("clock", wait_s=0) as lease:
                    self._answered()
                    if lease is not None:
                        self._lead(lease, stop)
            except Unavailable as error:
                self._unanswered(error)
            stop.wait(self._pause_s)

    def tick(self) -> None:
        """Hand out what is due now; raise Unavailable."""
        now = self._time.now()
        if self._looks is not None:
            self._looks.begin(now)
        for operation_id in self._pending.due(now):
            if self._pending.requeue(operation_id, now) is Handed.STUCK:
                log.error("%s was handed out too often and is given up; look at the workers' logs for it", operation_id)
        # Last: what moves traffic waits for no news.
        for other in self._others:
            other.begin(now)

    def _lead(self, lease: Lease, stop: threading.Event) -> None:
        log.info("this clock leads now")
        self.leads = True
        try:
            while not stop.is_set() and self._locks.holds(lease):
                self._round_at = stopwatch.monotonic()
                self.tick()
                stop.wait(TICK_S)
        finally:
            self.leads = False

    def _answered(self) -> None:
        if self._pause_s > TICK_S:
            log.warning("the clock goes on")
        self._pause_s = TICK_S

    def _unanswered(self, error: Unavailable) -> None:
        if self._pause_s == TICK_S:
            log.warning("the clock waits for Redis: %s", error.message)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


def run_until_signal(clock: Clock) -> None:
    """Run the clock in the main thread until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    clock.run(stop)
