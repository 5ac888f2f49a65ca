"""All parts of the stand-in together, and one call of the Web API as its methods see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiohttp import web

from playground.slack.alerting import Alerting
from playground.slack.clock import Clock
from playground.slack.delivery import Courier
from playground.slack.limits import Limits
from playground.slack.socketmode import SocketHub
from playground.slack.state import Workspace
from playground.slack.tickets import Tickets
from playground.slack.trouble import Troubles
from playground.slack.uploads import Uploads
from playground.slack.views import Views
from playground.slack.wire import Json, SlackError
from playground.slack.world import Channel, World


@dataclass(frozen=True)
class Backstage:
    """The parts, built once by `make_app`."""

    workspace: Workspace
    """Messages and who is listening."""
    clock: Clock
    """Time of limits, retries and tickets."""
    limits: Limits
    """Rates."""
    tickets: Tickets
    """trigger_ids and response_urls."""
    troubles: Troubles
    """Failures ordered by a test."""
    sockets: SocketHub
    """The app's websockets."""
    courier: Courier
    """The way to the app."""
    views: Views
    """Modals and App Homes."""
    uploads: Uploads
    """Files."""
    completions: Sequence[Json] = ()
    """What the page offers while typing."""
    traffic_url: str | None = None
    """The traffic simulator, or None."""
    alerting: Alerting | None = None
    """Who is told of the alerts that the page raises, or None."""
    public_url: str = ""
    """This server as the app is to call it, where something stands before it; empty: its own address."""

    @property
    def world(self) -> World:
        """People, channels and names."""
        return self.workspace.world


BACKSTAGE = web.AppKey("backstage", Backstage)


@dataclass(frozen=True)
class Call:
    """One call of a Web API method."""

    back: Backstage
    """Everything there is."""
    args: Json
    """The arguments, JSON ones parsed."""
    base_url: str
    """This server's address as the app reaches it."""

    def text(self, key: str, *, missing: str = "invalid_arguments") -> str:
        """Return a required argument; raises SlackError `missing` without it."""
        value = self.args.get(key)
        if not isinstance(value, str) or not value:
            raise SlackError(missing)
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean argument in any of the encodings clients use."""
        return str(self.args.get(key, "")).lower() in ("1", "true")

    def channel(self, key: str = "channel") -> Channel:
        """Return the channel of an argument: an id, #name, or a person's id for their im.

        Raises `channel_not_found`, also for private channels and ims the bot is not in.
        """
        wanted = str(self.args.get(key, ""))
        bot = self.back.world.bot.user_id
        for channel in self.back.world.channels:
            named = channel.kind == "public" and wanted.removeprefix("#") == channel.name
            im = channel.kind == "im" and wanted.startswith(("U", "W")) and wanted in channel.members
            if (channel.id == wanted or named or im) and (channel.kind == "public" or bot in channel.members):
                return channel
        raise SlackError("channel_not_found")

    def joined_channel(self, key: str = "channel") -> Channel:
        """Return the channel of an argument; raises `not_in_channel` too."""
        channel = self.channel(key)
        if self.back.world.bot.user_id not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def writable_channel(self, key: str = "channel") -> Channel:
        """Return the channel of an argument; raises `is_archived` and `not_in_channel` too."""
        channel = self.channel(key)
        if channel.archived:
            raise SlackError("is_archived")
        return self.joined_channel(key)

    def page(self, items: Sequence[Any], *, default: int = 100) -> tuple[list[Any], Json]:
        """Return the part of `items` that cursor and limit ask for, and its response_metadata."""
        try:
            start, size = int(self.args.get("cursor") or 0), int(self.args.get("limit") or default)
        except ValueError:
            raise SlackError("invalid_cursor") from None
        end = start + max(1, min(size, 1000))
        return list(items[start:end]), {"next_cursor": str(end) if end < len(items) else ""}


Method: TypeAlias = Callable[[Call], Json]
