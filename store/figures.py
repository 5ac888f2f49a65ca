"""Counts what is in Redis, in a few round trips: for whoever watches over meshbot, every few seconds at most."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import redis

from mesh.domain.catalog import Cluster
from mesh.domain.figures import Figures
from mesh.domain.letters import Urgency
from mesh.domain.rollouts import WATCHED
from store import keys
from store.connection import translated
from store.jobs import GIT, NORMAL, POST, URGENT, WATCH

QUEUES = {"urgent": URGENT, "normal": NORMAL, "watch": WATCH, "post": POST, "git": GIT}
AT_ONCE = 100
"""Records that are read in one round trip: a thousand rollouts must not hold up a Redis that others wait for."""
FIRST = 20
"""Jobs at the head of a queue that are looked at for one that is still there: RQ leaves those in it that ran out."""
CLASS = 10**12
"""How far the turns of one urgency are from those of the next; see `store.outbox_scripts`."""


class RedisFigures:
    """Counts for the clusters that it is given."""

    def __init__(self, redis: redis.Redis) -> None:
        self._redis = redis

    def read(self, clusters: Sequence[Cluster], now: float) -> Figures:
        """Return the figures at `now` (Unix time); raise Unavailable when Redis does not answer."""
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for name in QUEUES.values():
                pipeline.llen(f"rq:queue:{name}")
            pipeline.zcard(keys.OPEN)
            pipeline.zcard(keys.WAITING)
            pipeline.zcard(keys.LANES)
            pipeline.zrange(keys.OPEN, 0, -1, withscores=True)
            pipeline.zrange(keys.LANES, 0, -1)
            pipeline.llen(keys.AUDIT)
            pipeline.zrange(keys.INCIDENTS_DUE, 0, -1)
            pipeline.info("memory")
            for cluster in clusters:
                pipeline.hvals(keys.rollouts(cluster.name))
                pipeline.get(keys.looked(cluster.name))
            found: list[Any] = pipeline.execute()
        waiting, rest = found[: len(QUEUES)], found[len(QUEUES) :]
        unsettled, approvals, lanes, work, post, audited, incidents, memory, *rollouts = rest
        rolling = [self._rollouts(ids) for ids in rollouts[::2]]
        lags = [cluster.prometheus.lag_s for cluster in clusters]
        looks = zip(rolling, rollouts[1::2], lags, strict=True)
        return Figures(
            queues=dict(zip(QUEUES, waiting, strict=True)),
            rollouts=Counter(phase for some in rolling for phase, _ in some),
            unsettled=unsettled,
            approvals=approvals,
            incidents=self._open(incidents),
            lanes=lanes,
            oldest={queue: self._oldest(name, now) for queue, name in QUEUES.items()},
            look_late=max((_look_late(some, raw, lag_s=lag_s, now=now) for some, raw, lag_s in looks), default=0.0),
            work_late=self._work_late(work, now),
            post_late=self._post_late(post, now),
            audited=audited,
            memory=_filled(memory),
        )

    def _oldest(self, queue: str, now: float) -> float:
        """Return how long the first job of a queue that is still there has waited."""
        with translated():
            jobs: Any = self._redis.lrange(f"rq:queue:{queue}", 0, FIRST - 1)
        rows = self._rows([f"rq:job:{job.decode()}" for job in jobs], "enqueued_at")
        return next((_ago(at, now) for (raw,) in rows if (at := _enqueued(raw)) is not None), 0.0)

    def _work_late(self, due: Sequence[tuple[bytes, float]], now: float) -> float:
        """Return how long ago the operation was due on which nobody has worked since for longest.

        Either no clock handed it out, or who was handed it wrote nothing down: each write makes another revision.
        """
        rows = self._rows([keys.operation(one.decode()) for one, _ in due], "revision", "owed_at", "owed_since")
        owed = [float(since) for revision, at, since in rows if since and at == revision]
        return max((_ago(since, now) for since in [*owed, *(score for _, score in due[:1])]), default=0.0)

    def _post_late(self, channels: Sequence[bytes], now: float) -> float:
        """Return how long the message that has waited longest waits. Those of one urgency have turns as they came."""
        firsts: list[bytes] = []
        for some in _parts(channels):
            with translated(), self._redis.pipeline(transaction=False) as pipeline:
                for channel in some:
                    for urgency in Urgency:
                        least, most = CLASS * urgency, f"({CLASS * (urgency + 1)}"
                        pipeline.zrange(keys.lane(channel.decode()), least, most, byscore=True, offset=0, num=1)
                firsts += [one for found in pipeline.execute() for one in found]
        rows = self._rows([keys.letter(one.decode()) for one in firsts], "unsent_since")
        return max((_ago(float(since), now) for (since,) in rows if since), default=0.0)

    def _rollouts(self, ids: Sequence[bytes]) -> list[tuple[str, float]]:
        """Return phase and beginning of each active rollout of a cluster."""
        records = self._records([keys.operation(one.decode()) for one in ids])
        phases = [((one.get("rollout") or {}).get("phase"), one.get("created_at", 0.0)) for one in records]
        return [(phase, began) for phase, began in phases if phase]

    def _open(self, ids: Sequence[bytes]) -> int:
        """Count what is open among the incidents that are not settled."""
        records = self._records([keys.incident(one.decode()) for one in ids])
        return sum(bool(one.get("opened_at")) and not one.get("ended_at") for one in records)

    def _records(self, names: Sequence[str]) -> list[dict[str, Any]]:
        return [json.loads(record) for (record,) in self._rows(names, "record") if record]

    def _rows(self, names: Sequence[str], *fields: str) -> list[list[bytes | None]]:
        """Return these fields of each hash, a bounded number of them in one round trip."""
        found: list[list[bytes | None]] = []
        for some in _parts(names):
            with translated(), self._redis.pipeline(transaction=False) as pipeline:
                for name in some:
                    pipeline.hmget(name, list(fields))
                found += pipeline.execute()
        return found


def _filled(memory: Mapping[str, Any]) -> float | None:
    """Return how much of `maxmemory` is used, as Redis itself reckons before it refuses a write; None without one."""
    most = int(memory.get("maxmemory", 0))
    used = int(memory.get("used_memory", 0)) - int(memory.get("mem_not_counted_for_evict", 0))
    return used / most if most else None


def _parts(whole: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (whole[at : at + AT_ONCE] for at in range(0, len(whole), AT_ONCE))


def _enqueued(at: bytes | None) -> float | None:
    """Return when a job was enqueued, as RQ wrote it; None where it is gone, or somebody else's."""
    try:
        return datetime.fromisoformat(at.decode()).timestamp() if at else None
    except ValueError:
        return None


def _look_late(rollouts: Sequence[tuple[str, float]], looked: bytes | None, *, lag_s: float, now: float) -> float:
    """Return how long no look at these was had; `looked` is as `keys.looked` says."""
    began = [at for phase, at in rollouts if phase in WATCHED]
    # A look counts until so long before it is had; a server whose samples come late makes no look late.
    had = float(looked.split()[0]) + lag_s if looked else 0.0
    return _ago(max(had, min(began)), now) if began else 0.0


def _ago(since: float, now: float) -> float:
    return max(0.0, now - since)
