"""Several questions at the same time."""

from __future__ import annotations

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
    meeting = threading.Barrier(AT_ONCE, timeout=5)
    assert sorted(together([meeting.wait] * AT_ONCE)) == list(range(AT_ONCE))


def test_the_first_question_with_an_error_raises_it() -> None:
    """Not the fastest one: the same trouble is always told in the same words."""
    with pytest.raises(ValueError, match="first"):
        together([lambda: 1, failing("first"), failing("second")])


def test_no_thread_is_left() -> None:
    """A process that forks afterwards has one thread."""
    before = threading.active_count()
    together([lambda: 1] * AT_ONCE)
    with pytest.raises(ValueError, match="x"):
        together([failing("x")] * 3)
    assert threading.active_count() == before


def test_a_lone_question_needs_no_thread() -> None:
    """It is asked where it stands."""
    assert together([threading.get_ident]) == [threading.get_ident()]
