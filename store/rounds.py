"""Which revision Flagger asks about at which hook, and since when it is silent: one hash for each of its canaries."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

import redis

from mesh.ports import Round
from store import keys
from store.connection import translated

KEPT_S = 172_800
"""How long it is known in seconds; longer than any yes outlasts silence."""

_REVISION = "revision"


class RedisRounds:
    """Implements `mesh.ports.Rounds`."""

    def __init__(self, redis: redis.Redis) -> None:
        self._redis = redis

    def last(self, canary: str, revision: str, hook: str) -> Round | None:
        """Return what was noted of this hook of this revision."""
        with translated():
            known, found = self._fields(canary, hook)
        return _load(found) if found and known == revision.encode() else None

    def note(self, canary: str, revision: str, hook: str, found: Round) -> None:
        """Remember it; two bots that do so at once about two revisions leave one of them, which is asked anew."""
        key, kept = keys.rounds(canary), json.dumps(asdict(found))
        with translated():
            known, _ = self._fields(canary, hook)
            with self._redis.pipeline() as together:
                if known != revision.encode():
                    together.delete(key)
                together.hset(key, mapping={_REVISION: revision, hook: kept})
                together.expire(key, KEPT_S)
                together.execute()

    def forget(self, canary: str) -> None:
        """Forget all that was noted of this canary."""
        with translated():
            self._redis.delete(keys.rounds(canary))

    def _fields(self, canary: str, hook: str) -> Any:
        return self._redis.hmget(keys.rounds(canary), [_REVISION, hook])


def _load(raw: bytes) -> Round:
    """Return what was noted; what a newer meshbot noted beside it is passed over, as in any record."""
    noted, known = json.loads(raw), {field.name for field in fields(Round)}
    return Round(**{name: value for name, value in noted.items() if name in known})
