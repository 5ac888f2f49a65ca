"""Two clocks and three workers on one real Redis; workers die at every point: each slot is one message."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from chat.connection import web_client
from chat.noticeboard import SlackNoticeboard, digest_key
from mesh.domain.digests import Digest, Edition, Slot, SlotState
from mesh.domain.errors import Unavailable
from mesh.domain.weeks import Week
from mesh.operations.publishing import publish
from mesh.operations.stage import Stage
from mesh.ports import Newsroom
from settings.cron import CronAlmanac
from store.connection import patient
from store.deeds import RedisDeeds
from store.digests import DueDigests, RedisSlots
from store.outbox import RedisOutbox
from tests.mesh.operations.test_digests import Killed, Press

pytestmark = pytest.mark.redis

NINE = 1764493200
DIGESTS = tuple(Digest(f"digest-{number:02}", "C0PROD", "0 9 * * *") for number in range(30))
LEASE_S = 0.3
DICE = random.Random(4412)


class Storm:
    """A board at which workers die, and Redis is away now and then."""

    def __init__(self, outbox: RedisOutbox) -> None:
        self.board = SlackNoticeboard(outbox, web_client("xoxb-test", "http://127.0.0.1:9/api/"))
        self.calm = False

    def picture(self, week: Week) -> str:
        """Die while it is gathered, now and then."""
        if not self.calm and DICE.random() < 0.3:
            raise Killed
        return ""

    def post(self, slot: Slot, channel: str, edition: Edition, *, picture: str) -> None:
        """Write it into the outbox; or die before that, or after; or get no answer."""
        fate = 1.0 if self.calm else DICE.random()
        if fate < 0.2:
            raise Unavailable("Redis did not answer.")
        if fate < 0.4:
            raise Killed
        self.board.post(slot, channel, edition, picture=picture)
        if fate < 0.5:
            raise Unavailable("Redis did not answer.")
        if fate < 0.6:
            raise Killed


@pytest.fixture
def clock_and_stage(redis_url: str) -> Iterator[tuple[Press, Stage, Storm]]:
    """A stage whose slots lie in Redis, as that of every worker."""
    press, client = Press(digests=DIGESTS), patient(redis_url)
    press.time.at = NINE - 1.0
    storm = Storm(RedisOutbox(client, press.time))
    room = Newsroom(RedisSlots(client, lease_s=LEASE_S), RedisDeeds(client), storm)
    yield press, replace(press.stage, newsroom=room), storm
    client.close()


def test_each_slot_is_one_message(clock_and_stage: tuple[Press, Stage, Storm], redis_url: str) -> None:
    """Each is in the outbox in the end, once, however many workers came to it and wherever they died."""
    press, stage, storm = clock_and_stage
    jobs: queue.Queue[Slot] = queue.Queue()
    ended = threading.Event()

    def enqueue(slot: Slot, attempt: int, *, within_s: float) -> None:
        jobs.put(slot)

    def work() -> None:
        while not ended.is_set():
            with suppress(queue.Empty, Killed, Unavailable):
                publish(jobs.get(timeout=0.05), stage)

    slots = RedisSlots(patient(redis_url), lease_s=LEASE_S)
    clocks = [DueDigests(patient(redis_url), DIGESTS, CronAlmanac(), slots=slots, enqueue=enqueue) for _ in range(2)]
    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 90
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
    assert set(states.values()) == {SlotState.POSTED}
    rows = RedisOutbox(patient(redis_url), press.time).look("C0PROD", 100).rows
    assert sorted(row.letter.key for row in rows) == sorted(digest_key(slot) for slot in wanted)
    assert {row.drawing for row in rows} == {1}
