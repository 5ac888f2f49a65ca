"""What every teller of people keeps, the one that posts to Slack and the one that records alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from chat.memory import RecordedCards
from mesh.ports import Cards
from tests.chat.plotted import BAKING, TURNED_BACK, points
from tests.chat.posting import PostOffice
from tests.chat.samples import SAMPLES

CHECKING, PROMOTED = SAMPLES["checking"], SAMPLES["promoted"]


@dataclass
class Told:
    """One implementation, and what people see of it."""

    cards: Cards
    places: Callable[[], int]
    """How many cards there are."""
    lines: Callable[[], int]
    """How many lines the audit channel has."""
    replies: Callable[[], int]
    """How many times a rollout's thread was told something."""


@pytest.fixture(params=["memory", "slack"])
def told(request: pytest.FixtureRequest) -> Told:
    """Each implementation in turn."""
    if request.param == "memory":
        kept = RecordedCards()
        threads = kept.threads
        return Told(
            kept, lambda: len(kept.cards), lambda: len(kept.announcements), lambda: sum(map(len, threads.values()))
        )
    slack = request.getfixturevalue("slack")

    def seen(channel: str, *, inside: bool = False) -> int:
        return sum(bool(message["thread_ts"]) is inside for message in slack.driver.transcript()
                   if message["channel"] == channel)  # fmt: skip

    return Told(PostOffice(slack), lambda: seen("C0PROD"), lambda: seen("C0AUDIT"), lambda: seen("C0PROD", inside=True))


def test_the_first_drawing_gives_a_place_and_changes_nothing_else(told: Told) -> None:
    """Once it is delivered, what comes back is the operation with its card's place in the channel it was asked in."""
    shown = told.cards.show(CHECKING)
    assert shown.card is not None
    assert shown.card.channel == CHECKING.origin.channel
    assert replace(shown, card=None) == CHECKING
    assert told.places() == 1


def test_a_later_drawing_keeps_its_place(told: Told) -> None:
    """However often an operation is shown, it has one card."""
    place = told.cards.show(CHECKING).card
    for operation in (CHECKING, PROMOTED, PROMOTED):
        assert told.cards.show(replace(operation, id=CHECKING.id, card=place)).card == place
    assert told.places() == 1


def test_two_operations_have_two_cards(told: Told) -> None:
    """Another operation never takes over a card."""
    first, second = told.cards.show(CHECKING), told.cards.show(replace(CHECKING, id="op-another1"))
    assert first.card != second.card
    assert told.places() == 2


def test_a_finished_change_is_one_line(told: Told) -> None:
    """The audit channel hears of it once, however often it is announced."""
    for _ in range(2):
        told.cards.announce(PROMOTED, "17 0123456789abcdef")
    assert told.lines() == 1
    told.cards.announce(replace(PROMOTED, id="op-another1"), "18 0123456789abcdef")
    assert told.lines() == 2


def test_a_rollout_tells_its_story_once(told: Told) -> None:
    """Each event is told in the thread once, whatever else is shown, and the operation says how far that got."""
    begun = told.cards.show(replace(BAKING, story=BAKING.story[:1]))
    assert (begun.told, told.replies()) == (1, 0)
    shown = told.cards.show(replace(BAKING, card=begun.card, told=begun.told))
    assert (shown.told, told.replies()) == (3, 2)
    assert told.cards.show(shown) == shown
    ended = told.cards.show(replace(TURNED_BACK, card=shown.card, told=shown.told))
    assert (ended.told, told.replies()) == (5, 4)
    assert told.places() == 1


def test_steps_of_a_rollout_are_not_shown(told: Told) -> None:
    """An operation that is a rollout's step comes back as it is, without a card."""
    step = replace(PROMOTED, command=replace(PROMOTED.command, rollout="op-parent"))
    assert told.cards.show(step) is step
    assert told.places() == 0


def test_a_picture_tells_what_is_new(told: Told) -> None:
    """With the picture comes what the thread has not heard; card, chart and count are all that changes."""
    shown = told.cards.show(replace(BAKING, story=BAKING.story[:1]))
    pictured = told.cards.picture(replace(BAKING, card=shown.card, told=shown.told), points(20))
    assert pictured.chart.startswith("F")
    assert (pictured.told, told.replies()) == (3, 2)
    assert replace(pictured, card=None, chart="", told=0) == replace(BAKING, told=0)
    assert told.cards.show(pictured) == pictured
    assert told.replies() == 2


def test_no_picture_of_nothing(told: Told) -> None:
    """Never shown, without a rollout and without a request there is none, and nothing is told."""
    shown = told.cards.show(replace(BAKING, story=BAKING.story[:1]))
    behind = replace(shown, story=BAKING.story)
    silent = points(3, canary=lambda _: (None, None), stable=lambda _: (None, None))
    assert told.cards.picture(behind, silent) is behind
    unseen = replace(BAKING, id="op-neverseen")
    assert told.cards.picture(unseen, points(3)) is unseen
    assert told.cards.picture(PROMOTED, points(3)) is PROMOTED
    assert told.replies() == 0
