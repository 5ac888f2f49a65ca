"""Socket Mode through bolt's own handler."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from slack_bolt import Ack, BoltResponse
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from playground.slack.rules import Rules
from tests.playground.slack.stage import WORLD, Stage, open_stage, wait_until


@contextmanager
def connected(rules: Rules | None = None) -> Iterator[tuple[Stage, SocketModeHandler]]:
    """A stage whose bolt app is connected by websocket; no request URL is known."""
    with open_stage(rules=rules, over_http=False) as stage:
        web_client = WebClient(base_url=f"{stage.url}/api/")
        handler = SocketModeHandler(stage.app, WORLD.bot.app_token, web_client=web_client, ping_interval=0.5)
        handler.connect()  # type: ignore[no-untyped-call]  # bolt ships no types for it
        try:
            wait_until(handler.client.is_connected)
            yield stage, handler
        finally:
            # The client cannot close while it waits for a frame, up to 3 s; the end of the line wakes it.
            handler.client.auto_reconnect_enabled = handler.client.default_auto_reconnect_enabled = False
            stage.driver.trouble("disconnect", delivery="*", reason="none")
            handler.close()  # type: ignore[no-untyped-call]  # bolt ships no types for it


def test_commands_and_their_answers_travel_by_websocket() -> None:
    """An envelope arrives, the ack's payload is shown, and the delivery is recorded as one over the socket."""
    with connected() as (stage, _):
        stage.app.command("/mesh")(lambda ack: ack("on it"))
        stage.driver.send("U0JIN", "C0PROD", "/mesh status")
        assert stage.driver.wait_for_text("on it")["ephemeral_to"] == "U0JIN"
        (attempt,) = stage.driver.deliveries()[0]["attempts"]
        assert (attempt["via"], attempt["status"]) == ("socket", 200)


def test_no_ack_is_an_operation_timeout_and_events_are_retried() -> None:
    """Bolt sends no ack for a result that is not 200: people read operation_timeout, events come again."""
    retries: list[Any] = []

    def decline(req: Any) -> BoltResponse:
        retries.append(req.headers.get("x-slack-retry-num"))
        return BoltResponse(status=500)

    with connected(Rules(ack_deadline_s=0.2)) as (stage, _):
        stage.app.middleware(decline)
        stage.driver.send("U0JIN", "C0PROD", "/mesh status")
        assert stage.driver.wait_for(lambda m: bool(m["notice"]))["text"].endswith("operation_timeout")
        stage.driver.send("U0JIN", "C0PROD", "@mesh hello")
        wait_until(lambda: len(stage.driver.deliveries()[1]["attempts"]) == 2)
        assert retries[1:] == [["0"], ["1"]]


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", "none"])
def test_the_app_comes_back_after_a_disconnect(reason: str) -> None:
    """The real client reconnects after a disconnect, announced or not, and deliveries go on."""
    with connected() as (stage, handler):
        stage.app.command("/mesh")(lambda ack: ack("still here"))
        before = handler.client.session_id()
        stage.driver.trouble("disconnect", delivery="*", reason=reason)
        wait_until(lambda: handler.client.session_id() != before and handler.client.is_connected())
        stage.driver.send("U0JIN", "C0PROD", "/mesh status")
        stage.driver.wait_for_text("still here")


def test_a_websocket_url_needs_the_app_token_and_is_good_once() -> None:
    """The bot token is refused, and a used ticket does not open a second line."""
    with connected() as (stage, handler):
        with pytest.raises(Exception, match="not_allowed_token_type"):
            stage.client.apps_connections_open(app_token=WORLD.bot.bot_token)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(str(handler.client.wss_uri).replace("ws://", "http://"))
        caught.value.close()
        assert caught.value.code == 401


def test_ten_websockets_are_the_most() -> None:
    """With the limit reached, apps.connections.open refuses."""
    with connected(Rules(socket_limit=1)) as (stage, _), pytest.raises(Exception, match="too_many_websockets"):
        stage.client.apps_connections_open(app_token=WORLD.bot.app_token)


def test_a_duplicate_is_the_same_payload_twice() -> None:
    """duplicate_delivery sends one act twice, with one trigger_id."""
    triggers: list[str] = []

    with connected() as (stage, _):

        @stage.app.command("/mesh")
        def _listen(ack: Ack, body: dict[str, Any]) -> None:
            triggers.append(body["trigger_id"])
            ack()

        stage.driver.trouble("duplicate_delivery", delivery="slash_commands")
        stage.driver.send("U0JIN", "C0PROD", "/mesh status")
        wait_until(lambda: len(triggers) == 2)
        assert len(set(triggers)) == 1
        time.sleep(0.1)
        assert len(triggers) == 2
