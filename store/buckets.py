"""Token buckets in Redis, by Redis's own clock: how much was asked for lately, counted once for all bots."""

from __future__ import annotations

from typing import Any

import redis

from mesh.ports import Bucket
from store import keys, scripts
from store.connection import translated

MINUTE_S = 60
"""A bucket that nobody took from for this long is full again, so it is forgotten."""


class RedisBuckets:
    """Implements `mesh.ports.Buckets`."""

    def __init__(self, redis: redis.Redis) -> None:
        self._take = redis.register_script(scripts.TAKE)

    def take(self, bucket: Bucket) -> float:
        """Take a token, or say how many seconds to wait for one."""
        with translated():
            answer: Any = self._take(keys=[keys.bucket(bucket.name)], args=[bucket.most, MINUTE_S])
        return 0.0 if answer[0] == b"taken" else float(answer[1])
