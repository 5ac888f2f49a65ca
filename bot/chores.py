"""Small things to do after an acknowledgement: a bounded pool, so that a flood makes nobody else wait."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from chat.trouble import TROUBLE, word
from mesh.domain.errors import Lapse, MeshbotError
from telemetry.counting import given_up

THREADS = 4
WAITING = 200

log = logging.getLogger(__name__)


class Chores:
    """Does chores in a few threads; one that finds too many waiting is dropped and logged."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="chores")
        self._room = threading.BoundedSemaphore(WAITING)

    def later(self, what: str, chore: Callable[[], None]) -> None:
        """Do it soon; returns at once, never raises. `what` completes "… was not done" in the log."""
        if self.taken(what, chore) is None:
            log.error("Too many chores are waiting, or the process ends, so %s was dropped.", what)
            given_up("chore", Lapse.FULL)

    def taken(self, what: str, chore: Callable[[], None]) -> Future[None] | None:
        """Do it soon; None where that was not taken on. Returns at once, never raises.

        What comes back can be cancelled until it is begun; no error of the chore stands there.
        """
        if not self._room.acquire(blocking=False):
            return None
        try:
            future = self._pool.submit(self._do, what, chore)
        except RuntimeError:
            # The process is ending.
            self._room.release()
            return None
        future.add_done_callback(lambda _: self._room.release())
        return future

    def stop(self) -> None:
        """Take on nothing more; returns at once."""
        self._pool.shutdown(wait=False)

    def close(self) -> None:
        """Do what waits, then stop."""
        self._pool.shutdown()

    def _do(self, what: str, chore: Callable[[], None]) -> None:
        try:
            chore()
        except MeshbotError as error:
            log.warning("%s was not done: %s", what, error.message)
            given_up("chore", error.lapse or Lapse.OTHER)
        except TROUBLE as error:
            log.warning("%s was not done: %s", what, word(error))
            given_up("chore", Lapse.SLACK)
        except Exception:
            log.exception("a bug: %s was not done", what)
