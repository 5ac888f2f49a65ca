"""Looks, as the clock starts them: one for each cluster and slot of time, where there is something to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import redis

from store import keys
from store.connection import translated
from store.jobs import WATCH

WAITING_EACH = 2
"""How many looks of each cluster may wait: more are left of a time when nobody took them, and are worth nothing."""

QUICK_S = 0.25
"""How often a cluster in a hurry is looked at, in seconds."""


class EnqueueLook(Protocol):
    """How a look gets to the worker that looks; see `store.jobs.JobQueue.look`."""

    def __call__(self, cluster: str, slot: int, *, within_s: float) -> None:
        """Enqueue it, once for each slot; raises Unavailable."""


class Looks:
    """Slots of `every_s` seconds, counted from 1970: all clocks have the same, so that two never make two looks.

    A cluster that is in a hurry is looked at in each slot of `QUICK_S`.
    """

    def __init__(self, redis: redis.Redis, clusters: Sequence[str], *, every_s: float, enqueue: EnqueueLook) -> None:
        self._redis = redis
        self._clusters = clusters
        self._every_s = every_s
        self._quick_s = min(QUICK_S, every_s)
        self._enqueue = enqueue
        self._slot = self._usual = -1

    def follow(self, clusters: Sequence[str], *, every_s: float) -> None:
        """Look at these clusters from now on, as often as this."""
        self._clusters = clusters
        self._every_s = every_s
        self._quick_s = min(QUICK_S, every_s)

    def begin(self, now: float) -> None:
        """Enqueue the looks of the slot that `now` (Unix time) lies in, unless that is done; raise Unavailable.

        After an error the next call does it again: what was enqueued already is not enqueued twice.
        """
        slot, usual = int(now // self._quick_s), int(now // self._every_s)
        if slot == self._slot:
            return
        for cluster in self._worth_it(everywhere=usual != self._usual):
            self._enqueue(cluster, slot, within_s=self._every_s)
        self._slot, self._usual = slot, usual

    def _worth_it(self, *, everywhere: bool) -> list[str]:
        """Return the clusters that have active rollouts, or only those in a hurry; drop looks that nobody took."""
        if not self._clusters:
            return []
        name = keys.rollouts if everywhere else keys.hurry
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.ltrim(f"rq:queue:{WATCH}", -WAITING_EACH * len(self._clusters), -1)
            for cluster in self._clusters:
                pipeline.exists(name(cluster))
            _, *found = pipeline.execute()
        answers: list[Any] = found
        return [cluster for cluster, there in zip(self._clusters, answers, strict=True) if there]
