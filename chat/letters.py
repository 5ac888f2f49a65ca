"""Letters as Slack reads them: what stands in a letter's body, and the port for whoever has a message to post."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chat.blocks import MOST_BLOCKS, MOST_FALLBACK, MOST_JSON, Message, context, message, size
from chat.escape import Markup, cut, esc, link, tell
from chat.locales import Locale, locale_of, mark, spoken, tr
from mesh.domain.letters import GONE, UNLINKED, Letter, Urgency
from mesh.domain.operations import Card
from mesh.ports import Outbox

REPEATED = mark("Perhaps a repetition: Slack did not say whether it showed this before.")
REMOVED = mark("Takes the place of an earlier message, which was deleted.")
CONTINUES = mark("Continues {message}, which Slack does not let me change any more.")
MOST_LINES = 10
"""Lines that share one message, at most."""


def body_of(drawn: Message) -> str:
    """Return a message as the body of a letter, with its language where that is not English."""
    language = {} if spoken() is Locale.EN else {"locale": str(spoken())}
    body = {"text": drawn.text, "blocks": drawn.blocks, **language}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def language_of(letter: Letter) -> Locale:
    """Return the language that a letter was drawn in, for what is added when it is sent."""
    return locale_of(str(json.loads(letter.body).get("locale") or ""))


def message_of(letter: Letter) -> Message:
    """Return what a letter says."""
    body = json.loads(letter.body)
    return Message(str(body["text"]), tuple(body["blocks"]))


def joined(messages: Sequence[Message]) -> Message:
    """Return one message that says what each of several says, one below the other."""
    if len(messages) == 1:
        return messages[0]
    text = cut(Markup("\n".join(one.text for one in messages)), MOST_FALLBACK).text
    return Message(text, tuple(block for one in messages for block in one.blocks))


def fits(messages: Sequence[Message]) -> bool:
    """Tell whether so many messages have room in one."""
    blocks = [block for one in messages for block in one.blocks]
    return len(messages) <= MOST_LINES and len(blocks) < MOST_BLOCKS and size(blocks) < MOST_JSON


def repeated(drawn: Message) -> Message:
    """Return the message with a word that it may be there twice."""
    return _with(drawn, esc(tr(REPEATED)))


def continued(drawn: Message, earlier: str) -> Message:
    """Return the message with a word about the one whose place it takes, by its address where it has one."""
    if earlier == GONE:
        return _with(drawn, esc(tr(REMOVED)))
    name = tr("an earlier message")
    return _with(drawn, tell(CONTINUES, message=esc(name) if earlier == UNLINKED else link(earlier, name)))


def _with(drawn: Message, word: Markup) -> Message:
    """Return the message with a small line below it."""
    return message(Markup(drawn.text), [*drawn.blocks[: MOST_BLOCKS - 1], context([word])])


@dataclass(frozen=True)
class Where:
    """Where a message goes."""

    channel: str
    under: str = ""
    """Key of the message in whose thread it stands; it waits until that one is posted."""
    thread: str = ""
    """Timestamp of a thread that is under no message of ours."""
    loud: bool = False
    """True for an entry of a thread that the channel hears, too."""


class Posts:
    """Messages into channels, durable and known by a key: for digests, incidents, reminders and whatever else is drawn.

    A key is one message, however many processes post it and how often: `digest C0OPS 2026-11-30T09:00`.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def post(self, key: str, where: Where, drawn: Message, *, urgency: Urgency = Urgency.NEWS) -> Card | None:
        """Post a message once; a known key changes nothing. Returns where it is, None while it waits.

        Raises Unavailable when it may not have been written down: post it again.
        """
        return self._outbox.put(replace(_letter(key, where, drawn, urgency), once=True))

    def edit(
        self, key: str, where: Where, drawn: Message, *, urgency: Urgency = Urgency.NEWS, version: int = 0
    ) -> Card | None:
        """Let a message be from now on as it is drawn here: posted if it is not there yet, else edited in place.

        Drawings that nobody saw yet are replaced. An older `version` than the last one changes nothing. Returns where
        it is, None while it waits. Raises Unavailable when it may not have been written down: edit it again.
        """
        return self._outbox.put(replace(_letter(key, where, drawn, urgency), version=version))


def _letter(key: str, where: Where, drawn: Message, urgency: Urgency) -> Letter:
    body = body_of(drawn)
    return Letter(key, where.channel, body, urgency, under=where.under, thread=where.thread, loud=where.loud)
