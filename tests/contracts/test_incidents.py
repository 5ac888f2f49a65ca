"""What every memory of incidents keeps, the one in Redis and the one in memory alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import redis

from mesh.domain.audit import verify
from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, NotFound
from mesh.domain.incidents import ENDED, Alert, Incident
from mesh.domain.operations import Card
from mesh.domain.points import Answered, Point
from mesh.ports import AuditLog, Incidents, Open
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.connection import patient
from store.incidents import RedisIncidents
from store.memory_incidents import MemoryIncidents

API, WEB = Target("prod", "mesh-demo", "api"), Target("prod", "mesh-demo", "web")
FIRING = Alert("f1", "HighErrorRate", "critical", "5 % fail", 900.0, 1000.0, group="g")
OVER = replace(FIRING, ended_at=1100.0)


@dataclass
class Memory:
    """One implementation with what belongs to it."""

    incidents: Incidents
    log: AuditLog
    handed: list[tuple[str, str]]

    def steps(self) -> list[str]:
        """The audit log's steps, after checking its chain."""
        entries = list(self.log.entries())
        assert verify(entries, self.log.head()) is None
        return [entry.facts["step"] for entry in entries]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def memory(request: pytest.FixtureRequest) -> Iterator[Memory]:
    """Each implementation in turn."""
    handed: list[tuple[str, str]] = []

    def enqueue(incident_id: str, attempt: str) -> None:
        handed.append((incident_id, attempt))

    if request.param == "memory":
        kept = MemoryIncidents(SystemTime(), enqueue=enqueue)
        yield Memory(kept, kept.log, handed)
        return
    client: redis.Redis = patient(request.getfixturevalue("redis_url"))
    yield Memory(RedisIncidents(client, SystemTime(), enqueue=enqueue), RedisAuditLog(client), handed)
    client.close()


def incident(name: str = "in-aaaa", **changes: object) -> Incident:
    """An open incident that is not stored yet."""
    base = Incident(name, API, opened_at=1000.0, channel="C0INC", alerts=(FIRING,))
    return replace(base, **changes)  # type: ignore[arg-type]  # replace() checks the names


def over(found: Incident, *, shown: bool = True) -> Incident:
    """The same, at its end, and its card says so."""
    return replace(found, alerts=(OVER,), ended_at=1200.0, why_ended="x", drawn=ENDED if shown else "")


def test_an_incident_comes_back_as_it_was(memory: Memory) -> None:
    """Every field survives being written and read."""
    point = Point(900.0, 10.0, Answered(10.0, 99.5, 12.0), Answered(90.0, 99.9, None))
    full = incident(
        past=(OVER,),
        former="",
        card=Card("C0INC", "1.1"),
        drawn="d",
        stable="v1",
        points=(point,),
        chart="F1",
    )
    written = memory.incidents.commit(full, [{"step": "incident opened"}])
    assert written == replace(full, revision=1)
    assert memory.incidents.get(full.id) == memory.incidents.newest(API) == written


def test_what_is_not_there_is_not_found(memory: Memory) -> None:
    """A service without incidents has none; an id that was never given is told."""
    assert memory.incidents.newest(WEB) is None
    assert memory.incidents.open() == Open()
    with pytest.raises(NotFound, match="in-nothere"):
        memory.incidents.get("in-nothere")


def test_a_commit_writes_incident_and_entries(memory: Memory) -> None:
    """Both or neither; what nobody was told of goes to a worker, what leaves no entry does not."""
    first = memory.incidents.commit(incident(), [{"step": "incident opened", "incident": "in-aaaa"}])
    second = memory.incidents.commit(first)
    memory.incidents.commit(second, [{"step": "incident changed"}])
    assert memory.steps() == ["incident opened", "incident changed"]
    assert memory.handed == [("in-aaaa", "r1"), ("in-aaaa", "r3")]


def test_two_writers_of_one_revision_conflict(memory: Memory) -> None:
    """The second one leaves neither record nor entry."""
    first = memory.incidents.commit(incident())
    memory.incidents.commit(first, [{"step": "first"}])
    with pytest.raises(Conflict):
        memory.incidents.commit(first, [{"step": "second"}])
    assert memory.steps() == ["first"]


def test_twenty_openings_at_once_make_one_incident(memory: Memory) -> None:
    """A new one is written only while the newest of its service is the one that it follows."""
    outcomes: list[str] = []
    start = threading.Barrier(20)

    def begin(number: int) -> None:
        start.wait()
        try:
            memory.incidents.commit(incident(f"in-{number:04d}"), [{"step": "incident opened"}])
            outcomes.append("opened")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 19 + ["opened"]
    assert memory.steps() == ["incident opened"]
    assert len(memory.incidents.open().known) == 1


def test_the_next_incident_of_a_service_follows_the_last(memory: Memory) -> None:
    """The newest is the newest, and the one before it can still be read."""
    first = memory.incidents.commit(incident())
    first = memory.incidents.commit(over(first), [{"step": "incident closed"}])
    with pytest.raises(Conflict):
        memory.incidents.commit(incident("in-bbbb", former="in-other"))
    memory.incidents.commit(incident("in-bbbb", former=first.id))
    newest = memory.incidents.newest(API)
    assert newest is not None
    assert newest.id == "in-bbbb"
    assert memory.incidents.get("in-aaaa") == first


def test_only_what_is_open_is_listed(memory: Memory) -> None:
    """The oldest first; one that is over is not listed, whether its card says so or not."""
    memory.incidents.commit(incident("in-web1", target=WEB, opened_at=1500.0))
    api = memory.incidents.commit(incident("in-api1"))
    assert [one.id for one in memory.incidents.open().known] == ["in-api1", "in-web1"]
    api = memory.incidents.commit(over(api, shown=False))
    assert [one.id for one in memory.incidents.open().known] == ["in-web1"]
    memory.incidents.commit(over(api))
    assert [one.id for one in memory.incidents.open().known] == ["in-web1"]


def test_later_puts_off_only_what_is_not_settled(memory: Memory) -> None:
    """What is settled comes back to nobody."""
    found = memory.incidents.commit(incident())
    memory.incidents.later(found.id, seconds=60)
    memory.incidents.commit(over(found))
    memory.incidents.later(found.id, seconds=0)
    assert memory.incidents.get(found.id).settled
