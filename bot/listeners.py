"""One set of Bolt listeners for HTTP and Socket Mode. Each reads the payload, has it heard, and acknowledges."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext, BoltResponse
from slack_bolt.error import BoltUnhandledRequestError

from bot.arrival import Arrival
from bot.hearing import BUTTONS, Ear, incident
from bot.replies import Replies
from bot.requests import Payload, Request, from_button, from_event, from_slash

ANY = re.compile(".+")
"""Slash commands have no name of their own here: whichever the app's manifest sends to us is ours."""


@dataclass(frozen=True)
class Listeners:
    """What happens to each kind of payload."""

    ear: Ear
    replies: Replies

    def slash(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Answer a slash command in its acknowledgement."""
        request = from_slash(body)
        answer = self.ear.hear(request, _arrival(context))
        if answer.late:
            self.replies.later(request, answer.message)
            ack()
        else:
            ack(answer.message.ephemeral())

    def button(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Acknowledge a press of a button; the answer follows, seen by that person only."""
        self._answer(from_button(body), context)
        ack()

    def mention(self, body: Payload, context: BoltContext) -> None:
        """Answer a mention. Bolt acknowledges events by itself when the listener has returned."""
        request = from_event(body)
        if request is None:
            return
        answer = self.ear.hear(request, _arrival(context))
        if request.machine is None:
            # Nobody reads an answer to a machine, and two that answer each other never end.
            self.replies.later(request, answer.message)

    def message(self, body: Payload, context: BoltContext) -> None:
        """Answer what people write to us directly; in channels, a mention comes as an event of its own.

        Bolt leaves out what we wrote ourselves, once it knows who that is.
        """
        event = body["event"]
        mine = bool(event.get("bot_id")) and not context.bot_id
        if event.get("channel_type") == "im" and not mine:
            self.mention(body, context)

    def _answer(self, request: Request, context: BoltContext) -> None:
        self.replies.later(request, self.ear.hear(request, _arrival(context)).message)


def listen(app: App, listeners: Listeners) -> None:
    """Register every listener on `app`."""
    app.command(ANY)(listeners.slash)
    for button in BUTTONS:
        app.action(button)(listeners.button)
    app.event("app_mention")(listeners.mention)
    app.event("message")(listeners.message)
    app.error(_failed)


def _failed(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """Answer 200 whatever happened: Slack sends more than was asked for, and repeats what gets another answer."""
    if isinstance(error, BoltUnhandledRequestError):
        return BoltResponse(status=200, body="")
    words = incident(error).ephemeral()
    return BoltResponse(status=200, body=words if "command" in body else "")


def _arrival(context: BoltContext) -> Arrival:
    came = context.get("arrival")
    return came if isinstance(came, Arrival) else Arrival(time.monotonic())
