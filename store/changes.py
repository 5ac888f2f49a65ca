"""Which people and usergroups changed lately: told by Slack to one bot, heeded by every process."""

from __future__ import annotations

import uuid
from typing import Any

import redis

from store import keys
from store.connection import translated

KEPT_S = 300
"""How long a change is known; longer than anybody remembers what was before."""


class RedisChanges:
    """Implements `mesh.ports.Changes`."""

    def __init__(self, redis: redis.Redis) -> None:
        self._redis = redis

    def note(self, what: str) -> None:
        """Give it another mark; raise Unavailable."""
        with translated():
            self._redis.set(keys.changed(what), uuid.uuid4().hex, ex=KEPT_S)

    def mark(self, what: str) -> str:
        """Return its mark, empty where nothing changed lately; raise Unavailable."""
        with translated():
            found: Any = self._redis.get(keys.changed(what))
        return found.decode() if found else ""
