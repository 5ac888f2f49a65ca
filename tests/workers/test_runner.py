"""Real worker processes on a real Redis: what they run, what they refuse, and how they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import DefaultSerializer, JSONSerializer

from mesh.domain.commands import Command, Verb
from mesh.domain.operations import Operation
from mesh.operations.stage import Stage
from playground.processes import Child
from playground.servers import RedisServer
from settings.time import SystemTime
from store.connection import patient
from store.jobs import FUNCTION, NORMAL, JobQueue
from store.locks import RedisLocks
from store.operations import RedisOperations
from store.pending import Pending
from tests.store.builders import an_operation
from workers import jobs, runner
from workers.clock import Clock

pytestmark = pytest.mark.redis
MODULE = "tests.workers.worker_process"


class Desk:
    """A Redis, the processes on it, and what to ask them."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url
        self.directory = directory
        self.client: redis.Redis = patient(url)
        self.trace = directory / "forged"
        self.operations = RedisOperations(self.client, SystemTime(), enqueue=JobQueue(self.client).enqueue)

    def process(self, mode: str, *rest: str) -> Child:
        """Make (not start) a process; its log is `<mode>.log`."""
        argv = [sys.executable, "-m", MODULE, mode, self.url, *rest]
        return Child(mode, argv, {"FORGED_TRACE": str(self.trace)}, self.directory / f"{mode}.log")

    @contextmanager
    def worker(self) -> Iterator[Child]:
        """Run a worker of the normal queue that is ready for jobs."""
        with self.process("work", "normal") as child:
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

    def forge(self, function: str, *args: Any, serializer: Any = JSONSerializer, **options: Any) -> Job:
        """Enqueue a job as somebody with access to Redis could."""
        return Queue(NORMAL, connection=self.client, serializer=serializer).enqueue(function, *args, **options)

    def status(self, job: Job) -> JobStatus:
        """What RQ says of a job."""
        return Job.fetch(job.id, connection=self.client, serializer=JSONSerializer).get_status()

    def log(self, mode: str = "work") -> str:
        """What a process wrote."""
        return (self.directory / f"{mode}.log").read_text()


@pytest.fixture
def desk(redis_url: str, tmp_path: Path) -> Desk:
    """The shared Redis, empty."""
    return Desk(redis_url, tmp_path)


def wait(until: Callable[[], object], seconds: float = 10) -> None:
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


def test_a_job_is_run_in_a_child_of_its_own(desk: Desk) -> None:
    """An operation that was received is run once, in a forked process, and RQ sees a finished job."""
    with desk.worker() as worker:
        operation = desk.receive()
        wait(lambda: desk.settled(operation))
        assert len(desk.runs(operation)) == 1
        assert desk.runs(operation) != [worker.pid]
        job = Job.fetch(f"{operation.id}-0", connection=desk.client, serializer=JSONSerializer)
        wait(lambda: job.get_status() is JobStatus.FINISHED)
        assert job.return_value() == "refused"


def test_a_forged_job_is_refused_and_the_worker_goes_on(desk: Desk) -> None:
    """Jobs with another function, other arguments, a callback, or in pickle run nothing; the next good one runs."""
    touch = f"touch {desk.trace}"
    with desk.worker() as worker:
        forged = [
            desk.forge("os.system", touch),
            desk.forge("workers.jobs.install", "op-real1"),
            desk.forge("subprocess.check_output", ["touch", str(desk.trace)]),
            desk.forge(FUNCTION, "op-real1", "op-real2"),
            desk.forge(FUNCTION, "../op-real1"),
            desk.forge(FUNCTION, "op-real1\nop-real2"),
            desk.forge(FUNCTION, ["op-real1"]),
            desk.forge(FUNCTION),
            desk.forge(FUNCTION, operation_id="op-real1"),
            desk.forge("os.system", touch, serializer=DefaultSerializer),
            desk.forge(FUNCTION, "op-real1", serializer=DefaultSerializer),
        ]
        good = desk.receive()
        wait(lambda: desk.settled(good))
        assert {desk.status(job) for job in forged} == {JobStatus.FAILED}
        assert not desk.trace.exists()
        assert desk.client.keys("ran:*") == [f"ran:{good.id}".encode()]
        assert worker.running
    assert f"only {FUNCTION} is allowed" in desk.log()
    assert "not one operation id" in desk.log()


def test_callbacks_and_webhooks_of_a_job_are_ignored(desk: Desk) -> None:
    """Code that a job names beside its function is not run either, whether the job succeeds or fails."""
    callback = f"{MODULE}.forged_callback"
    names: Any = {"success_callback_name": callback, "failure_callback_name": callback}
    good, bad = desk.receive(), desk.forge(FUNCTION, "op-notthere")
    for job_id in (f"{good.id}-0", bad.id):
        desk.client.hset(f"rq:job:{job_id}", mapping=names)
    with desk.worker():
        wait(lambda: desk.settled(good) and desk.status(bad) is JobStatus.FAILED)
        marker = desk.receive()
        wait(lambda: desk.settled(marker))
    assert not desk.trace.exists()


def test_an_unreadable_job_is_passed_over(desk: Desk) -> None:
    """A job record that RQ cannot read does not end the worker."""
    broken = desk.receive()
    desk.client.hset(f"rq:job:{broken.id}-0", mapping={"timeout": "soon", "created_at": "once"})
    with desk.worker() as worker:
        good = desk.receive()
        wait(lambda: desk.settled(good))
        assert worker.running
    assert "cannot be read" in desk.log()


def test_a_job_whose_process_was_killed_runs_again_within_seconds(desk: Desk) -> None:
    """After kill -9 of the forked process the clock hands the operation out again."""
    with desk.worker(), desk.clock():
        operation = desk.receive("die first")
        wait(lambda: desk.runs(operation))
        os.kill(desk.runs(operation)[0], signal.SIGKILL)
        wait(lambda: desk.settled(operation), seconds=6)
        assert len(desk.runs(operation)) == 2


def test_a_job_whose_worker_was_killed_runs_again_within_seconds(desk: Desk) -> None:
    """After kill -9 of worker and job the supervisor restarts the one and the clock hands out the other."""
    with desk.process("supervise") as supervisor, desk.clock():
        operation = desk.receive("die first")
        wait(lambda: desk.runs(operation))
        horse = desk.runs(operation)[0]
        parent = int(Path(f"/proc/{horse}/stat").read_text().split(") ")[1].split()[1])
        os.kill(parent, signal.SIGKILL)
        os.kill(horse, signal.SIGKILL)
        wait(lambda: desk.settled(operation), seconds=10)
        assert len(desk.runs(operation)) == 2
        assert parent not in children(supervisor.pid)


def test_sigterm_finishes_the_running_job_and_takes_no_other(desk: Desk) -> None:
    """SIGTERM lets the running job end, leaves the next one in the queue, and exits with 0."""
    with desk.worker() as worker:
        running = desk.receive("sleep 0.7")
        wait(lambda: desk.runs(running))
        waiting = desk.receive()
        os.kill(worker.pid, signal.SIGTERM)
        wait(lambda: not worker.running)
        assert worker.returncode == 0
    assert desk.settled(running)
    assert not desk.runs(waiting)


def test_the_supervisor_serves_both_queues_and_ends_with_them(desk: Desk) -> None:
    """Both queues have their worker; SIGTERM ends all three processes at once with status 0 while they are idle."""
    with desk.process("supervise") as supervisor:
        operations = [desk.receive(verb=verb) for verb in (Verb.ROLLBACK, Verb.PROMOTE)]
        wait(lambda: all(map(desk.settled, operations)))
        workers = children(supervisor.pid)
        assert len(workers) == 2
        wait(lambda: not any(desk.client.llen(f"rq:queue:{name}:intermediate") for name in runner.QUEUES.values()))
        time.sleep(0.2)
        os.kill(supervisor.pid, signal.SIGTERM)
        wait(lambda: not supervisor.running, seconds=4)
        assert supervisor.returncode == 0
        assert all(map(gone, workers))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_supervisor_leaves_no_worker(desk: Desk) -> None:
    """After kill -9 of the supervisor its workers end by themselves."""
    with desk.process("supervise") as supervisor:
        wait(lambda: desk.client.scard("rq:workers") == 2)
        workers = children(supervisor.pid)
        supervisor.kill()
        wait(lambda: all(map(gone, workers)), seconds=3)
        assert len(workers) == 2


def test_a_worker_outlives_its_redis(own_redis: RedisServer, tmp_path: Path) -> None:
    """A worker waits for an absent Redis, at its start and later, and goes on when it is there."""
    desk = Desk(own_redis.url, tmp_path)
    own_redis.kill()
    with desk.process("work", "normal") as worker:
        time.sleep(1)
        own_redis.start()
        first = desk.receive()
        wait(lambda: desk.settled(first))
        own_redis.kill()
        time.sleep(0.5)
        own_redis.start()
        second = desk.receive()
        wait(lambda: desk.settled(second))
        assert worker.running


def test_a_worker_that_waits_for_redis_ends_on_sigterm(own_redis: RedisServer, tmp_path: Path) -> None:
    """Without a Redis SIGTERM ends the worker with status 0 all the same."""
    desk = Desk(own_redis.url, tmp_path)
    own_redis.kill()
    with desk.process("work", "normal") as worker:
        wait(lambda: "Redis is away" in desk.log())
        os.kill(worker.pid, signal.SIGTERM)
        wait(lambda: not worker.running, seconds=2)
        assert worker.returncode == 0


def test_an_unknown_queue_is_refused() -> None:
    """A worker of a queue that nobody fills does not start, and says which there are."""
    with pytest.raises(ValueError, match="urgent or normal"):
        runner.work("redis://127.0.0.1:1/0", "fast", lambda: None)


def test_a_stage_is_built_once_in_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first job builds the stage, later ones use it, and a forked child builds its own."""
    built: list[Stage] = []

    def factory() -> Stage:
        built.append(cast(Stage, object()))
        return built[-1]

    def run(operation_id: str, stage: Stage) -> Operation:
        seen.append(stage)
        return an_operation()

    seen: list[Stage] = []
    monkeypatch.setattr("workers.jobs.running.run", run)
    jobs.install(factory)
    assert [jobs.run_operation("op-1"), jobs.run_operation("op-1")] == ["queued", "queued"]
    pid = os.getpid()
    monkeypatch.setattr("workers.jobs.os.getpid", lambda: pid + 1)
    jobs.run_operation("op-1")
    assert seen == [built[0], built[0], built[1]]


def test_a_job_without_wiring_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that nobody wired names the command to start workers with."""
    monkeypatch.setattr(jobs._Process, "factory", None)
    with pytest.raises(RuntimeError, match="meshbot worker"):
        jobs.run_operation("op-1")
