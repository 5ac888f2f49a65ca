"""How Slack encodes what a person typed (docs.slack.dev /messaging/formatting-message-text)."""

from __future__ import annotations

import re
from collections.abc import Callable

from playground.slack.world import World

_TOKEN = re.compile(
    r"(?P<url>https?://[^\s<>]+)|(?<!\w)@(?P<at>\w(?:[\w.-]*\w)?)|(?<!\w)#(?P<hash>\w(?:[\w-]*\w)?)", re.ASCII
)
_EVERYBODY = ("here", "channel", "everyone")


def escape(text: str) -> str:
    """Replace & < > only, ampersand first."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_command(world: World, text: str) -> str:
    """Encode the text of a slash command with `should_escape`: names carry labels, `<@U…|name>`."""
    return _encode(text, lambda match: _token(world, match, labels=True))


def escape_message(world: World, text: str) -> str:
    """Encode a typed message: people become `<@U…>`, without a label."""
    return _encode(text, lambda match: _token(world, match, labels=False))


def _encode(text: str, token: Callable[[re.Match[str]], str]) -> str:
    parts, end = [], 0
    for match in _TOKEN.finditer(text):
        parts += [escape(text[end : match.start()]), token(match)]
        end = match.end()
    return "".join([*parts, escape(text[end:])])


def _token(world: World, match: re.Match[str], *, labels: bool) -> str:
    if match["url"]:
        return f"<{escape(match['url'])}>"
    if match["at"]:
        return _at(world, match["at"], labels=labels) or escape(match[0])
    channel = next((c for c in world.channels if c.name == match["hash"] and c.kind != "im"), None)
    if channel is None:
        return escape(match[0])
    # Private channels give their id with an empty name.
    return f"<#{channel.id}|{'' if channel.kind == 'private' else channel.name}>"


def _at(world: World, name: str, *, labels: bool) -> str | None:
    for person in (*world.people, world.bot_person):
        if person.name == name:
            return f"<@{person.id}|{name}>" if labels else f"<@{person.id}>"
    for group in world.usergroups:
        if group.handle == name:
            return f"<!subteam^{group.id}|@{name}>" if labels else f"<!subteam^{group.id}>"
    return f"<!{name}>" if name in _EVERYBODY else None
