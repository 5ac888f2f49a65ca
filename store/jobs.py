"""Handing operations and looks to RQ. RQ only carries them: the truth, and every second try, is in our own index."""

from __future__ import annotations

import math
from typing import Any

import redis
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from mesh.domain.digests import Slot
from store.connection import translated

URGENT = "meshbot-urgent"
NORMAL = "meshbot-normal"
WATCH = "meshbot-watch"
POST = "meshbot-post"
GIT = "meshbot-git"
FUNCTION = "workers.jobs.run_operation"
"""Runs one operation: with `LOOK`, `INCIDENT`, `DIGEST` and `SEND`, all that a job may name."""
INCIDENT = "workers.jobs.show_incident"
"""Draws the card of one incident."""
LOOK = "workers.jobs.look_at"
"""Looks at all active rollouts of one cluster."""
DIGEST = "workers.jobs.post_digest"
"""Posts one slot of one digest."""
SEND = "workers.jobs.send_lane"
"""Sends what waits for one channel."""
KEEP_S = 600
"""How long RQ remembers a job after its end, for people who look at its queues."""
TIMEOUT_S = 60
"""Most seconds one job may run; longer work is many short jobs."""
LOOK_KEEP_S = 120
"""How long RQ remembers a look, and with it that its slot was looked at: longer than any slot."""
LOOK_TIMEOUT_S = 30
"""Most seconds one look may take; the next ones are not waited for by then."""
SEND_KEEP_S = 60
"""How long RQ remembers that a lane was sent from: there is a job for nearly every message."""
HANDED_ON = "-git"
"""How the id of a job that was handed on ends."""
HANDED_ON_S = 60
"""How long a job may wait to be handed on: where nobody works on that queue any more, the clock hands it out again."""
SEND_TIMEOUT_S = 30
"""Most seconds for one turn of a lane, which ends by itself after a few."""


def queue_name(*, urgent: bool) -> str:
    """Return the name of the RQ queue."""
    return URGENT if urgent else NORMAL


def job_id(operation_id: str, attempt: int) -> str:
    """Return the id of the job that is the `attempt`-th try (from 0) of the operation."""
    return f"{operation_id}-{attempt}"


def handed_on_id(job: str) -> str:
    """Return the id of the job that goes on where the job of that id would have had to wait for a Git server."""
    return f"{job}{HANDED_ON}"


def look_id(cluster: str, slot: int) -> str:
    """Return the id of the job that looks at a cluster in a slot of time; RQ allows no dots in it."""
    return f"look-{cluster.replace('.', '_')}-{slot}"


def digest_id(slot: Slot, attempt: int) -> str:
    """Return the id of the job that is one try at a slot of a digest."""
    return f"digest-{slot.digest}-{slot.at}-{attempt}"


def send_id(channel: str, number: int | str) -> str:
    """Return the id of a lane's job; without a number, how all of them begin."""
    return f"send-{channel}-{number}"


class JobQueue:
    """The queues: urgent operations (traffic going back) never wait behind others, and looks wait behind nothing.

    What goes back by a commit may have to wait for a Git server, so it is ordinary work, the first of it. Nobody but
    the workers puts jobs into the queue of what needs a Git server: who turns out to need one is handed on. So bots and
    clocks of any release find a worker that takes their jobs, and whatever a configuration came to say since is kept.
    """

    def __init__(self, redis: redis.Redis) -> None:
        # Pickle, RQ's default, would let whoever can write to Redis run code in whoever reads it.
        self._queues = {
            urgent: Queue(queue_name(urgent=urgent), connection=redis, serializer=JSONSerializer)
            for urgent in (True, False)
        }
        self._watch = Queue(WATCH, connection=redis, serializer=JSONSerializer)
        self._post = Queue(POST, connection=redis, serializer=JSONSerializer)
        self._git = Queue(GIT, connection=redis, serializer=JSONSerializer)

    def enqueue(self, operation_id: str, *, urgent: bool, attempt: int, ahead: bool = False) -> None:
        """Put the operation in its queue, `ahead` of what waits there, once for each attempt; raise Unavailable."""
        how = {"job_timeout": TIMEOUT_S, "result_ttl": KEEP_S, "failure_ttl": KEEP_S, "at_front": ahead}
        _enqueue(self._queues[urgent], FUNCTION, operation_id, job_id(operation_id, attempt), how)

    def hand_on(self, function: str, argument: str, *, job: str, ahead: bool = False) -> None:
        """Let the worker that may wait for Git servers go on with the job of that id; raise Unavailable."""
        times = {"job_timeout": TIMEOUT_S, "result_ttl": KEEP_S, "failure_ttl": KEEP_S, "ttl": HANDED_ON_S}
        _enqueue(self._git, function, argument, handed_on_id(job), {**times, "at_front": ahead})

    def incident(self, incident_id: str, attempt: str) -> None:
        """Let a worker of ordinary work draw the incident's card, once for each attempt; raise Unavailable."""
        times = {"job_timeout": TIMEOUT_S, "result_ttl": KEEP_S, "failure_ttl": KEEP_S}
        _enqueue(self._queues[False], INCIDENT, incident_id, f"{incident_id}-{attempt}", times)

    def look(self, cluster: str, slot: int, *, within_s: float) -> None:
        """Let the cluster be looked at, once for each slot of time, unless that has not begun in `within_s` seconds.

        Raises Unavailable.
        """
        times = {"job_timeout": LOOK_TIMEOUT_S, "result_ttl": LOOK_KEEP_S, "failure_ttl": LOOK_KEEP_S}
        _enqueue(self._watch, LOOK, cluster, look_id(cluster, slot), {**times, "ttl": math.ceil(within_s)})

    def digest(self, slot: Slot, attempt: int, *, within_s: float) -> None:
        """Let a slot of a digest be posted, once for each attempt, unless that has not begun in `within_s` seconds.

        Raises Unavailable.
        """
        times = {"job_timeout": TIMEOUT_S, "result_ttl": KEEP_S, "failure_ttl": KEEP_S, "ttl": math.ceil(within_s)}
        _enqueue(self._queues[False], DIGEST, str(slot), digest_id(slot, attempt), times)

    def send(self, channel: str, number: int) -> None:
        """Let somebody send what waits for the channel, once for each number; raise Unavailable."""
        times = {"job_timeout": SEND_TIMEOUT_S, "result_ttl": SEND_KEEP_S, "failure_ttl": SEND_KEEP_S}
        _enqueue(self._post, SEND, channel, send_id(channel, number), times)


def _enqueue(queue: Queue, function: str, argument: str, job: str, times: dict[str, Any]) -> None:
    try:
        with translated("the job was not enqueued"):
            queue.enqueue(function, argument, job_id=job, unique=True, **times)
    except DuplicateJobError:
        # The same job again, after its first answer was lost: it is in the queue, or was run.
        return
