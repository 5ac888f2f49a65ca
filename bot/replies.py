"""Answers that cannot ride on the acknowledgement: to mentions, buttons, and to whatever came too late for one.

A small bounded pool sends them after the acknowledgement; a message that finds it full is dropped and logged, because
whoever floods the bot must not make it forget the others.
"""

from __future__ import annotations

from typing import Any

from slack_sdk import WebClient

from bot.chores import Chores
from bot.requests import Request
from chat.blocks import Message
from chat.response_url import respond


class Replies:
    """Sends messages that only the asking person sees."""

    def __init__(self, client: WebClient) -> None:
        """Send as `client`, which must not repeat calls by itself."""
        self._client = client
        self._chores = Chores()

    def later(self, request: Request, message: Message) -> None:
        """Send `message` soon; returns at once, never raises."""
        self._chores.later(f"an answer to {request.actor.user}", lambda: self._deliver(request, message))

    def close(self) -> None:
        """Send what waits, then stop."""
        self._chores.close()

    def _deliver(self, request: Request, message: Message) -> None:
        origin = request.origin
        body: dict[str, Any] = {"text": message.text, "blocks": list(message.blocks)}
        if origin.response_url:
            respond(origin.response_url, message, api_url=self._client.base_url)
        elif origin.channel.startswith(("D", "U", "W")):
            # A direct message is between the two of us already; a person's id names it as well.
            self._client.chat_postMessage(channel=origin.channel, thread_ts=origin.thread or None, **body)
        else:
            self._client.chat_postEphemeral(
                channel=origin.channel, user=request.actor.user, thread_ts=origin.thread or None, **body
            )
