"""A Redis that answers and takes no writes is told from one that is away, and for what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.domain.errors import Unavailable
from mesh.operations.completing import nothing_started
from mesh.ports import Bucket
from playground.servers import RedisServer
from playground.serving import free_port
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.buckets import RedisBuckets
from store.connection import patient, quick, translated
from store.operations import RedisOperations
from store.standing import standing
from tests.store.builders import Handover, an_operation
from tests.store.refusing import WHY, fill, refusing

pytestmark = pytest.mark.redis


@pytest.mark.parametrize("why", WHY)
def test_what_takes_no_writes_says_why(why: str, tmp_path: Path) -> None:
    """A try, a plain command and a script are all told the reason; nobody hears that Redis did not answer."""
    with refusing(why, tmp_path / "redis") as server:
        client = quick(server.url)
        found = standing(client)
        assert (found.answers, found.writes, found.trouble) == (True, False, WHY[why])
        assert found.ours is (why != "replica")
        for write in (lambda: client.set("meshbot:a", 1), lambda: RedisBuckets(client).take(Bucket("a", 1))):
            with pytest.raises(Unavailable) as caught, translated("nobody is told"):
                write()
            assert caught.value.message.startswith(f"Redis {WHY[why]}")
            assert "is reachable" not in caught.value.hint


def test_a_redis_that_is_well_takes_the_try_and_forgets_it(redis_url: str) -> None:
    """Nothing is left behind that would stay."""
    client = quick(redis_url)
    assert standing(client).writes
    assert client.pttl("meshbot:tried") in range(-2, 1001)


def test_a_redis_that_is_away_is_no_refusal() -> None:
    """Nothing listens there: it does not answer, and is nobody's Redis."""
    found = standing(quick(f"redis://127.0.0.1:{free_port()}/0"))
    assert (found.answers, found.ours, found.trouble) == (False, False, "does not answer")


def test_a_request_to_a_full_redis_hears_at_once_that_nothing_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is an answer: there is no write under way to wait for, or to look for."""
    monkeypatch.setattr("store.operations.last_look", lambda *_, **__: pytest.fail("it looked for a write"))
    with refusing("full", tmp_path) as server:
        operations = RedisOperations(quick(server.url), SystemTime(), enqueue=Handover([]))
        with pytest.raises(Unavailable, match="Redis is full and takes no writes, so nothing was started"):
            operations.receive(an_operation(), dedupe="a", intent="a", facts={})


@pytest.mark.parametrize("away", [True, False], ids=["away", "full"])
def test_it_is_said_once_that_nothing_was_started(away: bool, tmp_path: Path) -> None:
    """Whichever part of the store it is that does not answer, before anything is written."""
    with refusing("full", tmp_path) as server:
        client = quick(f"redis://127.0.0.1:{free_port()}/0" if away else server.url)
        operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
        asks: list[Callable[[], object]] = [lambda: RedisBuckets(client).take(Bucket("a", 1))]
        asks += [lambda: operations.undone(an_operation().target), lambda: operations.delivered("a")] if away else []
        for ask in asks:
            with pytest.raises(Unavailable) as caught, nothing_started():
                ask()
            assert caught.value.message.count("nothing was started") == 1


def test_the_log_of_a_full_redis_can_be_read_and_trimmed(tmp_path: Path) -> None:
    """What makes room works where room is needed: the export, page by page, and the trimming."""
    with RedisServer(tmp_path, appendonly=False) as server:
        client = patient(server.url)
        operations = RedisOperations(client, SystemTime(), enqueue=Handover([]))
        for number in range(3):
            operations.audit({"at": 1000.0 + number, "text": "x"})
        fill(server.url)
        with pytest.raises(Unavailable, match="is full"):
            operations.audit({"at": 1003.0, "text": "x"})
        log = RedisAuditLog(client)
        entries = list(log.snapshot().entries)
        log.trim((2, entries[1].hash), (0, log.snapshot().start[1]), {"at": 1004.0, "step": "trimmed"})
        assert len(list(log.snapshot().entries)) == 2
        assert log.snapshot().broken is None
