"""The operation's record and its table of transitions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.operations import TRANSITIONS, Event, State, Step
from tests.builders import operation


@pytest.mark.parametrize("state", list(State))
def test_only_moves_of_the_table_are_possible(state: State) -> None:
    """Every pair of states is either in the table or an error."""
    subject = replace(operation(), state=state)
    for wanted in State:
        event = Event(Step.CHECKING, 1.0)
        if wanted in TRANSITIONS[state]:
            assert subject.move(wanted, event).story[-1] == event
        else:
            with pytest.raises(ValueError, match="cannot go"):
                subject.move(wanted, event)


def test_done_is_not_yet_settled() -> None:
    """An end that nobody was told of brings the operation back."""
    ended = replace(operation(), state=State.FAILED)
    assert ended.done
    assert not ended.settled
    assert replace(ended, reported=True).settled


def test_going_back_is_urgent() -> None:
    """Rollback and undo overtake everything else."""
    assert operation("rollback api").urgent
    assert operation("undo api").urgent
    assert not operation("promote api 50").urgent


def test_telling_people_again_is_not_urgent() -> None:
    """Slack may take seconds each time; another service's rollback must not wait for that."""
    assert not replace(operation("rollback api"), state=State.SUCCEEDED).urgent
