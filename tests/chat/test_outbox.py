"""Cards on their whole way: written into an outbox, sent by a real sender to the stand-in Slack with a real client."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from chat.blocks import message
from chat.escape import esc
from chat.letters import Where, body_of
from chat.locales import Locale, speaking
from chat.places import card_key, is_on_card
from mesh.domain.letters import Fate, Letter, Urgency
from mesh.domain.operations import Card, Operation, Origin
from mesh.domain.rollouts import Phase
from mesh.ports import Cards
from tests.chat.conftest import Slack
from tests.chat.plotted import BAKING
from tests.chat.posting import PostOffice
from tests.chat.rolling import ROLLOUTS
from tests.chat.samples import SAMPLES

CHECKING, PROMOTED, FORCED = SAMPLES["checking"], SAMPLES["promoted"], SAMPLES["forced"]


@pytest.fixture
def office(slack: Slack) -> PostOffice:
    """Everything between an operation and Slack."""
    return PostOffice(slack)


def posts(slack: Slack, channel: str = "C0PROD") -> list[str]:
    """Return what the channel shows, as people read it."""
    return [slack.driver.render_text(message) for message in slack.driver.messages(channel)]


def later(shown: Operation, end: Operation = PROMOTED) -> Operation:
    """Return the end of an operation whose card was shown before."""
    return replace(end, card=shown.card)


def test_one_card_edited_in_place(slack: Slack, office: PostOffice) -> None:
    """The first show posts, the next edit the same message, so the channel has one card."""
    shown = office.show(CHECKING)
    assert shown.card
    assert shown.card.channel == "C0PROD"
    office.show(later(shown))
    (only,) = slack.driver.messages("C0PROD")
    assert only["ts"] == shown.card.ts
    assert "Verified" in slack.driver.render_text(only)
    assert slack.driver.replies("C0PROD", only["ts"]) == [only]


def test_showing_asks_nothing_of_slack(slack: Slack, office: PostOffice) -> None:
    """What is shown is on record at once, and nobody waits for Slack; drawn twice before its turn it is posted once."""
    slack.driver.trouble("error", method="*", error="fatal_error")
    cards: Cards = office.cards
    assert cards.show(CHECKING).card is None
    cards.show(PROMOTED)
    assert slack.driver.transcript() == []
    slack.driver.clear_trouble()
    office.deliver()
    (only,) = slack.driver.transcript()
    assert "Verified" in slack.driver.render_text(only)
    assert only["edits"] == []


def test_an_unchanged_drawing_is_not_sent(slack: Slack, office: PostOffice) -> None:
    """Showing the same thing again asks nothing of Slack."""
    shown = office.show(CHECKING)
    slack.driver.trouble("error", method="chat.update", error="fatal_error")
    assert office.show(shown) == shown
    assert office.outbox.lanes == {}
    office.show(later(shown))  # takes the ordered failure, and is tried again
    assert "Verified" in posts(slack)[0]


def test_a_card_from_before_the_outbox(slack: Slack, office: PostOffice) -> None:
    """An operation whose card an older version posted keeps it: it is edited in place."""
    old = slack.client.chat_postMessage(channel="C0PROD", text="drawn by an older version")["ts"]
    office.show(replace(PROMOTED, card=Card("C0PROD", str(old))))
    (only,) = slack.driver.messages("C0PROD")
    assert only["ts"] == old
    assert "Verified" in slack.driver.render_text(only)


def test_a_card_in_a_thread(slack: Slack, office: PostOffice) -> None:
    """A request from a thread is answered in that thread."""
    parent = slack.client.chat_postMessage(channel="C0PROD", text="why is api slow?")["ts"]
    shown = office.show(replace(CHECKING, origin=Origin("mention", "C0PROD", str(parent))))
    assert [m["ts"] for m in slack.driver.replies("C0PROD", str(parent))] == [parent, shown.card and shown.card.ts]


CLOSED = ["edit_window_closed", "message_not_found", "cant_update_message"]


@pytest.mark.parametrize("error", CLOSED)
def test_what_cannot_be_edited_is_posted_anew(slack: Slack, office: PostOffice, error: str) -> None:
    """When Slack no longer lets the card be edited, a new one takes its place and leads to the old one."""
    shown = office.show(CHECKING)
    assert shown.card
    slack.driver.trouble("error", method="chat.update", error=error)
    again = office.show(later(shown))
    assert again.card
    assert again.card != shown.card
    anew = slack.driver.messages("C0PROD")[-1]
    assert "Verified" in slack.driver.render_text(anew)
    [said] = [text for text in small_print(anew) if "earlier message" in text]
    link = slack.client.chat_getPermalink(channel="C0PROD", message_ts=shown.card.ts)["permalink"]
    assert (f"<{link}|an earlier message>" in said) == (error != "message_not_found")
    assert ("was deleted" in said) == (error == "message_not_found")


def test_what_continues_an_earlier_card_says_so_in_every_drawing(slack: Slack, office: PostOffice) -> None:
    """Also where Slack gives no link, in the language of whoever asked, and when it is edited itself."""
    with speaking(Locale.KO):
        shown = office.show(CHECKING)
        slack.driver.trouble("error", method="chat.update", error="edit_window_closed")
        slack.driver.trouble("error", method="chat.getPermalink", error="fatal_error")
        again = office.show(later(shown))
        office.show(later(again, replace(FORCED, id=again.id, revision=again.revision + 1)))
    said = [one for one in slack.driver.transcript() if any("이전 메시지" in text for text in small_print(one))]
    assert [bool(one["edits"]) for one in said] == [True]


def small_print(message: dict[str, Any]) -> list[str]:
    """What the small lines of a message say, as Slack has them."""
    lines = [block["elements"] for block in message.get("blocks", []) if block["type"] == "context"]
    return [element["text"] for line in lines for element in line]


@pytest.mark.parametrize("channel", ["C0RAND", "C0NOWHERE"])
def test_a_channel_without_the_bot(slack: Slack, office: PostOffice, channel: str) -> None:
    """Where the bot is no member, the asking person gets the card and learns how to invite it; twice, not more."""
    origin = Origin("slash", channel, response_url=slack.response_url("U0JIN", "C0RAND"))
    for operation in (CHECKING, CHECKING, SAMPLES["verifying"], PROMOTED):
        assert office.show(replace(operation, origin=origin)).card is None
    seen = [slack.driver.render_text(m) for m in slack.driver.messages("C0RAND", as_="U0JIN")]
    assert ["Checking" in seen[0], "Verified" in seen[1]] == [True, True]
    assert len(seen) == 2
    assert "/invite" in seen[0]
    assert slack.driver.messages("C0RAND", as_="U0ANA") == []
    assert office.lost == []


def test_a_rollout_in_a_channel_without_the_bot(slack: Slack, office: PostOffice) -> None:
    """Who began it hears that it is held, once; and is written to directly when Slack takes no more answers."""
    origin = Origin("slash", "C0RAND", response_url=slack.response_url("U0JIN", "C0RAND"))
    for name in ("canary_baking", "canary_baking", "canary_held_worse", "canary_held_worse"):
        office.show(replace(ROLLOUTS[name], origin=origin, card=None, chart=""))
    seen = [slack.driver.render_text(m) for m in slack.driver.messages("C0RAND", as_="U0JIN")]
    assert ["Held" in text for text in seen] == [False, True]
    assert all("What comes later I send to you directly" in text for text in seen)
    assert slack.driver.messages("D0JIN", as_="U0JIN") == []
    slack.driver.advance(31 * 60)
    office.show(replace(ROLLOUTS["canary_completed"], origin=origin, card=None, chart=""))
    [mine] = slack.driver.messages("D0JIN", as_="U0JIN")
    assert "/invite" in slack.driver.render_text(mine)
    assert office.lost == []


def test_a_channel_that_lets_the_bot_in_later(slack: Slack, office: PostOffice) -> None:
    """A card that had no place gets one with its next drawing, when the channel can be posted in by then."""
    slack.driver.trouble("error", method="chat.postMessage", error="not_in_channel")
    assert office.show(CHECKING).card is None
    assert office.show(PROMOTED).card
    assert len(posts(slack)) == 1


def test_an_archived_channel(slack: Slack, office: PostOffice) -> None:
    """A card whose channel is closed meanwhile reaches the asking person instead, at the end."""
    origin = Origin("slash", "C0PROD", response_url=slack.response_url("U0JIN", "C0RAND"))
    office.show(replace(CHECKING, origin=origin))
    slack.driver.trouble("error", method="chat.update", error="is_archived")
    office.show(replace(PROMOTED, origin=origin))
    (seen,) = slack.driver.messages("C0RAND", as_="U0JIN")
    assert "Verified" in slack.driver.render_text(seen)


def test_a_card_that_could_not_be_touched_for_once(slack: Slack, office: PostOffice) -> None:
    """Its next drawing edits it where it is, and its thread goes on: there is one card, and no old one beside it."""
    shown = office.show(CHECKING)
    slack.driver.trouble("error", method="chat.update", error="not_in_channel")
    office.show(later(shown, SAMPLES["verifying"]))
    office.posts.post("held", Where("C0PROD", under=card_key(CHECKING)), message(esc("act"), []), urgency=Urgency.CALL)
    office.deliver()
    office.show(replace(PROMOTED, card=shown.card))
    (only,) = slack.driver.messages("C0PROD")
    assert "Verified" in slack.driver.render_text(only)
    assert [one["text"] for one in slack.driver.replies("C0PROD", only["ts"])][1:] == ["act"]


def test_the_story_of_a_card_that_cannot_be_touched(slack: Slack, office: PostOffice) -> None:
    """Where a channel closes during a rollout no entry counts as what reached nobody; once open again it goes on."""
    shown = office.show(ROLLOUTS["canary_baking"])
    slack.driver.change_channel("C0PROD", archived=True)
    # Of what comes together an asking card goes before its entry, and one that only goes on after it.
    for name in ("canary_confirming", "canary_held_worse", "canary_baking"):
        office.time.advance(300)
        shown = office.cards.show(later(shown, replace(ROLLOUTS[name], told=shown.told)))
        office.posts.post(f"by the way {name}", Where("C0PROD", under=card_key(shown)), message(esc("later"), []))
        office.deliver()
    assert office.lost == []
    [told] = slack.driver.messages("D0JIN", as_="U0JIN")
    assert "Waits for confirmation" in slack.driver.render_text(told)
    slack.driver.change_channel("C0PROD", archived=False)
    office.show(later(shown, replace(ROLLOUTS["canary_completed"], told=shown.told)))
    office.posts.post("at last", Where("C0PROD", under=card_key(shown)), message(esc("here again"), []))
    office.deliver()
    assert shown.card
    card, *_, last = slack.driver.replies("C0PROD", shown.card.ts)
    assert ("Completed" in slack.driver.render_text(card), last["text"]) == (True, "here again")


def test_the_story_of_a_card_for_nobody_in_particular(slack: Slack, office: PostOffice) -> None:
    """Where nobody was told of the card instead, as where approval is asked for, each entry is lost on record."""
    for closed in (False, True):
        slack.driver.change_channel("C0PROD", archived=closed)
        drawn = body_of(message(esc(f"closed: {closed}"), []))
        office.outbox.put(Letter("mirror op-1", "C0PROD", drawn, must=False))
        office.deliver()
    office.posts.post("call", Where("C0PROD", under="mirror op-1"), message(esc("who may vote"), []))
    office.deliver()
    assert [(row.letter.key, row.why) for row in office.lost] == [("call", "is_archived")]


def test_buttons_of_a_card_that_cannot_be_touched(slack: Slack, office: PostOffice) -> None:
    """Those that the asking person is answered with count as on the card, and so do those of the one that stands."""
    shown = office.show(CHECKING)
    slack.driver.trouble("error", method="chat.update", error="not_in_channel")
    office.show(later(shown))
    for ts in ("9.9", shown.card.ts if shown.card else ""):
        assert is_on_card(shown, office.outbox, "C0PROD", ts)
    assert not is_on_card(shown, office.outbox, "C0RAND", "9.9")


def test_what_reaches_nobody_is_said(slack: Slack, office: PostOffice) -> None:
    """An end that nobody can be told is lost with its reason, and whoever keeps the audit log hears of it."""
    office.show(replace(PROMOTED, origin=Origin("slash", "C0RAND"), actor=replace(PROMOTED.actor, user="U0GONE")))
    assert [(row.letter.key, row.why) for row in office.lost] == [
        (f"{card_key(PROMOTED)} instead 1", "channel_not_found")
    ]
    row = office.outbox.find(card_key(PROMOTED))
    assert row
    assert row.fate is Fate.LOST


def test_without_an_answer_address_whoever_asked_is_written_to(slack: Slack, office: PostOffice) -> None:
    """At first and at the end, where the channel cannot be posted in; what lies between is not worth a message."""
    for operation in (CHECKING, SAMPLES["verifying"], PROMOTED):
        office.show(replace(operation, origin=Origin("mention", "C0RAND")))
    mine = [slack.driver.render_text(one) for one in slack.driver.messages("D0JIN", as_="U0JIN")]
    assert ["Checking" in mine[0], "Verified" in mine[1], len(mine)] == [True, True, 2]


def test_refused_blocks_leave_the_sentence(slack: Slack, office: PostOffice) -> None:
    """When Slack refuses the blocks, people still get the sentence."""
    slack.driver.trouble("error", method="chat.postMessage", error="invalid_blocks")
    assert office.show(PROMOTED).card
    assert posts(slack)[0].startswith("Promoted api: v2 at 50 %")


def test_an_unusual_end_is_told_in_the_thread(slack: Slack, office: PostOffice) -> None:
    """A forced change tells its story in the card's thread, once."""
    shown = office.show(replace(CHECKING, command=FORCED.command))
    assert shown.card
    office.show(later(shown, FORCED))
    office.show(later(shown, FORCED))
    story = slack.driver.replies("C0PROD", shown.card.ts)[1:]
    assert len(story) == 1
    assert "FORCED" in slack.driver.render_text(story[0])


@pytest.mark.parametrize(("split", "replies"), [("measured", 0), ("measured_unknown", 0), ("measured_astray", 1)])
def test_traffic_that_does_not_follow_is_told_once(slack: Slack, office: PostOffice, split: str, replies: int) -> None:
    """What is measured edits the card, and only where traffic goes astray one reply calls the person."""
    shown = office.show(FORCED)
    assert shown.card
    before = len(slack.driver.replies("C0PROD", shown.card.ts))
    for _ in range(2):
        office.show(replace(FORCED, card=shown.card, reported=True, split=SAMPLES[split].split))
    told = slack.driver.replies("C0PROD", shown.card.ts)[before:]
    assert [slack.driver.render_text(reply) for reply in told if "does not follow" not in reply["text"]] == []
    assert len(told) == replies


def test_who_sees_the_card_alone_hears_of_trouble_only(slack: Slack, office: PostOffice) -> None:
    """Where the bot cannot post, a measured split is worth another answer only when the traffic goes astray."""
    origin = Origin("slash", "C0RAND", response_url=slack.response_url("U0JIN", "C0RAND"))
    for name in ("promoted", "measured", "measured_astray"):
        office.show(replace(SAMPLES[name], origin=origin))
    seen = [slack.driver.render_text(m) for m in slack.driver.messages("C0RAND", as_="U0JIN")]
    assert ["does not follow" in text for text in seen] == [False, True]


def test_an_operation_without_a_channel(office: PostOffice) -> None:
    """What was asked on the command line has no card."""
    assert office.show(replace(PROMOTED, origin=Origin("cli"))).card is None
    assert office.outbox.rows == {}


def test_the_audit_channel_hears_of_it(slack: Slack, office: PostOffice) -> None:
    """A finished change leaves one line in the audit channel, however often it is announced; none without a channel."""
    silent = PostOffice(slack, audit_channel="")
    silent.cards.announce(PROMOTED, "17 0123456789abcdef")
    assert silent.outbox.rows == {}
    slack.driver.trouble("error", method="chat.postMessage", error="fatal_error")
    for _ in range(2):
        office.cards.announce(PROMOTED, "17 0123456789abcdef")
        office.deliver()
    (line,) = posts(slack, "C0AUDIT")
    assert "#17 0123456789ab" in line


def test_logs_hold_no_secrets(slack: Slack, office: PostOffice, caplog: pytest.LogCaptureFixture) -> None:
    """No token, no response_url, no channel and no reason ever reaches the log."""
    caplog.set_level(logging.INFO)
    secret = slack.response_url("U0JIN", "C0RAND")
    origin = Origin("slash", "C0RAND", response_url=secret)
    slack.driver.trouble("status", method="response_url", status=500)
    office.show(replace(PROMOTED, origin=origin))
    office.show(
        replace(PROMOTED, id="op-0000000002", origin=replace(origin, response_url="https://evil.example/x\r\nSECRET"))
    )
    slack.driver.trouble("status", method="chat.postMessage", status=502)
    office.show(CHECKING)
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("chat")]
    assert logged
    for line in [*logged, repr(office.outbox.rows)]:
        for hidden in ("xoxb", "hooks.slack", "/response/", "evil", "SECRET"):
            assert hidden not in line


def test_a_card_that_asks_is_urgent(office: PostOffice) -> None:
    """The card of a rollout that waits for somebody has its buttons at once, before the progress of others."""
    assert BAKING.rollout
    shown = office.show(BAKING)
    for number, phase in enumerate((Phase.CONFIRMING, Phase.MOVING, Phase.HELD), start=1):
        office.show(replace(shown, rollout=replace(BAKING.rollout, phase=phase), revision=number))
        urgency = office.outbox.rows[card_key(shown)].letter.urgency
        assert urgency is (Urgency.PROGRESS if phase is Phase.MOVING else Urgency.CALL)


def test_who_goes_first(office: PostOffice) -> None:
    """The end of a rollback comes first, then first cards and ends, then how far something is."""
    back = replace(SAMPLES["rolled_back"], id="op-0000000003")
    shown = office.show(CHECKING)
    for operation in (replace(SAMPLES["verifying"], card=shown.card), replace(PROMOTED, id="op-0000000002"), back):
        office.cards.show(operation)
    waiting = office.outbox.look("C0PROD", 10).rows
    assert [row.letter.urgency for row in waiting] == list(Urgency)
    assert waiting[0].letter.key == card_key(back)
