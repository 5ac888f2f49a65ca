"""Block Kit, built so that Slack's limits hold: what is too long is cut, never refused.

Limits: docs.slack.dev /reference/block-kit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chat.escape import Markup, clean, cut, esc, shorten
from chat.locales import tr

Block = dict[str, Any]

MOST_BLOCKS = 50
MOST_JSON = 13_000
"""Characters of all blocks as JSON. Slack refuses at about 13,200 (undocumented, bolt-js#2509)."""
MOST_TEXT = 3000
MOST_FALLBACK = 3000
"""Characters of the top-level text; chat.update refuses more than 4,000."""

MOST_SPOKEN = 1000
"""Characters that describe a picture; Slack takes 2,000, but the card must fit."""


@dataclass(frozen=True)
class Message:
    """What a Slack message needs: one sentence for notifications and screen readers, and blocks for eyes."""

    text: str
    """Escaped mrkdwn."""
    blocks: tuple[Block, ...]

    def ephemeral(self) -> dict[str, Any]:
        """Return the body of an acknowledgement or `response_url` answer that only the asking person sees."""
        return {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": self.text,
            "blocks": list(self.blocks),
            "unfurl_links": False,
            "unfurl_media": False,
        }


@dataclass(frozen=True)
class Plain:
    """Text that Slack shows letter by letter: the place for a person's own words."""

    text: str


@dataclass(frozen=True)
class Confirm:
    """The question asked before a button acts."""

    title: str
    """At most 100 characters."""
    text: str
    """At most 300 characters; says what will be set."""
    yes: str
    """At most 30 characters; what the confirming button says."""


@dataclass(frozen=True)
class Button:
    """One button."""

    label: str
    """At most 75 characters, about 30 are seen."""
    action_id: str
    value: str
    """At most 2,000 characters; here an operation's id, or a command, which is shorter than that."""
    spoken: str = ""
    """What screen readers say, at most 75 characters; empty means the label."""
    style: Literal["", "primary", "danger"] = ""
    confirm: Confirm | None = None


def header(text: str) -> Block:
    """Make a title, at most 150 characters of plain text without emoji."""
    return {"type": "header", "text": _plain(text, 150)}


def section(markup: Markup) -> Block:
    """Make a paragraph, at most 3,000 characters; never folded behind "see more"."""
    return {"type": "section", "text": _mrkdwn(markup), "expand": True}


def context(elements: Iterable[Markup | Plain]) -> Block:
    """Make a small line of at most 10 pieces; the ones that are empty are left out."""
    made = [_plain(e.text, MOST_TEXT) if isinstance(e, Plain) else _mrkdwn(e) for e in elements]
    return {"type": "context", "elements": [element for element in made if element["text"].strip()][:10]}


def image(file_id: str, spoken: str) -> Block:
    """Show a picture that was uploaded to Slack; `spoken`, at most 2,000 characters, is for those who cannot see it."""
    return {"type": "image", "slack_file": {"id": file_id}, "alt_text": shorten(clean(spoken), MOST_SPOKEN)}


def actions(buttons: Sequence[Button]) -> Block:
    """Make a row of at most 25 buttons."""
    return {"type": "actions", "elements": [_button(button) for button in buttons[:25]]}


def message(text: Markup, blocks: Sequence[Block]) -> Message:
    """Make a message that Slack accepts: at most 50 blocks and 13,000 characters of JSON."""
    kept = list(blocks[:MOST_BLOCKS])
    if len(blocks) > MOST_BLOCKS:
        kept[-1] = context([esc(tr("… and {count} more parts", count=len(blocks) - MOST_BLOCKS + 1))])
    _shrink(kept)
    return Message(cut(text, MOST_FALLBACK).text, tuple(kept))


def size(blocks: Iterable[Block]) -> int:
    """Count the characters of the blocks as JSON."""
    return len(json.dumps(list(blocks), ensure_ascii=False, separators=(",", ":")))


def _shrink(blocks: list[Block]) -> None:
    """Cut the longest text again and again until the whole fits; the blocks are ours alone, so they change in place."""
    texts = [text for block in blocks for text in _texts(block)]
    while (over := size(blocks) - MOST_JSON) > 0:
        longest = max(texts, key=lambda text: len(text["text"]))
        length = len(longest["text"])
        if length < 40:
            return
        most = max(length // 2, length - over - 8)
        if longest["type"] == "mrkdwn":
            longest["text"] = cut(Markup(longest["text"]), most).text
        else:
            longest["text"] = shorten(longest["text"], most)


def _texts(block: Block) -> Iterator[dict[str, Any]]:
    if block["type"] == "section":
        yield block["text"]
    elif block["type"] == "context":
        yield from block["elements"]


def _mrkdwn(markup: Markup) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": cut(markup, MOST_TEXT).text, "verbatim": True}


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": shorten(clean(text), most), "emoji": False}


def _button(button: Button) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "button",
        "text": _plain(button.label, 75),
        "action_id": button.action_id,
        "value": button.value[:2000],
    }
    if button.spoken:
        made["accessibility_label"] = shorten(clean(button.spoken), 75)
    if button.style:
        made["style"] = button.style
    if button.confirm:
        made["confirm"] = _confirm(button.confirm, button.style)
    return made


def _confirm(confirm: Confirm, style: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "title": _plain(confirm.title, 100),
        "text": _plain(confirm.text, 300),
        "confirm": _plain(confirm.yes, 30),
        "deny": _plain(tr("Cancel"), 30),
    }
    return made | ({"style": style} if style else {})
