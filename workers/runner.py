"""The worker process: RQ's forking worker, tuned to recover in seconds and deaf to every job that is not ours."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import redis
from rq import Worker
from rq.exceptions import DeserializationError, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from mesh.domain.grammar import is_operation
from store.connection import patient
from store.jobs import FUNCTION, KEEP_S, queue_name

log = logging.getLogger(__name__)

QUEUES = {"urgent": queue_name(urgent=True), "normal": queue_name(urgent=False)}
"""Name on the command line -> RQ queue. One queue for each process: a worker of two can lose a job it just took."""
RESTART_S = 1.0
WORKER_TTL_S = 20
"""RQ blocks for 15 s less than this in one wait for jobs, so dead connections are noticed within 5 s."""
HEARTBEAT_S = 5
FIELDS = frozenset(
    {"data", "status", "origin", "timeout", "result_ttl", "failure_ttl", "ttl", "worker_name"}
    | {"created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat"}
)
"""What a job may say. The rest (callbacks, webhooks, repeats) would name code to run or addresses to call."""


class ForgedJob(DeserializationError):
    """A job in our queue that we never put there."""


class OwnJob(Job):
    """A job that can only be `run_operation` with one operation id.

    JSON keeps pickle out, but RQ still imports and calls any dotted name that a job's JSON holds.
    """

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
            raise ForgedJob(problem)


def _problem(function: object, instance: object, args: object, kwargs: object) -> str:
    if function != FUNCTION or instance is not None:
        return f"it wants to call {str(function)[:80]!r}, and only {FUNCTION} is allowed"
    match args, kwargs:
        case [str(operation_id)], {} if not kwargs and is_operation(operation_id):
            return ""
    return "its arguments are not one operation id"


class OwnWorker(Worker):
    """RQ's forking worker with our limits."""

    job_class = OwnJob
    max_connection_wait_time = 2.0
    log_result_lifespan = False
    asked_to_stop = False

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002 (RQ's signature)
        """Return after how many seconds without a heartbeat RQ counts a job as abandoned; its own 60 s are too long."""
        return 3 * HEARTBEAT_S

    def subscribe(self) -> None:
        """Listen to no commands: nobody stops a job by a message, and no thread runs beside the fork."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Finish the running job, then end."""
        self.asked_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]  # RQ is typed in part


def work(redis_url: str, queue: str, prepare: Callable[[], None]) -> None:
    """Work on one queue, `urgent` or `normal`, until SIGTERM or SIGINT; the running job is finished first.

    `prepare` runs once before the first fork: import and install here what every job needs, but open no sockets.
    An absent Redis is waited for.
    """
    if queue not in QUEUES:
        raise ValueError(f"there is no queue {queue!r}; choose {' or '.join(QUEUES)}")
    _quieten()
    prepare()
    while not _work_once(redis_url, QUEUES[queue]):
        log.warning("the %s worker starts again in %.0f s", queue, RESTART_S)
        time.sleep(RESTART_S)


def _work_once(redis_url: str, queue: str) -> bool:
    """Return True when the worker ended because it was asked to."""
    _exit_on_signals()
    worker = None
    try:
        # A client of its own: RQ raises its time limits.
        worker = OwnWorker(
            [queue],
            connection=patient(redis_url),
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_S,
            job_monitoring_interval=HEARTBEAT_S,
            maintenance_interval=3 * HEARTBEAT_S,
            default_result_ttl=KEEP_S,
            log_job_description=False,
        )
        worker.work(logging_level=None)
    except redis.RedisError as error:
        log.warning("Redis is away: %s", error)
    return worker is not None and worker.asked_to_stop


def _exit_on_signals() -> None:
    """Between two workers there is nothing to finish; while one works, RQ's handlers stand in for these."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))


def _quieten() -> None:
    for name in ("rq.worker", "rq.job", "rq.queue", "rq.registry"):
        logging.getLogger(name).setLevel(logging.WARNING)


def supervise(argv_for: Callable[[str], list[str]]) -> None:
    """Run one worker process for each queue until SIGTERM or SIGINT, restarting the dead; return when all have ended.

    `argv_for("urgent")` is the command of that queue's process. On Linux the processes get SIGTERM when this one
    dies, however it dies. Must be called in the main thread.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    children = [_Child(name, argv_for(name)) for name in QUEUES]
    while not stop.wait(0.1):
        for child in children:
            child.restart_if_dead()
    for child in children:
        child.process.terminate()
    for child in children:
        child.process.wait()


class _Child:
    def __init__(self, name: str, argv: list[str]) -> None:
        self.name = name
        self.argv = argv
        self.process = self._start()
        self._restart_at: float | None = None

    def restart_if_dead(self) -> None:
        if self.process.poll() is None:
            return
        if self._restart_at is None:
            log.error("the %s worker ended with status %s and is restarted", self.name, self.process.returncode)
            self._restart_at = time.monotonic() + RESTART_S
        elif time.monotonic() >= self._restart_at:
            self.process, self._restart_at = self._start(), None

    def _start(self) -> subprocess.Popen[bytes]:
        # A fork before exec is safe here: the supervisor has one thread.
        return subprocess.Popen(self.argv, preexec_fn=_die_with_parent(os.getpid()))  # noqa: S603, PLW1509 (our own argv)


def _die_with_parent(parent: int) -> Callable[[], Any] | None:
    """Return what a child does before exec so that Linux sends it SIGTERM when `parent` is gone."""
    if sys.platform != "linux":
        return None
    prctl, set_death_signal = ctypes.CDLL(None).prctl, 1  # PR_SET_PDEATHSIG of <linux/prctl.h>

    def arrange() -> None:
        prctl(set_death_signal, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(0)

    return arrange
