"""The clock on a real Redis: who leads, what it hands out, and how it bears trouble."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from mesh.domain.errors import Conflict, Unavailable
from playground.processes import Child
from playground.servers import RedisServer
from playground.serving import free_port
from settings.time import SystemTime
from store.connection import patient, quick
from store.jobs import NORMAL, WATCH, JobQueue
from store.locks import RedisLocks
from store.looks import Looks
from store.pending import AGAIN_S, MOST_ATTEMPTS, Pending
from store.watches import RedisWatches
from tests.quickest import quickly
from tests.store.builders import Handover
from workers.clock import TICK_S, Clock, Ending

pytestmark = pytest.mark.redis


def clock_on(client: redis.Redis, enqueue: Any, *, ttl_s: float = 3.0) -> Clock:
    """A clock as the wiring makes it."""
    return Clock(Pending(client, enqueue=enqueue), RedisLocks(client, ttl_s=ttl_s), SystemTime())


@contextmanager
def running(clock: Clock) -> Iterator[None]:
    """Run a clock in a thread; it must end at once when it is told to."""
    stop = threading.Event()
    thread = threading.Thread(target=clock.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


def make_due(client: redis.Redis, *ids: str) -> None:
    """Write operations that are due now, as far as the clock looks at them."""
    for operation_id in ids:
        client.hset(f"meshbot:op:{operation_id}", mapping={"settled": 0, "urgent": 0})
        client.zadd("meshbot:open", {operation_id: time.time()})


def wait(until: Callable[[], object], seconds: float = 60) -> None:
    """Return once `until()` is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_what_is_due_is_handed_out_at_the_next_tick(redis_url: str) -> None:
    """An operation that is due is in its RQ queue a tick later."""
    client = patient(redis_url)
    with running(clock_on(client, JobQueue(client).enqueue)):
        wait(lambda: client.exists("meshbot:lock:clock"))
        numbers = itertools.count(1)
        queue = Queue(NORMAL, connection=client, serializer=JSONSerializer)

        def hand_out() -> None:
            name = f"op-{next(numbers)}"
            make_due(client, name)
            wait(lambda: f"{name}-1" in queue.job_ids)

        quickly(hand_out, within_s=2)


def test_three_clocks_hand_out_each_operation_once(redis_url: str) -> None:
    """Three clocks at once hand out each due operation once."""
    client, handover = patient(redis_url), Handover([])
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(running(clock_on(client, handover)))
        ids = [f"op-{number}" for number in range(30)]
        make_due(client, *ids)
        wait(lambda: len(handover.calls) >= len(ids))
        time.sleep(3 * TICK_S)
    assert sorted(handover.calls) == sorted((operation_id, False, 1) for operation_id in ids)


def test_another_clock_takes_over_at_once_when_the_leader_stops(redis_url: str) -> None:
    """A leader that ends in order gives its lock back, so that the next one need not wait for its end."""
    client, first, second = patient(redis_url), Handover([]), Handover([])
    # Longer than anybody here waits.
    with running(clock_on(client, first, ttl_s=600)):
        wait(lambda: client.exists("meshbot:lock:clock"))
        stack = ExitStack()
        stack.enter_context(running(clock_on(client, second)))
        make_due(client, "op-1")
        wait(lambda: first.calls)
    with stack:
        make_due(client, "op-2")
        wait(lambda: second.calls)
    assert [call[0] for call in first.calls + second.calls] == ["op-1", "op-2"]


def test_a_leader_that_lost_its_lock_stops_leading(redis_url: str) -> None:
    """A leader whose lock somebody else got (it was frozen for too long) hands out nothing more."""
    client, handover = patient(redis_url), Handover([])
    clock = clock_on(client, handover)
    with running(clock):
        wait(lambda: clock.leads)
        client.set("meshbot:lock:clock", "99", px=600_000)
        wait(lambda: not clock.leads)
        make_due(client, "op-1")
        time.sleep(2 * TICK_S)
    assert handover.calls == []


def test_an_operation_given_up_is_logged(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """An operation that is handed out no more is an error in the log, with its id, once and not at every tick."""
    client, handover = patient(redis_url), Handover([])
    make_due(client, "op-1")
    client.set("meshbot:attempts:op-1", MOST_ATTEMPTS)
    with running(clock_on(client, handover)):
        wait(lambda: caplog.records)
        time.sleep(3 * TICK_S)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ["op-1" in record.getMessage() for record in errors] == [True]
    assert handover.calls == []


@pytest.mark.parametrize("away", [False, True])
def test_what_is_given_up_is_ended_for_people(redis_url: str, away: bool, caplog: pytest.LogCaptureFixture) -> None:
    """An operation that is handed out no more is ended, and where that fails the clock goes on with the others."""
    client, ended = quick(redis_url), []
    make_due(client, "op-1")
    client.set("meshbot:attempts:op-1", MOST_ATTEMPTS)

    def give_up(operation_id: str) -> None:
        ended.append(operation_id)
        if away:
            raise Conflict("It went on meanwhile.")

    pending = Ending(Pending(client, enqueue=Handover([])), give_up)
    assert pending.due(time.time()) == ["op-1"]
    with running(Clock(pending, RedisLocks(client), SystemTime())):
        wait(lambda: ended)
    assert ended == ["op-1"]
    assert ("could not be ended: It went on meanwhile." in caplog.text) is away


def test_a_clock_outlives_its_redis(own_redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """While Redis is away or hangs the clock waits, says so once, and goes on when it is back."""
    client, handover = quick(own_redis.url), Handover([])
    with running(clock_on(client, handover, ttl_s=0.5)):
        wait(lambda: client.exists("meshbot:lock:clock"))
        own_redis.kill()
        time.sleep(1.2)
        own_redis.start()
        make_due(client, "op-1")
        wait(lambda: handover.calls)
        own_redis.pause()
        time.sleep(0.6)
        own_redis.resume()
        make_due(client, "op-2")
        wait(lambda: len(handover.calls) == 2)
    messages = [record.getMessage() for record in caplog.records]
    assert sum("waits for Redis" in message for message in messages) == sum(
        "goes on" in message for message in messages
    )
    assert 1 <= sum("waits for Redis" in message for message in messages) <= 2


class Impatient(threading.Event):
    """A stop signal for which nobody waits; it notes how long they would have, and stops after ten waits."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Note the wait."""
        self.waits.append(timeout)
        if len(self.waits) == 10:
            self.set()
        return self.is_set()


def test_a_clock_never_waits_long_for_redis() -> None:
    """However long Redis is away, the clock asks again every two seconds, and at first sooner."""
    stop = Impatient()
    clock_on(quick(f"redis://127.0.0.1:{free_port()}/0"), Handover([])).run(stop)
    assert stop.waits == [0.2, 0.4, 0.8, 1.6] + [2.0] * 6


def test_an_enqueue_that_fails_is_made_up_for(redis_url: str) -> None:
    """When RQ cannot be reached after an operation was claimed, it is due again a few seconds later."""
    client = patient(redis_url)
    make_due(client, "op-1")
    before = time.time()

    def unreachable(operation_id: str, *, urgent: bool, attempt: int, ahead: bool = False) -> None:
        raise Unavailable("Redis did not answer.")

    with pytest.raises(Unavailable):
        clock_on(client, unreachable).tick()
    due = cast(float, client.zscore("meshbot:open", "op-1"))
    assert due - time.time() <= AGAIN_S <= due - before


def test_a_killed_clock_is_replaced_within_seconds(redis_url: str, tmp_path: Path) -> None:
    """After kill -9 of the leading process another one leads within 3 s and a tick; SIGTERM ends that at once."""
    client = patient(redis_url)
    argv = [sys.executable, "-m", "tests.workers.worker_process", "clock", redis_url]
    # The second one's lock would outlast this test, so that only who gives it back has given it back.
    leader, other = (Child(f"of {ttl_s} s", [*argv, str(ttl_s)], log_path=tmp_path / f"{ttl_s}") for ttl_s in (3, 600))
    with leader:
        leader.wait_ready(lambda: "leads" in leader.log_tail())
        with other:
            wait(lambda: client.exists("meshbot:lock:clock"))
            leader.kill()
            assert client.pttl("meshbot:lock:clock") <= 3000
            wait(lambda: "leads" in other.log_tail())
            os.kill(other.pid, signal.SIGTERM)
            wait(lambda: not other.running)
            assert other.returncode == 0
            assert not client.exists("meshbot:lock:clock")


class Looked:
    """An `enqueue` that notes the looks, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.calls: list[tuple[str, int]] = []
        self.failures = failures

    def __call__(self, cluster: str, slot: int, *, within_s: float) -> None:
        """Note the look."""
        if self.failures:
            self.failures -= 1
            raise Unavailable("Redis did not answer.")
        self.calls.append((cluster, slot))


def roll(client: redis.Redis, *clusters: str) -> None:
    """Let clusters have an active rollout, as far as the clock looks."""
    for cluster in clusters:
        client.hset(f"meshbot:rollouts:{cluster}", "shop/api", "op-1")


def test_each_cluster_with_rollouts_is_looked_at_once_a_slot(redis_url: str) -> None:
    """However often the clock ticks there is one look for each slot and cluster, and none where nothing rolls."""
    client, looked = patient(redis_url), Looked()
    looks = Looks(client, ["prod", "far", "idle"], every_s=5, enqueue=looked)
    roll(client, "prod", "far", "elsewhere")
    for now in (1000.0, 1000.25, 1004.99, 1005.0, 1006.0):
        looks.begin(now)
    assert looked.calls == [("prod", 4000), ("far", 4000), ("prod", 4020), ("far", 4020)]


def test_a_cluster_in_a_hurry_is_looked_at_each_quarter_of_a_second(redis_url: str) -> None:
    """Only that one, and only for as long as it is asked for."""
    client, looked = patient(redis_url), Looked()
    looks = Looks(client, ["prod", "far"], every_s=5, enqueue=looked)
    roll(client, "prod", "far")
    looks.begin(1000.0)
    RedisWatches(client).hurry("prod")
    looks.begin(1000.125)
    looks.begin(1000.25)
    looks.begin(1000.5625)
    assert 0 < client.pttl("meshbot:hurry:prod") <= 2500
    client.delete("meshbot:hurry:prod")
    looks.begin(1003.0)
    assert looked.calls == [("prod", 4000), ("far", 4000), ("prod", 4001), ("prod", 4002)]


def test_two_clocks_make_one_look(redis_url: str) -> None:
    """Two clocks that both believe to lead put one job for each slot into the queue, also when it is done already."""
    client = patient(redis_url)
    roll(client, "prod")
    for _ in range(2):
        Looks(client, ["prod"], every_s=5, enqueue=JobQueue(client).look).begin(1000.0)
    queue = Queue(WATCH, connection=client, serializer=JSONSerializer)
    assert queue.job_ids == ["look-prod-4000"]
    assert 4 <= client.ttl("rq:job:look-prod-4000") <= 5


def test_looks_that_nobody_takes_do_not_pile_up(redis_url: str) -> None:
    """While there is no worker the queue holds a few looks, the newest, and not one for each slot of a night."""
    client = patient(redis_url)
    roll(client, "prod")
    looks = Looks(client, ["prod", "far"], every_s=5, enqueue=JobQueue(client).look)
    for slot in range(200, 230):
        looks.begin(5.0 * slot)
    ids = Queue(WATCH, connection=client, serializer=JSONSerializer).job_ids
    assert ids == [f"look-prod-{20 * slot}" for slot in range(225, 230)]


def test_a_look_that_could_not_be_enqueued_is_tried_again(redis_url: str) -> None:
    """When Redis fails in the middle, the next tick makes the looks of the same slot that are missing."""
    client, looked = patient(redis_url), Looked(failures=1)
    roll(client, "prod")
    looks = Looks(client, ["prod"], every_s=5, enqueue=looked)
    with pytest.raises(Unavailable):
        looks.begin(1000.0)
    looks.begin(1000.125)
    assert looked.calls == [("prod", 4000)]


def test_the_clock_begins_what_else_has_due_times(redis_url: str) -> None:
    """At each tick; one that finds Redis away is begun again at the next."""
    client, began = patient(redis_url), []

    class Other:
        def begin(self, now: float) -> None:
            began.append(now)
            if len(began) == 1:
                raise Unavailable("Redis did not answer.")

    pending = Pending(client, enqueue=Handover([]))
    with running(Clock(pending, RedisLocks(client, ttl_s=3), SystemTime(), others=(Other(),))):
        wait(lambda: len(began) >= 3)
    assert began == sorted(began)


def test_the_clock_makes_looks_and_hands_out(redis_url: str) -> None:
    """Who leads does both: the look of this slot comes within a tick, and what is due is handed out beside it."""
    client, handover, looked = patient(redis_url), Handover([]), Looked()
    roll(client, "prod")
    looks = Looks(client, ["prod"], every_s=0.25, enqueue=looked)
    clock = Clock(Pending(client, enqueue=handover), RedisLocks(client, ttl_s=3), SystemTime(), looks=looks)
    with running(clock):
        make_due(client, "op-1")
        # A busy machine may miss one.
        wait(lambda: any(three_in_a_row(looked.calls[at:]) for at in range(len(looked.calls))) and handover.calls)
    slots = [slot for _, slot in looked.calls]
    assert slots == sorted(set(slots))


def three_in_a_row(looks: list[tuple[str, int]]) -> bool:
    """Tell whether the first three of these looks are of consecutive slots."""
    slots = [slot for _, slot in looks[:3]]
    return len(slots) == 3 and slots == list(range(slots[0], slots[0] + 3))
