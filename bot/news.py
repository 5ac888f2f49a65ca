"""News of Slack's about people and usergroups: what was remembered of them is asked again at once."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mesh.domain.errors import Unavailable
from mesh.ports import Changes

_ID = re.compile(r"[A-Z][A-Z0-9]{1,30}")

log = logging.getLogger(__name__)

CHANGES: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "user_change": ("user", lambda event: (event.get("user") or {}).get("id")),
    "subteam_members_changed": ("group", lambda event: event.get("subteam_id")),
    "subteam_updated": ("group", lambda event: (event.get("subteam") or {}).get("id")),
}
"""Events (docs.slack.dev/reference/events), what each is about, and where its id is."""


@dataclass(frozen=True)
class News:
    """Hears of changes."""

    changes: Changes

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
