"""Patience with one Git server: one that keeps a worker waiting is left alone for a while by its whole process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mesh.domain.errors import Unavailable

SLOW_S = 0.5
"""A server that fails sooner than this keeps nobody waiting, and may be asked again."""
RESTS = 3.0
"""How many times as long as it was waited for in vain it is left alone: so it costs a quarter of a worker at most."""

MOST_S = 10.0
"""Longest it is left alone: a rollback, or a push whose answer was lost, must find a server that is well again."""


class Patience:
    """What the process knows of one server."""

    def __init__(self) -> None:
        """Know nothing bad of it."""
        self._until = 0.0
        self._why = Unavailable("")

    def check(self) -> None:
        """Raise what the last one who asked heard, while the server is left alone."""
        if time.monotonic() < self._until:
            raise Unavailable(self._why.message, hint=self._why.hint)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Leave the server alone afterwards, where what is done inside waits for it in vain."""
        began = time.monotonic()
        try:
            yield
        except Unavailable as error:
            now = time.monotonic()
            if now - began >= SLOW_S:
                self._until, self._why = now + min(RESTS * (now - began), MOST_S), error
            raise
