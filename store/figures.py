"""Counts what is in Redis, in a few round trips: for whoever watches over meshbot, every few seconds at most."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import redis

from mesh.domain.figures import Figures
from store import keys
from store.connection import translated
from store.jobs import NORMAL, POST, URGENT, WATCH

QUEUES = {"urgent": URGENT, "normal": NORMAL, "watch": WATCH, "post": POST}
AT_ONCE = 100
"""Records that are read in one round trip: a thousand rollouts must not hold up a Redis that others wait for."""


class RedisFigures:
    """Counts for the clusters that it is given."""

    def __init__(self, redis: redis.Redis) -> None:
        self._redis = redis

    def read(self, clusters: Sequence[str], now: float) -> Figures:
        """Return the figures at `now` (Unix time); raise Unavailable when Redis does not answer."""
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for name in QUEUES.values():
                pipeline.llen(f"rq:queue:{name}")
            pipeline.zcard(keys.OPEN)
            pipeline.zcard(keys.WAITING)
            pipeline.zcard(keys.LANES)
            pipeline.zrange(keys.OPEN, 0, 0, withscores=True)
            pipeline.zrange(keys.LANES, 0, 0, withscores=True)
            pipeline.llen(keys.AUDIT)
            pipeline.zrange(keys.INCIDENTS_DUE, 0, -1)
            for cluster in clusters:
                pipeline.hvals(keys.rollouts(cluster))
            found: list[Any] = pipeline.execute()
        waiting, rest = found[: len(QUEUES)], found[len(QUEUES) :]
        unsettled, approvals, lanes, work, post, audited, incidents, *rollouts = rest
        return Figures(
            queues=dict(zip(QUEUES, waiting, strict=True)),
            rollouts=self._phases([one for some in rollouts for one in some]),
            unsettled=unsettled,
            approvals=approvals,
            incidents=self._open(incidents),
            lanes=lanes,
            work_late=_overdue(work, now),
            post_late=_overdue(post, now),
            audited=audited,
        )

    def _phases(self, ids: Sequence[bytes]) -> dict[str, int]:
        """Count active rollouts by phase. Only the phase is read: the rest of a record is long."""
        records = self._records([keys.operation(one.decode()) for one in ids])
        return dict(Counter(phase for one in records if (phase := (one.get("rollout") or {}).get("phase"))))

    def _open(self, ids: Sequence[bytes]) -> int:
        """Count what is open among the incidents that are not settled."""
        records = self._records([keys.incident(one.decode()) for one in ids])
        return sum(bool(one.get("opened_at")) and not one.get("ended_at") for one in records)

    def _records(self, names: Sequence[str]) -> list[dict[str, Any]]:
        raw: list[Any] = []
        for at in range(0, len(names), AT_ONCE):
            with translated(), self._redis.pipeline(transaction=False) as pipeline:
                for name in names[at : at + AT_ONCE]:
                    pipeline.hget(name, "record")
                raw += pipeline.execute()
        return [json.loads(one) for one in raw if one]


def _overdue(first: Sequence[tuple[bytes, float]], now: float) -> float:
    return max(0.0, now - first[0][1]) if first else 0.0
