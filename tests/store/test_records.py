"""How operations are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.errors import Unavailable
from settings.time import SystemTime
from store.connection import patient
from store.operations import RedisOperations
from store.records import SCHEMA, dump_operation, load_operation
from tests.store.builders import Handover, a_full_operation, an_operation, ended


def test_a_record_of_a_newer_meshbot_is_refused() -> None:
    """An old program does not guess at a record whose form it does not know, and says what to do."""
    record = dump_operation(a_full_operation())
    with pytest.raises(Unavailable, match="newer meshbot") as caught:
        load_operation("op-1", str(SCHEMA + 1).encode(), record)
    assert "roll-out" in caught.value.hint


def test_a_field_of_later_days_is_ignored() -> None:
    """A record of the same form with a field more is still read."""
    operation = a_full_operation()
    record = dump_operation(operation).replace(b'{"id"', b'{"novelty":1,"id"', 1)
    assert load_operation(operation.id, b"1", record) == operation


@pytest.mark.redis
def test_only_settled_operations_expire(redis_url: str) -> None:
    """An operation is kept until it is done and told, and then for 90 days; the audit log is kept for ever."""
    client = patient(redis_url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    operation = operations.receive(an_operation(), dedupe="d", intent="i", facts={}).operation
    operation = operations.commit(ended(operation, reported=False), [{}])
    assert client.ttl(f"meshbot:op:{operation.id}") == -1
    assert client.zcard("meshbot:open") == 1
    operations.commit(ended(operations.receive(an_operation(), dedupe="e", intent="e", facts={}).operation))
    assert client.zcard("meshbot:open") == 1
    ttls = {key: client.ttl(key) for key in client.keys("meshbot:op:*")}
    unsettled, settled = sorted(ttls.values())
    assert unsettled == -1
    assert settled == pytest.approx(90 * 24 * 3600, abs=5)
    assert client.ttl("meshbot:audit") == client.ttl("meshbot:audit:head") == -1


@pytest.mark.redis
def test_a_settled_operation_leaves_no_counter_behind(redis_url: str) -> None:
    """The count of its attempts lives as long as an operation may be handed out, and not for ever."""
    client = patient(redis_url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    operation = operations.receive(an_operation(), dedupe="d", intent="i", facts={}).operation
    client.set(f"meshbot:attempts:{operation.id}", 3)
    operation = operations.commit(ended(operation, reported=False))
    assert client.exists(f"meshbot:attempts:{operation.id}")
    operations.commit(replace(operation, reported=True))
    assert not client.exists(f"meshbot:attempts:{operation.id}")


@pytest.mark.redis
def test_history_keeps_the_newest_two_hundred(redis_url: str) -> None:
    """The lists of a service and of a channel do not grow for ever, and lose their oldest first."""
    client = patient(redis_url)
    operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
    received = [an_operation() for _ in range(203)]
    for operation in received:
        operations.receive(operation, dedupe=operation.id, intent=operation.id, facts={})
    newest = [operation.id.encode() for operation in reversed(received)][:200]
    for key in (f"meshbot:history:target:{received[0].target}", "meshbot:history:channel:C1"):
        assert client.lrange(key, 0, -1) == newest
