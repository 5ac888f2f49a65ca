"""What the doctor says of real redis-servers that are well, and of those that would forget or lose something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from meshbot.doctor.redis import clock, copies, memory, persistence, processes, redis, version
from meshbot.findings import Finding
from playground.sentinels import GuardedRedis
from playground.servers import HOST, PASSWORD, USER, RedisServer
from settings.environment import Environment
from store.connection import patient
from store.locks import RedisLocks
from tests.workers.desk import Desk
from tests.world.town import until

pytestmark = pytest.mark.redis


def told(found: Iterator[Finding]) -> list[tuple[str, str]]:
    """Level and text."""
    return [(one.level, one.text) for one in found]


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server as docs/redis.md wants it."""
    options = {"appendfsync": "always", "maxmemory": "256mb"}
    with RedisServer(tmp_path_factory.mktemp("well"), options=options) as server:
        yield server


def test_a_server_as_the_docs_want_it_is_well(well: RedisServer) -> None:
    """Every line is ok, also for who may not ask for the configuration: then it says what it cannot tell."""
    found = told(redis(Environment(redis_url=well.url)))
    assert {level for level, _ in found} == {"ok"}
    texts = " ".join(text for _, text in found)
    for said in ("appendonly yes", "noeviction", "appendfsync always", "of 268 MB", "clock and ours agree"):
        assert said in texts
    limited = told(redis(Environment(redis_url=well.url, redis_username=USER, redis_password=PASSWORD)))
    assert {level for level, _ in limited} == {"ok"}
    assert ("ok", "cannot tell its appendfsync: this Redis does not let us ask") in limited


def test_a_login_that_is_refused_is_told_as_that(well: RedisServer) -> None:
    """A wrong password is not taken for a Redis that is away."""
    [finding] = redis(Environment(redis_url=well.url, redis_username=USER, redis_password="wrong"))
    assert (finding.level, "does not let us in" in finding.text, "REDIS_PASSWORD" in finding.todo) == (
        "fail",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"maxmemory-policy": "allkeys-lru", "maxmemory": "100mb"}, ("warn", "maxmemory-policy allkeys-lru")),
        ({"maxmemory-policy": "volatile-ttl"}, ("warn", "without effect while there is no maxmemory")),
        ({"appendonly": "no"}, ("warn", "appendonly no")),
        ({"appendfsync": "everysec"}, ("warn", "appendfsync everysec")),
        ({"cluster-enabled": "yes"}, ("fail", "This Redis is a cluster")),
    ],
    ids=lambda one: next(iter(one), "") if isinstance(one, dict) else "",
)
def test_settings_that_lose_something_are_named(
    tmp_path: Path, options: Mapping[str, str], said: tuple[str, str]
) -> None:
    """Each with what to set instead."""
    with RedisServer(tmp_path, options=options) as server:
        found = list(redis(Environment(redis_url=server.url)))
    assert [one for one in found if one.level == said[0] and said[1] in one.text and one.todo]


def test_memory_that_runs_out_is_told_in_time(tmp_path: Path) -> None:
    """Nearly full is a warning, full a failure."""
    with RedisServer(tmp_path) as server:
        client = patient(server.url)
        info = client.info()
        used = info["used_memory"]
        for most, level in ((used * 2, "ok"), (int(used * 1.2), "warn"), (int(used * 1.01), "fail"), (0, "ok")):
            assert [one.level for one in memory({**info, "maxmemory": most})] == [level]


def test_replicas_that_nobody_waits_for_are_warned_about(tmp_path: Path) -> None:
    """A failover would forget; with copies asked for and no replica there nothing is patched, which is a failure."""
    with RedisServer(tmp_path / "master") as master:
        alone = told(redis(Environment(redis_url=master.url, redis_copies="1")))
        assert [text for level, text in alone if level == "fail"] == [
            "0 replica(s) are there, and 1 must have each write, so nothing is patched"
        ]
        with RedisServer(tmp_path / "replica", options={"replicaof": f"{HOST} {master.port}"}) as replica:
            until(lambda: patient(master.url).info("replication")["connected_slaves"] == 1, "no replica")
            found = told(redis(Environment(redis_url=master.url)))
            assert any(level == "warn" and "nobody waits for them" in text for level, text in found)
            assert any(level == "warn" and "min-replicas-to-write 0" in text for level, text in found)
            waited = told(redis(Environment(redis_url=master.url, redis_copies="1")))
            assert any(level == "ok" and "1 must have each write" in text for level, text in waited)
            other = told(redis(Environment(redis_url=replica.url)))
            assert ("fail", "this is a replica, and takes no writes") in other
            master.kill()
            replica.kill()


def test_sentinels_are_looked_at_one_by_one(tmp_path: Path) -> None:
    """Three that agree are well; one that is gone is named, and the others are enough to ask."""
    with GuardedRedis(tmp_path) as guarded:
        where = Environment(redis_url=guarded.url, redis_username=USER, redis_password=PASSWORD)
        found = told(redis(where))
        assert ("ok", "3 of them watch mymaster with 2 replica(s)") in found
        assert ("ok", "2 replica(s), and 1 must have each write before anybody acts on it") in found
        guarded.sentinels[1].kill()
        found = told(redis(where))
        assert any(level == "warn" and "no answer from 127.0.0.1:" in text for level, text in found)


@pytest.mark.parametrize(("found", "level"), [("7.0.15", "ok"), ("6.2.0", "ok"), ("6.0.9", "fail"), ("", "fail")])
def test_a_server_that_is_too_old_is_named(found: str, level: str) -> None:
    """It would not know commands that scripts use."""
    assert version({"redis_version": found}).level == level


def test_a_server_that_does_not_tell_is_asked_for_otherwise() -> None:
    """Some managed ones leave fields out: that is told as not known, never as well."""
    assert told(persistence({})) == [("warn", "cannot tell its appendonly: this Redis does not let us ask")]
    failing = {"aof_enabled": 1, "aof_last_write_status": "err"}
    assert [level for level, _ in told(persistence(failing))] == ["ok", "fail"]
    assert told(copies({}, 0)) == []


def test_clocks_that_differ_are_told(well: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """By more than the way there and back can explain."""
    client = patient(well.url)
    assert [one.level for one in clock(client)] == ["ok"]
    seconds, micros = client.time()
    monkeypatch.setattr(client, "time", lambda: (seconds + 20, micros))
    [finding] = clock(client)
    assert (finding.level, "s apart" in finding.text) == ("warn", True)


def test_processes_that_are_missing_are_named(redis_url: str, tmp_path: Path) -> None:
    """Queues without a worker, and a clock that does not run."""
    where = Environment(redis_url=redis_url)
    assert [text for _, text in told(processes(where))] == [
        "nobody works on the queue(s) urgent, normal, watch, post",
        "no clock runs",
    ]
    desk = Desk(redis_url, tmp_path)
    with desk.worker("urgent"), RedisLocks(patient(redis_url)).hold("clock", wait_s=0):
        assert [text for _, text in told(processes(where))] == ["nobody works on the queue(s) normal, watch, post"]
