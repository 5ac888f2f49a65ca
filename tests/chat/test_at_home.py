"""Threat 9: a channel that is shared after something was asked for there gets no more detail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.at_home import SHARED, CallsAtHome, CardsAtHome
from chat.blocks import message
from chat.calls import NoEntry
from chat.directory import SlackDirectory
from chat.escape import esc
from chat.places import card_key, is_on_card, mirror_key
from chat.sender import Sender
from mesh.domain.operations import Card, Event, Operation, Origin, Step
from mesh.operations.gatekeeping import FLAGGER
from tests.chat.agreeing import asked, waiting
from tests.chat.conftest import Slack
from tests.chat.posting import PostOffice
from tests.chat.samples import AT, SAMPLES

CHECKING, PROMOTED, FORCED = SAMPLES["checking"], SAMPLES["promoted"], SAMPLES["forced"]


class Home:
    """Cards that know at once what a channel has become, and all that sends them."""

    def __init__(self, slack: Slack) -> None:
        self.office = PostOffice(slack)
        self.cards = CardsAtHome(self.office.cards, SlackDirectory(slack.client, cache_s=0))

    def show(self, operation: Operation) -> Operation:
        """Show a card, have it delivered, and return the operation as it is on record after the next look."""
        shown = self.cards.show(operation)
        self.office.deliver()
        return self.cards.show(shown)


def test_a_card_leaves_a_channel_that_others_read(slack: Slack) -> None:
    """The old card stands as it was; the end goes to the person who asked, whose card is edited from then on."""
    home = Home(slack)
    shown = home.show(CHECKING)
    assert shown.card == Card("C0PROD", slack.driver.messages("C0PROD")[0]["ts"])
    slack.driver.change_channel("C0PROD", ext_shared=True)
    moved = home.show(replace(SAMPLES["verifying"], card=shown.card))
    [first] = slack.driver.messages("D0JIN", as_="U0JIN")
    assert (moved.card, moved.origin) == (Card("D0JIN", first["ts"]), CHECKING.origin)
    again = home.show(replace(PROMOTED, card=moved.card))
    [left] = slack.driver.messages("C0PROD", as_="U0JIN")
    assert "Checking" in slack.driver.render_text(left)
    [mine] = slack.driver.messages("D0JIN", as_="U0JIN")
    assert "Verified" in slack.driver.render_text(mine)
    assert (again.card, mine["ts"]) == (moved.card, first["ts"])


def test_what_no_person_asked_for_has_no_home(slack: Slack) -> None:
    """Flagger's question is told neither where others read along nor in a channel called flagger; it is on record."""
    home, calls = Home(slack), CallsAtHome(slack.client, SlackDirectory(slack.client, cache_s=0))
    office = home.office
    office.sender = Sender(office.outbox, office.locks, calls, office.time, lost=office.lost.append)
    slack.driver.change_channel("C0PROD", ext_shared=True)
    home.show(replace(CHECKING, actor=FLAGGER))
    assert slack.driver.transcript() == []
    assert {row.letter.channel for row in office.outbox.rows.values()} == {"C0PROD"}
    assert [(row.letter.key, row.why) for row in office.lost] == [(card_key(CHECKING), SHARED)]


def test_approval_is_not_asked_for_where_others_read(slack: Slack) -> None:
    """The second card is not even drawn there: voters are called below the first one; the record stays what it was."""
    home = Home(slack)
    slack.driver.change_channel("C0INC", ext_shared=True)
    asks = replace(asked(), channel="C0INC")
    one = waiting(asks, Event(Step.REMINDED, AT + 300, "0 of 2 approvals"), origin=Origin("slash", "C0PROD"))
    shown = home.show(one)
    assert (shown.approval, shown.mirror) == (asks, None)
    assert home.office.outbox.find(mirror_key(one)) is None
    assert shown.card
    [_, called] = slack.driver.replies("C0PROD", shown.card.ts)
    assert "Still waits for approval" in slack.driver.render_text(called)
    slack.driver.change_channel("C0INC", ext_shared=False)
    assert home.show(shown).mirror


def test_a_thread_moves_with_its_card(slack: Slack) -> None:
    """What is told of an unusual end is told below the card at home, and nothing below the old one."""
    home = Home(slack)
    shown = home.show(replace(CHECKING, command=FORCED.command))
    assert shown.card
    slack.driver.change_channel("C0PROD", ext_shared=True)
    moved = home.show(replace(FORCED, card=shown.card))
    assert moved.card
    assert len(slack.driver.replies("C0PROD", shown.card.ts)) == 1
    [_, told] = slack.driver.replies("D0JIN", moved.card.ts)
    assert "FORCED" in slack.driver.render_text(told)


def test_who_moved_stays(slack: Slack) -> None:
    """Also while Slack does not say what the channel is, and when the channel is ours again."""
    home = Home(slack)
    slack.driver.change_channel("C0PROD", ext_shared=True)
    moved = home.show(CHECKING)
    slack.driver.trouble("error", method="conversations.info", error="internal_error", times=5)
    home.show(replace(SAMPLES["verifying"], card=moved.card))
    slack.driver.clear_trouble()
    slack.driver.change_channel("C0PROD", ext_shared=False)
    home.show(replace(PROMOTED, card=moved.card))
    assert slack.driver.messages("C0PROD", as_="U0JIN") == []
    assert len(slack.driver.messages("D0JIN", as_="U0JIN")) == 1


def test_only_the_card_at_home_can_be_pressed_then(slack: Slack) -> None:
    """The buttons of the card that stands where others read count no more."""
    home = Home(slack)
    shown = home.show(CHECKING)
    assert shown.card
    slack.driver.change_channel("C0PROD", ext_shared=True)
    moved = home.show(replace(SAMPLES["verifying"], card=shown.card))
    assert moved.card
    places = (shown.card, moved.card)
    for known in (shown, moved):  # also before its new place is on record
        pressed = [is_on_card(known, home.office.outbox, place.channel, place.ts) for place in places]
        assert pressed == [False, True]


def test_what_is_asked_for_at_home_is_edited_there(slack: Slack) -> None:
    """A form that was opened in the App Home has no channel: its card is in our direct messages from the beginning."""
    home = Home(slack)
    asked = replace(CHECKING, origin=replace(CHECKING.origin, channel="U0JIN"))
    shown = home.show(asked)
    home.show(replace(PROMOTED, origin=asked.origin, card=shown.card))
    [mine] = slack.driver.messages("D0JIN", as_="U0JIN")
    assert (shown.card, "Verified" in slack.driver.render_text(mine)) == (Card("D0JIN", mine["ts"]), True)
    assert card_key(asked) != card_key(CHECKING)


def test_no_answer_leaves_a_card_where_it_was_asked_for(slack: Slack) -> None:
    """The door has looked when the request came; a Slack that hesitates now does not take the card away."""
    slack.driver.trouble("error", method="conversations.info", error="internal_error", times=5)
    assert Home(slack).show(PROMOTED).card
    assert len(slack.driver.messages("C0PROD")) == 1


def test_a_card_without_a_channel_is_no_question(slack: Slack) -> None:
    """What was asked for on the command line has none."""
    assert Home(slack).show(replace(PROMOTED, origin=replace(PROMOTED.origin, channel=""))).card is None


def test_threat_12_a_shared_channel_hears_nothing_from_the_sender(slack: Slack) -> None:
    """Neither a post nor an edit, whatever it was; where it is ours both are made."""
    calls = CallsAtHome(slack.client, SlackDirectory(slack.client, cache_s=0))
    words = message(esc("secretsvc"), [])
    ts = calls.post("C0PROD", words, client="a").ts
    calls.edit("C0PROD", ts, message(esc("secretsvc again"), []))
    slack.driver.change_channel("C0PROD", ext_shared=True)
    with pytest.raises(NoEntry, match="another organisation"):
        calls.post("C0PROD", words, client="b")
    with pytest.raises(NoEntry, match="another organisation"):
        calls.edit("C0PROD", ts, words)
    with pytest.raises(NoEntry, match="another organisation"):
        calls.whisper("C0PROD", "U0JIN", words)
    assert len(slack.driver.messages("C0PROD", as_="U0JIN")) == 1
