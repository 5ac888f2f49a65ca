"""The outbox and approvals, against the stand-in Slack: two places of one card, and answers to voters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.outbox import SlackCards
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Event, Operation, Origin, State, Step
from tests.chat.agreeing import APPROVALS
from tests.chat.conftest import Slack
from tests.chat.samples import AT, operation

MIRROR = "C0INC"


def asking(name: str = "approval_waiting", channel: str = MIRROR) -> Operation:
    """Return an operation whose approval is asked for in another channel as well."""
    one = APPROVALS[name]
    assert one.approval is not None
    return replace(one, approval=replace(one.approval, channel=channel))


def shown(slack: Slack, channel: str) -> list[str]:
    """Return what the channel shows, as people read it."""
    return [slack.driver.render_text(message) for message in slack.driver.messages(channel)]


def test_the_card_stands_in_both_channels_and_is_edited_in_both(slack: Slack) -> None:
    """The same drawing; once it is decided, neither place has a button to vote."""
    cards = SlackCards(slack.client)
    first = cards.show(asking())
    assert first.card
    assert first.mirror
    assert (first.card.channel, first.mirror.channel) == ("C0PROD", MIRROR)
    assert all("[ Approve ] [ Deny ]" in shown(slack, channel)[0] for channel in ("C0PROD", MIRROR))
    cards.show(replace(asking("approval_given"), card=first.card, mirror=first.mirror, told=3))
    assert all("Approve ]" not in shown(slack, channel)[0] for channel in ("C0PROD", MIRROR))
    assert len(slack.driver.messages(MIRROR)) == 1


def test_a_closed_channel_keeps_nobody_from_voting_where_it_was_asked(slack: Slack) -> None:
    """The bot is no member there: the card stands where the change was asked for, and that is no trouble."""
    cards = SlackCards(slack.client)
    first = cards.show(asking(channel="C0RAND"))
    assert (first.mirror, "[ Approve ] [ Deny ]" in shown(slack, "C0PROD")[0]) == (None, True)


def test_trouble_with_the_second_place_costs_no_second_card(slack: Slack) -> None:
    """While it waits the first place is kept and the second one tried again; at the end the edit must succeed."""
    cards = SlackCards(slack.client)
    first = cards.show(asking(channel=""))
    slack.driver.trouble("error", method="chat.postMessage", error="internal_error")
    kept = cards.show(replace(asking(), card=first.card, told=3))
    assert (kept.card, kept.mirror) == (first.card, None)
    second = cards.show(kept)
    assert second.mirror
    end = replace(asking("approval_void"), card=first.card, mirror=second.mirror, told=9)
    assert end.approval is not None
    cards.show(replace(end, approval=replace(end.approval, channel="")))  # the first place is up to date
    slack.driver.trouble("error", method="chat.update", error="internal_error", times=2)
    with pytest.raises(Unavailable):
        cards.show(end)
    with pytest.raises(Unavailable):
        cards.show(end)
    cards.show(end)
    assert "Approve ]" not in shown(slack, MIRROR)[0]
    assert (len(slack.driver.messages("C0PROD")), len(slack.driver.messages(MIRROR))) == (1, 1)


def test_who_may_vote_is_called_where_approval_is_asked_for(slack: Slack) -> None:
    """The reminder goes into the thread of the second place, an end into that of the first."""
    cards = SlackCards(slack.client)
    first = cards.show(asking())
    assert first.card
    assert first.mirror
    reminder = Event(Step.REMINDED, AT + 300, "0 of 2 approvals")
    cards.show(replace(first, story=(*first.story, reminder)))
    replies = slack.driver.replies(MIRROR, first.mirror.ts)
    assert "Still waits for approval" in slack.driver.render_text(replies[-1])
    cards.show(replace(asking("approval_expired"), card=first.card, mirror=first.mirror, told=4))
    assert "Expired" in slack.driver.render_text(slack.driver.replies("C0PROD", first.card.ts)[-1])


def test_a_vote_has_no_card_and_its_voter_is_answered_alone(slack: Slack) -> None:
    """By the press's own answer address, or in the channel for that person only; not before its end."""
    cards = SlackCards(slack.client)
    vote = operation("approve op-k3v9x2m4ta", Step.CHECKING, Step.VOTED, outcome="Agreed to it")
    cards.show(replace(vote, state=State.RUNNING))
    address = slack.response_url("U0ANA", "C0PROD")
    assert slack.driver.messages("C0PROD", "U0ANA") == []
    for origin in (Origin("button", "C0PROD", response_url=address), Origin("mention", "C0PROD")):
        cards.show(replace(vote, state=State.SUCCEEDED, origin=origin, actor=replace(vote.actor, user="U0ANA")))
    mine = slack.driver.messages("C0PROD", "U0ANA")
    assert ["Counted. Agreed to it." in slack.driver.render_text(one) for one in mine] == [True, True]
    assert slack.driver.messages("C0PROD", "U0LEE") == []
