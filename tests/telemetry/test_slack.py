"""What is counted of Slack's answers, by a stand-in that gives them."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError

from chat.connection import web_client
from playground.slack.world import default_world
from telemetry.metrics import REGISTRY
from telemetry.slack import counted
from tests.chat.conftest import Slack, slack

__all__ = ["slack"]


def number(series: str, **labels: str) -> float:
    """Return one number of this process."""
    return REGISTRY.get_sample_value(f"meshbot_{series}", {"method": "chat.postMessage"} | labels) or 0.0


def test_each_429_is_counted(slack: Slack) -> None:
    """Apart from what Slack refuses for another reason, and from what it takes."""
    client = counted(web_client(default_world().bot.bot_token, f"{slack.url}/api/"))
    limited, refused, taken = (
        number("slack_rate_limited_total"),
        number("slack_call_seconds_count", outcome="refused"),
        number("slack_call_seconds_count", outcome="ok"),
    )
    slack.driver.trouble("ratelimit", method="chat.postMessage", retry_after=1)
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel="C0PROD", text="hello")
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel="C0NOWHERE", text="hello")
    client.chat_postMessage(channel="C0PROD", text="hello")
    assert number("slack_rate_limited_total") == limited + 1
    assert number("slack_call_seconds_count", outcome="refused") == refused + 1
    assert number("slack_call_seconds_count", outcome="ok") == taken + 1
