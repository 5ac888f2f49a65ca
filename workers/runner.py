"""The worker process: RQ's worker without its forks, so that nothing is rebuilt for a job; deaf to jobs not ours."""

from __future__ import annotations

import faulthandler
import gc
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import ClassVar

import redis
from redis.client import Pipeline
from rq import Queue, SimpleWorker
from rq.exceptions import DeserializationError, NoSuchJobError, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import UnixSignalDeathPenalty
from rq.utils import now as utcnow

from mesh.domain.terms import is_incident, is_operation
from store.address import Where
from store.connection import patient
from store.jobs import DIGEST, FUNCTION, GIT, INCIDENT, KEEP_S, LOOK, POST, SEND, TIMEOUT_S, WATCH, queue_name
from store.standing import refusal_of
from telemetry.metrics import FORGED_JOBS, JOB, QUEUE_WAIT
from workers.supervisor import exit_on_signals

log = logging.getLogger(__name__)

QUEUES = {
    "urgent": queue_name(urgent=True),
    "normal": queue_name(urgent=False),
    "watch": WATCH,
    "post": POST,
    "git": GIT,
}
"""Name on the command line -> RQ queue. One queue for each process: a worker of two can lose a job it just took."""
_SHORT = {name: short for short, name in QUEUES.items()}
RESTART_S = 1.0
WORKER_TTL_S = 20
"""RQ blocks for 15 s less than this in one wait for jobs, so dead connections are noticed within 5 s."""
HEARTBEAT_S = 5
MAINTENANCE_S = 15
DEAF_S = 10
"""How long a job may go on after its time limit before the process ends with it."""
MOST_JOBS = 20_000
LONGEST_S = 24 * 3600.0
"""After so many jobs, or at the first job after so long, a process is replaced: memory that leaks slowly ends there."""
STDERR = 2
FIELDS = frozenset(
    {"data", "status", "origin", "timeout", "result_ttl", "failure_ttl", "ttl", "worker_name"}
    | {"created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat"}
)
"""What a job may say. The rest (callbacks, webhooks, repeats) would name code to run or addresses to call."""


_CHANNEL = re.compile(r"[A-Z][A-Z0-9]{1,30}")
_CLUSTER = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def _is_cluster(word: str) -> bool:
    """Tell whether this could be a cluster's name in the configuration, which alone says whether there is one."""
    return bool(_CLUSTER.fullmatch(word))


_SLOT = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?@[0-9]{1,12}")


def _is_slot(word: str) -> bool:
    """Tell whether this could be a slot of a digest; the configuration says whether there is such a digest."""
    return bool(_SLOT.fullmatch(word))


def _is_channel(word: str) -> bool:
    """Tell whether this could be the id of a channel."""
    return bool(_CHANNEL.fullmatch(word))


ALLOWED: dict[str, tuple[Callable[[str], bool], str]] = {
    FUNCTION: (is_operation, "operation id"),
    LOOK: (_is_cluster, "cluster's name"),
    INCIDENT: (is_incident, "incident id"),
    DIGEST: (_is_slot, "slot of a digest"),
    SEND: (_is_channel, "channel's id"),
}
"""What a job may call -> whether its one argument is good, and what that is called."""


class ForgedJob(DeserializationError):
    """A job in our queue that we never put there."""


class OwnJob(Job):
    """A job that can only be what `ALLOWED` says, with one argument of the right form.

    JSON keeps pickle out, but RQ still imports and calls any dotted name that a job's JSON holds.
    """

    told: ClassVar[Callable[[str], None]] = staticmethod(lambda _problem: None)
    """Is told why a job was refused; must never raise."""

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Read the job from its Redis hash, leaving out what we never write; unreadable ones count as gone."""
        known = {key: value for key, value in raw_data.items() if key.decode(errors="replace") in FIELDS}
        try:
            super().restore(known)
        except (ValueError, TypeError, AttributeError) as error:
            log.error("refused a job that cannot be read: %r", self.id)  # noqa: TRY400 (the traceback says no more)
            raise NoSuchJobError(f"unreadable job {self.id!r}") from error

    def _deserialize_data(self) -> None:
        super()._deserialize_data()  # type: ignore[no-untyped-call]  # RQ is typed in part
        problem = _problem(self._func_name, self._instance, self._args, self._kwargs)
        if problem:
            # Forget what was read: RQ asks again for its log, and must not get it then either.
            self.data = self.data
            log.error("refused job %r: %s", self.id, problem)
            FORGED_JOBS.labels(_SHORT.get(str(self.origin), "other")).inc()
            OwnJob.told(problem)
            raise ForgedJob(problem)


def _problem(function: object, instance: object, args: object, kwargs: object) -> str:
    is_good, what = ALLOWED.get(str(function), (None, ""))
    if is_good is None or instance is not None:
        return f"it wants to call {str(function)[:80]!r}, and only {' and '.join(ALLOWED)} are allowed"
    match args, kwargs:
        case [str(argument)], {} if not kwargs and is_good(argument):
            return ""
    return f"its arguments are not one {what}"


class OutOfTime(BaseException):
    """A job's time is over. No `Exception`: nobody may take it for an end of the operation.

    What the operation did is on record, and the next worker goes on from there.
    """


class Deadline(UnixSignalDeathPenalty):
    """A job's time limit: an exception when it is over, and `DEAF_S` later the end of the process.

    The exception cannot reach a job that hangs in native code. The end can: it comes from a thread that needs no
    interpreter, and leaves the place where it hung in the log.
    """

    def __init__(self, timeout: int, exception: object = None, **more: object) -> None:  # noqa: ARG002 (RQ's signature)
        super().__init__(timeout, OutOfTime, **more)  # type: ignore[no-untyped-call]  # RQ is typed in part

    def setup_death_penalty(self) -> None:
        """Arm both."""
        faulthandler.dump_traceback_later(self._timeout + DEAF_S, exit=True, file=STDERR)
        super().setup_death_penalty()  # type: ignore[no-untyped-call]  # RQ is typed in part

    def cancel_death_penalty(self) -> None:
        """Disarm both; time that is over in this very moment no longer matters."""
        with suppress(OutOfTime):
            super().cancel_death_penalty()  # type: ignore[no-untyped-call]  # as above
        faulthandler.cancel_dump_traceback_later()


class Wear:
    """How much this process has been used. A worn one makes room for a fresh one, between two jobs."""

    def __init__(self, *, most_jobs: int = MOST_JOBS, longest_s: float = LONGEST_S) -> None:
        self._most_jobs = most_jobs
        self._old_at = time.monotonic() + longest_s
        self._jobs = 0
        self._hung = False
        self._retired = ""

    def add(self, seconds: float, limit_s: float) -> None:
        """Count one job that took `seconds` of at most `limit_s`."""
        self._jobs += 1
        self._hung = self._hung or seconds >= limit_s

    def retire(self, why: str) -> None:
        """Let this process be replaced after the job that runs."""
        self._retired = why

    @property
    def reason(self) -> str:
        """Why this process should be replaced; empty when it should not."""
        if self._hung:
            # Interrupted anywhere, it may have left anything half done in memory.
            return "a job was interrupted by its time limit"
        if self._retired:
            return self._retired
        if self._jobs >= self._most_jobs:
            return f"{self._jobs} jobs were run"
        return "it is old" if time.monotonic() >= self._old_at else ""


class OwnWorker(SimpleWorker):
    """RQ's worker that runs jobs in its own process, with our limits."""

    job_class = OwnJob
    death_penalty_class = Deadline
    max_connection_wait_time = 2.0
    log_result_lifespan = False
    sign: ClassVar[Callable[[], None]] = staticmethod(lambda: None)
    """Gives a sign of life; must neither raise nor wait."""

    def __init__(self, queue: str, connection: redis.Redis, wear: Wear) -> None:
        super().__init__(
            [queue],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_S,
            maintenance_interval=MAINTENANCE_S,
            default_result_ttl=KEEP_S,
            log_job_description=False,
        )
        self.wear = wear
        self.asked_to_stop = False
        self._busy = False

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job here, and end after it when this process is worn."""
        started, self._busy = time.monotonic(), True
        OwnWorker.sign()
        if job.enqueued_at is not None:
            QUEUE_WAIT.labels(_SHORT[queue.name]).observe(max(0.0, (utcnow() - job.enqueued_at).total_seconds()))
        try:
            super().execute_job(job, queue)
        finally:
            self._busy, seconds = False, time.monotonic() - started
            JOB.labels(_SHORT[queue.name]).observe(seconds)
            self.wear.add(seconds, job.timeout or TIMEOUT_S)
        self._stop_requested = self._stop_requested or bool(self.wear.reason)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002 (RQ's signature)
        """Return how long a job may be silent before RQ counts it as abandoned: nothing beats while it runs here.

        Nobody waits for that. Who was killed leaves the operation in our own index, which starts it again in seconds.
        """
        return TIMEOUT_S + DEAF_S + HEARTBEAT_S

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Beat in one round trip, and only when the last beat is old: RQ beats three times around each job."""
        OwnWorker.sign()
        if pipeline is not None or self.last_heartbeat is None:
            super().heartbeat(timeout, pipeline)
        elif (utcnow() - self.last_heartbeat).total_seconds() >= HEARTBEAT_S:
            with self.connection.pipeline(transaction=False) as own:
                super().heartbeat(timeout, own)
                own.execute()

    def subscribe(self) -> None:
        """Listen to no commands: nobody stops a job by a message."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 (RQ's signature)
        """Finish the running job, then end; being asked twice makes no difference.

        It may interrupt a job anywhere, so it speaks to nobody: RQ would write to Redis here, and could break the job.
        """
        first, self.asked_to_stop, self._stop_requested = not self.asked_to_stop, True, True
        if first and not self._busy:
            raise StopRequested


def work(
    where: str | Where,
    queue: str,
    prepare: Callable[[], None],
    wear: Wear | None = None,
    *,
    told: Callable[[str], None] | None = None,
) -> None:
    """Work on one queue, a name in `QUEUES`, until SIGTERM or SIGINT; the running job is finished first.

    Returns as well when this process is worn: run it under `supervise`. `prepare` runs once, before the first job:
    what jobs share is made there. `told` hears why a job was refused. An absent Redis is waited for.
    """
    if queue not in QUEUES:
        raise ValueError(f"there is no queue {queue!r}; choose {' or '.join(QUEUES)}")
    wear = wear or Wear()
    if told is not None:
        OwnJob.told = staticmethod(told)
    _quieten()
    exit_on_signals()
    prepare()
    # What lives as long as the process need not be looked through for garbage during jobs.
    gc.collect()
    gc.freeze()
    while not _work_once(where, QUEUES[queue], wear):
        log.warning("the %s worker starts again in %.0f s", queue, RESTART_S)
        time.sleep(RESTART_S)
    if wear.reason:
        log.info("the %s worker makes room for a fresh process: %s", queue, wear.reason)


def _work_once(where: str | Where, queue: str, wear: Wear) -> bool:
    """Return True when this process should end: it was asked to, or is worn."""
    # Between two workers there is nothing to finish; while one works, its own handlers stand in for these.
    exit_on_signals()
    OwnWorker.sign()
    worker = None
    try:
        # A client of its own: RQ raises its time limits.
        worker = OwnWorker(queue, patient(where), wear)
        worker.work(logging_level=None)
    except redis.RedisError as error:
        refusal = refusal_of(error)
        log.warning("Redis %s: %s", refusal.why if refusal else "is away", error)
    return bool(wear.reason) or (worker is not None and worker.asked_to_stop)


def _quieten() -> None:
    for name in ("rq.worker", "rq.job", "rq.queue", "rq.registry"):
        logging.getLogger(name).setLevel(logging.WARNING)
