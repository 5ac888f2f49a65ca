"""response_url through the real WebhookClient."""

from __future__ import annotations

from typing import Any

import pytest
from slack_bolt import Ack
from slack_sdk.webhook import WebhookClient

from tests.playground.slack.stage import Stage, wait_until


@pytest.fixture
def hook(stage: Stage) -> WebhookClient:
    """The response_url of a slash command by jin in #random, where the bot is no member."""
    urls: list[str] = []

    @stage.app.command("/mesh")
    def _(ack: Ack, body: dict[str, Any]) -> None:
        ack()
        urls.append(body["response_url"])

    stage.driver.send("U0JIN", "C0RAND", "/mesh status")
    return WebhookClient(wait_until(lambda: urls)[0])


def test_answers_are_private_unless_in_channel(stage: Stage, hook: WebhookClient) -> None:
    """The default is ephemeral; in_channel is for everybody, even where the bot cannot post by itself."""
    assert hook.send(text="psst").status_code == 200
    hook.send(text="all", response_type="in_channel")
    assert [m["text"] for m in stage.driver.messages("C0RAND", "U0ANA")] == ["all"]
    assert [m["text"] for m in stage.driver.messages("C0RAND", "U0JIN")] == ["psst", "all"]


def test_it_takes_five_answers(hook: WebhookClient) -> None:
    """The sixth use is refused."""
    answers = [hook.send(text="x") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert "used_url" in str(answers[5].body)


def test_it_lives_thirty_minutes(stage: Stage, hook: WebhookClient) -> None:
    """After thirty minutes it is expired."""
    stage.driver.advance(1799)
    assert hook.send(text="x").status_code == 200
    stage.driver.advance(2)
    assert "expired_url" in str(hook.send(text="x").body)


def test_a_thread_needs_in_channel(stage: Stage, hook: WebhookClient) -> None:
    """thread_ts counts with in_channel only."""
    stage.driver.send("U0JIN", "C0RAND", "hello")
    ts = stage.driver.messages("C0RAND")[0]["ts"]
    body = {"text": "story", "thread_ts": ts, "replace_original": False}
    hook.send_dict({**body, "response_type": "in_channel"})
    hook.send_dict(body)
    assert [m["text"] for m in stage.driver.replies("C0RAND", ts, "U0JIN")] == ["hello", "story"]


def test_bad_blocks_are_refused(hook: WebhookClient) -> None:
    """The same validation as in chat.postMessage."""
    answer = hook.send(text="x", blocks=[{"type": "nonsense"}])
    assert (answer.status_code, "invalid_blocks" in str(answer.body)) == (400, True)


def test_an_ephemeral_card_is_replaced_and_deleted_by_its_own_button(stage: Stage) -> None:
    """Only the response_url of an action in it can change an ephemeral message, and it stays ephemeral."""
    urls: list[str] = []

    @stage.app.action("go")
    def _(ack: Ack, body: dict[str, Any]) -> None:
        ack()
        assert "message" not in body
        urls.append(body["response_url"])

    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
    row = {"type": "actions", "elements": [button]}
    stage.client.chat_postEphemeral(channel="C0PROD", user="U0JIN", text="sure?", blocks=[row])
    stage.driver.click("U0JIN", stage.driver.wait_for_text("Go"), "go")
    hook = WebhookClient(wait_until(lambda: urls)[0])
    hook.send(text="done", replace_original=True, response_type="in_channel")
    (seen,) = stage.driver.messages("C0PROD", "U0JIN")
    assert (seen["text"], seen["ephemeral_to"]) == ("done", "U0JIN")
    hook.send(delete_original=True)
    assert stage.driver.messages("C0PROD", "U0JIN") == []
