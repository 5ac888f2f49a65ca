"""Handing operations to RQ. RQ only carries them: the truth, and every second try, is in our own index."""

from __future__ import annotations

import redis
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from store.connection import translated

URGENT = "meshbot-urgent"
NORMAL = "meshbot-normal"
FUNCTION = "workers.jobs.run_operation"
"""The only function a job may name."""
KEEP_S = 600
"""How long RQ remembers a job after its end, for people who look at its queues."""
TIMEOUT_S = 60
"""Most seconds one job may run; longer work is many short jobs."""


def queue_name(*, urgent: bool) -> str:
    """Return the name of the RQ queue."""
    return URGENT if urgent else NORMAL


def job_id(operation_id: str, attempt: int) -> str:
    """Return the id of the job that is the `attempt`-th try (from 0) of the operation."""
    return f"{operation_id}-{attempt}"


class JobQueue:
    """The two queues: urgent operations (traffic going back) never wait behind others."""

    def __init__(self, redis: redis.Redis) -> None:
        # Pickle, RQ's default, would let whoever can write to Redis run code in whoever reads it.
        self._queues = {
            urgent: Queue(queue_name(urgent=urgent), connection=redis, serializer=JSONSerializer)
            for urgent in (True, False)
        }

    def enqueue(self, operation_id: str, *, urgent: bool, attempt: int) -> None:
        """Put the operation in its queue, once for each attempt; raise Unavailable."""
        try:
            with translated("Redis did not answer, so the job was not enqueued."):
                self._queues[urgent].enqueue(
                    FUNCTION,
                    operation_id,
                    job_id=job_id(operation_id, attempt),
                    unique=True,
                    job_timeout=TIMEOUT_S,
                    result_ttl=KEEP_S,
                    failure_ttl=KEEP_S,
                )
        except DuplicateJobError:
            # The same attempt again, after its first answer was lost: it is in the queue.
            return
