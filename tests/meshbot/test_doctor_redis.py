"""What the doctor says of real redis-servers that are well, and of those that would forget or lose something."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from meshbot.doctor.redis import clock, copies, memory, persistence, redis, version
from meshbot.doctor.redis_rights import accepted
from meshbot.findings import Finding
from playground.sentinels import GuardedRedis
from playground.servers import HOST, PASSWORD, RIGHTS, USER, RedisServer
from settings.environment import Environment
from store.connection import patient
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
    assert [text for _, text in limited].count("it takes every command of meshbot's on every key of meshbot's") == 1


def test_a_redis_that_lets_a_new_pod_in_a_little_late_is_well(tmp_path: Path) -> None:
    """Network policies learn of a pod after it has started: being turned away at first says nothing of Redis."""
    server = RedisServer(tmp_path)
    opening = threading.Timer(1, server.start)
    opening.start()
    try:
        assert ("ok", "answers") in [
            (level, text[:7]) for level, text in told(redis(Environment(redis_url=server.url)))
        ]
    finally:
        opening.join()
        server.stop()


def test_a_login_that_is_refused_is_told_as_that(well: RedisServer) -> None:
    """A wrong password is not taken for a Redis that is away."""
    [finding] = redis(Environment(redis_url=well.url, redis_username=USER, redis_password="wrong"))
    assert (finding.level, "does not let us in" in finding.text, "REDIS_PASSWORD" in finding.todo) == (
        "fail",
        True,
        True,
    )


LOGINS: dict[str, tuple[str, list[str], str]] = {
    "keys of another environment": (
        RIGHTS.replace("~meshbot:* ~rq:*", "~staging:*"),
        ["may not touch keys meshbot:* and rq:*"],
        "~meshbot:* ~rq:*",
    ),
    "keys of ours alone": (RIGHTS.replace("~rq:*", ""), ["may not touch keys rq:*"], "~rq:*"),
    "keys of RQ to read only": (
        RIGHTS.replace("~rq:*", "%R~rq:*"),
        ["may not run evalsha, set, incr, del, expire, pexpire and 19 more on keys rq:*"],
        "+hset",
    ),
    "to read only": (
        "~* &* +@all -@write -@scripting",
        ["may not run evalsha, set, incr, del, expire, pexpire and 21 more"],
        "+zremrangebyrank +xadd +script|load +script|exists",
    ),
    "no transactions": (RIGHTS.replace("+multi ", ""), ["may not run multi"], "+multi"),
    "no ends of transactions": (RIGHTS.replace("+exec ", ""), ["may not run exec"], "+exec"),
    "no watching": (RIGHTS.replace("+watch ", ""), ["may not run watch"], "+watch"),
    "keys of another environment, and one right too few": (
        RIGHTS.replace("~meshbot:* ~rq:*", "~staging:*").replace("+info ", "+info -time "),
        ["may not touch keys meshbot:* and rq:*", "may not run time"],
        "+time",
    ),
}


@pytest.mark.parametrize("login", LOGINS)
def test_a_login_that_may_not_all_that_meshbot_does_is_named(well: RedisServer, login: str) -> None:
    """By keys or by commands, with the rules to add; what was offered to Redis is never done."""
    rules, said, lacking = LOGINS[login]
    admin: Any = patient(well.url)
    admin.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">limited", *rules.split())
    where = Environment(redis_url=well.url, redis_username="limited", redis_password="limited")
    failed = [one for one in redis(where) if one.level == "fail"]
    assert [one.text for one in failed][: len(said)] == [f"this login {text}" for text in said]
    assert lacking in " ".join(one.todo for one in failed)
    assert admin.dbsize() == 0


@pytest.mark.parametrize("right", re.findall(r"\+(\S+)", RIGHTS))
def test_each_right_of_the_docs_is_looked_for(well: RedisServer, right: str) -> None:
    """Whichever is missing is the one that is named; and nothing is asked for that the docs do not give."""
    admin: Any = patient(well.url)
    rules = [rule for rule in RIGHTS.split() if rule != f"+{right}"]
    admin.execute_command("ACL", "SETUSER", "less", "reset", "on", ">less", *rules)
    found = accepted(patient(f"redis://less:less@{HOST}:{well.port}/0"))
    assert [(one.level, one.text) for one in found] == [("fail", f"this login may not run {right}")]


def test_a_redis_that_takes_no_writes_is_named(tmp_path: Path) -> None:
    """Without the replicas that it wants, with its memory full, or as a replica that does not say what it is."""
    with RedisServer(tmp_path / "master") as master:
        admin, where = patient(master.url), Environment(redis_url=master.url)
        for setting, value, said in (
            (
                "min-replicas-to-write",
                1,
                "it does not take set, incr, del, expire, pexpire, persist and 18 more: NOREPL",
            ),
            ("maxmemory", 1000, "when used memory > 'maxmemory'"),
        ):
            admin.config_set(setting, value)
            assert any(level == "fail" and said in text for level, text in told(redis(where)))
            admin.config_set(setting, 0)
        assert "fail" not in [level for level, _ in told(redis(where))]
        with RedisServer(tmp_path / "replica", options={"replicaof": f"{HOST} {master.port}"}) as replica:
            [finding] = accepted(patient(replica.url))
            assert (finding.level, "read only replica" in finding.text) == ("fail", True)
            replica.kill()


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
            assert [text for level, text in other if level == "fail"] == ["this is a replica, and takes no writes"]
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
