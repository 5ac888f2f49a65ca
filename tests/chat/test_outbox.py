"""The outbox, against the stand-in Slack with a real client."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import pytest

from chat.connection import web_client
from chat.outbox import SlackCards
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Card, Operation, Origin
from mesh.ports import Cards
from playground.serving import free_port
from tests.chat.conftest import Slack
from tests.chat.rolling import ROLLOUTS
from tests.chat.samples import SAMPLES

CHECKING, PROMOTED, FORCED = SAMPLES["checking"], SAMPLES["promoted"], SAMPLES["forced"]


def posts(slack: Slack, channel: str = "C0PROD") -> list[str]:
    """Return what the channel shows, as people read it."""
    return [slack.driver.render_text(message) for message in slack.driver.messages(channel)]


def later(shown: Operation, end: Operation = PROMOTED) -> Operation:
    """Return the end of an operation whose card was shown before."""
    return replace(end, card=shown.card)


def test_one_card_edited_in_place(slack: Slack) -> None:
    """The first show posts, the next edit the same message, so the channel has one card."""
    cards: Cards = SlackCards(slack.client)
    shown = cards.show(CHECKING)
    assert shown.card
    assert shown.card.channel == "C0PROD"
    cards.show(later(shown))
    (only,) = slack.driver.messages("C0PROD")
    assert only["ts"] == shown.card.ts
    assert "Verified" in slack.driver.render_text(only)
    assert slack.driver.replies("C0PROD", only["ts"]) == [only]


def test_an_unchanged_drawing_is_not_sent(slack: Slack) -> None:
    """Showing the same thing again asks nothing of Slack."""
    cards = SlackCards(slack.client)
    shown = cards.show(CHECKING)
    slack.driver.trouble("error", method="chat.update", error="fatal_error")
    cards.show(shown)
    with pytest.raises(Unavailable):
        cards.show(later(shown))  # takes the ordered failure: the call before did not
    assert "Checking" in posts(slack)[0]
    cards.show(later(shown))
    assert "Verified" in posts(slack)[0]


def test_a_card_in_a_thread(slack: Slack) -> None:
    """A request from a thread is answered in that thread."""
    parent = slack.client.chat_postMessage(channel="C0PROD", text="why is api slow?")["ts"]
    shown = SlackCards(slack.client).show(replace(CHECKING, origin=Origin("mention", "C0PROD", str(parent))))
    assert [m["ts"] for m in slack.driver.replies("C0PROD", str(parent))] == [parent, shown.card and shown.card.ts]


def test_a_short_rate_limit_is_waited_for(slack: Slack) -> None:
    """A Retry-After of up to two seconds is honoured once."""
    slack.driver.trouble("ratelimit", method="chat.postMessage", retry_after=1)
    started = time.monotonic()
    assert SlackCards(slack.client).show(CHECKING).card
    assert time.monotonic() - started >= 1


def test_a_long_rate_limit_is_not(slack: Slack) -> None:
    """A longer one gives this edit up at once, and the next show makes up for it."""
    cards = SlackCards(slack.client)
    shown = cards.show(CHECKING)
    slack.driver.trouble("ratelimit", method="chat.update", retry_after=30)
    started = time.monotonic()
    with pytest.raises(Unavailable, match="ratelimited"):
        cards.show(later(shown))
    assert time.monotonic() - started < 10  # it asked for 30
    cards.show(later(shown))
    assert "Verified" in posts(slack)[0]


@pytest.mark.parametrize("error", ["edit_window_closed", "message_not_found", "cant_update_message"])
def test_what_cannot_be_edited_is_posted_anew(slack: Slack, error: str) -> None:
    """When Slack no longer lets the card be edited, a new one takes its place."""
    cards = SlackCards(slack.client)
    shown = cards.show(CHECKING)
    slack.driver.trouble("error", method="chat.update", error=error)
    again = cards.show(later(shown))
    assert again.card
    assert again.card != shown.card
    assert "Verified" in posts(slack)[-1]


@pytest.mark.parametrize("channel", ["C0RAND", "C0NOWHERE"])
def test_a_channel_without_the_bot(slack: Slack, channel: str) -> None:
    """Where the bot is no member, the asking person gets the card and learns how to invite it; twice, not more."""
    cards = SlackCards(slack.client)
    origin = Origin("slash", channel, response_url=slack.response_url("U0JIN", "C0RAND"))
    for operation in (CHECKING, CHECKING, SAMPLES["verifying"], PROMOTED):
        assert cards.show(replace(operation, origin=origin)).card is None
    seen = [slack.driver.render_text(m) for m in slack.driver.messages("C0RAND", as_="U0JIN")]
    assert ["Checking" in seen[0], "Verified" in seen[1]] == [True, True]
    assert len(seen) == 2
    assert "/invite" in seen[0]
    assert slack.driver.messages("C0RAND", as_="U0ANA") == []


def test_a_rollout_in_a_channel_without_the_bot(slack: Slack) -> None:
    """Who began it hears that it is held, and at once that nobody will be told later, unless the bot is invited."""
    cards = SlackCards(slack.client)
    origin = Origin("slash", "C0RAND", response_url=slack.response_url("U0JIN", "C0RAND"))
    for name in ("canary_baking", "canary_baking", "canary_held_worse"):
        told = 0 if name == "canary_baking" else len(ROLLOUTS["canary_baking"].story)
        cards.show(replace(ROLLOUTS[name], origin=origin, card=None, told=told, chart=""))
    seen = [slack.driver.render_text(m) for m in slack.driver.messages("C0RAND", as_="U0JIN")]
    assert ["Held" in text for text in seen] == [False, True]
    assert all("In half an hour I cannot even tell you any more" in text for text in seen)


@pytest.mark.parametrize(
    "trouble", [{"kind": "disconnect"}, {"kind": "status", "status": 503}, {"kind": "error", "error": "fatal_error"}]
)
def test_what_slack_did_not_take_is_said(slack: Slack, trouble: dict[str, object]) -> None:
    """A card that reached nobody is Unavailable, so that the end is told again later; the next show repairs it."""
    cards = SlackCards(slack.client)
    slack.driver.trouble(method="chat.postMessage", **trouble)  # type: ignore[arg-type]  # kind is among them
    with pytest.raises(Unavailable, match="Slack did not take the card"):
        cards.show(PROMOTED)
    assert cards.show(PROMOTED).card
    assert len(posts(slack)) == 1


def test_a_post_without_an_answer(slack: Slack) -> None:
    """A post that Slack took but did not answer is not repeated while running; the end is worth a second card."""
    cards = SlackCards(slack.client)
    slack.driver.trouble("accept_then_drop", method="chat.postMessage")
    assert cards.show(CHECKING).card is None
    assert cards.show(SAMPLES["verifying"]).card is None
    assert len(posts(slack)) == 1
    assert cards.show(PROMOTED).card
    assert len(posts(slack)) == 2


def test_slack_is_away() -> None:
    """With nobody listening, show says so and announce is silent."""
    cards = SlackCards(web_client("xoxb-none", f"http://127.0.0.1:{free_port()}/api/"), audit_channel="C0AUDIT")
    with pytest.raises(Unavailable, match="Slack did not take the card"):
        cards.show(CHECKING)
    cards.announce(PROMOTED, "1 abc")


def test_refused_blocks_leave_the_sentence(slack: Slack) -> None:
    """When Slack refuses the blocks, people still get the sentence."""
    slack.driver.trouble("error", method="chat.postMessage", error="invalid_blocks")
    assert SlackCards(slack.client).show(PROMOTED).card
    assert posts(slack)[0].startswith("Promoted api: v2 at 50 %")


def test_an_unusual_end_is_told_in_the_thread(slack: Slack) -> None:
    """A forced change tells its story in the card's thread, once."""
    cards = SlackCards(slack.client)
    shown = cards.show(replace(CHECKING, command=FORCED.command))
    assert shown.card
    cards.show(later(shown, FORCED))
    cards.show(later(shown, FORCED))
    story = slack.driver.replies("C0PROD", shown.card.ts)[1:]
    assert len(story) == 1
    assert "FORCED" in slack.driver.render_text(story[0])


def test_traffic_that_does_not_follow_is_told_once(slack: Slack) -> None:
    """What is measured edits the card, and only where traffic goes astray one reply calls the person."""
    for split, replies in (("measured", 0), ("measured_unknown", 0), ("measured_astray", 1)):
        cards = SlackCards(slack.client)
        shown = cards.show(FORCED)
        assert shown.card
        before = len(slack.driver.replies("C0PROD", shown.card.ts))
        measured = replace(FORCED, card=shown.card, reported=True, split=SAMPLES[split].split)
        for _ in range(2):
            SlackCards(slack.client).show(measured) if replies == 0 else cards.show(measured)
        told = slack.driver.replies("C0PROD", shown.card.ts)[before:]
        assert [slack.driver.render_text(reply) for reply in told if "does not follow" not in reply["text"]] == []
        assert len(told) == replies


def test_who_sees_the_card_alone_hears_of_trouble_only(slack: Slack) -> None:
    """Where the bot cannot post, a measured split is worth another answer only when the traffic goes astray."""
    cards = SlackCards(slack.client)
    origin = Origin("slash", "C0RAND", response_url=slack.response_url("U0JIN", "C0RAND"))
    for name in ("promoted", "measured", "measured_astray"):
        cards.show(replace(SAMPLES[name], origin=origin))
    seen = [slack.driver.render_text(m) for m in slack.driver.messages("C0RAND", as_="U0JIN")]
    assert ["does not follow" in text for text in seen] == [False, True]


def test_an_untold_story_keeps_the_card(slack: Slack) -> None:
    """When the thread cannot be written to, the card's place is not lost."""
    slack.driver.trouble("error", method="chat.postMessage", error="fatal_error")
    cards = SlackCards(slack.client)
    with pytest.raises(Unavailable):
        cards.show(FORCED)
    placed = replace(FORCED, card=Card("C0PROD", str(slack.client.chat_postMessage(channel="C0PROD", text="x")["ts"])))
    slack.driver.trouble("error", method="chat.postMessage", error="fatal_error")
    assert cards.show(placed).card == placed.card
    assert "Verified" in posts(slack)[0]


def test_an_operation_without_a_channel(slack: Slack) -> None:
    """What was asked on the command line has no card."""
    assert SlackCards(slack.client).show(replace(PROMOTED, origin=Origin("cli"))).card is None


def test_the_audit_channel_hears_of_it(slack: Slack) -> None:
    """A finished change leaves one line in the audit channel, none without such a channel, and trouble is silent."""
    SlackCards(slack.client).announce(PROMOTED, "17 0123456789abcdef")
    cards = SlackCards(slack.client, audit_channel="C0AUDIT")
    cards.announce(PROMOTED, "17 0123456789abcdef")
    slack.driver.trouble("error", method="chat.postMessage", error="fatal_error")
    cards.announce(PROMOTED, "18 0123456789abcdef")
    (line,) = posts(slack, "C0AUDIT")
    assert "#17 0123456789ab" in line


def test_logs_hold_no_secrets(slack: Slack, caplog: pytest.LogCaptureFixture) -> None:
    """No token, no response_url, no channel and no reason ever reaches the log."""
    caplog.set_level(logging.INFO)
    secret = slack.response_url("U0JIN", "C0RAND")
    origin = Origin("slash", "C0RAND", response_url=secret)
    cards = SlackCards(slack.client)
    slack.driver.trouble("status", method="response_url", status=500)
    cards.show(replace(PROMOTED, origin=origin))
    cards.show(replace(PROMOTED, origin=replace(origin, response_url="https://evil.example/x\r\nSECRET")))
    slack.driver.trouble("status", method="chat.postMessage", status=502)
    with pytest.raises(Unavailable) as caught:
        cards.show(PROMOTED)
    ours = [record for record in caplog.records if not record.name.startswith("aiohttp")]  # the stand-in's own log
    assert len([record for record in ours if record.name == "chat.outbox"]) == 2
    told = "\n".join([*(record.getMessage() for record in ours), str(caught.value)])
    for hidden in ("xoxb", "/response/", "SECRET", "C0RAND", "hotfix"):
        assert hidden not in told
