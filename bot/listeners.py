"""One set of Bolt listeners for HTTP and Socket Mode. Each reads the payload, has it heard, and acknowledges."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext, BoltResponse
from slack_bolt.error import BoltUnhandledRequestError

from bot.arrival import Arrival
from bot.denying import Denials
from bot.hearing import BUTTONS, Ear, incident
from bot.news import CHANGES, JOINED, News
from bot.replies import Replies
from bot.requests import Payload, Request, from_button, from_event, from_slash
from bot.surface import Surface
from bot.voice import Voiced
from chat.approvals import DENY
from chat.denying import WHY
from chat.form import FORM, OPEN, PREVIEW, SERVICE
from chat.home import REFRESH

ANY = re.compile(".+")
"""Slash commands have no name of their own here: whichever the app's manifest sends to us is ours."""


@dataclass(frozen=True)
class Listeners:
    """What happens to each kind of payload."""

    ear: Ear
    replies: Replies
    surface: Surface
    denials: Denials
    news: News

    def slash(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Answer a slash command in its acknowledgement; without words it opens the form."""
        request = from_slash(body)
        heard = self.ear.hear if request.text.strip() else self.surface.open
        answer = heard(request, _arrival(context))
        self.surface.touched(request)
        if answer is None:
            ack()
        elif answer.late:
            self.replies.later(request, answer.message)
            ack()
        else:
            ack(answer.message.ephemeral())

    def button(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Acknowledge a press of a button; the answer follows, seen by that person only."""
        self._answer(from_button(body), context)
        ack()

    def opener(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Open the form at the press of a button."""
        request = from_button(body)
        answer = self.surface.open(request, _arrival(context))
        if answer is not None:
            self.replies.later(request, answer.message)
        ack()

    def denial(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Ask whoever pressed Deny for the reason."""
        request = from_button(body)
        answer = self.denials.ask(request, _arrival(context))
        if answer is not None:
            self.replies.later(request, answer.message)
            self.surface.touched(request)
        ack()

    def deny(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Deny with the reason that the form holds."""
        ack(**self.denials.submit(body, _arrival(context)))

    def options(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Suggest services to whoever types into the select of the form."""
        ack(options=self.surface.suggest(body, _arrival(context)))

    def submit(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Do what the form says."""
        ack(**self.surface.submit(body, _arrival(context)))

    def preview(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Start the preview of the form; it appears in the form."""
        self.surface.preview(body, _arrival(context))
        ack()

    def refresh(self, ack: Ack, body: Payload, context: BoltContext) -> None:
        """Draw the App Home again."""
        self.surface.look(from_button(body), _arrival(context))
        ack()

    def home(self, body: Payload, context: BoltContext) -> None:
        """Draw the App Home when it is opened."""
        self.surface.opened(body, _arrival(context))

    def mention(self, body: Payload, context: BoltContext) -> None:
        """Answer a mention. Bolt acknowledges events by itself when the listener has returned."""
        request = from_event(body)
        if request is None:
            return
        answer = self.ear.hear(request, _arrival(context))
        if request.machine is None:
            # Nobody reads an answer to a machine, and two that answer each other never end.
            self.replies.later(request, answer.message)
            self.surface.touched(request)

    def message(self, body: Payload, context: BoltContext) -> None:
        """Answer what people write to us directly; in channels, a mention comes as an event of its own.

        Bolt leaves out what we wrote ourselves, once it knows who that is.
        """
        event = body["event"]
        mine = bool(event.get("bot_id")) and not context.bot_id
        if event.get("channel_type") == "im" and not mine:
            self.mention(body, context)

    def changed(self, body: Payload) -> None:
        """Forget what was known of a person, usergroup or channel that Slack says has changed."""
        self.news.hear(body["event"])

    def joined(self, body: Payload, context: BoltContext) -> None:
        """Say in a channel that the app was invited to what was lost there."""
        self.news.joined(body["event"], context.bot_user_id or "")

    def _answer(self, request: Request, context: BoltContext) -> None:
        self.replies.later(request, self.ear.hear(request, _arrival(context)).message)
        self.surface.touched(request)


def listen(app: App, listeners: Listeners) -> None:
    """Register every listener on `app`; each speaks the language of whoever it answers."""
    app.error(_failed)
    register(Voiced(app, lambda: listeners.ear.voice), listeners)


def register(app: Voiced, listeners: Listeners) -> None:
    """Say which listener hears what."""
    app.command(ANY)(listeners.slash)
    for button in BUTTONS:
        app.action(button)(listeners.button)
    app.action(OPEN)(listeners.opener)
    app.action(DENY)(listeners.denial)
    app.action(PREVIEW)(listeners.preview)
    app.action(REFRESH)(listeners.refresh)
    app.options(SERVICE)(listeners.options)
    app.view(FORM)(listeners.submit)
    app.view(WHY)(listeners.deny)
    app.event("app_home_opened")(listeners.home)
    app.event("app_mention")(listeners.mention)
    app.event("message")(listeners.message)
    for kind in CHANGES:
        app.event(kind)(listeners.joined if kind == JOINED else listeners.changed)


def _failed(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """Answer 200 whatever happened: Slack sends more than was asked for, and repeats what gets another answer."""
    if isinstance(error, BoltUnhandledRequestError):
        return BoltResponse(status=200, body="")
    words = incident(error).ephemeral()
    return BoltResponse(status=200, body=words if "command" in body else "")


def _arrival(context: BoltContext) -> Arrival:
    came = context.get("arrival")
    return came if isinstance(came, Arrival) else Arrival(time.monotonic())
