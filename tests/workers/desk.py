"""A Redis with worker processes on it: what the tests of this folder share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import redis
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from mesh.domain.commands import Command, Verb
from mesh.domain.operations import Operation
from playground.processes import Child
from settings.time import SystemTime
from store.connection import patient
from store.jobs import NORMAL, JobQueue
from store.locks import RedisLocks
from store.operations import RedisOperations
from store.pending import Pending
from tests.store.builders import an_operation
from workers.clock import Clock

MODULE = "tests.workers.worker_process"


class Desk:
    """A Redis, the processes on it, and what to ask them."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self.directory = directory
        self.client: redis.Redis = patient(url)
        self.trace = directory / "forged"
        self.jobs = JobQueue(self.client)
        self.operations = RedisOperations(self.client, SystemTime(), enqueue=self.jobs.enqueue)

    def process(self, mode: str, *rest: str) -> Child:
        """Make (not start) a process; its log is `<mode>.log`."""
        argv = [sys.executable, "-m", MODULE, mode, self.url, *rest]
        return Child(mode, argv, {"FORGED_TRACE": str(self.trace)}, self.directory / f"{mode}.log")

    def supervisor(self, *rest: str) -> Child:
        """Make (not start) a supervisor of all queues; `rest` is how many jobs a worker runs at most."""
        return self.process("supervise", *rest)

    @contextmanager
    def worker(self, queue: str = "normal") -> Iterator[Child]:
        """Run a worker of one queue that is ready for jobs."""
        with self.process("work", queue) as child:
            yield child.wait_ready(lambda: self.client.scard("rq:workers") == 1)

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Run a clock in a thread."""
        stop = threading.Event()
        pending = Pending(self.client, enqueue=JobQueue(self.client).enqueue)
        clock = Clock(pending, RedisLocks(self.client, ttl_s=3), SystemTime())
        thread = threading.Thread(target=clock.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def receive(self, reason: str = "", verb: Verb = Verb.PROMOTE) -> Operation:
        """Receive one operation, which enqueues it."""
        operation = an_operation(verb, command=Command(verb=verb, service="api", reason=reason))
        return self.operations.receive(operation, dedupe=operation.id, intent=operation.id, facts={}).operation

    def settled(self, operation: Operation) -> bool:
        """Tell whether the operation is settled."""
        return self.operations.get(operation.id).settled

    def runs(self, operation: Operation) -> list[int]:
        """Process ids of the operation's runs so far."""
        pids = cast("list[bytes]", self.client.lrange(f"ran:{operation.id}", 0, -1))
        return [int(pid) for pid in pids]

    def looks(self, cluster: str) -> list[int]:
        """Process ids of the looks at a cluster so far."""
        pids = cast("list[bytes]", self.client.lrange(f"looked:{cluster}", 0, -1))
        return [int(pid) for pid in pids]

    def began(self, operation: Operation) -> list[float]:
        """When the operation's runs began, in Unix time."""
        times = cast("list[bytes]", self.client.lrange(f"began:{operation.id}", 0, -1))
        return [float(at) for at in times]

    def forge(self, function: str, *args: Any, serializer: Any = JSONSerializer, **options: Any) -> Job:
        """Enqueue a job as somebody with access to Redis could."""
        return Queue(NORMAL, connection=self.client, serializer=serializer).enqueue(function, *args, **options)

    def status(self, job: Job) -> JobStatus:
        """What RQ says of a job."""
        return Job.fetch(job.id, connection=self.client, serializer=JSONSerializer).get_status()

    def log(self, mode: str = "work") -> str:
        """What a process wrote."""
        return (self.directory / f"{mode}.log").read_text()


def wait(until: Callable[[], object], seconds: float = 60) -> None:
    """Return once `until()` is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Tell whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z")


def children(pid: int) -> list[int]:
    """Process ids of a process's children."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]
