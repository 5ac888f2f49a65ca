"""What a card's thread tells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.blocks import message, section
from chat.story import closing_story, story_line
from mesh.domain.operations import Event, State, Step
from tests.chat.checking import assert_inert
from tests.chat.samples import AT, SAMPLES, hostile
from tests.chat.test_cards import HOSTILE


def test_only_events_worth_a_line() -> None:
    """Resumed, forced, refused, failed and how a patch ended are told; the routine is not."""
    told = {step for step in Step if story_line(SAMPLES["forced"], Event(step, AT))}
    assert told == {Step.RESUMED, Step.FORCED, Step.REFUSED, Step.FAILED, Step.VERIFIED, Step.UNACCEPTED}


def test_reading_has_no_story() -> None:
    """Nothing is told of an operation that changes nothing."""
    assert story_line(SAMPLES["status"], Event(Step.REFUSED, AT)) is None
    assert story_line(SAMPLES["plan"], Event(Step.REFUSED, AT)) is None


def test_only_unusual_ends_are_told() -> None:
    """A thread is opened for a forced or resumed change, once it is done, and for traffic that does not follow."""
    told = {name for name, operation in SAMPLES.items() if closing_story(operation)}
    assert told == {"forced", "rolled_back", "measured_astray"}
    assert closing_story(replace(SAMPLES["forced"], state=State.RUNNING)) is None


def test_a_forced_story() -> None:
    """The story says who forced it, why, and how it ended."""
    story = closing_story(SAMPLES["forced"])
    assert story
    first, last = story.text.splitlines()
    assert "*:rotating_light: FORCED* told forced by <@U0JIN>: `customer is down" in first
    assert "Verified" in last


def test_traffic_that_does_not_follow_is_told_to_the_person() -> None:
    """The thread says how far the traffic is off, where to look, and calls the person who asked for it."""
    story = closing_story(SAMPLES["measured_astray"])
    assert story
    assert story.text.startswith("<@U0JIN> :warning: *The traffic does not follow the weights.*")
    assert "v1 90.1 % / v2 9.9 %" in story.text


def test_what_was_measured_does_not_tell_the_story_again() -> None:
    """A forced change whose traffic follows has told its story at its end; the measured split adds nothing."""
    assert closing_story(replace(SAMPLES["forced"], split=SAMPLES["measured"].split)) is None


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_hostile_words(word: str) -> None:
    """Whatever an event says, the story stays inert."""
    for wish in hostile(word):
        story = closing_story(wish)
        if story:
            assert_inert(message(story, [section(story)]))
