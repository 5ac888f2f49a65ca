"""Threat 9: a channel that is shared after something was asked for there gets no more detail."""

from __future__ import annotations

from dataclasses import replace

from chat.at_home import CardsAtHome
from chat.directory import SlackDirectory
from chat.outbox import SlackCards
from mesh.ports import Cards
from tests.chat.conftest import Slack
from tests.chat.samples import SAMPLES

CHECKING, PROMOTED = SAMPLES["checking"], SAMPLES["promoted"]


def cards(slack: Slack) -> Cards:
    """Cards that know at once what a channel has become."""
    return CardsAtHome(SlackCards(slack.client), SlackDirectory(slack.client, cache_s=0))


def test_a_card_leaves_a_channel_that_others_read(slack: Slack) -> None:
    """The old card stands as it was; the end goes to the person who asked, whose card is edited from then on."""
    shown = cards(slack).show(CHECKING)
    slack.driver.change_channel("C0PROD", ext_shared=True)
    moved = cards(slack).show(replace(PROMOTED, card=shown.card))
    again = cards(slack).show(replace(PROMOTED, card=moved.card))
    [left] = slack.driver.messages("C0PROD", as_="U0JIN")
    assert "Checking" in slack.driver.render_text(left)
    [mine] = slack.driver.messages("D0JIN", as_="U0JIN")
    assert "Verified" in slack.driver.render_text(mine)
    assert (again.card, again.origin) == (moved.card, PROMOTED.origin)


def test_no_answer_leaves_a_card_where_it_was_asked_for(slack: Slack) -> None:
    """The door has looked when the request came; a Slack that hesitates now does not take the card away."""
    slack.driver.trouble("error", method="conversations.info", error="internal_error", times=5)
    assert cards(slack).show(PROMOTED).card
    assert len(slack.driver.messages("C0PROD")) == 1


def test_a_card_without_a_channel_is_no_question(slack: Slack) -> None:
    """What was asked for on the command line has none."""
    assert cards(slack).show(replace(PROMOTED, origin=replace(PROMOTED.origin, channel=""))).card is None
