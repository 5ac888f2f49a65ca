"""The outbox: posts cards and edits them, within Slack's limits, and never lets Slack's trouble become an operation's.

Rules: docs.slack.dev /apis/web-api/rate-limits and the pages of chat.postMessage and chat.update.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import sleep
from typing import Any, TypeVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from chat.audit_line import audit_line
from chat.blocks import Block, Message, context, message, section
from chat.cards import card
from chat.escape import Markup, bold, code, esc, join
from chat.phrases import went_astray
from chat.pictures import Draw, Picture, Pictures
from chat.response_url import respond
from chat.story import Told, closing_story, tell
from chat.trouble import TROUBLE, word
from chat.uploads import is_not_ready
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Card, Operation
from mesh.domain.points import Point

PATIENCE_S = 2.0
"""Longest `Retry-After` worth waiting for: a worker that waits for Slack does nothing else."""
REMEMBERED = 2000
"""Operations whose last drawing is remembered, to leave out edits that change nothing."""
LOOKED_OVER_S = (0.5, 1.0, 1.5, 2.0)
"""How long to wait, again and again, for Slack to look a new picture over before a message may show it."""

_NO_ENTRY = frozenset({"not_in_channel", "channel_not_found", "is_archived", "restricted_action"})
_NO_EDIT = frozenset({"edit_window_closed", "message_not_found", "cant_update_message"})
_BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
_QUIET: dict[str, Any] = {"parse": "none", "link_names": False}
_NO_PREVIEWS: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False}

log = logging.getLogger(__name__)


class SlackCards:
    """Implements `ports.Cards` with Slack's Web API. What went wrong is logged by name, without ids or addresses."""

    def __init__(self, client: WebClient, *, audit_channel: str = "", draw: Draw | None = None) -> None:
        """Use a client without retry handlers (`chat.connection.web_client`).

        No `audit_channel`, no audit lines; without `draw` charts are made of characters.
        """
        self._client = client
        self._audit_channel = audit_channel
        self._pictures = Pictures(client, draw)
        self._drawn: OrderedDict[str, Message] = OrderedDict()
        self._heard: OrderedDict[str, int] = OrderedDict()
        self._unanswered: set[str] = set()

    def show(self, operation: Operation) -> Operation:
        """Post the card, or edit the one it has, and tell its thread what is new of a rollout.

        Returns the operation with the card's place and with how much was told. A rollout's own steps have no card.
        Raises Unavailable when Slack did not take it; the next call tries again. While it runs, a post that got no
        answer counts as taken, for it probably was; the end is worth a second card.
        """
        if operation.command.rollout:
            return operation
        try:
            return self._show(operation)
        except TROUBLE as trouble:
            if operation.id in self._unanswered and not operation.done:
                log.warning("nobody knows whether the card of %s was shown: %s", operation.id, word(trouble))
                return operation
            raise Unavailable(f"Slack did not take the card: {word(trouble)}.", hint="It is tried again.") from trouble

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:
        """Tell the card's thread what is new of a rollout, with its chart below; then the card may show it, too.

        Returns the operation with the picture's id and with how much was told. Never raises.
        """
        if operation.rollout is None or operation.card is None or operation.command.dry_run:
            return operation
        try:
            made = self._pictures.make(operation, points)
            return self._picture(operation, operation.card, made) if made else operation
        except TROUBLE as trouble:
            log.warning("the chart of %s was not shown: %s", operation.id, word(trouble))
        except Exception:
            log.exception("a bug kept the chart of %s from being shown", operation.id)
        return operation

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
        if operation.card:
            # Before the card: who has to act is called here, and edits are what Slack refuses first.
            operation = self._tell(operation, operation.card)
        if not (operation.card and self._drawn.get(operation.id) == drawn):
            operation = self._draw(operation, drawn)
        if operation.card is None:
            # There is no thread, so nobody waits for a story; whether a post without an answer made one is not known.
            return operation if operation.id in self._unanswered else _told_all(operation)
        if operation.rollout and operation.done and operation.told < len(operation.story):
            raise ConnectionError("the thread was not told the end")
        return operation

    def _draw(self, operation: Operation, drawn: Message) -> Operation:
        try:
            shown = self._edit(operation, operation.card, drawn) if operation.card else self._post(operation, drawn)
        except SlackApiError as error:
            if word(error) not in _NO_ENTRY:
                raise
            self._answer_instead(operation, drawn)
            return operation
        if not shown.card:
            return shown
        self._remember(operation.id, drawn)
        self._tell_thread(shown, shown.card)
        return shown if shown.card == operation.card else self._tell(shown, shown.card)

    def _tell(self, operation: Operation, place: Card) -> Operation:
        """Tell the thread what it has not heard of a rollout; returns the operation with how far that got."""
        if operation.rollout is None:
            return operation
        operation = self._as_heard(operation)
        try:
            for told in tell(operation):
                self._reply(operation, place, told)
                operation = self._hear(operation, told.count)
        except TROUBLE as trouble:
            log.warning("the thread of %s was not told all: %s", operation.id, word(trouble))
            return operation
        return self._hear(operation, len(operation.story))

    def _picture(self, operation: Operation, place: Card, made: Picture) -> Operation:
        operation = self._as_heard(operation)
        news = tell(operation)
        if not news and not made.file_id:
            return operation
        for told in news[:-1]:
            self._reply(operation, place, told)
            operation = self._hear(operation, told.count)
        alone = Told(bold(esc("Chart so far")), loud=False, count=len(operation.story))
        self._reply(operation, place, news[-1] if news else alone, made)
        self._pictures.shown(operation)
        return replace(self._hear(operation, len(operation.story)), chart=made.file_id or operation.chart)

    def _reply(self, operation: Operation, place: Card, told: Told, made: Picture | None = None) -> None:
        """Tell one event in the thread, and in the channel as well where it is loud."""
        drawn = message(told.text, [section(told.text), *([made.block] if made else [])])
        where: dict[str, Any] = {
            "channel": place.channel,
            "thread_ts": operation.origin.thread or place.ts,
            "reply_broadcast": told.loud,
            "patience_s": _patience_s(operation),
            **_NO_PREVIEWS,
        }
        for wait in (*LOOKED_OVER_S, None) if made and made.file_id else (None,):
            try:
                self._send(self._client.chat_postMessage, drawn, whole=made is not None, **where)
            except SlackApiError as error:
                if wait is None or not is_not_ready(error):
                    raise
                sleep(wait)
            else:
                return

    def _as_heard(self, operation: Operation) -> Operation:
        """Return the operation with what this process told, should that not be on record."""
        return replace(operation, told=max(operation.told, self._heard.get(operation.id, 0)))

    def _hear(self, operation: Operation, told: int) -> Operation:
        _keep(self._heard, operation.id, told)
        return replace(operation, told=told)

    def _post(self, operation: Operation, drawn: Message) -> Operation:
        origin = operation.origin
        channel = operation.card.channel if operation.card else origin.channel
        if not channel or (operation.id in self._unanswered and not operation.done):
            # After a post without an answer only the end is worth the risk of a second card.
            return operation
        try:
            where: dict[str, Any] = {
                "channel": channel,
                "thread_ts": origin.thread or None,
                "patience_s": _patience_s(operation),
            }
            posted = self._send(self._client.chat_postMessage, drawn, **where, **_NO_PREVIEWS)
        except OSError as error:
            if not isinstance(getattr(error, "reason", error), ConnectionRefusedError):
                self._unanswered.add(operation.id)
            raise
        return replace(operation, card=Card(str(posted["channel"]), str(posted["ts"])))

    def _edit(self, operation: Operation, place: Card, drawn: Message) -> Operation:
        try:
            where: dict[str, Any] = {"channel": place.channel, "ts": place.ts}
            self._send(self._client.chat_update, drawn, patience_s=_patience_s(operation), **where)
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
        """Where the bot cannot post, the asking person at least gets the same card: at first, and at the end.

        Of a rollout also when it asks for people, or stops on its way, as long as Slack takes such answers.
        """
        if operation.split and not went_astray(operation):
            # They were told the end; that all is well besides is worth no second card.
            return
        first, loud = operation.id not in self._drawn, any(told.loud for told in tell(operation))
        if not operation.origin.response_url or not (first or loud or operation.done):
            log.warning("the card of %s has no place: the app cannot post in its channel", operation.id)
            return
        answer = message(Markup(drawn.text), [*drawn.blocks[:49], _invitation(operation)])
        try:
            respond(operation.origin.response_url, answer, api_url=self._client.base_url)
        except TROUBLE as trouble:
            # Used up or too old: there is no other way to this person, now or later.
            log.warning("the card of %s has no place and its answer failed: %s", operation.id, word(trouble))
            return
        self._remember(operation.id, drawn)

    def _send(
        self,
        method: Callable[..., SlackResponse],
        drawn: Message,
        *,
        whole: bool = False,
        patience_s: float = PATIENCE_S,
        **where: Any,
    ) -> SlackResponse:
        """Send a message; blocks that Slack refuses are left out, pictures first, unless it is wanted `whole`."""
        try:
            return _patiently(method, patience_s, text=drawn.text, blocks=list(drawn.blocks), **where, **_QUIET)
        except SlackApiError as error:
            if word(error) not in _BAD_BLOCKS or whole:
                raise
            kept = tuple(block for block in drawn.blocks if block["type"] != "image")
            if len(kept) < len(drawn.blocks):
                log.warning("Slack refused a card with its picture (%s); sent without it", word(error))
                return self._send(method, replace(drawn, blocks=kept), patience_s=patience_s, **where)
            log.error("Slack refused the blocks of a card (%s); sent its text alone", word(error))  # noqa: TRY400 (the trace would hold foreign text)
            return _patiently(method, patience_s, text=drawn.text, **where, **_QUIET)

    def _remember(self, operation_id: str, drawn: Message) -> None:
        _keep(self._drawn, operation_id, drawn)
        self._unanswered.discard(operation_id)


Kept = TypeVar("Kept")


def _keep(memory: OrderedDict[str, Kept], operation_id: str, value: Kept) -> None:
    """Remember something of an operation, and forget what is oldest."""
    memory[operation_id] = value
    memory.move_to_end(operation_id)
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)


def _told_all(operation: Operation) -> Operation:
    return replace(operation, told=len(operation.story)) if operation.rollout else operation


def _patience_s(operation: Operation) -> float:
    """Return how long to wait for Slack: for a rollout not at all, for its card is drawn again soon, and many wait."""
    return 0.0 if operation.rollout and not operation.done else PATIENCE_S


def _patiently(method: Callable[..., SlackResponse], patience_s: float, **arguments: Any) -> SlackResponse:
    """Call once, and once more when Slack asks for a wait of at most `patience_s` seconds."""
    try:
        return method(**arguments)
    except SlackApiError as error:
        wait = _retry_after(error)
        if wait is None or wait > patience_s:
            raise
        sleep(wait)
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


def _invitation(operation: Operation) -> Block:
    """Say why only the asking person sees the card, and how to change that."""
    why = esc("Only you see this, because I cannot post in this channel.")
    if operation.rollout and operation.rollout.active:
        why = join(" ", [why, esc("In half an hour I cannot even tell you any more what becomes of this canary.")])
    why = join(" ", [why, esc("Type")])
    return context([join(" ", [why, code("/invite"), esc("and pick me; then everybody sees the next card here.")])])
