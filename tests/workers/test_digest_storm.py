"""Two clocks and three workers on one real Redis; workers die at every point: each slot is posted at most once."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from mesh.digest_ports import Newsroom
from mesh.domain.digests import Digest, Edition, Slot, SlotState
from mesh.domain.errors import Unavailable
from mesh.domain.weeks import Week
from mesh.operations.publishing import publish
from mesh.operations.stage import Stage
from settings.cron import CronAlmanac
from store.connection import patient
from store.deeds import RedisDeeds
from store.digests import DueDigests, RedisSlots
from tests.mesh.operations.test_digests import Killed, Press

pytestmark = pytest.mark.redis

NINE = 1764493200
DIGESTS = tuple(Digest(f"digest-{number:02}", "C0PROD", "0 9 * * *") for number in range(30))
LEASE_S = 0.3
DICE = random.Random(4412)


class Storm:
    """A board at which workers die, and Slack is busy; it knows what people saw."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.doubtful: set[str] = set()
        """Digests whose worker died after the announcement."""
        self.calm = False
        self._lock = threading.Lock()

    def picture(self, week: Week) -> str:
        """Die before the announcement, now and then."""
        if not self.calm and DICE.random() < 0.3:
            raise Killed
        return ""

    def post(self, channel: str, edition: Edition, *, picture: str) -> str:
        """Post; or die before that, or after; or be busy."""
        fate = 1.0 if self.calm else DICE.random()
        with self._lock:
            if fate < 0.3:
                raise Unavailable("ratelimited")
            if fate < 0.5:
                self.doubtful.add(edition.name)
            if fate >= 0.4:
                self.seen[edition.name] += 1
            if fate < 0.5:
                raise Killed
            return "1.0"


@pytest.fixture
def clock_and_stage(redis_url: str) -> Iterator[tuple[Press, Stage, Storm]]:
    """A stage whose slots lie in Redis, as that of every worker."""
    press, storm, client = Press(digests=DIGESTS), Storm(), patient(redis_url)
    press.time.at = NINE - 1.0
    room = Newsroom(RedisSlots(client, lease_s=LEASE_S), RedisDeeds(client), storm)
    yield press, replace(press.stage, newsroom=room), storm
    client.close()


def test_each_slot_is_posted_at_most_once(clock_and_stage: tuple[Press, Stage, Storm], redis_url: str) -> None:
    """Those whose worker did not die over the post are posted; of the others nobody says that they were."""
    press, stage, storm = clock_and_stage
    jobs: queue.Queue[Slot] = queue.Queue()
    ended = threading.Event()

    def enqueue(slot: Slot, attempt: int, *, within_s: float) -> None:
        jobs.put(slot)

    def work() -> None:
        while not ended.is_set():
            with suppress(queue.Empty, Killed):
                publish(jobs.get(timeout=0.05), stage)

    slots = RedisSlots(patient(redis_url), lease_s=LEASE_S)
    clocks = [DueDigests(patient(redis_url), DIGESTS, CronAlmanac(), slots=slots, enqueue=enqueue) for _ in range(2)]
    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 40
    wanted = [Slot(digest.name, NINE) for digest in DIGESTS]
    while not all(slots.state(slot).over for slot in wanted) and time.monotonic() < deadline:
        for clock in clocks:
            clock.begin(press.time.at)
        # Five minutes a second: later tries are minutes apart.
        press.time.at = min(press.time.at + 15, NINE + 3500)
        storm.calm = press.time.at > NINE + 2400
        time.sleep(0.05)
    ended.set()
    for worker in workers:
        worker.join()
    states = {slot.digest: slots.state(slot) for slot in wanted}
    assert set(states.values()) == {SlotState.POSTED, SlotState.UNKNOWN}
    assert {name for name, state in states.items() if state is SlotState.UNKNOWN} == storm.doubtful
    assert max(storm.seen.values()) == 1
    assert {name for name, state in states.items() if state is SlotState.POSTED} <= set(storm.seen)
