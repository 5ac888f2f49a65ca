"""Patience with Git servers: one that keeps a worker waiting is left alone for a while by its whole process.

So it costs others about a quarter of a worker, however long it hangs and however many wait for it. A server that hangs
is knocked at meanwhile, for a moment, so that it is found soon after it is well again. One that answers a knock and
yet never comes to an end is slow about one repository: that one rests, and no knock ends it, but a fetch that comes to
its end within a moment. Where another one rests for that already, it is the server that is slow: all of its
repositories rest, and one after another is tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mesh.domain.errors import MeshbotError, Unavailable
from workers.git import budget

SLOW_S = 0.5
"""A server that fails sooner than this keeps nobody waiting, and may be asked again."""
RESTS = 3.0
"""How many times as long as it was waited for in vain it is left alone."""
KNOCK_S = 2.0
"""How long a knock waits for an answer, in seconds."""
KNOCK_AGAIN_S = 10.0
"""How often a server that hangs is knocked at, in seconds: a rollback must find one that is well again."""
TRY_S = 3.0
"""How long a fetch from what rests may take, in seconds: what was fetched before, and little came since."""
TRY_AGAIN_S = 12.0
"""When one is tried again, in seconds: a push is looked for no longer than a minute, a rollback waits for two."""


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
        self.knock_at = self.try_at = 0.0
        self.repositories = 0
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
        self._server.repositories += 1
        self._slow = Silence()
        self._try_at = 0.0

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """Let what is inside fetch: as ever, for a moment where the repository rests, or not at all.

        Raises at once what the last one who asked heard, while the server is left alone.
        """
        rest = self._check()
        if rest is None:
            with self.asking():
                yield
            return
        # How long a try may take is nothing that people could mend: they hear what made it rest.
        why = rest.why
        try:
            with budget.at_most(TRY_S), self.asking(why):
                yield
        except Unavailable as error:
            raise _again(why) from error
        self._slow.until = self._server.crawls.until = 0.0

    def _check(self) -> Silence | None:
        """Raise while the server is left alone; knock first where that is due. Return the rest that a try may end."""
        server = self._server
        rest = next((one for one in (self._slow, server.crawls) if one.lasts), None)
        if rest is not None and time.monotonic() < max(self._try_at, server.try_at):
            raise _again(rest.why)
        if server.hangs.lasts:
            if time.monotonic() < server.knock_at or not self._answers(server.hangs.why):
                raise _again(server.hangs.why)
            server.hangs.until = 0.0
        return rest

    @contextmanager
    def asking(self, why: Unavailable | None = None) -> Iterator[None]:
        """Leave the server alone afterwards, where what is done inside waits for it in vain; others then hear `why`."""
        began = time.monotonic()
        try:
            yield
        except Unavailable as error:
            waited_s = time.monotonic() - began
            if waited_s >= SLOW_S:
                self._waited(waited_s, why or error)
            raise

    def _waited(self, waited_s: float, why: Unavailable) -> None:
        """Find out at once whose silence it is, or who is slow would be let through by a knock again and again."""
        if not self._answers(why):
            self._server.hangs.add(waited_s, why)
            return
        crawls, crawled = self._server.crawls, self._server.crawls.lasts
        self._slow.add(waited_s, why)
        if self._server.was_slow(self._slow) or crawled:
            # At first for the time of both: the other one's rest is over while this one goes on.
            crawls.add(waited_s if crawled else 2 * waited_s, why)
        now, turns = time.monotonic(), self._server.repositories if crawls.lasts else 1
        self._server.try_at, self._try_at = now + TRY_AGAIN_S, now + turns * TRY_AGAIN_S

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
