"""What the clock does: operations that are due go to a worker, again and again until they are settled."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import redis

from store import keys, scripts
from store.connection import translated
from store.jobs import GIT, HANDED_ON, NORMAL, URGENT
from store.operations import Enqueue

AGAIN_S = 3.0
"""After how many seconds the clock looks again at what it handed out and nobody committed."""
MOST_ATTEMPTS = 100
"""An operation that was handed out this often, and not put off by a worker that lives, kills its workers: 5 minutes of
deaths at once, under two hours of jobs that run into their time limit."""
REPORT_AGAIN_S = 600.0
"""How often an operation is reported that is to be given up and could not be ended."""


class Handed(StrEnum):
    """What became of a due operation."""

    ENQUEUED = "enqueued"
    WAITING = "waiting"
    """Its last job is still in its queue, or in the one that it was handed on to."""
    SETTLED = "settled"
    TAKEN = "taken"
    """Another clock, or a commit, was quicker."""
    STUCK = "stuck"
    """It was handed out `MOST_ATTEMPTS` times, and is not any more until somebody ends it."""


class Pending:
    """The index of all operations that are not settled."""

    def __init__(self, redis: redis.Redis, *, enqueue: Enqueue) -> None:
        self._redis = redis
        self._enqueue = enqueue
        self._claim = redis.register_script(scripts.CLAIM)
        self._queues = [f"rq:queue:{URGENT}", f"rq:queue:{NORMAL}", f"rq:queue:{GIT}"]

    def due(self, now: float, limit: int = 100) -> list[str]:
        """Return the ids of at most `limit` operations that are due at `now` (Unix time), longest due first."""
        with translated():
            ids: list[Any] = self._redis.zrange(keys.OPEN, "-inf", str(now), byscore=True, offset=0, num=limit)
        return [raw.decode() for raw in ids]

    def requeue(self, operation_id: str, now: float) -> Handed:
        """Hand one due operation to a worker. However many clocks do this, each due time hands out at most one job.

        An operation that missed its deadline is handed out like any other: expiring is the job's decision.
        """
        names = [keys.operation(operation_id), keys.OPEN, keys.attempts(operation_id), *self._queues]
        with translated():
            times = [now, now + AGAIN_S, now + REPORT_AGAIN_S]
            answer = self._claim(keys=names, args=[operation_id, *times, MOST_ATTEMPTS, "rq:job:", HANDED_ON])
        if answer[0] != b"enqueue":
            return Handed(answer[0].decode())
        haste = answer[2]
        self._enqueue(operation_id, urgent=haste == b"1", attempt=int(answer[1]), ahead=haste == b"2")
        return Handed.ENQUEUED
