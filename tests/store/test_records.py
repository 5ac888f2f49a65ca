"""How operations are kept."""

from __future__ import annotations

import pytest

from mesh.domain.errors import Unavailable
from store.connection import patient
from store.operations import RETENTION_S, RedisOperations
from store.records import dump_operation, load_operation
from tests.store.builders import Handover, WallClock, a_full_operation, an_operation, ended


def test_a_record_of_a_newer_meshbot_is_refused() -> None:
    """An old program does not guess at a record whose form it does not know, and says what to do."""
    record = dump_operation(a_full_operation())
    with pytest.raises(Unavailable, match="newer meshbot") as caught:
        load_operation("op-1", b"2", record)
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
    operations = RedisOperations(client, WallClock(), enqueue=Handover([]))
    operation = operations.receive(an_operation(), dedupe="d", intent="i", facts={}).operation
    operation = operations.commit(ended(operation, reported=False), [{}])
    assert client.ttl(f"meshbot:op:{operation.id}") == -1
    assert client.zcard("meshbot:open") == 1
    operations.commit(ended(operations.receive(an_operation(), dedupe="e", intent="e", facts={}).operation))
    assert client.zcard("meshbot:open") == 1
    ttls = {key: client.ttl(key) for key in client.keys("meshbot:op:*")}
    assert sorted(ttl > RETENTION_S - 5 for ttl in ttls.values()) == [False, True]
    assert client.ttl("meshbot:audit") == client.ttl("meshbot:audit:head") == -1
