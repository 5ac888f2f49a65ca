"""What Slack would make active in a message, and whether Slack would take it at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from chat.blocks import MOST_JSON, Message, size
from playground.slack.blocks import check_message_blocks

_OURS = re.compile(
    r"<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>|<#C[A-Z0-9]+>|<!date\^\d+\^\{[a-z_]+\}(?: \{[a-z_]+\})?\|[-0-9: ]+UTC>"
    r"|<https?://[^<>|\s]+\|(?:[0-9a-f]{8}|merge request|병합 요청)>"
)
_ENTITY = re.compile(r"&(?:amp|lt|gt);")
_UNSEEN = re.compile("[\u0000-\u0009\u000b-\u001f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u061c]")


def assert_accepted(message: Message) -> None:
    """Slack takes the blocks, every mrkdwn object is verbatim, and the fallback text is there and short enough."""
    check_message_blocks(list(message.blocks))
    assert size(message.blocks) <= MOST_JSON
    assert 0 < len(message.text) <= 4000
    for text in text_objects(message.blocks):
        assert text["type"] == "plain_text" or text["verbatim"] is True


def assert_inert(message: Message, allowed: tuple[str, ...] = ()) -> None:
    """Nothing is active but people, groups, channels, dates that we made; `allowed` narrows the people to these ids."""
    sources = [message.text, *(t["text"] for t in text_objects(message.blocks) if t["type"] == "mrkdwn")]
    for source in sources:
        made = re.findall(r"<@([A-Z0-9]+)>", source)
        assert set(made) <= set(allowed), source
        rest = _ENTITY.sub("", _OURS.sub("", source))
        assert not set("<>&") & set(rest), source
        assert source.count("```") % 2 == 0, source
    for text in text_objects(message.blocks):
        assert not _UNSEEN.search(text["text"]), text
        assert text["type"] == "mrkdwn" or text["emoji"] is False


def text_objects(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every text object, however deep."""
    if isinstance(part, dict):
        if part.get("type") in ("mrkdwn", "plain_text"):
            yield part
        for value in part.values():
            yield from text_objects(value)
    elif isinstance(part, (list, tuple)):
        for value in part:
            yield from text_objects(value)


def buttons_of(message: Message) -> dict[str, dict[str, Any]]:
    """Return the buttons by action id."""
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return {button["action_id"]: button for row in rows for button in row}
