"""The Web API client that the outbox and the directory are given."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # left out of the library's types

from slack_sdk import WebClient


def web_client(token: str, base_url: str = "https://slack.com/api/", *, timeout_s: int = 5) -> WebClient:
    """Make a client that gives up after `timeout_s` seconds and never repeats a call by itself.

    slack_sdk repeats a call whose connection broke; a post that Slack had already accepted would then appear twice.
    The bot, which must answer in 3 s, wants `timeout_s=1`. The way is through HTTPS_PROXY, if there is one and NO_PROXY
    does not name Slack.
    """
    client = WebClient(token=token, base_url=base_url, timeout=timeout_s, retry_handlers=[])
    if proxy_bypass_environment(urlsplit(base_url).netloc):
        # slack_sdk takes the proxy of the environment without a look at NO_PROXY.
        client.proxy = None
    return client
