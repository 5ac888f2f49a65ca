"""Small things to do after an acknowledgement: a bounded pool, so that a flood makes nobody else wait."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from chat.trouble import TROUBLE, word
from mesh.domain.errors import MeshbotError

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
        if not self.taken(what, chore):
            log.error("Too many chores are waiting, or the process ends, so %s was dropped.", what)

    def taken(self, what: str, chore: Callable[[], None]) -> bool:
        """Do it soon, and tell whether that was taken on; returns at once, never raises."""
        if not self._room.acquire(blocking=False):
            return False
        try:
            self._pool.submit(self._do, what, chore)
        except RuntimeError:
            # The process is ending.
            self._room.release()
            return False
        return True

    def close(self) -> None:
        """Do what waits, then stop."""
        self._pool.shutdown()

    def _do(self, what: str, chore: Callable[[], None]) -> None:
        try:
            chore()
        except MeshbotError as error:
            log.warning("%s was not done: %s", what, error.message)
        except TROUBLE as error:
            log.warning("%s was not done: %s", what, word(error))
        except Exception:
            log.exception("a bug: %s was not done", what)
        finally:
            self._room.release()
