"""Modals and App Homes: what is open for whom, with the hash that guards updates."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from playground.slack.state import with_ids
from playground.slack.wire import Json, SlackError
from playground.slack.world import World

STACK = 3


@dataclass(frozen=True)
class Shown:
    """One view as somebody sees it."""

    user: str
    """Who."""
    view: Json
    """The view as payloads carry it, with id, hash and root."""


class Views:
    """Keeps views by id; the newest one of a person is on top."""

    def __init__(self, world: World, tell: Callable[[Json], None] = lambda _: None) -> None:
        self._world = world
        self._tell = tell
        self._numbers = itertools.count(1)
        self._shown: dict[str, Shown] = {}

    def all(self, user: str | None = None) -> list[Shown]:
        """Return every open view (of one person), oldest first."""
        return [shown for shown in self._shown.values() if user in (None, shown.user)]

    def get(self, view_id: str) -> Shown:
        """Return an open view; raises SlackError `not_found`."""
        if view_id not in self._shown:
            raise SlackError("not_found")
        return self._shown[view_id]

    def open(self, user: str, view: Json, *, previous: Json | None = None) -> Json:
        """Show a modal, on top of `previous` when pushed; raises `push_limit_reached`, `duplicate_external_id`."""
        if previous and len([s for s in self.all(user) if s.view["type"] == "modal"]) >= STACK:
            raise SlackError("push_limit_reached")
        if any(view.get("external_id") and shown.view["external_id"] == view["external_id"] for shown in self.all()):
            raise SlackError("duplicate_external_id")
        view_id = f"V{next(self._numbers):08d}"
        return self._keep(user, view_id, view, previous)

    def home(self, user: str) -> Json | None:
        """Return the App Home that was published for a person last."""
        shown = self._shown.get(f"VHOME{user}")
        return shown.view if shown else None

    def publish(self, user: str, view: Json, *, seen_hash: str = "") -> Json:
        """Replace the App Home of a person; raises `hash_conflict` when it changed since `seen_hash`."""
        old = self.home(user)
        if seen_hash and old and seen_hash != old["hash"]:
            raise SlackError("hash_conflict")
        return self._keep(user, f"VHOME{user}", view, None)

    def update(self, view: Json, *, view_id: str = "", external_id: str = "", seen_hash: str = "") -> Json:
        """Replace an open view; raises `not_found`, or `hash_conflict` when it changed since `seen_hash`."""
        by_name = [s.view["id"] for s in self.all() if external_id and s.view["external_id"] == external_id]
        old = self.get(view_id or next(iter(by_name), ""))
        if seen_hash and seen_hash != old.view["hash"]:
            raise SlackError("hash_conflict")
        return self._keep(old.user, old.view["id"], view, None)

    def close(self, view_id: str) -> None:
        """Take a view off the screen; harmless when it is gone."""
        shown = self._shown.pop(view_id, None)
        if shown:
            self._tell({"type": "view_closed", "user": shown.user, "view": shown.view})

    def clear(self, user: str) -> None:
        """Take every modal of a person off the screen."""
        for shown in self.all(user):
            if shown.view["type"] == "modal":
                self.close(shown.view["id"])

    def _keep(self, user: str, view_id: str, view: Json, previous: Json | None) -> Json:
        kept: Json = {
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "notify_on_close": False,
            "clear_on_close": False,
            **view,
            "id": view_id,
            "team_id": self._world.team_id,
            "app_id": self._world.bot.app_id,
            "bot_id": self._world.bot.bot_id,
            "blocks": list(with_ids(view["blocks"])),
            "hash": f"{next(self._numbers)}.{secrets.token_hex(4)}",
            "root_view_id": previous["root_view_id"] if previous else view_id,
            "previous_view_id": previous["id"] if previous else None,
            "state": {"values": {}},
        }
        self._shown[view_id] = Shown(user, kept)
        self._tell({"type": "view", "user": user, "view": kept})
        return kept
