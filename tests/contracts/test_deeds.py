"""The changes of the last days, in Redis and in memory alike."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from mesh.domain.commands import Verb
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.plans import Roles, plan
from mesh.domain.weeks import Outcome
from mesh.ports import Deeds, Operations
from settings.time import SystemTime
from store import deeds as stored
from store import keys
from store.connection import patient
from store.deeds import RedisDeeds
from store.memory import MemoryOperations
from store.memory_digests import MemoryDeeds
from store.operations import RedisOperations
from tests.builders import route
from tests.store.builders import Handover, an_operation

PLAN = plan(route(), {"v1": 50, "v2": 50}, Roles("v1", "v2"), stamps={"a": "b"})


@dataclass
class Memory:
    """Operations, and the deeds that come of them."""

    operations: Operations
    deeds: Deeds

    def promote(self, *, ago_s: float = 0.0, verb: Verb = Verb.PROMOTE) -> Operation:
        """Let a change be received, run and end, some seconds ago."""
        at, new = time.time() - ago_s, an_operation(verb)
        new = self.operations.receive(new, dedupe=new.id, intent=new.id, facts={}).operation
        running = self.operations.commit(new.move(State.RUNNING, Event(Step.PATCHING, at), plan=PLAN))
        return self.operations.commit(running.move(State.SUCCEEDED, Event(Step.VERIFIED, at)), [{"step": "verified"}])

    def told(self, operation: Operation) -> Operation:
        """Let people be told the end, and the split be measured."""
        operation = self.operations.commit(replace(operation, reported=True))
        return self.operations.commit(operation.add(Event(Step.MEASURED, time.time())))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def memory(request: pytest.FixtureRequest) -> Iterator[Memory]:
    """Each implementation in turn."""
    if request.param == "memory":
        operations = MemoryOperations(SystemTime())
        yield Memory(operations, MemoryDeeds(operations))
        return
    client = patient(request.getfixturevalue("redis_url"))
    yield Memory(RedisOperations(client, SystemTime(), enqueue=Handover([])), RedisDeeds(client))
    client.close()


def test_a_change_is_remembered_with_its_end(memory: Memory) -> None:
    """Not before it ended, and once, whatever is written of it later; oldest first."""
    assert memory.deeds.since(0) == []
    first = memory.told(memory.promote(ago_s=100))
    second = memory.promote(verb=Verb.ROLLBACK)
    found = memory.deeds.since(0)
    assert [(deed.operation, deed.outcome) for deed in found] == [
        (first.id, Outcome.PROMOTION),
        (second.id, Outcome.ROLLBACK),
    ]
    assert found[0].target == first.target
    assert found[0].at == pytest.approx(time.time() - 100, abs=5)
    memory.told(second)
    assert memory.deeds.since(0) == found


def test_only_what_ended_since_is_read(memory: Memory) -> None:
    """The moment itself counts."""
    memory.promote(ago_s=500)
    late = memory.promote(ago_s=100)
    found = memory.deeds.since(time.time() - 200)
    assert [deed.operation for deed in found] == [late.id]
    assert memory.deeds.since(found[0].at) == found


@pytest.mark.redis
def test_the_index_is_bounded(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older than a week by any calendar, or too many: the oldest are forgotten; the audit entries are whole."""
    client = patient(redis_url)
    memory = Memory(RedisOperations(client, SystemTime(), enqueue=Handover([])), RedisDeeds(client))
    memory.promote(ago_s=stored.KEPT_S + 60)
    assert memory.deeds.since(0) == []
    monkeypatch.setattr(stored, "MOST", 3)
    kept = [memory.promote(ago_s=50 - number) for number in range(5)][-3:]
    assert [deed.operation for deed in memory.deeds.since(0)] == [one.id for one in kept]
    assert client.zcard(keys.DEEDS) == 3
    assert client.llen(keys.AUDIT) == 12


@pytest.mark.redis
def test_a_commit_that_is_refused_leaves_no_deed(redis_url: str) -> None:
    """The end and the deed are one script: who lost the race for the record counts for nothing."""
    client = patient(redis_url)
    memory = Memory(RedisOperations(client, SystemTime(), enqueue=Handover([])), RedisDeeds(client))
    new = an_operation()
    new = memory.operations.receive(new, dedupe=new.id, intent=new.id, facts={}).operation
    running = memory.operations.commit(new.move(State.RUNNING, Event(Step.PATCHING, 1.0), plan=PLAN))
    stale = replace(running, revision=0).move(State.SUCCEEDED, Event(Step.VERIFIED, time.time()))
    with pytest.raises(Exception, match="revision"):
        memory.operations.commit(stale)
    assert memory.deeds.since(0) == []


@pytest.mark.redis
def test_a_deed_of_later_days_spoils_no_digest(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """An end that only a newer meshbot has a word for is left out, and said; a part more is passed over."""
    client = patient(redis_url)
    for number, parts in enumerate([["promotion"], ["handover"], ["rollback", "more"]]):
        line = json.dumps([f"op-{number}", 5.0 + number, "demo", "shop", "api", *parts])
        client.zadd(keys.DEEDS, {line: 5.0 + number})
    assert [deed.operation for deed in RedisDeeds(client).since(0)] == ["op-0", "op-2"]
    assert "op-1 ended as a newer meshbot says it ('handover')" in caplog.text
