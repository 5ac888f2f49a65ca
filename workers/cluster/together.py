"""Several questions asked at the same time, by threads that are kept: starting one can cost a millisecond."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

AT_ONCE = 12
"""Most questions under way for one caller, and so most connections that it keeps open."""


def together(asks: Sequence[Callable[[], T]]) -> list[T]:
    """Return the answers in the order of the questions; raise the error of the first question that has one.

    The caller's thread answers too, so a lone question needs no other, and threads that hang delay nobody. The others
    are kept for as long as the process lives; a fork starts its own.
    """
    outcomes: list[_Outcome[T]] = [_Outcome(ask) for ask in asks]
    waiting: SimpleQueue[_Outcome[Any]] = SimpleQueue()
    for outcome in outcomes:
        waiting.put(outcome)
    _helpers().invite(waiting, min(len(asks), AT_ONCE) - 1)
    _work(waiting)
    return [outcome.answer() for outcome in outcomes]


def both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Return the answers to two questions of different kinds, asked at the same time."""
    asks: list[Callable[[], A | B]] = [first, second]
    one, other = together(asks)
    return one, other  # type: ignore[return-value]  # in the order of the questions


def all_three(first: Callable[[], A], second: Callable[[], B], third: Callable[[], C]) -> tuple[A, B, C]:
    """Return the answers to three questions of different kinds, asked at the same time."""
    asks: list[Callable[[], A | B | C]] = [first, second, third]
    one, other, last = together(asks)
    return one, other, last  # type: ignore[return-value]  # in the order of the questions


class _Outcome(Generic[T]):
    """One question and, once it was asked, its answer or its error."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._answers: list[T] = []
        self._error: Exception | None = None
        self._known = threading.Event()

    def find_out(self) -> None:
        try:
            self._answers.append(self._ask())
        except Exception as error:  # noqa: BLE001 (it is raised again where it was asked)
            self._error = error
        finally:
            self._known.set()

    def answer(self) -> T:
        self._known.wait()
        if self._error is not None:
            raise self._error
        return self._answers[0]


def _work(waiting: SimpleQueue[_Outcome[Any]]) -> None:
    while True:
        try:
            waiting.get_nowait().find_out()
        except Empty:
            return


class _Helpers:
    """The threads of one process that wait to be invited to questions."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._invitations: SimpleQueue[SimpleQueue[_Outcome[Any]]] = SimpleQueue()
        self._lock = threading.Lock()
        self._count = 0

    def invite(self, waiting: SimpleQueue[_Outcome[Any]], count: int) -> None:
        """Let up to `count` threads, as many as are free, ask what is waiting."""
        with self._lock:
            for _ in range(self._count, min(count, AT_ONCE - 1)):
                threading.Thread(target=self._help, name="asking", daemon=True).start()
                self._count += 1
        for _ in range(count):
            self._invitations.put(waiting)

    def _help(self) -> None:
        while True:
            _work(self._invitations.get())


class _Process:
    """What is kept of this process."""

    helpers = _Helpers()
    lock = threading.Lock()


def _helpers() -> _Helpers:
    if _Process.helpers.process != os.getpid():
        # Threads do not survive a fork.
        with _Process.lock:
            if _Process.helpers.process != os.getpid():
                _Process.helpers = _Helpers()
    return _Process.helpers
