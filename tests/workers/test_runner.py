"""Real worker processes on a real Redis: what they run, what they refuse, and how they end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from rq.job import Job, JobStatus
from rq.serializers import DefaultSerializer, JSONSerializer

from mesh.domain.operations import Operation
from mesh.operations.stage import Stage
from playground.servers import RedisServer
from store.auditlog import RedisAuditLog
from store.jobs import DIGEST, FUNCTION, INCIDENT, LOOK, SEND
from telemetry.metrics import REGISTRY
from tests.store.builders import an_operation
from tests.workers.desk import MODULE, Desk, wait
from workers import jobs, runner

pytestmark = pytest.mark.redis


@pytest.fixture
def desk(redis_url: str, tmp_path: Path) -> Desk:
    """The shared Redis, empty."""
    return Desk(redis_url, tmp_path)


def test_jobs_run_in_the_worker_itself(desk: Desk) -> None:
    """Operations that were received are run once, all in the one process, and RQ sees finished jobs."""
    with desk.worker() as worker:
        operations = [desk.receive() for _ in range(3)]
        wait(lambda: all(map(desk.settled, operations)))
        assert [desk.runs(operation) for operation in operations] == [[worker.pid]] * 3
        job = Job.fetch(f"{operations[0].id}-0", connection=desk.client, serializer=JSONSerializer)
        wait(lambda: job.get_status() is JobStatus.FINISHED)
        assert job.return_value() == "refused"


def test_a_forged_job_is_counted(desk: Desk) -> None:
    """By its queue, for whoever is woken by that."""
    before = REGISTRY.get_sample_value("meshbot_forged_jobs_total", {"queue": "normal"}) or 0.0
    forged = desk.forge("os.system", "true")
    job = runner.OwnJob.fetch(forged.id, connection=desk.client, serializer=JSONSerializer)
    with pytest.raises(runner.ForgedJob):
        _ = job.func_name
    assert REGISTRY.get_sample_value("meshbot_forged_jobs_total", {"queue": "normal"}) == before + 1


def test_threat_8_a_forged_job_is_refused_and_the_worker_goes_on(desk: Desk) -> None:
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
            desk.forge(FUNCTION, "prod"),
            desk.forge(LOOK, "../prod"),
            desk.forge(LOOK, "prod", "far"),
            desk.forge(LOOK, cluster="prod"),
            desk.forge(LOOK),
            desk.forge(INCIDENT, "op-k3v9x2m4ta"),
            desk.forge(INCIDENT, "in-k3v9x2m4ta", "C0EVIL"),
            desk.forge(INCIDENT, "../in-k3v9"),
            desk.forge(DIGEST, "daily"),
            desk.forge(DIGEST, "../daily@1764493200"),
            desk.forge(DIGEST, "daily@1764493200", "daily@1764579600"),
            desk.forge(SEND, "#prod"),
            desk.forge(SEND, "C0PROD", "C0AUDIT"),
            desk.forge("workers.jobs.install_sender", "C0PROD"),
            desk.forge("os.system", touch, serializer=DefaultSerializer),
            desk.forge(FUNCTION, "op-real1", serializer=DefaultSerializer),
        ]
        good = desk.receive()
        wait(lambda: desk.settled(good))
        assert {desk.status(job) for job in forged} == {JobStatus.FAILED}
        assert not desk.trace.exists()
        assert desk.client.keys("ran:*") == [f"ran:{good.id}".encode()]
        assert worker.running
    assert f"only {FUNCTION} and {LOOK} and {INCIDENT} and {DIGEST} and {SEND} are allowed" in desk.log()
    assert "not one operation id" in desk.log()
    assert "not one cluster's name" in desk.log()
    assert "not one slot of a digest" in desk.log()
    assert "not one channel's id" in desk.log()
    # One entry a minute, however many are forged.
    [entry] = [one.facts for one in RedisAuditLog(desk.client).entries() if one.facts.get("step") == "forged"]
    assert "it wants to call 'os.system'" in entry["text"]


def test_threat_8_callbacks_and_webhooks_of_a_job_are_ignored(desk: Desk) -> None:
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


@pytest.mark.parametrize("times", [1, 3])
def test_sigterm_finishes_the_running_job_and_takes_no_other(desk: Desk, times: int) -> None:
    """SIGTERM lets the running job end, leaves the next one in the queue, exits with 0; asking again is the same."""
    with desk.worker() as worker:
        may_end = desk.directory / "may-end"
        running = desk.receive(f"until {may_end}")
        wait(lambda: desk.runs(running))
        waiting = desk.receive()
        for _ in range(times):
            os.kill(worker.pid, signal.SIGTERM)
            time.sleep(0.02)
        may_end.touch()
        wait(lambda: not worker.running)
        assert worker.returncode == 0
    assert desk.settled(running)
    assert not desk.runs(waiting)


def test_a_job_of_a_lost_redis_is_run_again_by_the_same_process(own_redis: RedisServer, tmp_path: Path) -> None:
    """A job that loses its Redis half way fails alone: its process goes on, and the clock hands it out once more."""
    desk = Desk(own_redis.url, tmp_path)
    with desk.process("work", "normal") as worker, desk.clock():
        operation = desk.receive(f"until {tmp_path / 'half-way'}")
        wait(lambda: desk.runs(operation))
        own_redis.kill()
        (tmp_path / "half-way").touch()
        # Longer than the patience of a commit.
        time.sleep(4)
        own_redis.start()
        wait(lambda: desk.settled(operation))
        assert set(desk.runs(operation)) == {worker.pid}
        assert len(desk.runs(operation)) > 1


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
        wait(lambda: not worker.running)
        assert worker.returncode == 0


def test_an_unknown_queue_is_refused() -> None:
    """A worker of a queue that nobody fills does not start, and says which there are."""
    with pytest.raises(ValueError, match="urgent or normal or watch"):
        runner.work("redis://127.0.0.1:1/0", "fast", lambda: None)


def test_all_jobs_share_the_stage_of_their_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is built for a job: each gets the stage that was installed."""
    seen: list[Stage] = []

    def run(operation_id: str, stage: Stage) -> Operation:
        seen.append(stage)
        return an_operation()

    stage = cast(Stage, object())
    monkeypatch.setattr("workers.jobs.running.run", run)
    monkeypatch.setattr(jobs._Process, "stage", None)
    jobs.install(stage)
    assert [jobs.run_operation("op-1"), jobs.run_operation("op-1")] == ["queued", "queued"]
    assert seen == [stage, stage]


@pytest.mark.parametrize("job", [jobs.run_operation, jobs.look_at, jobs.show_incident])
def test_a_job_without_wiring_says_so(monkeypatch: pytest.MonkeyPatch, job: Callable[[str], object]) -> None:
    """A process that nobody wired names the command to start workers with."""
    monkeypatch.setattr(jobs._Process, "stage", None)
    with pytest.raises(RuntimeError, match="meshbot worker"):
        job("op-1")


def test_looks_are_taken_by_a_worker_of_their_own(desk: Desk) -> None:
    """The worker of the watch queue runs a look with its cluster's name, and leaves operations to the others."""
    operation = desk.receive()
    with desk.worker("watch") as worker:
        desk.jobs.look("prod.eu", 7, within_s=60)
        wait(lambda: desk.looks("prod.eu"))
        assert desk.looks("prod.eu") == [worker.pid]
        job = Job.fetch("look-prod_eu-7", connection=desk.client, serializer=JSONSerializer)
        wait(lambda: job.get_status() is JobStatus.FINISHED)
    assert not desk.runs(operation)


def test_a_look_that_takes_longer_than_it_would_have_waited_is_finished(desk: Desk) -> None:
    """The time within which a look must begin is no limit for how long it takes."""
    with desk.worker("watch"):
        desk.client.set("slow:prod", 3.2)
        desk.jobs.look("prod", 7, within_s=3)
        wait(lambda: desk.looks("prod"))
        desk.jobs.look("prod", 8, within_s=60)
        wait(lambda: len(desk.looks("prod")) == 2)
        job = Job.fetch("look-prod-8", connection=desk.client, serializer=JSONSerializer)
        wait(lambda: job.get_status() is JobStatus.FINISHED)
    assert "Traceback" not in desk.log()


def test_a_look_that_nobody_began_in_time_is_not_taken(desk: Desk) -> None:
    """A worker that comes back late takes the newest look, and none of a slot that is over."""
    desk.jobs.look("prod", 7, within_s=1)
    time.sleep(1.1)
    desk.jobs.look("prod", 8, within_s=60)
    with desk.process("work", "watch"):
        wait(lambda: desk.looks("prod"))
        time.sleep(0.3)
    assert len(desk.looks("prod")) == 1
    assert desk.client.exists("rq:job:look-prod-7") == 0
