"""What every teller of people keeps, the one that posts to Slack and the one that records alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from chat.memory import RecordedCards
from chat.outbox import SlackCards
from mesh.ports import Cards
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


@pytest.fixture(params=["memory", "slack"])
def told(request: pytest.FixtureRequest) -> Told:
    """Each implementation in turn."""
    if request.param == "memory":
        kept = RecordedCards()
        return Told(kept, lambda: len(kept.cards), lambda: len(kept.announcements))
    slack = request.getfixturevalue("slack")
    cards = SlackCards(slack.client, audit_channel="C0AUDIT")
    return Told(
        cards, *(lambda channel=channel: len(slack.driver.messages(channel)) for channel in ("C0PROD", "C0AUDIT"))
    )


def test_the_first_drawing_gives_a_place_and_changes_nothing_else(told: Told) -> None:
    """What comes back is the operation with its card's place in the channel it was asked in."""
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
    """The audit channel hears of it once for each time it is announced."""
    told.cards.announce(PROMOTED, "17 0123456789abcdef")
    assert told.lines() == 1
