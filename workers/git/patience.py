"""Patience with Git servers: one that keeps a worker waiting is left alone for a while by its whole process.

So it costs others about a quarter of a worker, however long it hangs and however many wait for it. A server that hangs
is knocked at meanwhile, for a moment, so that it is found soon after it is well again. One that answers a knock and
yet never comes to an end is slow about one repository: that one rests, and no knock ends it. Where another one rests
for that already, it is the server that is slow, and all of its repositories rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mesh.domain.errors import MeshbotError, Unavailable

SLOW_S = 0.5
"""A server that fails sooner than this keeps nobody waiting, and may be asked again."""
RESTS = 3.0
"""How many times as long as it was waited for in vain it is left alone."""
KNOCK_S = 2.0
"""How long a knock waits for an answer, in seconds."""
KNOCK_AGAIN_S = 10.0
"""How often a server that hangs is knocked at, in seconds: a rollback must find one that is well again."""


class Silence:
    """That something is left alone, and why."""

    def __init__(self) -> None:
        """Leave nothing alone yet."""
        self.until = 0.0
        self.why = Unavailable("")

    @property
    def lasts(self) -> bool:
        """True while it is left alone."""
        return time.monotonic() < self.until

    def add(self, waited_s: float, why: Unavailable) -> None:
        """Leave it alone for longer: it was waited for in vain for so long."""
        self.until, self.why = max(time.monotonic(), self.until) + RESTS * waited_s, why


class Server:
    """What the process knows of one server, whatever its repositories."""

    def __init__(self) -> None:
        """Know nothing bad of it."""
        self.hangs, self.crawls = Silence(), Silence()
        self.knock_at = 0.0
        self.slow: list[Silence] = []
        """Those of its repositories that were slow, each by itself."""

    def was_slow(self, one: Silence) -> bool:
        """Tell whether another repository rests that was slow as well: then it is the server that crawls."""
        self.slow = [other for other in self.slow if other.lasts and other is not one]
        others = bool(self.slow)
        self.slow.append(one)
        return others


class Patience:
    """What the process knows of one repository's server."""

    def __init__(self, knock: Callable[[], object], server: Server | None = None) -> None:
        """Know nothing bad of it. `knock` raises Unavailable unless the server answers within `KNOCK_S`."""
        self._knock = knock
        self._server = server or Server()
        self._slow = Silence()

    def check(self) -> None:
        """Raise what the last one who asked heard, while the server is left alone; knock first where that is due."""
        server = self._server
        for rest in (self._slow, server.crawls):
            if rest.lasts:
                raise _again(rest.why)
        if not server.hangs.lasts:
            return
        if time.monotonic() < server.knock_at or not self._answers(server.hangs.why):
            raise _again(server.hangs.why)
        server.hangs.until = 0.0

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Leave the server alone afterwards, where what is done inside waits for it in vain."""
        began = time.monotonic()
        try:
            yield
        except Unavailable as error:
            waited_s = time.monotonic() - began
            if waited_s >= SLOW_S:
                self._waited(waited_s, error)
            raise

    def _waited(self, waited_s: float, why: Unavailable) -> None:
        """Find out at once whose silence it is, or who is slow would be let through by a knock again and again."""
        if not self._answers(why):
            self._server.hangs.add(waited_s, why)
            return
        self._slow.add(waited_s, why)
        if self._server.was_slow(self._slow):
            # For the time of both: the other one's rest is over while this one goes on.
            self._server.crawls.add(2 * waited_s, why)

    def _answers(self, why: Unavailable) -> bool:
        """Knock; to do that in vain is to wait in vain as well."""
        began = time.monotonic()
        try:
            self._knock()
        except Unavailable:
            self._server.hangs.add(time.monotonic() - began, why)
            self._server.knock_at = time.monotonic() + KNOCK_AGAIN_S
            return False
        except MeshbotError:
            # It turns us away, so it answers.
            pass
        return True


def _again(why: Unavailable) -> Unavailable:
    return Unavailable(why.message, hint=why.hint)
