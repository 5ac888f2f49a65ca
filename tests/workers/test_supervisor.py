"""Worker processes that die, hang or wear out, and the supervisor that replaces them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mesh.domain.commands import Verb
from tests.quickest import quickest, quickly
from tests.workers.desk import Desk, children, gone, wait
from workers import runner
from workers.supervisor import STEADY_S

pytestmark = pytest.mark.redis

TOLD_IN_A_CALLBACK = """
import os, signal, sys, time, weakref
from workers.supervisor import exit_on_signals
exit_on_signals()
kept = type("Kept", (), {})()
told = weakref.ref(kept, lambda _: [os.kill(os.getpid(), signal.SIGTERM), time.sleep(1)])
del kept
sys.exit(7)
"""


@pytest.fixture
def desk(redis_url: str, tmp_path: Path) -> Desk:
    """The shared Redis, empty."""
    return Desk(redis_url, tmp_path)


@pytest.mark.parametrize("how", ["exit", "segfault", "kill"])
def test_a_job_that_kills_its_process_harms_no_other(desk: Desk, how: str) -> None:
    """The next job runs within a second in a new process, those behind it follow, and the killer gets its next try."""
    with desk.supervisor() as supervisor, desk.clock():
        wait(lambda: desk.client.scard("rq:workers") == len(runner.QUEUES))

        def kill() -> float:
            # Who dies young for the second time is not replaced at once.
            time.sleep(STEADY_S if "is replaced" in desk.log("supervise") else 0)
            killer = desk.receive(f"{how} first")
            others = [desk.receive() for _ in range(5)]
            wait(lambda: all(map(desk.settled, [killer, *others])))
            assert [len(desk.runs(one)) for one in [killer, *others]] == [2, 1, 1, 1, 1, 1]
            assert desk.runs(killer)[0] not in children(supervisor.pid)
            return desk.began(others[0])[0] - desk.began(killer)[0]

        quickest(kill, within_s=1)


def test_a_job_whose_worker_was_killed_runs_again_within_seconds(desk: Desk) -> None:
    """After kill -9 the supervisor replaces the process and the clock hands out the job."""
    with desk.supervisor(), desk.clock():

        def kill() -> None:
            operation = desk.receive("hang first")
            wait(lambda: desk.runs(operation))
            os.kill(desk.runs(operation)[0], signal.SIGKILL)
            wait(lambda: desk.settled(operation))
            assert len(set(desk.runs(operation))) == 2

        quickly(kill, within_s=6)


def test_a_worker_that_cannot_live_is_not_started_in_a_loop(desk: Desk) -> None:
    """Who dies again and again is replaced once a second, after a first time at once."""

    def deaths() -> list[float]:
        return [float(line.split()[0]) for line in desk.log("supervise").splitlines() if "is replaced" in line]

    each = len(runner.QUEUES)
    with desk.supervisor("0") as supervisor:
        wait(lambda: len(deaths()) >= 4 * each)
        died = deaths()
        # The second time at once, then a second before each of two more; in a loop it would be a fraction of one.
        assert died[4 * each - 1] - died[each - 1] > 1.5
        assert supervisor.running


@pytest.mark.parametrize("how", ["hang", "freeze"])
def test_a_job_that_hangs_ends_and_takes_nothing_with_it(desk: Desk, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Python it is interrupted; in native code, where nothing interrupts it, its process ends and tells where.

    Either way the process is replaced, the next job runs, and the clock gives this one another try.
    """
    monkeypatch.setattr("store.jobs.TIMEOUT_S", 1)
    limit = 1 if how == "hang" else 2
    with desk.supervisor(), desk.clock():

        def hang() -> float:
            hanging, other = desk.receive(f"{how} first"), desk.receive()
            wait(lambda: desk.settled(hanging) and desk.settled(other))
            assert len(set(desk.runs(hanging))) == 2
            assert len(desk.runs(other)) == 1
            took = desk.began(other)[0] - desk.began(hanging)[0]
            assert took >= limit
            return took

        quickest(hang, within_s=limit + 1.5)
    said = "interrupted by its time limit" if how == "hang" else "in freeze"
    assert said in desk.log("supervise")


def test_a_worn_process_is_replaced_between_two_jobs(desk: Desk) -> None:
    """After its number of jobs a process ends; no job is lost, none is run twice, and no clock is needed."""
    with desk.supervisor("3"):
        operations = [desk.receive() for _ in range(7)]
        wait(lambda: all(map(desk.settled, operations)))
        runs = [desk.runs(operation) for operation in operations]
    assert [len(pids) for pids in runs] == [1] * 7
    assert sorted(runs.count(pids) for pids in {pids[0]: pids for pids in runs}.values()) == [1, 3, 3]
    assert "3 jobs were run" in desk.log("supervise")


def test_the_supervisor_serves_all_queues_and_ends_with_them(desk: Desk) -> None:
    """Each queue has its worker; SIGTERM ends all of them at once with status 0 while they are idle."""
    with desk.supervisor() as supervisor:
        desk.jobs.look("prod", 1, within_s=100)
        operations = [desk.receive(verb=verb) for verb in (Verb.ROLLBACK, Verb.PROMOTE)]
        wait(lambda: all(map(desk.settled, operations)) and desk.looks("prod"))
        workers = children(supervisor.pid)
        assert len(workers) == len(runner.QUEUES)
        wait(lambda: not any(desk.client.llen(f"rq:queue:{name}:intermediate") for name in runner.QUEUES.values()))
        time.sleep(0.2)
        os.kill(supervisor.pid, signal.SIGTERM)
        wait(lambda: not supervisor.running)
        assert supervisor.returncode == 0
        assert all(map(gone, workers))


def test_the_supervisor_ends_after_the_running_job(desk: Desk) -> None:
    """SIGTERM to the supervisor lets the job finish that a worker runs."""
    with desk.supervisor() as supervisor:
        operation = desk.receive("sleep 1")
        wait(lambda: desk.runs(operation))
        os.kill(supervisor.pid, signal.SIGTERM)
        wait(lambda: not supervisor.running)
        assert supervisor.returncode == 0
    assert desk.settled(operation)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_supervisor_leaves_no_worker(desk: Desk) -> None:
    """After kill -9 of the supervisor its workers end by themselves."""
    with desk.supervisor() as supervisor:
        wait(lambda: desk.client.scard("rq:workers") == len(runner.QUEUES))
        workers = children(supervisor.pid)
        supervisor.kill()
        wait(lambda: all(map(gone, workers)))
        assert len(workers) == len(runner.QUEUES)


def test_a_process_that_starts_ends_wherever_the_signal_finds_it() -> None:
    """Also in a callback of the garbage collector, where Python ignores exceptions."""
    died = subprocess.run([sys.executable, "-c", TOLD_IN_A_CALLBACK], capture_output=True, timeout=300, check=False)
    assert (died.returncode, died.stderr) == (0, b"")
