"""chat.* through the real WebClient."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from tests.playground.slack.stage import Stage, web_client

SECTION: dict[str, Any] = {"type": "section", "text": {"type": "plain_text", "text": "a card"}}


def refused(code: str) -> Any:
    """Expect a refusal with this code."""
    return pytest.raises(SlackApiError, match=f"'error': '{code}'")


def test_a_post_is_seen_with_its_blocks_and_filled_ids(stage: Stage) -> None:
    """A posted message is what people see, and its blocks have received ids."""
    posted = stage.client.chat_postMessage(channel="C0PROD", text="hello", blocks=[SECTION])
    (seen,) = stage.driver.messages("C0PROD")
    assert (seen["ts"], seen["text"], seen["author"]["name"]) == (posted["ts"], "hello", "mesh")
    assert seen["blocks"][0]["text"] == SECTION["text"]
    assert seen["blocks"][0]["block_id"]


def test_form_bodies_work_as_json_ones_do(stage: Stage) -> None:
    """Blocks given as a JSON string in a form are the same blocks."""
    stage.client.api_call("chat.postMessage", data={"channel": "C0PROD", "blocks": '[{"type": "divider"}]'})
    assert stage.driver.messages("C0PROD")[0]["blocks"][0]["type"] == "divider"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"channel": "C0NONE", "text": "x"}, "channel_not_found"),
        ({"channel": "C0RAND", "text": "x"}, "not_in_channel"),
        ({"channel": "C0OLD", "text": "x"}, "is_archived"),
        ({"channel": "C0PROD", "text": ""}, "no_text"),
        ({"channel": "C0PROD", "text": "x", "thread_ts": "1.1"}, "thread_not_found"),
        ({"channel": "C0PROD", "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
        ({"channel": "C0PROD", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"channel": "C0PROD", "text": "x", "metadata": {"a": 1}}, "invalid_metadata_format"),
    ],
)
def test_a_bad_post_is_refused_with_slacks_word(stage: Stage, arguments: dict[str, Any], code: str) -> None:
    """Each mistake gets the error code that Slack gives, and nothing is shown."""
    # Not chat_postMessage: the client itself warns of a missing text.
    with refused(code):
        stage.client.api_call("chat.postMessage", json=arguments)
    assert stage.driver.transcript() == []


def test_invalid_blocks_name_the_place(stage: Stage) -> None:
    """The refusal of blocks points at the fault."""
    blocks: list[dict[str, Any]] = [
        {"type": "divider"},
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
    ]
    with pytest.raises(SlackApiError) as caught:
        stage.client.chat_postMessage(channel="C0PROD", blocks=blocks, text="x")
    messages = caught.value.response["response_metadata"]["messages"]
    assert messages == ["[ERROR] must be less than 151 characters [json-pointer:/blocks/1/text/text]"]


def test_long_text_is_cut_when_posted_and_refused_when_updated(stage: Stage) -> None:
    """A post is cut at 40,000 characters; an update over 4,000 is msg_too_long."""
    ts = stage.client.chat_postMessage(channel="C0PROD", text="x" * 40_001)["ts"]
    assert len(stage.driver.messages("C0PROD")[0]["text"]) == 40_000
    with refused("msg_too_long"):
        stage.client.chat_update(channel="C0PROD", ts=ts, text="x" * 4_001)


def test_an_update_with_text_only_drops_the_blocks_and_shows_edited(stage: Stage) -> None:
    """Text alone drops blocks; changes of blocks do not show "(edited)"."""
    ts = stage.client.chat_postMessage(channel="C0PROD", text="one", blocks=[SECTION])["ts"]
    stage.client.chat_update(channel="C0PROD", ts=ts, text="two", blocks=[SECTION, {"type": "divider"}])
    assert stage.driver.messages("C0PROD")[0]["edited"] is False
    stage.client.chat_update(channel="C0PROD", ts=ts, text="three")
    (seen,) = stage.driver.transcript()
    assert (seen["text"], seen["blocks"], seen["edited"]) == ("three", [], True)
    assert [version["text"] for version in seen["edits"]] == ["one", "two"]


def test_only_own_lasting_messages_can_be_changed(stage: Stage) -> None:
    """Somebody else's message, an ephemeral and an unknown ts are refused each in its way."""
    stage.driver.send("U0JIN", "C0PROD", "mine")
    ts = stage.driver.messages("C0PROD")[0]["ts"]
    with refused("cant_update_message"):
        stage.client.chat_update(channel="C0PROD", ts=ts, text="yours")
    with refused("cant_delete_message"):
        stage.client.chat_delete(channel="C0PROD", ts=ts)
    hidden = stage.client.chat_postEphemeral(channel="C0PROD", user="U0JIN", text="psst")["message_ts"]
    for gone in (hidden, "1.000001"):
        with refused("message_not_found"):
            stage.client.chat_update(channel="C0PROD", ts=str(gone), text="x")


def test_an_ephemeral_is_seen_by_one_person_only(stage: Stage) -> None:
    """Only the addressee sees it, and only members can be addressed."""
    stage.client.chat_postEphemeral(channel="C0PROD", user="U0JIN", text="psst")
    assert [m["text"] for m in stage.driver.messages("C0PROD", "U0JIN")] == ["psst"]
    assert stage.driver.messages("C0PROD", "U0ANA") == stage.driver.messages("C0PROD") == []
    with refused("user_not_in_channel"):
        stage.client.chat_postEphemeral(channel="C0PRIV", user="U0ANA", text="psst")


def test_replies_stay_in_the_thread_unless_broadcast(stage: Stage) -> None:
    """The channel shows the reply count; a broadcast reply is shown in both places."""
    ts = stage.client.chat_postMessage(channel="C0PROD", text="card")["ts"]
    inner = stage.client.chat_postMessage(channel="C0PROD", text="story", thread_ts=ts)["ts"]
    stage.client.chat_postMessage(channel="C0PROD", text="news", thread_ts=inner, reply_broadcast=True)
    assert [m["text"] for m in stage.driver.messages("C0PROD")] == ["card", "news"]
    assert stage.driver.messages("C0PROD")[0]["reply_count"] == 2
    assert [m["text"] for m in stage.driver.replies("C0PROD", str(ts))] == ["card", "story", "news"]
    replies = stage.client.conversations_replies(channel="C0PROD", ts=str(ts))["messages"]
    assert [m["text"] for m in replies] == ["card", "story", "news"]


def test_a_message_to_a_person_arrives_in_their_im(stage: Stage) -> None:
    """A user id as channel means the direct message."""
    assert stage.client.chat_postMessage(channel="U0ANA", text="hi")["channel"] == "D0ANA"


def test_a_deleted_message_is_gone_but_for_the_transcript(stage: Stage) -> None:
    """People no longer see it; the transcript remembers."""
    ts = stage.client.chat_postMessage(channel="C0PROD", text="oops")["ts"]
    stage.client.chat_delete(channel="C0PROD", ts=str(ts))
    assert stage.driver.messages("C0PROD") == []
    assert stage.driver.transcript()[0]["deleted"] is True


def test_a_permalink_names_channel_and_message(stage: Stage) -> None:
    """The permalink is Slack's form; an unknown message has none."""
    ts = str(stage.client.chat_postMessage(channel="C0PROD", text="x")["ts"])
    link = stage.client.chat_getPermalink(channel="C0PROD", message_ts=ts)["permalink"]
    assert link == f"https://mesh-playground.slack.com/archives/C0PROD/p{ts.replace('.', '')}"
    with refused("message_not_found"):
        stage.client.chat_getPermalink(channel="C0PROD", message_ts="1.1")


def test_a_burst_is_tolerated_then_one_message_a_second(stage: Stage) -> None:
    """The eleventh message at once is HTTP 429 with Retry-After; another channel still takes one."""
    for _ in range(10):
        stage.client.chat_postMessage(channel="C0PROD", text="x")
    with pytest.raises(SlackApiError) as caught:
        stage.client.chat_postMessage(channel="C0PROD", text="x")
    assert (caught.value.response.status_code, caught.value.response["error"]) == (429, "ratelimited")
    assert caught.value.response.headers["Retry-After"] == "1"
    stage.client.chat_postMessage(channel="C0INC", text="x")
    stage.driver.advance(1)
    stage.client.chat_postMessage(channel="C0PROD", text="x")


def test_tiers_limit_calls_of_one_method(stage: Stage) -> None:
    """Tier 2 takes 40 calls at once, then answers 429 until three seconds have passed."""
    for _ in range(40):
        stage.client.usergroups_list()
    with refused("ratelimited"):
        stage.client.usergroups_list()
    stage.driver.advance(3)
    stage.client.usergroups_list()


@pytest.mark.parametrize(("token", "code"), [("xoxb-wrong", "invalid_auth"), ("", "not_authed"),
                                             ("xapp-playground", "not_allowed_token_type")])  # fmt: skip
def test_a_wrong_token_is_refused(stage: Stage, token: str, code: str) -> None:
    """The bearer token is checked before anything else."""
    with refused(code):
        web_client(stage.url, token).chat_postMessage(channel="C0PROD", text="x")


def test_an_unknown_method_is_refused(stage: Stage) -> None:
    """A method that does not exist answers unknown_method."""
    with refused("unknown_method"):
        stage.client.api_call("chat.shout")
