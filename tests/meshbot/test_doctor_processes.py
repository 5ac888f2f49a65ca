"""Which processes run, as the doctor sees it: by signs of life in a real Redis, from real workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.letters import Letter
from meshbot.doctor.processes import SILENT_S, processes
from playground.servers import PASSWORD, USER, RedisServer
from settings.environment import Environment
from settings.time import SystemTime
from store.connection import patient
from store.locks import RedisLocks
from store.outbox import RedisOutbox
from tests.meshbot.test_cli import run
from tests.workers.desk import Desk, wait
from workers.runner import QUEUES

pytestmark = pytest.mark.redis

NOBODY = "nobody works on the queue(s) urgent, normal, watch, post, git"


@pytest.fixture
def desk(redis_url: str, tmp_path: Path) -> Desk:
    """An empty Redis."""
    return Desk(redis_url, tmp_path)


def told(desk: Desk, *, before_start: bool = False) -> list[tuple[str, str]]:
    """Level and text."""
    found = processes(Environment(redis_url=desk.url), before_start=before_start)
    return [(one.level, one.text) for one in found]


def records(desk: Desk) -> Iterator[str]:
    """Keys of what RQ has of each worker."""
    names: Any = desk.client.smembers("rq:workers")
    return (name.decode() for name in names)


def silenced(desk: Desk) -> None:
    """Let every sign of life be older than a worker that lives lets it become."""
    seconds, _ = desk.client.time()
    for name in records(desk):
        desk.client.hset(name, "last_heartbeat", datetime.fromtimestamp(seconds - SILENT_S - 1, UTC).isoformat())


def apart(found: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], str]:
    """What is told beside the one warning of silent workers, and the queues that this one names."""
    [warning] = [text for level, text in found if level == "warn"]
    queues, silence = warning.removeprefix("workers of ").split(" fell silent without saying so, the last one ")
    assert int(silence.removesuffix(" s ago")) > SILENT_S
    return [one for one in found if one[0] != "warn"], queues


def test_workers_that_were_killed_count_no_longer(desk: Desk) -> None:
    """All is well while they run; without a sign of life, or when their records are gone, their queues have nobody."""
    with RedisLocks(patient(desk.url)).hold("clock", wait_s=0):
        with desk.supervisor() as supervisor:
            wait(lambda: desk.client.scard("rq:workers") == len(QUEUES))
            assert told(desk) == [("ok", "a clock runs, and every queue has a worker")]
            os.killpg(supervisor.pid, signal.SIGKILL)
            wait(lambda: not supervisor.running)
        silenced(desk)
        assert apart(told(desk)) == ([("fail", NOBODY)], "urgent, normal, watch, post, git")
        for name in records(desk):
            desk.client.delete(name)
        assert desk.client.scard("rq:workers") == len(QUEUES)
        assert told(desk) == [("fail", NOBODY)]


def test_a_worker_within_a_long_job_lives(desk: Desk) -> None:
    """Nothing beats during a job; and an idle worker beside a killed one is enough, which is told all the same."""
    with desk.worker("normal") as busy:
        operation = desk.receive("sleep 60")
        wait(lambda: desk.runs(operation))
        silenced(desk)
        assert ("fail", "nobody works on the queue(s) urgent, watch, post, git") in told(desk)
        busy.kill()
    [name] = records(desk)
    desk.client.hset(name, "state", "idle")
    with desk.process("work", "normal") as other:
        other.wait_ready(lambda: desk.client.scard("rq:workers") == 2)
        found = told(desk)
    idle = "nobody works on the queue(s) urgent, watch, post, git"
    assert apart(found) == ([("fail", idle), ("fail", "no clock runs")], "normal")


def test_before_the_start_nothing_is_missing_yet(desk: Desk) -> None:
    """The same lines only warn, so that the doctor tells whether all the rest is well by its exit code."""
    assert told(desk) == [("fail", NOBODY), ("fail", "no clock runs")]
    assert told(desk, before_start=True) == [("warn", NOBODY), ("warn", "no clock runs")]
    environment = {"REDIS_URL": desk.url, "SLACK_BOT_TOKEN": ""}
    shown = run("doctor", "--as", "clock", **environment)
    assert (shown.returncode, f"fail  workers      {NOBODY}" in shown.stdout) == (1, True)
    shown = run("doctor", "--as", "clock", "--before-start", **environment)
    assert (shown.returncode, f"warn  workers      {NOBODY}" in shown.stdout) == (0, True)


def test_messages_that_nobody_posts_are_a_finding(desk: Desk) -> None:
    """Where messages wait and no worker serves their queue, people hear nothing, and the doctor says how to mend it."""
    RedisOutbox(desk.client, SystemTime()).put(Letter("card op-1", "C1", "{}"))
    where = Environment(redis_url=desk.url)
    [waiting] = [one for one in processes(where, before_start=False) if one.what == "messages"]
    assert (waiting.level, "meshbot worker --queue post" in waiting.todo) == ("fail", True)
    with desk.process("work", "watch") as other, desk.process("work", "post") as posting:
        other.wait_ready(lambda: desk.client.scard("rq:workers:meshbot-watch") == 1)
        posting.wait_ready(lambda: desk.client.scard("rq:workers:meshbot-post") == 1)
        assert [one for one in processes(where, before_start=False) if one.what == "messages"] == []


def test_what_redis_does_not_let_us_see_is_no_silence(tmp_path: Path) -> None:
    """Without the right to look, nobody is told that all is well."""
    with RedisServer(tmp_path) as server:
        admin: Any = patient(server.url)
        admin.execute_command("ACL", "SETUSER", USER, "-smembers")
        where = Environment(redis_url=server.url, redis_username=USER, redis_password=PASSWORD)
        [finding] = processes(where, before_start=False)
    assert (finding.level, "cannot tell which processes run (NoPermissionError)" in finding.text) == ("fail", True)
