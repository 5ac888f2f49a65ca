"""Patience with Git servers: one that keeps a worker waiting is left alone for a while by its whole process.

So a server that hangs does not keep those waiting who need another one, and who needs it hears at once that it hangs.
It is knocked at meanwhile, for a moment, so that it is found soon after it is well again. One that answers a knock and
yet never comes to an end is slow about one repository: that one rests, and no knock ends it, but a fetch that comes to
its end within a moment.
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
        self.until = self.try_at = 0.0
        """Until when, and from when on it is tried all the same, by `time.monotonic`."""
        self.why = Unavailable("")

    @property
    def lasts(self) -> bool:
        """True while it is left alone."""
        return time.monotonic() < self.until

    def add(self, waited_s: float, why: Unavailable, *, try_s: float) -> None:
        """Leave it alone for longer: it was waited for in vain for so long. It is tried again in `try_s` seconds."""
        now = time.monotonic()
        self.until, self.try_at, self.why = max(now, self.until) + RESTS * waited_s, now + try_s, why

    def check(self) -> None:
        """Raise what the last one heard who waited in vain, unless it may be tried by now."""
        if self.lasts and time.monotonic() < self.try_at:
            raise _again(self.why)


class Patience:
    """What the process knows of one repository's server."""

    def __init__(self, knock: Callable[[], object], server: Silence | None = None) -> None:
        """Know nothing bad of it. `knock` raises Unavailable unless the server answers within `KNOCK_S`.

        `server` is what the process knows of the server, whatever the repository.
        """
        self._knock = knock
        self._server = server or Silence()
        self._slow = Silence()

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """Let what is inside fetch: as ever, for a moment where the repository rests, or not at all.

        Raises at once what the last one who asked heard, while the server is left alone.
        """
        self._slow.check()
        self._check_answers()
        if not self._slow.lasts:
            with self.asking():
                yield
            return
        # How long a try may take is nothing that people could mend: they hear what made it rest.
        why = self._slow.why
        try:
            with budget.at_most(TRY_S), self.asking(why):
                yield
        except Unavailable as error:
            raise _again(why) from error
        self._slow.until = 0.0

    def _check_answers(self) -> None:
        """Raise while the server is left alone; knock first where that is due."""
        if self._server.lasts:
            self._server.check()
            if not self._answers(self._server.why):
                raise _again(self._server.why)
            self._server.until = 0.0

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
        if self._answers(why):
            self._slow.add(waited_s, why, try_s=TRY_AGAIN_S)
        else:
            self._server.add(waited_s, why, try_s=KNOCK_AGAIN_S)

    def _answers(self, why: Unavailable) -> bool:
        """Knock; to do that in vain is to wait in vain as well."""
        began = time.monotonic()
        try:
            self._knock()
        except Unavailable:
            self._server.add(time.monotonic() - began, why, try_s=KNOCK_AGAIN_S)
            return False
        except MeshbotError:
            # It turns us away, so it answers.
            pass
        return True


def _again(why: Unavailable) -> Unavailable:
    return Unavailable(why.message, hint=why.hint)
