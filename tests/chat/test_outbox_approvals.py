"""The outbox and approvals, against the stand-in Slack: two places of one card, and answers to voters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.calls import SlackCalls
from chat.places import is_on_card, mirror_key
from chat.sender import Sender
from mesh.domain.letters import Fate
from mesh.domain.operations import Event, Operation, Origin, State, Step
from tests.chat.agreeing import APPROVALS
from tests.chat.conftest import Slack
from tests.chat.posting import PostOffice
from tests.chat.samples import AT, operation

MIRROR = "C0INC"

VOTE = operation("approve op-k3v9x2m4ta", Step.CHECKING, Step.VOTED, outcome="Agreed to it")
VOTE = replace(VOTE, state=State.SUCCEEDED, actor=replace(VOTE.actor, user="U0ANA"))


def answers(slack: Slack, channel: str = "C0PROD") -> list[str]:
    """Return what Ana alone was told in a channel."""
    mine = [one for one in slack.driver.transcript() if one["ephemeral_to"] == "U0ANA" and one["channel"] == channel]
    return [slack.driver.render_text(one) for one in mine]


def asking(name: str = "approval_waiting", channel: str = MIRROR) -> Operation:
    """Return an operation whose approval is asked for in another channel as well."""
    one = APPROVALS[name]
    assert one.approval is not None
    return replace(one, approval=replace(one.approval, channel=channel))


def shown(slack: Slack, channel: str) -> list[str]:
    """Return what the channel shows, as people read it."""
    return [slack.driver.render_text(message) for message in slack.driver.messages(channel)]


@pytest.fixture
def office(slack: Slack) -> PostOffice:
    """Everything between an operation and Slack."""
    return PostOffice(slack)


def test_the_card_stands_in_both_channels_and_is_edited_in_both(slack: Slack, office: PostOffice) -> None:
    """The same drawing; once it is decided, neither place has a button to vote."""
    first = office.show(asking())
    assert first.card
    assert first.mirror
    assert (first.card.channel, first.mirror.channel) == ("C0PROD", MIRROR)
    assert all("[ Approve ] [ Deny ]" in shown(slack, channel)[0] for channel in ("C0PROD", MIRROR))
    office.show(replace(asking("approval_given"), card=first.card, mirror=first.mirror, told=3))
    assert all("Approve ]" not in shown(slack, channel)[0] for channel in ("C0PROD", MIRROR))
    assert len(slack.driver.messages(MIRROR)) == 1


def test_a_place_is_known_at_the_next_look(office: PostOffice) -> None:
    """What is shown again after it was posted has both places on it, and posts nothing."""
    first = office.show(asking())
    again = office.cards.show(asking())
    assert (again.card, again.mirror, office.outbox.lanes) == (first.card, first.mirror, {})


def test_a_closed_channel_keeps_nobody_from_voting_where_it_was_asked(slack: Slack, office: PostOffice) -> None:
    """The bot is no member there: the card stands where the change was asked for, and that is no trouble."""
    first = office.show(asking(channel="C0RAND"))
    assert (first.mirror, "[ Approve ] [ Deny ]" in shown(slack, "C0PROD")[0]) == (None, True)
    assert office.lost == []


def test_trouble_with_the_second_place_costs_no_second_card(slack: Slack, office: PostOffice) -> None:
    """The second place is tried again by itself, when it is posted and when its buttons must go."""
    first = office.show(asking(channel=""))
    slack.driver.trouble("error", method="chat.postMessage", error="org_login_required")
    second = office.show(replace(asking(), card=first.card, told=3))
    assert (second.card, bool(second.mirror)) == (first.card, True)
    end = replace(asking("approval_void"), card=first.card, mirror=second.mirror, told=9)
    slack.driver.trouble("error", method="chat.update", error="internal_error", times=3)
    office.show(end)
    assert all("Approve ]" not in shown(slack, channel)[0] for channel in ("C0PROD", MIRROR))
    assert (len(slack.driver.messages("C0PROD")), len(slack.driver.messages(MIRROR))) == (1, 1)


def test_who_may_vote_is_called_where_approval_is_asked_for(slack: Slack, office: PostOffice) -> None:
    """The reminder goes into the thread of the second place, an end into that of the first."""
    first = office.show(asking())
    assert first.card
    assert first.mirror
    reminder = Event(Step.REMINDED, AT + 300, "0 of 2 approvals")
    office.show(replace(first, story=(*first.story, reminder)))
    replies = slack.driver.replies(MIRROR, first.mirror.ts)
    assert "Still waits for approval" in slack.driver.render_text(replies[-1])
    office.show(replace(asking("approval_expired"), card=first.card, mirror=first.mirror, told=4))
    assert "Expired" in slack.driver.render_text(slack.driver.replies("C0PROD", first.card.ts)[-1])


def test_who_may_vote_is_called_where_the_card_stands(slack: Slack, office: PostOffice) -> None:
    """The bot is no member where approval is asked for: then the reminder is told below the first place."""
    first = office.show(asking(channel="C0RAND"))
    assert first.card
    office.show(replace(first, story=(*first.story, Event(Step.REMINDED, AT + 300, "0 of 2 approvals"))))
    assert "Still waits" in slack.driver.render_text(slack.driver.replies("C0PROD", first.card.ts)[-1])


def test_threat_4_a_place_counts_before_the_operation_knows_it(slack: Slack, office: PostOffice) -> None:
    """Once Slack said where the card is, that message alone can be pressed; until then its channel counts."""
    office.cards.show(asking())
    first = office.show(asking())
    assert first.card
    assert first.mirror
    unplaced = asking()
    for place, where in ((first.card, True), (first.mirror, True)):
        assert is_on_card(unplaced, office.outbox, place.channel, place.ts) is where
        assert not is_on_card(unplaced, office.outbox, place.channel, "9.9")
    assert not is_on_card(unplaced, office.outbox, MIRROR, first.card.ts)
    row = office.outbox.rows[mirror_key(unplaced)]
    office.outbox.rows[mirror_key(unplaced)] = replace(row, ts="", fate=Fate.UNKNOWN)
    assert is_on_card(unplaced, office.outbox, MIRROR, "9.9")
    assert not is_on_card(unplaced, office.outbox, "C0OTHER", "9.9")


def test_a_vote_has_no_card_and_its_voter_is_answered_alone(slack: Slack, office: PostOffice) -> None:
    """In the channel for that person only; not before its end, and once, however many workers tell it."""
    vote = replace(VOTE, state=State.RUNNING)
    office.show(vote)
    assert slack.driver.messages("C0PROD", "U0ANA") == []
    for _ in range(2):
        office.show(VOTE)
    [mine] = slack.driver.messages("C0PROD", "U0ANA")
    assert "Counted. Agreed to it." in slack.driver.render_text(mine)
    assert slack.driver.messages("C0PROD", "U0LEE") == []


def test_an_answer_waits_as_long_as_slack_wants(slack: Slack, office: PostOffice) -> None:
    """A 429 loses no answer and holds up nothing else in the channel; nobody sleeps meanwhile."""
    slack.driver.trouble("ratelimit", method="chat.postEphemeral", retry_after=30)
    office.cards.show(VOTE)
    office.cards.show(asking())
    office.deliver(within_s=20)
    assert ["Approve ]" in text for text in shown(slack, "C0PROD")] == [True]
    assert answers(slack) == []
    assert office.deliver() > 5
    assert [text.count("Counted. Agreed to it.") for text in answers(slack)] == [1]
    assert office.lost == []


@pytest.mark.parametrize(("trouble", "times"), [("accept_then_drop", 2), ("disconnect", 1)])
def test_an_answer_that_nobody_can_look_for(slack: Slack, office: PostOffice, trouble: str, times: int) -> None:
    """Whether Slack showed it cannot be found out, so it is said again, marked as perhaps a repetition."""
    slack.driver.trouble(trouble, method="chat.postEphemeral")
    office.show(VOTE)
    said = answers(slack)
    assert ["Counted. Agreed to it." in text for text in said] == [True] * times
    assert "Perhaps a repetition" in said[-1]
    assert office.lost == []


def test_who_is_killed_in_an_answer_leaves_it_to_the_next(slack: Slack, office: PostOffice) -> None:
    """The row says that it was being sent; the next sender says it again, and the voter is told."""

    class Killed(BaseException):
        """The process ends here."""

    office.cards.show(VOTE)
    calls = SlackCalls(slack.client)

    def dies(*_: object, **__: object) -> None:
        raise Killed

    calls.whisper = dies  # type: ignore[method-assign]
    with pytest.raises(Killed):
        Sender(office.outbox, office.locks, calls, office.time).send("C0PROD")
    assert office.outbox.rows[f"voted {VOTE.id}"].fate is Fate.SENDING
    office.deliver()
    assert ["Counted. Agreed to it." in text for text in answers(slack)] == [True]


def test_a_voter_is_told_also_where_the_bot_cannot_post(slack: Slack, office: PostOffice) -> None:
    """By the address of the press, else in our direct messages."""
    address = slack.response_url("U0ANA", "C0RAND")
    office.show(replace(VOTE, origin=Origin("button", "C0RAND", response_url=address)))
    office.show(replace(VOTE, id="op-another000", origin=Origin("mention", "C0RAND")))
    assert ["Counted. Agreed to it." in text for text in answers(slack, "C0RAND")] == [True]
    slack.driver.trouble("error", method="chat.postEphemeral", error="user_not_in_channel")
    office.show(replace(VOTE, id="op-onemore000"))
    told = [slack.driver.render_text(one) for one in slack.driver.transcript() if "Counted" in one["text"]]
    assert (len(told), answers(slack)) == (3, [])
    assert office.lost == []


@pytest.mark.parametrize("channel", ["U0JIN", "D0JIN"])
def test_who_votes_at_home_is_answered_there(slack: Slack, office: PostOffice, channel: str) -> None:
    """In our direct messages, or from the App Home, which has no channel: once, however often it is told."""
    vote = operation("approve op-k3v9x2m4ta", Step.CHECKING, Step.VOTED, outcome="Agreed to it")
    for _ in range(2):
        office.show(replace(vote, state=State.SUCCEEDED, origin=Origin("home", channel)))
    [mine] = slack.driver.messages("D0JIN", "U0JIN")
    assert "Counted. Agreed to it." in slack.driver.render_text(mine)
