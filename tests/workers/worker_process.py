"""The processes that the tests of this folder start: a worker, its supervisor, a clock. The job is a stand-in.

What a job does is written in its operation's reason: `sleep 1.5`, or `die first` (hang in the first run, to be killed).
Each run notes its process id in the Redis list `ran:<operation id>`.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import Any, cast

import redis

from mesh.domain.operations import Operation
from mesh.operations import running
from mesh.operations.stage import Stage
from settings.time import SystemTime
from store.connection import quick
from store.jobs import JobQueue
from store.locks import RedisLocks
from store.operations import RedisOperations
from store.pending import Pending
from tests.store.builders import ended
from workers import jobs, runner
from workers.clock import LEAD_S, Clock, run_until_signal


class StandIn:
    """Takes the place of a stage."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url)
        self.operations = RedisOperations(self.client, SystemTime(), enqueue=JobQueue(self.client).enqueue)


def run(operation_id: str, stage: Stage) -> Operation:
    """Do what the reason says, and settle the operation."""
    world = cast(StandIn, stage)
    runs = world.client.rpush(f"ran:{operation_id}", os.getpid())
    operation = world.operations.get(operation_id)
    match operation.command.reason.split():
        case ["sleep", seconds]:
            time.sleep(float(seconds))
        case ["die", "first"] if runs == 1:
            time.sleep(30)
    return world.operations.commit(ended(operation))


def forged_callback(*args: Any) -> None:
    """Leave a trace, if anybody ever calls this."""
    Path(os.environ["FORGED_TRACE"]).touch()


def main(mode: str, url: str, *rest: str) -> None:
    """Be a worker, a supervisor or a clock."""
    logging.basicConfig(level=logging.INFO)
    if mode == "work":
        running.run = run
        runner.work(url, rest[0], lambda: jobs.install(lambda: cast(Stage, StandIn(url))))
    elif mode == "supervise":
        runner.supervise(lambda name: [sys.executable, "-m", __spec__.name, "work", url, name])
    else:
        client = quick(url)
        pending = Pending(client, enqueue=JobQueue(client).enqueue)
        run_until_signal(Clock(pending, RedisLocks(client, ttl_s=LEAD_S), SystemTime()))


if __name__ == "__main__":
    main(*sys.argv[1:])
