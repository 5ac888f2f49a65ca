"""The clock's index of incidents, with real RQ queues, and one incident among many writers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from chat.memory import FixedDirectory
from mesh.domain.audit import verify
from mesh.domain.catalog import Catalog, Channels, Cluster, Service
from mesh.domain.errors import Conflict, Unavailable
from mesh.domain.gates import Verdict
from mesh.domain.incidents import ENDED, Said
from mesh.operations.desk import Desk
from mesh.operations.incidents import Guard, Labelled, Mail, hear
from settings.time import SystemTime
from store import keys
from store.auditlog import RedisAuditLog
from store.connection import patient
from store.incidents import AGAIN_S, IncidentsDue, RedisIncidents
from store.jobs import NORMAL, JobQueue
from store.memory import MemoryBuckets, MemoryFreezes, MemoryOperations
from tests.contracts.test_incidents import API, FIRING, WEB, incident, over

pytestmark = pytest.mark.redis
LATER = 1000.0


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    """A client of an empty Redis."""
    return patient(redis_url)


def queued(client: redis.Redis) -> list[str]:
    """Ids of the jobs that wait."""
    return Queue(NORMAL, connection=client, serializer=JSONSerializer).job_ids


def test_what_was_written_is_enqueued_and_becomes_due(client: redis.Redis) -> None:
    """At once, and again by the clock in case that job is lost."""
    kept = RedisIncidents(client, SystemTime(), enqueue=JobQueue(client).incident)
    kept.commit(incident(), [{"step": "incident opened"}])
    assert queued(client) == ["in-aaaa-r1"]
    due = IncidentsDue(client, enqueue=JobQueue(client).incident)
    now = SystemTime().now()
    due.begin(now)
    assert queued(client) == ["in-aaaa-r1"]
    due.begin(now + AGAIN_S + 1)
    assert queued(client) == ["in-aaaa-r1", "in-aaaa-1"]


def test_a_lost_enqueue_is_made_good_by_the_clock(client: redis.Redis) -> None:
    """The incident is written whatever becomes of its job."""

    def lost(incident_id: str, attempt: str) -> None:
        raise Unavailable("Redis did not answer.")

    RedisIncidents(client, SystemTime(), enqueue=lost).commit(incident(), [{"step": "incident opened"}])
    IncidentsDue(client, enqueue=JobQueue(client).incident).begin(SystemTime().now() + LATER)
    assert queued(client) == ["in-aaaa-1"]


def test_ten_clocks_hand_out_once(client: redis.Redis) -> None:
    """Each due time makes one job, whatever the number of clocks."""
    kept = RedisIncidents(client, SystemTime(), enqueue=JobQueue(client).incident)
    kept.commit(incident())
    due, now = IncidentsDue(client, enqueue=JobQueue(client).incident), SystemTime().now() + LATER
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: due.begin(now), range(10)))
    assert queued(client) == ["in-aaaa-1"]


def test_what_is_settled_or_gone_is_handed_out_no_more(client: redis.Redis) -> None:
    """A record that Redis lost leaves the index as well."""
    kept = RedisIncidents(client, SystemTime(), enqueue=JobQueue(client).incident)
    found = kept.commit(incident())
    kept.commit(replace(found, ended_at=1.0, drawn=ENDED))
    kept.commit(incident("in-bbbb", former="in-aaaa"))
    client.delete(keys.incident("in-bbbb"))
    IncidentsDue(client, enqueue=JobQueue(client).incident).begin(SystemTime().now() + LATER)
    assert queued(client) == []
    assert client.zcard(keys.INCIDENTS_DUE) == 0
    assert kept.newest(API) is None
    # What is forgotten stands in nobody's way.
    assert kept.commit(incident("in-cccc")).revision == 1


def test_a_settled_incident_is_kept_for_a_while_only(client: redis.Redis) -> None:
    """An open one never expires; one that is opened again by a late word does not either."""
    kept = RedisIncidents(client, SystemTime(), enqueue=JobQueue(client).incident)
    found = kept.commit(incident())
    assert client.ttl(keys.incident("in-aaaa")) == -1
    over = kept.commit(replace(found, ended_at=1.0, drawn=ENDED))
    assert client.ttl(keys.incident("in-aaaa")) > 0
    kept.commit(replace(over, ended_at=0.0))
    assert client.ttl(keys.incident("in-aaaa")) == -1


def test_incidents_share_the_audit_log_with_operations(client: redis.Redis) -> None:
    """Many writers at once: each entry is there once, in one whole chain."""
    kept = RedisIncidents(client, SystemTime(), enqueue=JobQueue(client).incident)

    def write(number: int) -> None:
        for _ in range(100):
            try:
                found = kept.newest(API)
                base = found or incident()
                kept.commit(base, [{"step": f"change {number}"}])
            except Conflict:
                continue
            return
        raise AssertionError("too many conflicts")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(16)))
    log = RedisAuditLog(client)
    entries = list(log.entries())
    assert verify(entries, log.head()) is None
    assert sorted(entry.facts["step"] for entry in entries) == sorted(f"change {n}" for n in range(16))
    found = kept.newest(API)
    assert found is not None
    assert found.revision == 16


def test_a_pair_of_alertmanagers_in_parallel_opens_one(redis_url: str) -> None:
    """Sixteen messages at once through two bots: one incident, one opening on record, one job; and closed likewise."""
    handed: list[str] = []

    def enqueue(incident_id: str, attempt: str) -> None:
        handed.append(incident_id)

    catalog = Catalog((Cluster("demo", namespace="mesh-demo"),), (Service("api"),), Channels(incidents="C0INC"))
    time_, directory = SystemTime(), FixedDirectory({})
    desks = []
    for _ in range(2):
        bot = patient(redis_url)
        memory = (RedisIncidents(bot, time_, enqueue=enqueue), MemoryFreezes(time_), MemoryBuckets(time_))
        desks.append(Desk(catalog, MemoryOperations(time_), directory, time_, *memory))

    def send(number: int, *, firing: bool = True) -> tuple[str, ...]:
        ended_at = 0.0 if firing else time_.now()
        said = Said("f1", firing, "HighErrorRate", "critical", "5 % fail", 1000.0, ended_at)
        return hear(desks[number % 2], Mail((Labelled({"service": "api"}, said),))).incidents

    with ThreadPoolExecutor(16) as pool:
        opened = set(pool.map(send, range(16)))
        closed = set(pool.map(lambda number: send(number, firing=False), range(16)))
    assert len(opened | closed) == 1
    assert len(handed) == 2
    steps = [entry.facts["step"] for entry in RedisAuditLog(patient(redis_url)).entries()]
    assert steps == ["incident opened", "incident closed"]


def test_one_incident_of_a_newer_meshbot_is_unknown_for_its_own_service_only(client: redis.Redis) -> None:
    """Looks hold the rollout of that service and no other, in one question; what is over and told is no matter."""
    kept = RedisIncidents(client, SystemTime(), enqueue=JobQueue(client).incident)
    kept.commit(incident())
    kept.commit(incident("in-web1", target=WEB, alerts=(replace(FIRING, heard_at=time.time()),)))
    kept.commit(over(incident("in-old1", target=replace(API, service="old"))))
    for name in ("in-aaaa", "in-old1"):
        client.hset(keys.incident(name), "schema", 99)
    guard = Guard(Catalog((Cluster("prod"),), (Service("web"),)), kept, SystemTime())
    found = guard.judge_all([API, WEB])
    assert {target: [row.verdict for row in rows] for target, rows in found.items()} == {
        API: [Verdict.UNKNOWN],
        WEB: [Verdict.FAIL],
    }
    assert "newer meshbot" in found[API][0].why
    assert guard.judge(API)[0].verdict is Verdict.UNKNOWN


def test_a_newer_form_is_unavailable(client: redis.Redis) -> None:
    """Rather than misread: promotions then hold, and the next version goes on."""
    kept = RedisIncidents(client, SystemTime(), enqueue=JobQueue(client).incident)
    kept.commit(incident())
    client.hset(keys.incident("in-aaaa"), "schema", 99)
    with pytest.raises(Unavailable, match="newer meshbot"):
        kept.newest(API)
