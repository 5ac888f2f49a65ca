"""Several questions asked at the same time, each in a thread that ends with its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

AT_ONCE = 12
"""Most questions under way for one caller, and so most connections that it keeps open."""


def together(asks: Sequence[Callable[[], T]]) -> list[T]:
    """Return the answers in the order of the questions; raise the error of the first question that has one.

    The caller's thread answers too, so a lone question costs no thread. No thread outlives the call unless a signal
    handler raises in it, so a process that forks between two calls forks with one thread.
    """
    outcomes: list[_Outcome[T]] = [_Outcome(ask) for ask in asks]
    waiting: SimpleQueue[_Outcome[T]] = SimpleQueue()
    for outcome in outcomes:
        waiting.put(outcome)
    threads = [threading.Thread(target=_work, args=(waiting,), daemon=True) for _ in range(min(len(asks), AT_ONCE) - 1)]
    for thread in threads:
        thread.start()
    _work(waiting)
    for thread in threads:
        thread.join()
    return [outcome.answer() for outcome in outcomes]


def both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Return the answers to two questions of different kinds, asked at the same time."""
    asks: list[Callable[[], A | B]] = [first, second]
    one, other = together(asks)
    return one, other  # type: ignore[return-value]  # in the order of the questions


class _Outcome(Generic[T]):
    """One question and, once it was asked, its answer or its error."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._answers: list[T] = []
        self._error: Exception | None = None

    def find_out(self) -> None:
        try:
            self._answers.append(self._ask())
        except Exception as error:  # noqa: BLE001 (it is raised again where it was asked)
            self._error = error

    def answer(self) -> T:
        if self._error is not None:
            raise self._error
        return self._answers[0]


def _work(waiting: SimpleQueue[_Outcome[T]]) -> None:
    while True:
        try:
            waiting.get_nowait().find_out()
        except Empty:
            return
