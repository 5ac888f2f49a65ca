"""Several questions at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from workers.cluster.together import AT_ONCE, both, together


def failing(message: str) -> Callable[[], int]:
    """Return a question whose answer is an error."""

    def ask() -> int:
        raise ValueError(message)

    return ask


def test_answers_come_in_the_order_of_the_questions() -> None:
    """However many there are; no question is none."""
    assert together([lambda number=number: number for number in range(3 * AT_ONCE)]) == list(range(3 * AT_ONCE))  # type: ignore[misc]  # mypy cannot infer a lambda's default
    assert together([]) == []
    assert both(lambda: 1, lambda: "two") == (1, "two")


def test_they_are_under_way_at_the_same_time() -> None:
    """Each waits for all the others, so one after another they would never end."""
    meeting = threading.Barrier(AT_ONCE, timeout=60)
    assert sorted(together([meeting.wait] * AT_ONCE)) == list(range(AT_ONCE))


def test_the_first_question_with_an_error_raises_it() -> None:
    """Not the fastest one: the same trouble is always told in the same words."""
    with pytest.raises(ValueError, match="first"):
        together([lambda: 1, failing("first"), failing("second")])


def test_threads_are_kept() -> None:
    """The same few answer from then on; an error costs none of them."""
    together([lambda: 1] * AT_ONCE)
    before = asking()
    for _ in range(20):
        together([lambda: 1] * 3 * AT_ONCE)
        with pytest.raises(ValueError, match="x"):
            together([failing("x")] * 3)
    assert asking() == before


def asking() -> list[int | None]:
    """The threads of this pool; others' threads may end meanwhile."""
    return [thread.ident for thread in threading.enumerate() if thread.name == "asking"]


def test_threads_that_hang_delay_nobody() -> None:
    """While all of them wait for somebody, questions are answered by who asks."""
    hung, over = threading.Barrier(AT_ONCE + 1, timeout=60), threading.Event()

    def hang() -> int:
        hung.wait()
        over.wait(60)
        return 0

    other = threading.Thread(target=lambda: together([hang] * AT_ONCE))
    other.start()
    hung.wait()
    assert together([lambda number=number: number for number in range(5)]) == list(range(5))  # type: ignore[misc]  # as above
    over.set()
    other.join(60)


def test_a_fork_starts_its_own() -> None:
    """Threads do not survive a fork; a child that waited for its parent's would wait for ever."""
    together([lambda: 1] * AT_ONCE)
    child = os.fork()
    if child == 0:
        meeting = threading.Barrier(3, timeout=60)
        os._exit(0 if sorted(together([meeting.wait] * 3)) == [0, 1, 2] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_lone_question_needs_no_thread() -> None:
    """It is asked where it stands."""
    assert together([threading.get_ident]) == [threading.get_ident()]
