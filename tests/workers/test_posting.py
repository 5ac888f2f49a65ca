"""Workers that post, as processes on a real Redis and against the stand-in Slack: several of them, and killed ones."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from chat.blocks import message, section
from chat.escape import esc
from chat.letters import Posts, Where
from chat.outbox import SlackCards
from mesh.domain.letters import Fate, Letter, Row
from mesh.domain.operations import Origin
from playground.processes import Child
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.connection import patient
from store.jobs import JobQueue
from store.operations import RedisOperations
from store.outbox import RedisOutbox
from telemetry.metrics import REGISTRY
from tests.chat.conftest import Slack, slack
from tests.chat.samples import SAMPLES
from tests.quickest import quickly
from tests.workers.desk import children, wait
from workers.wiring import audited

__all__ = ["slack"]
pytestmark = pytest.mark.redis
CHANNELS = ("C0PROD", "C0AUDIT")
CONFIGURATION = "clusters: {demo: {namespace: mesh-demo, mesh: istio, context: none}}\nchannels: {audit: C0AUDIT}\n"


@dataclass
class Sorting:
    """What writes letters, and the processes that post them."""

    slack: Slack
    url: str
    directory: Path

    def __post_init__(self) -> None:
        """Open the outbox as a worker has it."""
        client = patient(self.url)
        self.outbox = RedisOutbox(client, SystemTime(), enqueue=JobQueue(client).send)
        self.posts = Posts(self.outbox)
        self.client = client

    def process(self, name: str, *words: str) -> Child:
        """Make (not start) a process of the product."""
        config = self.directory / "meshbot.yaml"
        config.write_text(CONFIGURATION)
        environment = {
            "SLACK_BOT_TOKEN": str(self.slack.client.token),
            "SLACK_API_URL": f"{self.slack.url}/api/",
            "REDIS_URL": self.url,
            "MESHBOT_CONFIG": str(config),
        }
        argv = [sys.executable, "-m", "meshbot", *words]
        return Child(name, argv, environment, self.directory / f"{name}.log")

    def settled(self, keys: list[str]) -> bool:
        """Tell whether all of these reached people."""
        rows = [self.outbox.find(key) for key in keys]
        return all(row is not None and row.fate is Fate.POSTED and row.settled for row in rows)


@pytest.fixture
def sorting(slack: Slack, redis_url: str, tmp_path: Path) -> Iterator[Sorting]:
    """Two clocks; a test starts its own workers."""
    made = Sorting(slack, redis_url, tmp_path)
    with made.process("clock1", "clock"), made.process("clock2", "clock"):
        yield made


def test_a_letter_is_seen_within_moments(sorting: Sorting) -> None:
    """A worker of the queue posts what is put, within a second."""
    with sorting.process("post", "worker", "--queue", "post"):
        wait(lambda: sorting.client.scard("rq:workers") == 1)
        numbers = itertools.count()

        def post() -> None:
            key = f"hello {next(numbers)}"
            sorting.posts.post(key, Where("C0PROD"), message(esc("hello"), [section(esc("hello"))]))
            wait(lambda: sorting.settled([key]))

        quickly(post, within_s=1)


def test_several_workers_and_kills(sorting: Sorting) -> None:
    """Three workers, two clocks, kill -9 all the time: each message is there once, with its newest drawing."""
    keys = [f"{channel} {number}" for number in range(15) for channel in CHANNELS]
    workers = [sorting.process(f"post{number}", "worker", "--queue", "post") for number in range(3)]
    dice = random.Random(17)
    for worker in workers:
        worker.start()
    try:
        wait(lambda: sorting.client.scard("rq:workers") == len(workers))
        for round_ in ("first", "second"):
            for key in keys:
                drawn = message(esc(f"{key} {round_}"), [section(esc(f"{key} {round_}"))])
                sorting.posts.edit(key, Where(key.split()[0]), drawn)
            for _ in range(15):
                time.sleep(0.15 + 0.2 * dice.random())
                for victim in children(dice.choice(workers).pid):
                    os.kill(victim, signal.SIGKILL)
        wait(lambda: sorting.settled(keys), seconds=90)
    finally:
        for worker in workers:
            worker.stop()
    seen = Counter(one["text"] for channel in CHANNELS for one in sorting.slack.driver.messages(channel))
    assert seen == Counter(f"{key} second" for key in keys)


def test_what_reaches_nobody_is_in_the_audit_log(sorting: Sorting) -> None:
    """An end whose channel cannot be posted in, and whose asker is gone, is on record as lost, with the reason."""
    promoted = SAMPLES["promoted"]
    lost = replace(promoted, origin=Origin("slash", "C0NOWHERE"), actor=replace(promoted.actor, user="U0GONE"))
    with sorting.process("post", "worker", "--queue", "post"):
        SlackCards(sorting.outbox, sorting.slack.client).show(lost)
        log = RedisAuditLog(sorting.client)
        # The clock has its own to say: which configuration is in force.
        wait(lambda: any(one.facts["step"] == "lost" for one in log.entries()))
        (entry,) = (one for one in log.entries() if one.facts["step"] == "lost")
    facts = entry.facts
    assert (facts["step"], facts["operation"], facts["text"]) == ("lost", lost.id, "channel_not_found")


def test_what_reaches_nobody_is_counted(sorting: Sorting) -> None:
    """By what it is, whether or not Redis takes it into the audit log."""
    before = REGISTRY.get_sample_value("meshbot_messages_lost_total", {"kind": "card"}) or 0.0
    operations = RedisOperations(sorting.client, SystemTime(), enqueue=JobQueue(sorting.client).enqueue)
    audited(operations)(Row(Letter("card op-k3v9x2m4ta", "C0NOWHERE", "{}"), fate=Fate.LOST, why="channel_not_found"))
    assert REGISTRY.get_sample_value("meshbot_messages_lost_total", {"kind": "card"}) == before + 1
