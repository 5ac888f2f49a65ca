"""What a card's thread tells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.blocks import message, section
from chat.story import Told, closing_story, story_line, tell
from mesh.domain.operations import Event, State, Step
from tests.chat.checking import assert_accepted, assert_inert
from tests.chat.rolling import QUERY, ROLLOUTS, WORSE
from tests.chat.samples import AT, SAMPLES, hostile
from tests.chat.test_cards import HOSTILE


def test_only_events_worth_a_line() -> None:
    """Resumed, forced, refused, failed and how a patch ended are told; the routine is not."""
    told = {step for step in Step if story_line(SAMPLES["forced"], Event(step, AT))}
    assert told == {Step.RESUMED, Step.FORCED, Step.REFUSED, Step.BARRED, Step.FAILED, Step.VERIFIED, Step.UNACCEPTED}


def test_reading_has_no_story() -> None:
    """Nothing is told of an operation that changes nothing."""
    assert story_line(SAMPLES["status"], Event(Step.REFUSED, AT)) is None
    assert story_line(SAMPLES["plan"], Event(Step.REFUSED, AT)) is None


def test_only_unusual_ends_are_told() -> None:
    """A thread is opened for a forced or resumed change, once it is done, and for traffic that does not follow."""
    told = {name for name, operation in SAMPLES.items() if closing_story(operation)}
    assert told == {"forced", "rolled_back", "measured_astray"}
    assert closing_story(replace(SAMPLES["forced"], state=State.RUNNING)) is None


def test_a_refusal_by_gates_is_proven_in_the_thread() -> None:
    """What was measured, against what, and the query to see it for oneself."""
    refused = SAMPLES["refused_by_gate"]
    asked = replace(refused, gates=tuple(replace(gate, query="sum(rate(x[5m]))") for gate in refused.gates))
    story = closing_story(asked)
    assert story
    assert "sum(rate(x[5m]))" in story.text
    assert "Refused" in story.text


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


def test_a_rollout_is_told_as_it_goes() -> None:
    """Each transition is one line; only those that the thread has not heard of, counted so that none comes twice."""
    operation = ROLLOUTS["canary_baking"]
    told = tell(operation)
    assert [line.count for line in told] == [3, 4, 5, 6]
    assert "Begins" in told[0].text.text
    assert "Step taken" in told[1].text.text
    assert [line.count for line in tell(replace(operation, told=4))] == [5, 6]
    assert tell(replace(operation, told=6)) == []


def test_what_the_channel_must_hear() -> None:
    """Steps are for the thread; what asks people, and every end, is for the channel, and names the canary there."""
    loud = {event.step for name in ROLLOUTS for event, line in _last(name) if line.loud}
    quiet = {event.step for name in ROLLOUTS for event, line in _last(name) if not line.loud}
    assert loud == {
        Step.CONFIRMING,
        Step.PAUSED,
        Step.HELD,
        Step.COMPLETED,
        Step.TURNED_BACK,
        Step.ABORTED,
        Step.STOPPED,
        Step.EXPIRED,
    }
    assert quiet == {Step.STEPPING, Step.STEPPED, Step.TURNING_BACK}
    for name in ("canary_completed", "canary_expired", "canary_held_blind"):
        assert "canary of api in prod / mesh-demo:" in tell(ROLLOUTS[name])[-1].text.text


def _last(name: str) -> list[tuple[Event, Told]]:
    operation = ROLLOUTS[name]
    return [(operation.story[line.count - 1], line) for line in tell(operation)]


def test_a_hold_shows_its_evidence_and_calls_the_person() -> None:
    """Why it is held comes with figures, the query to check them, and a call of whoever began the rollout."""
    line = tell(ROLLOUTS["canary_held_worse"])[-1].text.text
    first, proof = line.splitlines()
    assert WORSE in first
    assert first.endswith("<@U0JIN>")
    assert "2 % against 0.4 % of v1, evidence 812 of 500, 4 120 requests" in proof
    assert QUERY in proof


def test_gates_are_no_evidence_of_what_somebody_else_did() -> None:
    """Where weights were changed by hand, gates that pass are not shown as if they were the reason."""
    assert "•" not in tell(ROLLOUTS["canary_held_drift"])[-1].text.text
    assert "•" in tell(ROLLOUTS["canary_held_blind"])[-1].text.text


def test_who_steered_is_named() -> None:
    """A pause says who did it."""
    assert tell(ROLLOUTS["canary_paused"])[-1].text.text.endswith("by <@U0ANA>")


def test_only_rollouts_are_told_as_they_go() -> None:
    """Other operations, plans and what was said to a rollout have nothing to tell."""
    quiet = [*SAMPLES.values(), *(ROLLOUTS[name] for name in ("canary_plan", "canary_refused", "steered"))]
    assert [line for operation in quiet for line in tell(operation)] == []
    assert closing_story(ROLLOUTS["canary_completed"]) is None


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_hostile_rollouts(word: str) -> None:
    """Whatever an event or a gate of a rollout says, its line stays inert and Slack takes it."""
    for operation in ROLLOUTS.values():
        story = tuple(replace(event, text=word) for event in operation.story)
        rows = tuple(replace(row, why=word, query=word, name=word, against=word) for row in operation.gates)
        for line in tell(replace(operation, story=story, gates=rows, target=replace(operation.target, service=word))):
            drawn = message(line.text, [section(line.text)])
            assert_accepted(drawn)
            assert_inert(drawn, allowed=("U0JIN", "U0ANA"))


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_threat_3_hostile_words_in_stories(word: str) -> None:
    """Whatever an event says, the story stays inert."""
    for wish in hostile(word):
        story = closing_story(wish)
        if story:
            assert_inert(message(story, [section(story)]))
