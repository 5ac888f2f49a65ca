"""Threat 9: a channel that is shared after something was asked for there gets no more detail."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from chat.at_home import CallsAtHome, CardsAtHome, IncidentCardsAtHome, NoticeboardAtHome
from chat.blocks import message
from chat.calls import NoEntry
from chat.directory import SlackDirectory
from chat.escape import esc
from chat.memory import FixedDirectory, RecordedBoard, RecordedIncidentCards
from chat.sender import Sender
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.incidents import Scene
from mesh.domain.operations import Operation
from mesh.ports import Cards
from tests.chat.conftest import Slack
from tests.chat.editions import EDITIONS
from tests.chat.posting import PostOffice
from tests.chat.samples import SAMPLES
from tests.chat.test_incidents import FIRING

CHECKING, PROMOTED = SAMPLES["checking"], SAMPLES["promoted"]


@dataclass
class Post:
    """Cards and a sender that know at once what a channel has become."""

    slack: Slack

    def __post_init__(self) -> None:
        self.office = PostOffice(self.slack)
        people = SlackDirectory(self.slack.client, cache_s=0)
        self.cards: Cards = CardsAtHome(self.office.cards, people)
        calls = CallsAtHome(self.slack.client, people)
        self.office.sender = Sender(self.office.outbox, self.office.locks, calls, self.office.time)

    def show(self, operation: Operation) -> Operation:
        """Show a card, have it delivered, and return the operation with its place."""
        shown = self.cards.show(operation)
        self.office.deliver()
        return self.cards.show(shown)


def test_a_card_leaves_a_channel_that_others_read(slack: Slack) -> None:
    """The old card stands as it was; the end goes to the person who asked, whose card is edited from then on."""
    post = Post(slack)
    shown = post.show(CHECKING)
    slack.driver.change_channel("C0PROD", ext_shared=True)
    moved = post.show(replace(PROMOTED, card=shown.card))
    again = post.show(replace(PROMOTED, card=moved.card, revision=9))
    [left] = slack.driver.messages("C0PROD", as_="U0JIN")
    assert "Checking" in slack.driver.render_text(left)
    [mine] = slack.driver.messages("D0JIN", as_="U0JIN")
    assert "Verified" in slack.driver.render_text(mine)
    assert (again.card, again.origin) == (moved.card, PROMOTED.origin)


def test_no_answer_leaves_a_card_where_it_was_asked_for(slack: Slack) -> None:
    """The door has looked when the request came; a Slack that hesitates now does not take the card away."""
    slack.driver.trouble("error", method="conversations.info", error="internal_error", times=5)
    assert Post(slack).show(PROMOTED).card
    assert len(slack.driver.messages("C0PROD")) == 1


def test_a_card_without_a_channel_is_no_question(slack: Slack) -> None:
    """What was asked for on the command line has none."""
    assert Post(slack).show(replace(PROMOTED, origin=replace(PROMOTED.origin, channel=""))).card is None


def test_threat_12_a_shared_channel_hears_nothing_from_the_sender(slack: Slack) -> None:
    """Neither a post nor an edit, whatever it was; where it is ours both are made."""
    calls = CallsAtHome(slack.client, SlackDirectory(slack.client, cache_s=0))
    words = message(esc("secretsvc"), [])
    ts = calls.post("C0PROD", words, client="a")
    calls.edit("C0PROD", ts, message(esc("secretsvc again"), []))
    slack.driver.change_channel("C0PROD", ext_shared=True)
    with pytest.raises(NoEntry, match="another organisation"):
        calls.post("C0PROD", words, client="b")
    with pytest.raises(NoEntry, match="another organisation"):
        calls.edit("C0PROD", ts, words)
    assert len(slack.driver.messages("C0PROD", as_="U0JIN")) == 1


def test_threat_12_a_shared_channel_hears_of_no_incident() -> None:
    """No card, no edit, no chart; the card is posted once the channel is ours again."""
    shared, inner = FixedDirectory({}, shared=frozenset({"C0INC"})), RecordedIncidentCards()
    abroad, scene = IncidentCardsAtHome(inner, shared), Scene((), "")
    with pytest.raises(Unavailable, match="another organisation"):
        abroad.post(replace(FIRING, card=None), scene)
    assert abroad.edit(FIRING, scene) == FIRING
    assert abroad.picture(FIRING, scene) == FIRING
    assert inner.cards == {}
    home = IncidentCardsAtHome(inner, FixedDirectory({}))
    posted = home.post(replace(FIRING, card=None), scene)
    assert home.find(posted).card == posted.card
    assert home.edit(replace(posted, drawn="otherwise"), scene).drawn == posted.drawn
    assert home.picture(replace(posted, points=()), scene).chart == ""


def test_threat_12_a_shared_channel_gets_no_digest() -> None:
    """The slot is refused with the reason, and not tried again."""
    inner = RecordedBoard()
    with pytest.raises(Refused, match="another organisation"):
        NoticeboardAtHome(inner, FixedDirectory({}, shared=frozenset({"C1"}))).post("C1", EDITIONS["calm"], picture="")
    assert inner.posted == []
    NoticeboardAtHome(inner, FixedDirectory({})).post("C1", EDITIONS["calm"], picture="")
    assert [channel for channel, _ in inner.posted] == ["C1"]
