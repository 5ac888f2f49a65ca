"""News of Slack's about people, usergroups and channels: what was remembered of them is asked again at once."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.invited import Invited
from mesh.domain.errors import Unavailable
from mesh.ports import Changes
from telemetry.counting import given_up

_ID = re.compile(r"[A-Z][A-Z0-9]{1,30}")

log = logging.getLogger(__name__)

JOINED = "member_joined_channel"
"""Of whoever joins; what matters is that the app does."""
CHANGES: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "user_change": ("user", lambda event: (event.get("user") or {}).get("id")),
    "subteam_members_changed": ("group", lambda event: event.get("subteam_id")),
    "subteam_updated": ("group", lambda event: (event.get("subteam") or {}).get("id")),
    "channel_archive": ("channel", lambda event: event.get("channel")),
    "channel_unarchive": ("channel", lambda event: event.get("channel")),
    "channel_shared": ("channel", lambda event: event.get("channel")),
    "channel_unshared": ("channel", lambda event: event.get("channel")),
    "group_archive": ("channel", lambda event: event.get("channel")),
    "group_unarchive": ("channel", lambda event: event.get("channel")),
    JOINED: ("channel", lambda event: event.get("channel")),
}
"""Events (docs.slack.dev/reference/events), what each is about, and where its id is."""


@dataclass(frozen=True)
class News:
    """Hears of changes."""

    changes: Changes
    invited: Invited

    def joined(self, event: dict[str, Any], me: str) -> None:
        """Note that the app (the user `me`) was invited to a channel; others come and go. Never raises."""
        channel = event.get("channel")
        if me and event.get("user") == me and isinstance(channel, str) and _ID.fullmatch(channel):
            self.hear(event)
            self.invited.hear(channel)

    def hear(self, event: dict[str, Any]) -> None:
        """Note what changed. Never raises: what is not noted counts for a minute, as without news."""
        kind, id_of = CHANGES[event["type"]]
        found = id_of(event)
        if not (isinstance(found, str) and _ID.fullmatch(found)):
            return
        try:
            self.changes.note(f"{kind} {found}")
        except Unavailable as error:
            log.warning("a change of a %s is not known to all yet: %s", kind, error.message)
            given_up("news", error.lapse)
