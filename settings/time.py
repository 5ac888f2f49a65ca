"""The machine's clock: what it says is part of the environment, as a variable is."""

from __future__ import annotations

import time


class SystemTime:
    """Implements `ports.Time` with the wall clock of this machine."""

    def now(self) -> float:
        """Return Unix time in seconds."""
        return time.time()
