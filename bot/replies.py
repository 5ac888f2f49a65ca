"""Answers that cannot ride on the acknowledgement: to mentions, buttons, and to whatever came too late for one.

A small bounded pool sends them after the acknowledgement; a message that finds it full is dropped and logged, because
whoever floods the bot must not make it forget the others.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slack_sdk import WebClient

from bot.requests import Request
from chat.blocks import Message
from chat.response_url import respond
from chat.trouble import TROUBLE, word

THREADS = 4
WAITING = 200

log = logging.getLogger(__name__)


class Replies:
    """Sends messages that only the asking person sees."""

    def __init__(self, client: WebClient) -> None:
        """Send as `client`, which must not repeat calls by itself."""
        self._client = client
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="replies")
        self._room = threading.BoundedSemaphore(WAITING)

    def later(self, request: Request, message: Message) -> None:
        """Send `message` soon; returns at once, never raises."""
        if not self._room.acquire(blocking=False):
            log.error("Too many answers are waiting, so one to %s was dropped.", request.actor.user)
            return
        self._pool.submit(self._send, request, message)

    def close(self) -> None:
        """Send what waits, then stop."""
        self._pool.shutdown()

    def _send(self, request: Request, message: Message) -> None:
        try:
            self._deliver(request, message)
        except TROUBLE as error:
            log.warning("An answer to %s could not be sent: %s", request.actor.user, word(error))
        finally:
            self._room.release()

    def _deliver(self, request: Request, message: Message) -> None:
        origin = request.origin
        body: dict[str, Any] = {"text": message.text, "blocks": list(message.blocks)}
        if origin.response_url:
            respond(origin.response_url, message, api_url=self._client.base_url)
        elif origin.channel.startswith("D"):
            # A direct message is between the two of us already.
            self._client.chat_postMessage(channel=origin.channel, thread_ts=origin.thread or None, **body)
        else:
            self._client.chat_postEphemeral(
                channel=origin.channel, user=request.actor.user, thread_ts=origin.thread or None, **body
            )
