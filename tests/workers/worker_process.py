"""The processes that the tests of this folder start: a worker, its supervisor, a clock. The job is a stand-in.

What a job does is written in its operation's reason: `sleep 1.5`, or, in its first run only, `until FILE` is there,
or one of `_TROUBLE`; `git FILE` is only done where Git servers may be waited for, which takes until FILE is there.
Each run notes its process id in the Redis list `ran:<operation id>` and its time in `began:<operation id>`.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from mesh.domain.errors import NeedsGit
from mesh.domain.operations import Operation
from mesh.operations import looking, running
from mesh.operations.stage import Stage
from settings.time import SystemTime
from store.connection import patient
from store.jobs import JobQueue
from store.locks import RedisLocks
from store.operations import RedisOperations
from store.pending import Pending
from tests.store.builders import ended
from workers import jobs, runner
from workers.clock import LEAD_S, Clock, run_until_signal
from workers.supervisor import supervise
from workers.wiring import accused


class StandIn:
    """Takes the place of a stage."""

    def __init__(self, url: str, *, asks_git: bool) -> None:
        self.client, self.asks_git = patient(url), asks_git
        self.operations = RedisOperations(self.client, SystemTime(), enqueue=JobQueue(self.client).enqueue)


def freeze() -> None:
    """Hang where no signal is heard: wait for ever, in native code, for a lock that is already held here."""
    library, lock = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
    library.pthread_mutex_lock(lock)
    library.pthread_mutex_lock(lock)


def hang() -> None:
    """Hang as an operation does, in which every `Exception` is an end that is told."""
    with suppress(Exception):
        time.sleep(30)


_TROUBLE: dict[str, Callable[[], object]] = {
    "hang": hang,
    "freeze": freeze,
    "exit": lambda: os._exit(3),
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


def run(operation_id: str, stage: Stage) -> Operation:
    """Do what the reason says, and settle the operation."""
    world = cast(StandIn, stage)
    world.client.rpush(f"began:{operation_id}", time.time())
    runs = world.client.rpush(f"ran:{operation_id}", os.getpid())
    operation = world.operations.get(operation_id)
    match operation.command.reason.split():
        case ["sleep", seconds]:
            time.sleep(float(seconds))
        case ["until", path] if runs == 1:
            while not Path(path).exists():
                time.sleep(0.02)
        case ["git", _] if not world.asks_git:
            raise NeedsGit
        case ["git", path]:
            while not Path(path).exists():
                time.sleep(0.02)
        case [trouble, "first"] if runs == 1:
            _TROUBLE[trouble]()
    return world.operations.commit(ended(operation))


def look(cluster: str, stage: Stage) -> looking.Looked:
    """Note the look in the list `looked:<cluster>`, and take as many seconds as `slow:<cluster>` says."""
    client = cast(StandIn, stage).client
    client.rpush(f"looked:{cluster}", os.getpid())
    time.sleep(float(cast(bytes, client.get(f"slow:{cluster}") or b"0")))
    return looking.Looked()


def forged_callback(*args: Any) -> None:
    """Leave a trace, if anybody ever calls this."""
    Path(os.environ["FORGED_TRACE"]).touch()


def work(url: str, queue: str, most_jobs: int = 100) -> None:
    """Be a worker whose jobs are stand-ins; one that may run no jobs cannot live."""
    if not most_jobs:
        raise SystemExit(4)
    running.run, looking.look = run, look
    runner.DEAF_S = 1
    wear = runner.Wear(most_jobs=most_jobs)
    stage = cast(Stage, StandIn(url, asks_git=queue == "git"))
    hand_on = JobQueue(patient(url)).hand_on
    runner.work(url, queue, lambda: jobs.install(stage, hand_on=hand_on), wear, told=accused(url))


def main(mode: str, url: str, *rest: str) -> None:
    """Be a worker, a supervisor or a clock."""
    logging.basicConfig(level=logging.INFO, format="%(created).3f %(levelname)s:%(name)s:%(message)s")
    if mode == "work":
        work(url, rest[0])
    elif mode == "supervise":
        supervise(list(runner.QUEUES), lambda queue: work(url, queue, *map(int, rest)))
    else:
        client = patient(url)
        pending = Pending(client, enqueue=JobQueue(client).enqueue)
        ttl_s = float(rest[0]) if rest else LEAD_S
        run_until_signal(Clock(pending, RedisLocks(client, ttl_s=ttl_s), SystemTime()))


if __name__ == "__main__":
    main(*sys.argv[1:])
