"""A rollout in Slack: its story in the card's thread, and its chart, against the stand-in Slack with a real client."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from chat import pictures
from chat.paces import LOOKED_OVER_S
from chat.uploads import is_not_ready
from mesh.domain.operations import Event, Operation, Origin, Step
from mesh.domain.points import Point
from playground.slack.rules import Rules
from tests.chat.conftest import Slack, workspace
from tests.chat.plotted import BAKING, TURNED_BACK, points
from tests.chat.posting import PostOffice
from tests.chat.samples import AT, SAMPLES

SOME = points(20)
HELD = replace(BAKING, story=(*BAKING.story, Event(Step.HELD, AT + 400, "no traffic reached v2")))


@pytest.fixture
def cards(slack: Slack) -> PostOffice:
    """Cards that are drawn with pictures, and delivered."""
    return PostOffice(slack)


def replies(slack: Slack, operation: Operation) -> list[dict[str, Any]]:
    """Return what the thread of the card holds, without the card."""
    assert operation.card
    return slack.driver.replies("C0PROD", operation.card.ts)[1:]


def images(message: dict[str, Any]) -> list[str]:
    """Return the ids of the pictures in a message."""
    return [block["slack_file"]["id"] for block in message["blocks"] if block["type"] == "image"]


def visible(slack: Slack, file_id: str, person: str = "U0ANA") -> bool:
    """Tell whether somebody else in the channel gets to see a file."""
    try:
        with urllib.request.urlopen(f"{slack.url}/files/{file_id}?as={person}", timeout=60) as answer:
            return bool(answer.read().startswith(b"\x89PNG"))
    except urllib.error.HTTPError as error:
        error.close()
        return False


# --- the story -----------------------------------------------------------------------------------------------------


def test_the_thread_hears_each_event_once(slack: Slack, cards: PostOffice) -> None:
    """What happened to a rollout is told in its card's thread, and the operation says how much was told."""
    shown = cards.show(BAKING)
    assert shown.told == len(BAKING.story)
    assert cards.show(shown) == shown
    assert ["Step taken" in slack.driver.render_text(reply) for reply in replies(slack, shown)] == [False, True]
    more = cards.show(replace(HELD, card=shown.card, told=shown.told))
    assert more.told == len(HELD.story)
    assert "Held" in slack.driver.render_text(replies(slack, shown)[-1])
    assert len(replies(slack, shown)) == 3


def test_what_is_loud_is_heard_in_the_channel(slack: Slack, cards: PostOffice) -> None:
    """The channel sees the card and what people must know, not each step."""
    cards.show(HELD)
    in_the_channel = [slack.driver.render_text(message) for message in slack.driver.messages("C0PROD")]
    assert len(in_the_channel) == 2
    assert "Held" in in_the_channel[1]


def test_steps_of_a_rollout_have_no_card(slack: Slack, cards: PostOffice) -> None:
    """The operation that writes a step's weights says nothing: the rollout's card does."""
    step = replace(BAKING, rollout=None, command=replace(BAKING.command, rollout="op-parent"))
    assert cards.show(step) is step
    assert slack.driver.transcript() == []


@pytest.mark.parametrize(
    "trouble", [{"kind": "error", "error": "fatal_error"}, {"kind": "ratelimit", "retry_after": 30}]
)
def test_a_thread_that_cannot_be_told_is_told_later(slack: Slack, cards: PostOffice, trouble: dict[str, Any]) -> None:
    """What Slack does not take now counts as told, for it is on record, and comes once and in its order."""
    shown = cards.show(replace(BAKING, story=BAKING.story[:1]))
    slack.driver.trouble(method="chat.postMessage", **trouble)
    held = cards.show(replace(HELD, card=shown.card, told=shown.told))
    assert held.told == len(HELD.story)
    words = ["Begins", "Step taken", "Held"]
    told = [slack.driver.render_text(reply) for reply in replies(slack, shown)]
    assert [word in text for word, text in zip(words, told, strict=True)] == [True] * 3


def test_who_comes_again_tells_nothing_twice(slack: Slack, cards: PostOffice) -> None:
    """A worker that died before it wrote down how much was told leaves no second telling, and no picture unseen."""
    shown = cards.show(BAKING)
    untold = replace(BAKING, card=shown.card)
    cards.show(untold)
    pictured = cards.picture(untold, SOME)
    cards.show(replace(pictured, told=0))
    assert pictured.chart
    assert [images(reply) for reply in replies(slack, shown)] == [[], [], [pictured.chart]]


def test_a_refused_edit_keeps_nobody_uncalled(slack: Slack, cards: PostOffice) -> None:
    """Where Slack has enough of edits, who must act is called all the same, once; the card follows later."""
    shown = cards.show(BAKING)
    slack.driver.trouble("ratelimit", method="chat.update", retry_after=30)
    cards.cards.show(replace(HELD, card=shown.card, told=shown.told))
    cards.deliver(within_s=5)
    assert "Held" in slack.driver.render_text(replies(slack, shown)[-1])
    assert len(replies(slack, shown)) == 3
    assert cards.time.ahead < 20
    cards.deliver()
    assert cards.time.ahead > 20
    assert "held" in slack.driver.render_text(slack.driver.messages("C0PROD")[0]).lower()
    assert len(replies(slack, shown)) == 3


@pytest.mark.parametrize("origin", [Origin("cli"), Origin("slash", "C0RAND")])
def test_without_a_place_nobody_waits(cards: PostOffice, origin: Origin) -> None:
    """A rollout whose card has no place counts as told: there is no thread to tell."""
    shown = cards.show(replace(BAKING, origin=origin))
    assert shown.card is None
    assert shown.told == len(BAKING.story)


# --- pictures ------------------------------------------------------------------------------------------------------


def test_everybody_sees_the_chart(slack: Slack, cards: PostOffice) -> None:
    """The chart is posted below the newest event and shown on the card: an edit alone would share it with nobody."""
    shown = cards.show(replace(BAKING, story=BAKING.story[:1]))
    pictured = cards.picture(replace(HELD, card=shown.card, told=shown.told), SOME)
    assert pictured.told == len(HELD.story)
    assert [images(reply) for reply in replies(slack, shown)] == [[], [], [pictured.chart]]
    cards.show(pictured)
    card = slack.driver.messages("C0PROD")[0]
    assert images(card) == [pictured.chart]
    assert visible(slack, pictured.chart)
    assert len(replies(slack, shown)) == 3


def test_the_chart_is_described(slack: Slack, cards: PostOffice) -> None:
    """Who does not see the picture is told what it shows."""
    shown = cards.picture(cards.show(BAKING), SOME)
    (block,) = (block for block in replies(slack, shown)[-1]["blocks"] if block["type"] == "image")
    assert "v2: success 99.95 % at last" in block["alt_text"]


def test_a_chart_without_news_stands_alone(slack: Slack, cards: PostOffice) -> None:
    """Asked for a picture when all is told, one reply holds it, and the channel stays quiet."""
    shown = cards.show(BAKING)
    pictured = cards.picture(shown, SOME)
    assert images(replies(slack, shown)[-1]) == [pictured.chart]
    assert len(slack.driver.messages("C0PROD")) == 1


def test_pictures_keep_their_pace(slack: Slack, cards: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one picture in 30 seconds, one of the end however soon that is, and then no more."""
    now = time.monotonic()
    monkeypatch.setattr("chat.pictures.monotonic", lambda: now)
    first = cards.picture(cards.show(BAKING), SOME)
    assert cards.picture(first, SOME) == first
    now += pictures.PACE_S
    second = cards.picture(first, SOME)
    assert second.chart not in ("", first.chart)
    ended = replace(TURNED_BACK, card=first.card, told=first.told, chart=second.chart)
    last = cards.picture(ended, SOME)
    assert last.chart != second.chart
    now += 1000
    assert cards.picture(last, SOME) == last


@pytest.mark.parametrize("drawn", [[], points(5, canary=lambda _: (None, None), stable=lambda _: (None, None))])
def test_nothing_is_no_picture(slack: Slack, cards: PostOffice, drawn: Sequence[Point]) -> None:
    """Before anything was measured there is no picture, and nothing is told."""
    shown = cards.show(BAKING)
    assert cards.picture(shown, drawn) is shown


def test_no_card_no_picture(slack: Slack, cards: PostOffice) -> None:
    """A rollout without a card, and what is no rollout, are left as they are."""
    assert cards.picture(BAKING, SOME) is BAKING
    shown = cards.show(BAKING)
    for other in (replace(shown, rollout=None), replace(shown, command=replace(shown.command, dry_run=True))):
        assert cards.picture(other, SOME) is other


def test_slack_looks_a_picture_over_first(slack: Slack, cards: PostOffice) -> None:
    """While Slack still looks the file over, the thread waits for it and the card for the thread; nobody else does."""
    shown = cards.show(BAKING)
    held = cards.cards.picture(replace(HELD, card=shown.card, told=shown.told), SOME)
    cards.cards.show(held)
    cards.show(replace(SAMPLES["promoted"], id="op-0000000002"))
    card, *below = slack.driver.messages("C0PROD")
    assert images(card) == [held.chart]
    assert sorted(map(images, below)) == [[], [held.chart]]


def test_a_picture_that_never_gets_ready() -> None:
    """Looked over for too long, and the event is told without its picture."""
    with workspace(rules=Rules(file_scan_s=60)) as slack:
        cards = PostOffice(slack)
        shown = cards.show(BAKING)
        cards.picture(replace(HELD, card=shown.card, told=shown.told), SOME)
        assert "Held" in slack.driver.render_text(replies(slack, shown)[-1])
        assert images(replies(slack, shown)[-1]) == []
        assert cards.time.ahead >= sum(LOOKED_OVER_S) - 1


@pytest.mark.parametrize(
    ("trouble", "details"),
    [
        ("files.getUploadURLExternal", {"kind": "error", "error": "missing_scope"}),
        ("files.getUploadURLExternal", {"kind": "error", "error": "file_uploads_disabled"}),
        ("files.completeUploadExternal", {"kind": "error", "error": "file_type_not_allowed"}),
        ("upload", {"kind": "status", "status": 403}),
    ],
)
def test_where_uploads_are_refused(
    slack: Slack, cards: PostOffice, monkeypatch: pytest.MonkeyPatch, trouble: str, details: dict[str, Any]
) -> None:
    """Then the event comes with a chart of characters, and no upload is tried again for a while."""
    now = time.monotonic()
    monkeypatch.setattr("chat.pictures.monotonic", lambda: now)
    shown = cards.show(BAKING)
    slack.driver.trouble(method=trouble, **details)
    told = cards.picture(replace(HELD, card=shown.card, told=shown.told), SOME)
    assert (told.chart, told.told) == ("", len(HELD.story))
    assert "success ████" in slack.driver.render_text(replies(slack, shown)[-1])
    now += pictures.PACE_S
    before = replies(slack, shown)
    assert cards.picture(told, SOME) == told
    assert replies(slack, shown) == before  # nothing was new, and characters are no news
    again = replace(told, told=told.told - 1)
    now += pictures.PACE_S
    assert cards.picture(again, SOME).chart == ""
    now += pictures.SULKING_S
    assert cards.picture(again, SOME).chart


@pytest.mark.parametrize(
    ("method", "details"),
    [
        ("files.getUploadURLExternal", {"kind": "ratelimit", "retry_after": 30}),
        ("files.completeUploadExternal", {"kind": "status", "status": 503}),
        ("files.completeUploadExternal", {"kind": "error", "error": "internal_error"}),
        ("upload", {"kind": "status", "status": 502}),
        ("upload", {"kind": "disconnect"}),
    ],
)
def test_passing_trouble_is_no_refusal(slack: Slack, cards: PostOffice, method: str, details: dict[str, Any]) -> None:
    """Then there is no picture now, nothing is lost and nothing is raised; the end gets one all the same."""
    shown = cards.show(BAKING)
    held = replace(HELD, card=shown.card, told=shown.told)
    slack.driver.trouble(method=method, **details)
    assert cards.picture(held, SOME) == held
    assert cards.show(held).told == len(HELD.story)
    ended = replace(TURNED_BACK, card=shown.card, told=shown.told)
    assert cards.picture(ended, SOME).chart


def test_a_bug_in_drawing_is_no_trouble_for_a_rollout(slack: Slack) -> None:
    """Whatever goes wrong with a picture, the rollout goes on."""

    def broken(operation: Operation, drawn: Sequence[Point]) -> bytes:
        raise ZeroDivisionError

    cards = PostOffice(slack, draw=broken)
    shown = cards.show(BAKING)
    assert cards.picture(shown, SOME) is shown


def test_without_a_pen_there_are_characters(slack: Slack) -> None:
    """A process that does not draw tells the event with characters below."""
    cards = PostOffice(slack, draw=None)
    shown = cards.show(BAKING)
    cards.picture(replace(HELD, card=shown.card, told=shown.told), SOME)
    assert "p99     ████" in slack.driver.render_text(replies(slack, shown)[-1])


def test_a_card_with_a_lost_picture_is_shown_without_it(slack: Slack, cards: PostOffice) -> None:
    """When Slack no longer has the file, the card keeps all its other blocks."""
    shown = cards.show(replace(BAKING, chart="F0GONE1234"))
    (card,) = slack.driver.messages("C0PROD")
    assert images(card) == []
    assert len(card["blocks"]) > 5
    assert shown.card


def test_other_refusals_are_not_waited_for(slack: Slack) -> None:
    """Only a picture that is still looked over is worth waiting."""
    with pytest.raises(SlackApiError) as caught:
        slack.client.chat_postMessage(channel="C0PROD", text="x", blocks=[{"type": "nonsense"}])
    assert not is_not_ready(caught.value)
    assert not is_not_ready(OSError())
