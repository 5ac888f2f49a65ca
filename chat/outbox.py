"""The outbox: posts cards and edits them, within Slack's limits, and never lets Slack's trouble become an operation's.

Rules: docs.slack.dev /apis/web-api/rate-limits and the pages of chat.postMessage and chat.update.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from chat.audit_line import audit_line
from chat.blocks import Block, Message, context, message, section
from chat.cards import card
from chat.escape import Markup, code, esc, join
from chat.phrases import went_astray
from chat.response_url import respond
from chat.story import closing_story
from chat.trouble import TROUBLE, word
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Card, Operation

PATIENCE_S = 2.0
"""Longest `Retry-After` worth waiting for: a worker that waits for Slack does nothing else."""
REMEMBERED = 2000
"""Operations whose last drawing is remembered, to leave out edits that change nothing."""

_NO_ENTRY = frozenset({"not_in_channel", "channel_not_found", "is_archived", "restricted_action"})
_NO_EDIT = frozenset({"edit_window_closed", "message_not_found", "cant_update_message"})
_BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
_QUIET: dict[str, Any] = {"parse": "none", "link_names": False}
_NO_PREVIEWS: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False}

log = logging.getLogger(__name__)


class SlackCards:
    """Implements `ports.Cards` with Slack's Web API. What went wrong is logged by name, without ids or addresses."""

    def __init__(self, client: WebClient, *, audit_channel: str = "") -> None:
        """Use a client without retry handlers (`chat.connection.web_client`); no `audit_channel`, no audit lines."""
        self._client = client
        self._audit_channel = audit_channel
        self._drawn: OrderedDict[str, Message] = OrderedDict()
        self._unanswered: set[str] = set()

    def show(self, operation: Operation) -> Operation:
        """Post the card, or edit the one it has; returns the operation with the card's place.

        Raises Unavailable when Slack did not take it; the next call tries again. While it runs, a post that got no
        answer counts as taken, for it probably was; the end is worth a second card.
        """
        try:
            return self._show(operation)
        except TROUBLE as trouble:
            if operation.id in self._unanswered and not operation.done:
                log.warning("nobody knows whether the card of %s was shown: %s", operation.id, word(trouble))
                return operation
            raise Unavailable(f"Slack did not take the card: {word(trouble)}.", hint="It is tried again.") from trouble

    def announce(self, operation: Operation, entry: str) -> None:
        """Put one line about a finished change into the audit channel. Never raises."""
        if not self._audit_channel:
            return
        line = audit_line(operation, entry)
        try:
            self._send(self._client.chat_postMessage, line, channel=self._audit_channel, **_NO_PREVIEWS)
        except TROUBLE as trouble:
            log.warning("the audit line of %s was not posted: %s", operation.id, word(trouble))

    def _show(self, operation: Operation) -> Operation:
        drawn = card(operation)
        if operation.card and self._drawn.get(operation.id) == drawn:
            return operation
        try:
            shown = self._edit(operation, operation.card, drawn) if operation.card else self._post(operation, drawn)
        except SlackApiError as error:
            if word(error) not in _NO_ENTRY:
                raise
            self._answer_instead(operation, drawn)
            return operation
        if shown.card:
            self._remember(operation.id, drawn)
            self._tell_thread(shown, shown.card)
        return shown

    def _post(self, operation: Operation, drawn: Message) -> Operation:
        origin = operation.origin
        channel = operation.card.channel if operation.card else origin.channel
        if not channel or (operation.id in self._unanswered and not operation.done):
            # After a post without an answer only the end is worth the risk of a second card.
            return operation
        try:
            posted = self._send(
                self._client.chat_postMessage, drawn, channel=channel, thread_ts=origin.thread or None, **_NO_PREVIEWS
            )
        except OSError as error:
            if not isinstance(getattr(error, "reason", error), ConnectionRefusedError):
                self._unanswered.add(operation.id)
            raise
        return replace(operation, card=Card(str(posted["channel"]), str(posted["ts"])))

    def _edit(self, operation: Operation, place: Card, drawn: Message) -> Operation:
        try:
            self._send(self._client.chat_update, drawn, channel=place.channel, ts=place.ts)
        except SlackApiError as error:
            if word(error) not in _NO_EDIT:
                raise
            return self._post(operation, drawn)
        return operation

    def _tell_thread(self, operation: Operation, place: Card) -> None:
        """Tell the unusual ends in the card's thread; the drawing was new, so this comes once."""
        story = closing_story(operation)
        if not story:
            return
        told, thread = message(story, [section(story)]), operation.origin.thread or place.ts
        try:
            self._send(self._client.chat_postMessage, told, channel=place.channel, thread_ts=thread, **_NO_PREVIEWS)
        except TROUBLE as trouble:
            log.warning("the story of %s was not told: %s", operation.id, word(trouble))

    def _answer_instead(self, operation: Operation, drawn: Message) -> None:
        """Where the bot cannot post, the asking person at least gets the same card: at first, and at the end."""
        if operation.split and not went_astray(operation):
            # They were told the end; that all is well besides is worth no second card.
            return
        first = operation.id not in self._drawn
        if not operation.origin.response_url or not (first or operation.done):
            log.warning("the card of %s has no place: the app cannot post in its channel", operation.id)
            return
        answer = message(Markup(drawn.text), [*drawn.blocks[:49], _invitation()])
        try:
            respond(operation.origin.response_url, answer, api_url=self._client.base_url)
        except TROUBLE as trouble:
            # Used up or too old: there is no other way to this person, now or later.
            log.warning("the card of %s has no place and its answer failed: %s", operation.id, word(trouble))
            return
        self._remember(operation.id, drawn)

    def _send(self, method: Callable[..., SlackResponse], drawn: Message, **where: Any) -> SlackResponse:
        try:
            return _patiently(method, text=drawn.text, blocks=list(drawn.blocks), **where, **_QUIET)
        except SlackApiError as error:
            if word(error) not in _BAD_BLOCKS:
                raise
            log.error("Slack refused the blocks of a card (%s); sent its text alone", word(error))  # noqa: TRY400 (the trace would hold foreign text)
            return _patiently(method, text=drawn.text, **where, **_QUIET)

    def _remember(self, operation_id: str, drawn: Message) -> None:
        self._drawn[operation_id] = drawn
        self._drawn.move_to_end(operation_id)
        self._unanswered.discard(operation_id)
        while len(self._drawn) > REMEMBERED:
            self._drawn.popitem(last=False)


def _patiently(method: Callable[..., SlackResponse], **arguments: Any) -> SlackResponse:
    """Call once, and once more when Slack asks for a short wait."""
    try:
        return method(**arguments)
    except SlackApiError as error:
        wait = _retry_after(error)
        if wait is None or wait > PATIENCE_S:
            raise
        time.sleep(wait)
        return method(**arguments)


def _retry_after(error: SlackApiError) -> float | None:
    """Return how long Slack wants us to wait, in seconds; None when this is no rate limit."""
    if not isinstance(error.response, SlackResponse) or error.response.status_code != 429:
        return None
    headers = {name.lower(): value for name, value in error.response.headers.items()}
    try:
        return max(0.0, float(headers.get("retry-after", "1")))
    except (TypeError, ValueError):
        return 1.0


def _invitation() -> Block:
    """Say why only the asking person sees the card, and how to change that."""
    why = esc("Only you see this, because I cannot post in this channel. Type")
    return context([join(" ", [why, code("/invite"), esc("and pick me; then everybody sees the next card here.")])])
