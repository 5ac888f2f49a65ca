"""The freezes that people made, in one Redis hash. Written once, ended once, forgotten a day after their end."""

from __future__ import annotations

from typing import Any

import redis

from mesh.domain.errors import Unavailable
from mesh.domain.freezes import Freeze, lifted
from mesh.ports import Time
from store import keys, records, scripts
from store.connection import translated

FORGET_S = 86_400
"""How long what is over is kept, so that a worker that comes back late does not make it again."""
_SO = "it is not known what is frozen"


class RedisFreezes:
    """Implements `mesh.ports.Freezes`."""

    def __init__(self, redis: redis.Redis, time: Time) -> None:
        self._redis = redis
        self._time = time
        self._lift = redis.register_script(scripts.LIFT)

    def standing(self) -> list[Freeze]:
        """Return every freeze that is not over, oldest first."""
        now = self._time.now()
        return sorted((one for one in self._kept() if one.until > now), key=lambda one: (one.since, one.id))

    def put(self, freeze: Freeze) -> None:
        """Keep the freeze unless its id is known; drop what is long over."""
        old = [one.id for one in self._kept(whole=False) if one.until < self._time.now() - FORGET_S]
        with translated(_SO), self._redis.pipeline() as pipeline:
            pipeline.hsetnx(keys.FREEZES, freeze.id, records.dump_freeze(freeze))
            if old:
                pipeline.hdel(keys.FREEZES, *old)
            pipeline.execute()

    def lift(self, freeze_id: str) -> None:
        """End the freeze now."""
        while True:
            with translated(_SO):
                raw: Any = self._redis.hget(keys.FREEZES, freeze_id)
            if raw is None:
                return
            after = records.dump_freeze(lifted(records.load_freeze(raw), self._time.now()))
            with translated(_SO):
                answer: Any = self._lift(keys=[keys.FREEZES], args=[freeze_id, raw, after])
            if answer[0] == b"lifted":
                return

    def _kept(self, *, whole: bool = True) -> list[Freeze]:
        with translated(_SO):
            rows: Any = self._redis.hvals(keys.FREEZES)
        found = []
        for raw in rows:
            try:
                found.append(records.load_freeze(raw))
            except Unavailable:
                if whole:
                    raise
        return found
