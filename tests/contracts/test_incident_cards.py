"""What every teller of incidents keeps, the one that writes to the outbox and the one that records alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chat.drawing import draw
from chat.incident_outbox import SlackIncidentCards, incident_key
from chat.memory import RecordedIncidentCards
from mesh.domain.incidents import ENDED, Scene
from mesh.domain.letters import Fate, Urgency
from mesh.ports import IncidentCards
from tests.chat.conftest import Slack
from tests.chat.posting import PostOffice
from tests.chat.test_incidents import FIRING, FULL, SHOWN, points

NEW = replace(FIRING, card=None)


@dataclass
class Told:
    """One implementation, what sends what it writes, and how many cards people see of it."""

    cards: IncidentCards
    deliver: Callable[[], object]
    places: Callable[[], int]


@pytest.fixture(params=["memory", "slack"])
def told(request: pytest.FixtureRequest) -> Told:
    """Each implementation in turn."""
    if request.param == "memory":
        kept = RecordedIncidentCards()
        return Told(kept, lambda: None, lambda: len(kept.cards))
    office = PostOffice(request.getfixturevalue("slack"))
    return Told(cards_of(office), office.deliver, lambda: len(posted(office.slack)))


def cards_of(office: PostOffice) -> SlackIncidentCards:
    """Return the cards that write into this office's outbox."""
    return SlackIncidentCards(office.outbox, office.slack.client, draw=draw)


def posted(slack: Slack) -> list[dict[str, Any]]:
    """Return the cards that people see."""
    return [one for one in slack.driver.transcript() if one["channel"] == "C0INC" and not one["thread_ts"]]


def test_a_card_has_a_place_once_it_is_posted(told: Told) -> None:
    """In the incident's channel; its digest is there at once, and nothing else of the incident changes."""
    first = told.cards.show(NEW, FULL)
    assert first.drawn
    told.deliver()
    again = told.cards.show(first, FULL)
    assert again.card is not None
    assert again.card.channel == "C0INC"
    assert replace(again, card=None, drawn="") == NEW
    assert told.places() == 1


def test_who_shows_it_again_shows_one_card(told: Told) -> None:
    """Also one who does not know that it was shown; another incident has a card of its own."""
    for _ in range(2):
        told.cards.show(NEW, FULL)
        told.deliver()
    told.cards.show(replace(NEW, id="in-another1"), FULL)
    told.deliver()
    assert told.places() == 2


def test_an_edit_keeps_the_place(told: Told) -> None:
    """However often it is drawn; where nothing looks different nothing changes."""
    first = told.cards.show(NEW, FULL)
    told.deliver()
    first = told.cards.show(first, FULL)
    assert told.cards.show(first, FULL) == first
    edited = told.cards.show(first, Scene())
    assert (edited.card, edited.drawn != first.drawn) == (first.card, True)
    over = replace(SHOWN["over"][0], card=first.card)
    assert told.cards.show(over, Scene()).drawn.startswith(ENDED)
    told.deliver()
    assert told.places() == 1


def test_a_picture_goes_to_the_thread_and_then_to_the_card(told: Told) -> None:
    """The card keeps its place; without a card, or without points, there is no picture."""
    measured = replace(NEW, points=points())
    assert told.cards.picture(measured, FULL) == measured
    first = told.cards.show(measured, FULL)
    drawn = told.cards.picture(first, FULL)
    assert drawn.chart
    assert replace(drawn, chart="") == first
    assert told.cards.show(drawn, FULL).drawn != first.drawn
    told.deliver()
    assert told.places() == 1
    assert not told.cards.picture(replace(first, points=()), FULL).chart


# --- Slack's own -----------------------------------------------------------------------------------------------------


@pytest.fixture
def office(slack: Slack) -> PostOffice:
    """Everything between an incident and Slack."""
    return PostOffice(slack)


def test_a_picture_is_seen_before_the_card_shows_it(slack: Slack, office: PostOffice) -> None:
    """It is posted into the thread, and Slack looks it over first; the card waits for that."""
    cards = cards_of(office)
    drawn = cards.picture(cards.show(replace(NEW, points=points()), FULL), FULL)
    cards.show(drawn, FULL)
    office.deliver()
    [card] = posted(slack)
    [_, reply] = slack.driver.replies("C0INC", card["ts"])
    shown = [
        [block["slack_file"]["id"] for block in one["blocks"] if block["type"] == "image"] for one in (reply, card)
    ]
    assert shown == [[drawn.chart], [drawn.chart]]


def test_a_card_that_slack_lets_nobody_edit_is_posted_anew(slack: Slack, office: PostOffice) -> None:
    """The edit window may close, and somebody may delete it."""
    cards = cards_of(office)
    first = cards.show(NEW, FULL)
    office.deliver()
    [card] = posted(slack)
    slack.client.chat_delete(channel="C0INC", ts=card["ts"])
    cards.show(first, Scene())
    office.deliver()
    again = cards.show(first, Scene())
    assert again.card is not None
    assert again.card.ts != card["ts"]


def test_a_card_whose_post_got_no_answer_is_one_card(slack: Slack, office: PostOffice) -> None:
    """It is found by what went with it, whatever is drawn meanwhile."""
    slack.driver.trouble("accept_then_drop", method="chat.postMessage")
    first = cards_of(office).show(NEW, FULL)
    office.deliver(within_s=1)
    cards_of(office).show(first, Scene())
    office.deliver()
    assert len(posted(slack)) == 1


def test_a_slack_that_takes_no_picture_leaves_the_card_without(slack: Slack, office: PostOffice) -> None:
    """Never raises: the characters on the card tell the same."""
    cards = cards_of(office)
    first = cards.show(replace(NEW, points=points()), FULL)
    slack.driver.trouble("error", method="files.getUploadURLExternal", error="missing_scope")
    assert cards.picture(first, FULL) == first
    assert SlackIncidentCards(office.outbox, slack.client).picture(first, FULL) == first
    slack.driver.trouble("status", method="files.getUploadURLExternal", status=503)
    assert cards.picture(first, FULL) == first


def test_a_channel_that_nobody_invited_us_to_is_on_record_once(office: PostOffice) -> None:
    """At first and at the end, not at each drawing; once somebody invites the app, the next drawing is posted."""
    cards, closed = cards_of(office), replace(NEW, channel="C0RAND")
    for scene in (FULL, Scene(), FULL):
        cards.show(closed, scene)
        office.deliver()
    assert [(row.letter.key, row.why) for row in office.lost] == [(incident_key(NEW), "not_in_channel")]
    assert cards.picture(replace(closed, points=points()), FULL).chart == ""
    cards.show(replace(SHOWN["over"][0], card=None, channel="C0RAND"), Scene())
    office.deliver()
    assert [row.fate for row in office.lost] == [Fate.LOST, Fate.LOST]


def test_how_urgent_a_drawing_is(office: PostOffice) -> None:
    """That there is an incident goes first, that its sentence is another one is news, a number is progress."""
    cards, found = cards_of(office), []
    for incident, scene in ((NEW, FULL), (NEW, Scene()), (replace(SHOWN["over"][0], card=None), Scene())):
        cards.show(incident, scene)
        found.append(office.outbox.rows[incident_key(NEW)].letter.urgency)
        office.deliver()
    assert found == [Urgency.CALL, Urgency.PROGRESS, Urgency.NEWS]
