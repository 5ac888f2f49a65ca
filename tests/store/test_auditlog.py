"""The audit log in Redis cannot be edited quietly."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
import redis

from mesh.domain.audit import Broken
from mesh.domain.errors import Unavailable
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.connection import patient
from store.operations import RedisOperations
from tests.store.builders import Handover, an_operation

pytestmark = pytest.mark.redis


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    """A client of a Redis whose log has three entries."""
    client = patient(redis_url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    for text in ("a", "größer", "c"):
        operations.audit({"at": 1.5, "text": text})
    return client


def put(client: Any, index: int, line: bytes) -> None:
    """Write one entry over (redis-py's types know only text here)."""
    client.lset("meshbot:audit", index, line)


def check(client: redis.Redis) -> Broken | None:
    """Verify the log as it is now."""
    return RedisAuditLog(client).snapshot().broken


def lines(client: redis.Redis) -> list[bytes]:
    """The log as kept."""
    kept: Any = client.lrange("meshbot:audit", 0, -1)
    return list(kept)


def test_an_untouched_log_is_whole(client: redis.Redis) -> None:
    """What was appended verifies, and so does an empty log."""
    assert check(client) is None
    client.flushall()
    assert check(client) is None


def test_any_changed_byte_is_found(client: redis.Redis) -> None:
    """Whichever byte of whichever entry is changed, the check names that entry, or the one it breaks."""
    for index, line in enumerate(lines(client)):
        for place, new in itertools.product(range(len(line)), (0x20, 0xFF)):
            if line[place] == new:
                continue
            put(client, index, line[:place] + bytes([new]) + line[place + 1 :])
            broken = check(client)
            assert broken is not None, (index, place)
            assert broken.seq == index + 1
        put(client, index, line)
    assert check(client) is None


def test_any_changed_byte_of_the_head_is_found(client: redis.Redis) -> None:
    """The head, too, cannot be changed without being found."""
    head: Any = client.get("meshbot:audit:head")
    for place in range(len(head)):
        client.set("meshbot:audit:head", head[:place] + b"!" + head[place + 1 :])
        assert check(client) is not None, place
    client.delete("meshbot:audit:head")
    assert check(client) is not None


def test_any_removed_entry_is_found(client: redis.Redis) -> None:
    """Taking out the first, a middle or the last entry is found."""
    kept = lines(client)
    for index in range(len(kept)):
        client.delete("meshbot:audit")
        client.rpush("meshbot:audit", *(kept[:index] + kept[index + 1 :]))
        assert check(client) is not None, index


def test_an_entry_added_past_the_head_is_found(client: redis.Redis) -> None:
    """An entry that somebody pushed without the head is found."""
    client.rpush("meshbot:audit", lines(client)[-1])
    assert check(client) is not None


def test_nothing_is_appended_to_a_damaged_head(client: redis.Redis) -> None:
    """With a head that we never wrote nothing more is done, and the error says what to do."""
    client.set("meshbot:audit:head", "many:0")
    with pytest.raises(Unavailable, match="damaged"):
        RedisOperations(client, SystemTime(), enqueue=Handover([])).audit({})
    assert len(lines(client)) == 3


@pytest.mark.parametrize("damaged", [b"\xff not JSON", b'{"body":"[1]","hash":"0"}', b'{"body":"{","hash":"0"}', b"{}"])
def test_a_damaged_line_hides_no_other(client: redis.Redis, damaged: bytes) -> None:
    """Looking for an operation's newest entry passes over lines that cannot be read."""
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    operation = operations.receive(an_operation(), dedupe="d", intent="i", facts={"step": "queued"}).operation
    client.rpush("meshbot:audit", damaged)
    latest = RedisAuditLog(client).latest(operation.id)
    assert latest is not None
    assert latest.facts["step"] == "queued"


def test_a_log_that_is_being_written_verifies(client: redis.Redis) -> None:
    """A snapshot is whole although entries are appended while it is read."""
    operations, over = RedisOperations(client, SystemTime(), enqueue=Handover([])), threading.Event()

    def write() -> None:
        while not over.is_set():
            operations.audit({"at": 1.5})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert [check(client) for _ in range(30)] == [None] * 30
    finally:
        over.set()
        writer.join()
