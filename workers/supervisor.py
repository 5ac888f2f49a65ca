"""The parent of the worker processes: it imports everything once, forks one process for each queue, replaces the dead.

It opens no sockets and starts no threads of its own (numpy's arithmetic library has some, and stops them around a
fork), so forking it is safe, and a worker that died is back as soon as it has forked: nothing is imported again.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence

from telemetry import tracing
from telemetry.metrics import RESTARTS

log = logging.getLogger(__name__)

POLL_S = 0.05
"""How soon a dead worker is noticed."""
STEADY_S = 2.0
"""Who did not live this long twice in a row is replaced after `RESTART_S`, or it would spin; everybody else at once."""
RESTART_S = 1.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)

_FORK = multiprocessing.get_context("fork")


def supervise(
    queues: Sequence[str],
    work: Callable[[str], None],
    *,
    tick: Callable[[], object] = lambda: None,
    beside: Sequence[Child] = (),
) -> None:
    """Run `work(queue)` in a process for each queue until SIGTERM or SIGINT; return when all of them have ended.

    A process that ends by itself, however, is replaced. On Linux the processes get SIGTERM when this one dies, however
    it dies. Must be called in the main thread of a process without other threads; `work` may count on all that was
    imported before. `tick` is called all the time, so that what a new process inherits is fresh. Those `beside` are
    replaced like the others, and end last.
    """
    stop = threading.Event()
    for number in SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    children = [Child(queue, work) for queue in queues]
    while not stop.wait(POLL_S):
        tick()
        for child in (*children, *beside):
            child.replace_if_dead()
    for ending in (children, beside):
        for child in ending:
            child.process.terminate()
        for child in ending:
            child.process.join()


class Child:
    """One queue's process, and the next one after that; or any other that must always be there."""

    def __init__(self, queue: str, work: Callable[[str], None]) -> None:
        """Start it: it runs `work(queue)`."""
        self._queue = queue
        self._work = work
        self._start_at: float | None = None
        self._short_lived = False
        self.process = self._start()

    def replace_if_dead(self) -> None:
        """Start a new process where the old one has ended, at once or after a pause."""
        if self.process.is_alive():
            return
        if self._start_at is None:
            status = self.process.exitcode
            level = logging.ERROR if status else logging.INFO
            RESTARTS.labels(self._queue, "died" if status else "worn").inc()
            log.log(level, "the %s worker ended with status %s and is replaced", self._queue, status)
            before, self._short_lived = self._short_lived, time.monotonic() - self._started < STEADY_S
            self._start_at = time.monotonic() + (RESTART_S if before and self._short_lived else 0)
        if time.monotonic() >= self._start_at:
            self.process, self._start_at = self._start(), None

    def _start(self) -> multiprocessing.process.BaseProcess:
        self._started = time.monotonic()
        process = _FORK.Process(target=self._be, args=(os.getpid(),), name=f"{self._queue} worker")
        # A signal between fork and the child's own handlers would be heard by nobody.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return process

    def _be(self, parent: int) -> None:
        exit_on_signals()
        _end_with(parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self._work(self._queue)


def exit_on_signals() -> None:
    """End at once with status 0 on SIGTERM and SIGINT: for as long as there is nothing to finish."""
    for number in SIGNALS:
        signal.signal(number, _leave)


def _leave(*_: object) -> None:
    # Not by SystemExit, which is ignored where the signal is heard in a callback of the garbage collector.
    tracing.end()
    os._exit(0)


def _end_with(parent: int) -> None:
    """Let Linux send this process SIGTERM when `parent` is gone."""
    if sys.platform != "linux":
        return
    set_death_signal = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)
