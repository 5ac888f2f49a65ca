"""Signs of life: each loop gives one whenever it comes round, and whoever watches sees how long ago that was."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence


class Signs:
    """The last sign of each of some processes, in memory that they share: make it before they are forked."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        # Read and written whole by the processor; a lock could be held by somebody who was killed.
        self._last = multiprocessing.RawArray("d", len(self._names))
        self.begin()

    def begin(self) -> None:
        """Take it for now that all have just given a sign: they are started next."""
        self._last[:] = [time.monotonic()] * len(self._names)

    def giver(self, name: str) -> Callable[[], None]:
        """Return what the process `name` calls each time it comes round."""
        place = self._names.index(name)

        def give() -> None:
            self._last[place] = time.monotonic()

        return give

    def silent_s(self) -> dict[str, float]:
        """Return for how many seconds each has been silent."""
        now = time.monotonic()
        return {name: max(0.0, now - last) for name, last in zip(self._names, self._last, strict=True)}
