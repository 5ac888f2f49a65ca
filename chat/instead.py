"""What the asking person is shown where the channel cannot be posted in, and why they alone see it."""

from __future__ import annotations

from chat.at_home import SHARED
from chat.blocks import MOST_BLOCKS, Block, Message, context, message
from chat.calls import RESTRICTED, without_pictures
from chat.escape import Markup, code, esc, join, tell
from chat.locales import tr

_INVITE = frozenset({"not_in_channel", "channel_not_found", "user_not_in_channel"})
"""Slack's words for a channel that the app, or the person, only has to join."""


def instead(drawn: Message, why: str) -> Message:
    """Return the message as one person is shown it, without pictures; `why` is Slack's word, or ours."""
    blocks = without_pictures(drawn).blocks[: MOST_BLOCKS - 1]
    return message(Markup(drawn.text), [*blocks, _reason(why)])


def _reason(why: str) -> Block:
    """Say why only the asking person sees it, and how to change that."""
    what = esc(tr("Only you see this, because I cannot post in the channel. What comes later I send to you directly."))
    return context([join(" ", [what, *_hint(why)])])


def _hint(why: str) -> list[Markup]:
    if why in _INVITE:
        command = code("/invite")
        return [tell("Type {command} there and pick me; then everybody sees the next card.", command=command)]
    if why.startswith(RESTRICTED):
        return [esc(tr("Its settings let only some people post; whoever manages the channel can let me, too."))]
    return [] if why == SHARED else [tell("Slack says {word}.", word=code(why))]
