"""A clock that runs by itself and can be put forward, so that thirty minutes pass in a test."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """Monotonic seconds plus whatever was added by `advance`; use from one event loop."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._moved = asyncio.Event()
        self._ended = False

    def now(self) -> float:
        """Return seconds; only differences mean something."""
        return time.monotonic() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Put the clock forward by `seconds` (zero or more) and wake sleepers that are due."""
        if seconds < 0:
            raise ValueError(f"the clock cannot go back by {seconds} s; pass zero or more seconds")
        self._ahead_s += seconds
        self._moved.set()
        self._moved = asyncio.Event()

    def end(self) -> None:
        """Wake every sleeper, now and from now on."""
        self._ended = True
        self.advance(0)

    async def sleep(self, seconds: float) -> None:
        """Return when the clock, put forward or not, has moved by `seconds`."""
        due = self.now() + seconds
        while (left := due - self.now()) > 0 and not self._ended:
            moved = self._moved
            try:
                await asyncio.wait_for(moved.wait(), left)
            except TimeoutError:
                continue
