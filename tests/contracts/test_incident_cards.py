"""What every teller of incidents keeps, the one that posts to Slack and the one that records alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chat.drawing import draw
from chat.incident_outbox import SlackIncidentCards
from chat.memory import RecordedIncidentCards
from mesh.domain.errors import Unavailable
from mesh.domain.incidents import ENDED, Scene
from mesh.ports import IncidentCards
from tests.chat.conftest import Slack
from tests.chat.test_incidents import FIRING, FULL, SHOWN, points

NEW = replace(FIRING, card=None)


@dataclass
class Told:
    """One implementation, and how many cards people see of it."""

    cards: IncidentCards
    places: Callable[[], int]


@pytest.fixture(params=["memory", "slack"])
def told(request: pytest.FixtureRequest) -> Told:
    """Each implementation in turn."""
    if request.param == "memory":
        kept = RecordedIncidentCards()
        return Told(kept, lambda: len(kept.cards))
    slack: Slack = request.getfixturevalue("slack")
    return Told(SlackIncidentCards(slack.client, draw=draw), lambda: len(_posted(slack)))


def _posted(slack: Slack) -> list[dict[str, Any]]:
    found = [message for message in slack.driver.transcript() if message["channel"] == "C0INC"]
    return [message for message in found if not message["thread_ts"]]


def test_a_post_gives_a_place_and_a_digest(told: Told) -> None:
    """In the incident's channel; nothing else of the incident changes."""
    posted = told.cards.post(NEW, FULL)
    assert posted.card is not None
    assert posted.card.channel == "C0INC"
    assert posted.drawn
    assert replace(posted, card=None, drawn="") == NEW
    assert told.places() == 1


def test_an_edit_keeps_the_place(told: Told) -> None:
    """However often it is drawn; where nothing looks different nothing is sent."""
    posted = told.cards.post(NEW, FULL)
    assert told.cards.edit(posted, FULL) == posted
    edited = told.cards.edit(posted, Scene())
    assert (edited.card, edited.drawn != posted.drawn) == (posted.card, True)
    over = replace(SHOWN["over"][0], card=posted.card)
    assert told.cards.edit(over, Scene()).drawn.startswith(ENDED)
    assert told.places() == 1


def test_a_card_without_an_answer_is_found(told: Told) -> None:
    """It was posted and nobody heard where: it is looked for by its incident, not by its words."""
    posted = told.cards.post(NEW, FULL)
    told.cards.post(replace(NEW, id="in-another1"), FULL)
    found = told.cards.find(replace(NEW, posting_at=1.0))
    assert found.card == posted.card
    assert told.cards.find(replace(NEW, id="in-nothere1", posting_at=1.0)).card is None


def test_a_picture_goes_to_the_thread_and_then_to_the_card(told: Told) -> None:
    """The card keeps its place; without a card, or without points, there is no picture."""
    measured = replace(NEW, points=points())
    posted = told.cards.post(measured, FULL)
    drawn = told.cards.picture(posted, FULL)
    assert drawn.chart
    assert replace(drawn, chart="") == posted
    assert told.cards.edit(drawn, FULL).drawn != posted.drawn
    assert told.places() == 1
    assert told.cards.picture(measured, FULL) == measured
    assert not told.cards.picture(replace(posted, points=()), FULL).chart


# --- Slack's own -----------------------------------------------------------------------------------------------------


def test_a_card_that_slack_lets_nobody_edit_is_posted_anew(slack: Slack) -> None:
    """The edit window may close, and somebody may delete it."""
    cards = SlackIncidentCards(slack.client)
    posted = cards.post(NEW, FULL)
    assert posted.card is not None
    slack.client.chat_delete(channel=posted.card.channel, ts=posted.card.ts)
    again = cards.edit(posted, Scene())
    assert again.card is not None
    assert again.card.ts != posted.card.ts


def test_a_slack_that_takes_no_picture_leaves_the_card_without(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never raises: the characters on the card tell the same."""
    monkeypatch.setattr("chat.incident_outbox.sleep", slack.driver.advance)
    cards = SlackIncidentCards(slack.client, draw=draw)
    posted = cards.post(replace(NEW, points=points()), FULL)
    slack.driver.trouble("error", method="files.getUploadURLExternal", error="missing_scope")
    assert cards.picture(posted, FULL) == posted
    assert SlackIncidentCards(slack.client).picture(posted, FULL) == posted
    slack.driver.trouble("status", method="files.getUploadURLExternal", status=503)
    assert cards.picture(posted, FULL) == posted


def test_a_channel_that_nobody_invited_us_to_is_unavailable(slack: Slack) -> None:
    """It is tried again: somebody may invite the app."""
    with pytest.raises(Unavailable, match="not_in_channel"):
        SlackIncidentCards(slack.client).post(replace(NEW, channel="C0RAND"), FULL)
