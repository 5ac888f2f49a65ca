"""What every lock keeps, the one in Redis and the one in memory alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from mesh.ports import Lease, Locks
from store import keys
from store.connection import patient
from store.locks import RedisLocks
from store.memory import MemoryLocks


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def locks(request: pytest.FixtureRequest) -> Iterator[Locks]:
    """Each implementation in turn; the one in Redis with a life that a busy machine does not outlast."""
    if request.param == "memory":
        yield MemoryLocks()
        return
    client = patient(request.getfixturevalue("redis_url"))
    yield RedisLocks(client, ttl_s=60)
    client.close()


def test_one_holder_at_a_time(locks: Locks) -> None:
    """While one holds a key, another gets None; another key is free."""
    with locks.hold("a", wait_s=0) as first, locks.hold("a", wait_s=0.05) as second, locks.hold("b", wait_s=0) as other:
        assert first is not None
        assert second is None
        assert other is not None


def test_the_lock_is_free_after_the_block(locks: Locks) -> None:
    """Leaving the block frees the lock at once, also by an exception."""
    with pytest.raises(RuntimeError), locks.hold("a", wait_s=0):
        raise RuntimeError
    with locks.hold("a", wait_s=0) as lease:
        assert lease is not None


def test_giving_up_does_not_free_the_holders_lock(locks: Locks) -> None:
    """Somebody who did not get the lock leaves it alone."""
    with locks.hold("a", wait_s=0):
        with locks.hold("a", wait_s=0) as second:
            assert second is None
        with locks.hold("a", wait_s=0) as third:
            assert third is None


def test_tokens_only_grow(locks: Locks) -> None:
    """Each lease ever given has a greater token than the one before, whatever its key."""
    tokens = []
    for key in ("a", "b", "a"):
        with locks.hold(key, wait_s=0) as lease:
            tokens.append(lease.token if lease else 0)
    assert tokens == sorted(set(tokens))


@pytest.mark.redis
def test_a_held_lock_lasts_as_long_as_its_block(redis_url: str) -> None:
    """The lease is given its whole life anew in the background, again and again, and not once its block is over."""
    client, ttl_s = patient(redis_url), 3.0
    with RedisLocks(client, ttl_s=ttl_s).hold("a", wait_s=0) as lease:
        for _ in range(2):
            least = ttl_s * 1000
            # Left alone it only falls, and is -2 in the end.
            while 0 <= (left := client.pttl(keys.lock("a"))) <= least + 200:
                least = min(least, left)
                time.sleep(0.02)
            assert left > 0, "it was not renewed"
        assert client.get(keys.lock("a")) == str(lease and lease.token).encode()
    assert client.exists(keys.lock("a")) == 0
    client.close()


def test_a_waiting_one_gets_the_lock_when_it_is_free(locks: Locks) -> None:
    """Who waits long enough gets the lock soon after its holder left."""
    got: list[Lease | None] = []

    def wait() -> None:
        with locks.hold("a", wait_s=60) as lease:
            got.append(lease)

    with locks.hold("a", wait_s=0) as first:
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.15)
        assert got == []
    waiting.join(60)
    assert first is not None
    assert got
    assert got[0] is not None
    assert got[0].token > first.token


def test_at_most_one_of_many_is_inside(locks: Locks) -> None:
    """Six threads that come and go are never two inside at once."""
    inside: list[int] = []
    most: list[int] = []

    def enter(number: int) -> None:
        with locks.hold("a", wait_s=60) as lease:
            assert lease is not None
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.01)
            inside.remove(number)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 6


def test_what_is_held_is_known_with_its_token(locks: Locks) -> None:
    """By key, as long as it is held: who came later has the greater token."""
    assert locks.held() == {}
    with locks.hold("prod/shop/api", wait_s=0) as first, locks.hold("b", wait_s=0) as second:
        assert first is not None
        assert second is not None
        assert locks.held() == {"prod/shop/api": first.token, "b": second.token}
        assert first.token < second.token
    assert locks.held() == {}
