"""What every memory of freezes keeps, the one in Redis and the one in memory alike."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import pytest
import redis

from mesh.domain.errors import Unavailable
from mesh.domain.freezes import Freeze
from mesh.domain.scopes import Scope
from mesh.ports import Freezes
from settings.time import SystemTime
from store import keys
from store.connection import patient, quick
from store.freezes import FORGET_S, RedisFreezes
from store.memory import MemoryFreezes

API = Scope(("prod",), ("shop",), ("api",))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def freezes(request: pytest.FixtureRequest) -> Iterator[Freezes]:
    """Each implementation in turn."""
    if request.param == "memory":
        yield MemoryFreezes(SystemTime())
        return
    client = patient(request.getfixturevalue("redis_url"))
    yield RedisFreezes(client, SystemTime())
    client.close()


def a_freeze(name: str = "op-1", *, since: float = 0.0, until: float = math.inf) -> Freeze:
    """A freeze of one service, in force now."""
    return Freeze(name, API, since or time.time(), until, "incident 4412", "U0JIN")


def test_a_freeze_stands_as_it_was_put(freezes: Freezes) -> None:
    """Whole, with an end or without; oldest first."""
    later, endless = a_freeze("op-2", until=time.time() + 100), a_freeze("op-1", since=time.time() - 100)
    freezes.put(later)
    freezes.put(endless)
    assert freezes.standing() == [endless, later]


def test_what_is_over_does_not_stand(freezes: Freezes) -> None:
    """Neither what ended by itself nor what was lifted."""
    freezes.put(a_freeze("op-1", until=time.time() - 1))
    freezes.put(a_freeze("op-2"))
    freezes.lift("op-2")
    assert freezes.standing() == []


def test_lifting_what_is_not_there_does_nothing(freezes: Freezes) -> None:
    """Once, twice, or a freeze that nobody made; others stand."""
    freezes.put(a_freeze("op-1"))
    freezes.put(a_freeze("op-2"))
    for name in ("op-2", "op-2", "op-gone"):
        freezes.lift(name)
    assert [one.id for one in freezes.standing()] == ["op-1"]


def test_a_known_id_is_left_alone(freezes: Freezes) -> None:
    """A worker that comes back does not change a freeze, and does not bring back one that was lifted."""
    first = a_freeze("op-1")
    freezes.put(first)
    freezes.put(a_freeze("op-1", until=time.time() + 5))
    assert freezes.standing() == [first]
    freezes.lift("op-1")
    freezes.put(first)
    assert freezes.standing() == []


@pytest.mark.redis
def test_what_is_long_over_is_forgotten(redis_url: str) -> None:
    """A day after its end, when the next one is put: the hash stays small."""
    client: redis.Redis = patient(redis_url)
    freezes = RedisFreezes(client, SystemTime())
    freezes.put(a_freeze("op-old", until=time.time() - FORGET_S - 1))
    freezes.put(a_freeze("op-late", until=time.time() - FORGET_S + 60))
    freezes.put(a_freeze("op-new"))
    assert set(client.hkeys(keys.FREEZES)) == {b"op-late", b"op-new"}


@pytest.mark.redis
def test_a_freeze_that_cannot_be_read_is_no_answer(redis_url: str) -> None:
    """It may hold: who asks is told that nobody can tell, and so lets nothing rise."""
    client: redis.Redis = patient(redis_url)
    client.hset(keys.FREEZES, "op-1", b'{"kind": "of tomorrow"}')
    with pytest.raises(Unavailable, match="cannot be read"):
        RedisFreezes(client, SystemTime()).standing()


def test_a_redis_that_is_away_is_no_answer() -> None:
    """Nothing is taken for not frozen because Redis does not say."""
    freezes = RedisFreezes(quick("redis://127.0.0.1:1/0"), SystemTime())
    for ask in (freezes.standing, lambda: freezes.put(a_freeze()), lambda: freezes.lift("op-1")):
        with pytest.raises(Unavailable, match="not known what is frozen"):
            ask()
