"""Uploading a picture to Slack, in two steps.

Rules: docs.slack.dev /reference/methods/files.getUploadURLExternal and files.completeUploadExternal. What is completed
without a channel belongs to the app alone. People see it in a message that was *posted* with it: an edit that brings
a new file in shows them "file not found" (java-slack-sdk#1441, bolt-python#1295). And for a second or so after the
upload Slack still looks the file over, and refuses blocks that show it (java-slack-sdk#1349, python-slack-sdk#1521).
"""

from __future__ import annotations

from typing import Any
from urllib.error import HTTPError
from urllib.request import BaseHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from chat.trouble import word

MOST_SPOKEN = 1000
"""Characters of a description; a longer one is refused (`alt_txt_too_large`)."""
_PASSING = frozenset(
    {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout", "file_not_found"}
)
"""Slack's words for what may well work a little later; whatever else it says is a refusal that lasts."""


class UploadRefused(Exception):
    """Slack takes no picture from us: a scope is missing, or the workspace allows none. Its text is Slack's word."""


def upload(client: WebClient, content: bytes, *, name: str, spoken: str) -> str:
    """Upload a picture that nobody sees yet; return its id.

    Raises UploadRefused where trying again soon is of no use, or what `chat.trouble.TROUBLE` lists.
    """
    try:
        ticket = client.files_getUploadURLExternal(filename=name, length=len(content), alt_txt=spoken[:MOST_SPOKEN])
        _send(client, str(ticket["upload_url"]), content)
        client.files_completeUploadExternal(files=[{"id": str(ticket["file_id"]), "title": name}])
    except SlackApiError as error:
        if error.response.status_code >= 400 or word(error) in _PASSING:
            raise
        raise UploadRefused(word(error)) from error
    return str(ticket["file_id"])


def is_not_ready(error: Exception) -> bool:
    """Tell whether Slack refused a message because it has not looked the picture over yet."""
    if not isinstance(error, SlackApiError) or word(error) != "invalid_blocks":
        return False
    answer: Any = getattr(error.response, "data", error.response)
    return "invalid slack file" in str(answer.get("errors")) + str(answer.get("response_metadata"))


def _send(client: WebClient, address: str, content: bytes) -> None:
    """Send the bytes where Slack said; no token goes with them. Its answer's text is not worth reading."""
    if not address.startswith(("https://", "http://")):
        raise ValueError("the upload address is no web address")
    handlers: list[BaseHandler] = [HTTPSHandler(context=client.ssl)] if client.ssl else []
    if client.proxy:
        handlers.append(ProxyHandler({"http": client.proxy, "https": client.proxy}))
    request = Request(address, data=content, headers={"Content-Type": "application/octet-stream"})  # noqa: S310 (looked at above)
    try:
        with build_opener(*handlers).open(request, timeout=client.timeout) as answer:
            answer.read()
    except HTTPError as error:
        error.close()
        if 400 <= error.code < 500 and error.code != 429:
            raise UploadRefused(f"HTTP {error.code}") from None  # its text may hold the address
        raise ConnectionError(f"the upload was answered with HTTP {error.code}") from None
