"""Failures on demand."""

from __future__ import annotations

import http.client
import time
from urllib.error import URLError

import pytest
from slack_bolt import Ack
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from playground.slack.trouble import Trouble, Troubles
from tests.playground.slack.stage import WORLD, Stage, wait_until


def test_a_status_hits_as_often_as_ordered(stage: Stage) -> None:
    """Two failures, then it works, and other methods are not hit."""
    stage.driver.trouble("status", method="chat.postMessage", status=503, times=2)
    stage.client.auth_test()
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            stage.client.chat_postMessage(channel="C0PROD", text="x")
        assert caught.value.response.status_code == 503
    stage.client.chat_postMessage(channel="C0PROD", text="x")
    assert len(stage.driver.transcript()) == 1


def test_a_rate_limit_and_an_error_are_slacks_own(stage: Stage) -> None:
    """Ordered 429 carries Retry-After; an ordered error code is given back."""
    stage.driver.trouble("ratelimit", method="chat.update", retry_after=7)
    stage.driver.trouble("error", method="*", error="edit_window_closed")
    with pytest.raises(SlackApiError) as caught:
        stage.client.chat_update(channel="C0PROD", ts="1.1", text="x")
    assert caught.value.response.headers["Retry-After"] == "7"
    with pytest.raises(SlackApiError, match="edit_window_closed"):
        stage.client.chat_update(channel="C0PROD", ts="1.1", text="x")


def test_a_post_can_be_accepted_and_its_answer_lost(stage: Stage) -> None:
    """The message is there, the caller does not know: a client that retries posts twice, as against real Slack."""
    careful = WebClient(token=WORLD.bot.bot_token, base_url=f"{stage.url}/api/", retry_handlers=[])
    stage.driver.trouble("accept_then_drop", method="chat.postMessage")
    with pytest.raises((URLError, http.client.RemoteDisconnected)):
        careful.chat_postMessage(channel="C0PROD", text="once")
    assert [m["text"] for m in stage.driver.messages("C0PROD")] == ["once"]
    stage.driver.trouble("accept_then_drop", method="chat.postMessage")
    stage.client.chat_postMessage(channel="C0PROD", text="twice")
    assert [m["text"] for m in stage.driver.messages("C0PROD")] == ["once", "twice", "twice"]


def test_a_hanging_call_is_held_back(stage: Stage) -> None:
    """The answer comes after the ordered time, not before."""
    stage.driver.trouble("hang", method="auth.test", seconds=0.3)
    started = time.monotonic()
    stage.client.auth_test()
    assert time.monotonic() - started >= 0.3


def test_a_lost_ack_shows_operation_timeout_though_the_app_worked(stage: Stage) -> None:
    """The app ran the command; the person reads operation_timeout."""
    heard: list[str] = []

    @stage.app.command("/mesh")
    def _(ack: Ack, command: dict[str, str]) -> None:
        heard.append(command["text"])
        ack("on it")

    stage.driver.trouble("accept_then_drop", delivery="slash_commands")
    stage.driver.send("U0JIN", "C0PROD", "/mesh status")
    stage.driver.wait_for_text("operation_timeout")
    assert heard == ["status"]


def test_a_duplicate_delivery_is_recorded_as_one(stage: Stage) -> None:
    """Both deliveries reach the app with one body, and the record says which repeats which."""
    stage.app.event("app_mention")(lambda: None)
    stage.driver.trouble("duplicate_delivery", delivery="events_api")
    stage.driver.send("U0JIN", "C0PROD", "@mesh hello")
    wait_until(lambda: len(stage.heard) == 2)
    assert len({h["body"] for h in stage.heard}) == 1
    assert [d["duplicate_of"] for d in stage.driver.deliveries()] == [None, 1]


def test_a_senseless_order_is_refused(stage: Stage) -> None:
    """Unknown kinds, unknown keys and missing places are refused with a reason."""
    for details in ({"kind": "flood", "method": "*"}, {"kind": "hang"}, {"kind": "hang", "method": "*", "speed": 3}):
        with pytest.raises(RuntimeError, match=r"kind|method|unknown"):
            stage.driver.trouble(**details)
    stage.driver.trouble("hang", method="*")
    stage.driver.clear_trouble()
    assert stage.client.auth_test()["ok"]


def test_troubles_are_used_up_in_order() -> None:
    """The first matching order is taken, and one with `times` is taken so often."""
    troubles = Troubles()
    troubles.add(Trouble("hang", method="auth.test", times=2))
    troubles.add(Trouble("status", method="*"))
    kinds = [taken.kind if (taken := troubles.take(method="auth.test")) else None for _ in range(4)]
    assert kinds == ["hang", "hang", "status", None]
