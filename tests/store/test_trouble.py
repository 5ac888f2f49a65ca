"""What stays true when Redis hangs, dies or answers too late."""

from __future__ import annotations

import itertools
import math
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from mesh.domain.errors import LostLease, Unavailable
from mesh.domain.operations import Operation
from mesh.ports import Receipt
from playground.servers import RedisServer
from playground.serving import free_port
from settings.time import SystemTime
from store import scripts
from store.auditlog import RedisAuditLog
from store.connection import patient, quick
from store.copies import Copied
from store.locks import RedisLocks
from store.operations import RedisOperations
from tests.quickest import quickest, quickly
from tests.store.builders import Handover, a_full_operation, an_operation
from tests.world.town import until

pytestmark = pytest.mark.redis


@dataclass
class PausingClock:
    """A clock that freezes Redis at its second reading: after the deadline was asked for, before the write."""

    server: RedisServer
    readings: int = 0

    def now(self) -> float:
        """Return Unix time in seconds."""
        self.readings += 1
        if self.readings == 2:
            self.server.pause()
        return time.time()


def receive(operations: RedisOperations, operation: Operation) -> Receipt:
    """Receive with keys of its own."""
    return operations.receive(operation, dedupe=operation.id, intent=operation.id, facts={"step": "queued"})


def test_a_refused_port_is_told_within_a_second() -> None:
    """Without a Redis the person hears within a second that nothing was started."""
    operations = RedisOperations(quick(f"redis://127.0.0.1:{free_port()}/0"), SystemTime(), enqueue=Handover([]))

    def ask() -> None:
        with pytest.raises(Unavailable, match="nothing was started") as caught:
            receive(operations, an_operation())
        assert caught.value.hint

    quickly(ask, within_s=1)


@pytest.mark.parametrize("warm", [True, False], ids=["connected before", "not connected yet"])
def test_a_hung_redis_is_told_within_a_second_and_writes_nothing(own_redis: RedisServer, warm: bool) -> None:
    """A frozen Redis costs less than a second, and once it goes on it carries nothing out."""
    client = quick(own_redis.url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))

    def ask() -> float:
        if warm:
            patient(own_redis.url).ping()
            until(lambda: pings(client), "it does not go on")
        own_redis.pause()
        began = time.monotonic()
        with pytest.raises(Unavailable, match="nothing was started"):
            receive(operations, an_operation())
        took = time.monotonic() - began
        own_redis.resume()
        return took

    quickest(ask, within_s=1)
    time.sleep(0.1)
    assert patient(own_redis.url).keys("meshbot:*") == []


def pings(client: redis.Redis) -> bool:
    """Tell whether Redis answered in the client's time."""
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def test_a_write_that_a_hung_redis_finds_later_is_not_carried_out(own_redis: RedisServer) -> None:
    """When Redis freezes with our write in its socket, it refuses that write by its own clock when it goes on."""
    handover = Handover([])
    client = patient(own_redis.url)
    warm = RedisOperations(client, SystemTime(), enqueue=handover)
    receive(warm, an_operation())
    before = sorted(client.keys("*"))

    def ask() -> float:
        hurried = quick(own_redis.url)
        until(lambda: pings(hurried), "it does not go on")
        operations = RedisOperations(hurried, PausingClock(own_redis), enqueue=handover)
        began = time.monotonic()
        with pytest.raises(Unavailable, match="may have been started"):
            receive(operations, an_operation())
        took = time.monotonic() - began
        own_redis.resume()
        return took

    quickest(ask, within_s=1)
    time.sleep(0.1)
    assert sorted(patient(own_redis.url).keys("*")) == before
    assert len(handover.calls) == 1


def let_answers_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the second look the time that a busy machine may need for it."""
    monkeypatch.setattr("store.operations.ANSWER_WITHIN_S", 60)
    monkeypatch.setattr("store.operations.LOOK_S", 30)


LOSSES = [redis.ConnectionError("connection reset by peer"), redis.TimeoutError("timed out")]


@pytest.mark.parametrize("loss", LOSSES, ids=["cut off", "too late"])
def test_an_answer_lost_after_the_write_is_looked_up(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, loss: Exception
) -> None:
    """When the write was done and only its answer was lost, the operation counts as received and is enqueued."""
    handover = Handover([])
    operations = RedisOperations(patient(own_redis.url), SystemTime(), enqueue=handover)
    let_answers_come(monkeypatch)
    script = operations._receive

    def lose_answer(**call: Any) -> None:
        script(**call)
        raise loss

    monkeypatch.setattr(operations, "_receive", lose_answer)
    receipt = receive(operations, an_operation(id="op-lost"))
    assert (receipt.operation.id, receipt.created) == ("op-lost", True)
    assert handover.calls == [("op-lost", False, 0)]


@pytest.mark.parametrize("loss", LOSSES, ids=["cut off", "too late"])
def test_a_write_that_was_never_done_is_looked_up_too(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, loss: Exception
) -> None:
    """When the write got lost on its way to a Redis that answers, nothing was started, and that is said."""
    operations = RedisOperations(patient(redis_url), SystemTime(), enqueue=Handover([]))
    let_answers_come(monkeypatch)

    def lose_write(**call: Any) -> None:
        raise loss

    monkeypatch.setattr(operations, "_receive", lose_write)
    with pytest.raises(Unavailable, match="nothing was started"):
        receive(operations, an_operation())


def freezing_after_the_write(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, *, for_s: float | None = None
) -> RedisOperations:
    """Operations whose Redis carries out a write and then freezes, for so many seconds or until it is resumed."""
    operations = RedisOperations(quick(redis.url), SystemTime(), enqueue=Handover([]))
    script, write = operations._receive, Copied(patient(redis.url), scripts.RECEIVE)

    def freeze(**call: Any) -> Any:
        write(**call)
        redis.pause()
        if for_s is not None:
            threading.Timer(for_s, redis.resume).start()
        return script(**call)

    monkeypatch.setattr(operations, "_receive", freeze)
    return operations


def test_a_redis_that_freezes_after_the_write_is_not_called_idle(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the write was done and nobody can say so any more, the person hears that within a second."""
    numbers = itertools.count()

    def ask() -> float:
        name = f"op-frozen-{next(numbers)}"
        operations = freezing_after_the_write(own_redis, monkeypatch)
        began = time.monotonic()
        with pytest.raises(Unavailable, match="may have been started") as caught:
            receive(operations, an_operation(id=name))
        took = time.monotonic() - began
        assert "Look for its card" in caught.value.hint
        own_redis.resume()
        assert written(own_redis, name)
        return took

    quickest(ask, within_s=1)


def written(server: RedisServer, operation_id: str) -> bool:
    """Tell whether the operation is on record, however long that takes."""
    operations = RedisOperations(patient(server.url), SystemTime(), enqueue=Handover([]))
    return operations.get(operation_id).id == operation_id


def test_a_slow_answer_is_waited_for_in_the_second_look(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When Redis freezes after the write and goes on within the second, the person gets the operation."""
    numbers = itertools.count()

    def ask() -> float:
        name = f"op-slow-{next(numbers)}"
        operations = freezing_after_the_write(own_redis, monkeypatch, for_s=0.47)
        began = time.monotonic()
        try:
            assert receive(operations, an_operation(id=name)).operation.id == name
        except Unavailable:
            # It went on too late for the second look.
            return math.inf
        return time.monotonic() - began

    quickest(ask, within_s=1)


def test_the_next_request_works_when_redis_is_back(own_redis: RedisServer) -> None:
    """The same client serves the next request after a hang and after a restart, without anybody's help."""
    client = quick(own_redis.url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    own_redis.pause()
    with pytest.raises(Unavailable):
        receive(operations, an_operation())
    own_redis.resume()
    # The next connections of the same client may take what a busy machine takes.
    client.connection_pool.connection_kwargs.update(socket_connect_timeout=30, socket_timeout=30)
    assert receive(operations, an_operation()).created
    own_redis.kill()
    own_redis.start()
    assert receive(operations, an_operation()).created


def test_what_was_acknowledged_survives_a_killed_redis(own_redis: RedisServer) -> None:
    """After kill -9 and restart the operation, its audit entry and its due time are there."""
    client = patient(own_redis.url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    operation = receive(operations, a_full_operation()).operation
    own_redis.kill()
    own_redis.start()
    assert operations.get(operation.id) == operation
    assert RedisAuditLog(client).snapshot().broken is None
    assert client.zscore("meshbot:open", operation.id) is not None


def test_a_client_that_repeats_a_commit_does_it_once(own_redis: RedisServer) -> None:
    """When a hung Redis finds a commit and its repetition, it carries out one, and the caller hears of success."""
    operations = RedisOperations(patient(own_redis.url), SystemTime(), enqueue=Handover([]))
    operation = operations.commit(receive(operations, an_operation()).operation)  # the script is loaded now
    own_redis.pause()
    threading.Timer(1.3, own_redis.resume).start()
    written = operations.commit(operation)
    assert written.revision == 2
    assert operations.get(operation.id) == written


def test_a_commit_that_reaches_redis_twice_is_done_once(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same commit a second time changes nothing, adds no audit entry, and is answered like the first."""
    client = patient(redis_url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    operation = receive(operations, an_operation()).operation
    script = operations._commit

    def twice(**call: Any) -> Any:
        script(**call)
        return script(**call)

    monkeypatch.setattr(operations, "_commit", twice)
    written = operations.commit(operation, [{"step": "checking"}])
    assert operations.get(operation.id) == written
    assert [entry.facts["step"] for entry in RedisAuditLog(client).entries()] == ["queued", "checking"]


def test_every_reader_says_unavailable(own_redis: RedisServer) -> None:
    """No error of the Redis library leaves this room."""
    client = quick(own_redis.url)
    operations, log = RedisOperations(client, SystemTime(), enqueue=Handover([])), RedisAuditLog(client)
    own_redis.kill()
    calls = (
        lambda: operations.get("op-1"),
        lambda: operations.recent(channel="C1"),
        lambda: operations.later("op-1", seconds=1),
        lambda: operations.commit(an_operation()),
        lambda: operations.audit({}),
        lambda: list(log.entries()),
        log.head,
        log.snapshot,
        lambda: RedisLocks(client).hold("a", wait_s=0).__enter__(),
    )
    for call in calls:
        with pytest.raises(Unavailable):
            call()


def test_a_lease_does_not_survive_the_loss_of_redis(own_redis: RedisServer) -> None:
    """After Redis was away for longer than the lease lives, commits under it are refused for good."""
    client = patient(own_redis.url)
    operations, locks = RedisOperations(client, SystemTime(), enqueue=Handover([])), RedisLocks(client, ttl_s=0.3)
    operation = receive(operations, an_operation()).operation
    with locks.hold("route", wait_s=0) as lease:
        assert lease is not None
        own_redis.kill()
        time.sleep(0.4)
        own_redis.start()
        time.sleep(0.3)
        with pytest.raises(LostLease):
            operations.commit(operation, lease=lease)
        with locks.hold("route", wait_s=0) as next_lease:
            assert next_lease is not None
            assert next_lease.token > lease.token


def test_the_lock_of_a_dead_holder_ends_by_itself(redis_url: str) -> None:
    """A holder that renews nothing any more loses the lock after its lifetime, and not before."""
    locks, started = RedisLocks(patient(redis_url), ttl_s=0.3), time.monotonic()
    assert locks._obtain("route", 0)
    with locks.hold("route", wait_s=60) as lease:
        assert lease is not None
        assert time.monotonic() - started > 0.25
