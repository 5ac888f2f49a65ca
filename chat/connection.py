"""The Web API client that the outbox and the directory are given."""

from __future__ import annotations

import ssl
from functools import cache
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # left out of the library's types

from slack_sdk import WebClient

from chat.bearer import Bearer, BearerClient


@cache
def trusted() -> ssl.SSLContext:
    """Return whom this process trusts over HTTPS: the system's certificates, or those of SSL_CERT_FILE.

    Read once: whoever asks without it reads all of them for each call, which takes some 25 ms of CPU, for a command of
    somebody new three times. Bundles are replaced with the image; one that is mounted counts after a restart.
    """
    return ssl.create_default_context()


def web_client(token: str | Bearer, base_url: str = "https://slack.com/api/", *, timeout_s: int = 5) -> WebClient:
    """Make a client that gives up after `timeout_s` seconds and never repeats a call by itself.

    slack_sdk repeats a call whose connection broke; a post that Slack had already accepted would then appear twice.
    A `Bearer` that Slack takes no longer is read again, which repeats nothing either: what was refused was not done.
    The bot, which must answer in 3 s, wants `timeout_s=1`. The way is through HTTPS_PROXY, if there is one and NO_PROXY
    does not name Slack.
    """
    bearer = token if isinstance(token, Bearer) else Bearer(token)
    client = BearerClient(bearer, base_url=base_url, timeout=timeout_s, ssl=trusted(), retry_handlers=[])
    if proxy_bypass_environment(urlsplit(base_url).netloc):
        # slack_sdk takes the proxy of the environment without a look at NO_PROXY.
        client.proxy = None
    return client
