"""Answering by `response_url`, for places the bot cannot post in. The address is a bearer secret: never log it.

Rules: docs.slack.dev /interactivity/handling-user-interaction (five uses in 30 minutes).
"""

from __future__ import annotations

import json
from functools import cache
from http.client import HTTPMessage
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from chat.blocks import Message
from chat.connection import trusted

SLACK = ("https", "hooks.slack.com", 443)
TIMEOUT_S = 5.0
_PORTS = {"https": 443, "http": 80}


class TurnedAway(ConnectionError):
    """Slack took no answer: the address is used up, or too old, or too busy."""


class _NoRedirects(HTTPRedirectHandler):
    """Turns every redirect into an error: an answer goes to Slack or nowhere."""

    def redirect_request(  # noqa: PLR0913, PLR0917 (urllib's signature)
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow nothing."""


@cache
def _opener() -> OpenerDirector:
    return build_opener(_NoRedirects, HTTPSHandler(context=trusted()))


def is_allowed(url: str, api_url: str) -> bool:
    """Tell whether `url` is Slack's: on hooks.slack.com, of the configured API's origin, or on its host for answers.

    For GovSlack that is hooks.slack-gov.com.
    """
    found, api = _origin(url), _origin(api_url)
    return found is not None and api is not None and found in (SLACK, api, ("https", f"hooks.{api[1]}", 443))


def respond(url: str, answer: Message, *, api_url: str) -> None:
    """Post an ephemeral answer.

    Raises ValueError for an address that is not Slack's, TurnedAway where it was surely not shown, another OSError when
    the address cannot be reached, or trouble of Slack's own leaves that open.
    """
    if not is_allowed(url, api_url):
        raise ValueError("the response_url is not Slack's")
    body = json.dumps(answer.ephemeral()).encode()
    request = Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310 (is_allowed has looked)
    try:
        with _opener().open(request, timeout=TIMEOUT_S) as reply:
            reply.read()
    except HTTPError as error:
        error.close()
        kind = TurnedAway if error.code < 500 else ConnectionError
        raise kind(f"the response_url answered with HTTP {error.code}") from None  # its text has the address


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port; None for what is no plain web address (user info, controls, odd schemes)."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or "\\" in url:
        return None
    return parts.scheme, parts.hostname, port if port is not None else _PORTS[parts.scheme]
