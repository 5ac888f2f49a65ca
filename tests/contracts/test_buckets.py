"""What every set of token buckets keeps, the one in Redis and the one in memory alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from mesh.domain.errors import Unavailable
from mesh.ports import Bucket, Buckets
from settings.time import SystemTime
from store.buckets import RedisBuckets
from store.connection import patient, quick
from store.memory import MemoryBuckets

FEW = Bucket("user:U0JIN", 3)
QUICK = Bucket("user:U0ANA", 600)
"""Ten a second."""


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def buckets(request: pytest.FixtureRequest) -> Iterator[Buckets]:
    """Each implementation in turn."""
    if request.param == "memory":
        yield MemoryBuckets(SystemTime())
        return
    client = patient(request.getfixturevalue("redis_url"))
    yield RedisBuckets(client)
    client.close()


def test_as_many_at_once_as_in_a_minute(buckets: Buckets) -> None:
    """Then one has to wait for its part of a minute; other buckets are full."""
    assert [buckets.take(FEW) for _ in range(3)] == [0.0] * 3
    assert buckets.take(FEW) == pytest.approx(20.0, abs=0.5)
    assert buckets.take(QUICK) == 0.0


def test_who_is_turned_away_pays_nothing(buckets: Buckets) -> None:
    """Asking again and again does not make the wait longer."""
    while not buckets.take(FEW):
        pass
    waits = [buckets.take(FEW) for _ in range(5)]
    assert max(waits) <= 20.0
    assert waits == sorted(waits, reverse=True)


def test_a_bucket_fills_with_time(buckets: Buckets) -> None:
    """At its own rate, and never above its size."""
    while not buckets.take(QUICK):
        pass
    emptied, taken = time.monotonic(), 0
    time.sleep(0.25)
    while not buckets.take(QUICK):
        taken += 1
    # As many as the time has brought, which is more on a busy machine; a part of one may be there before.
    assert 2 <= taken <= (time.monotonic() - emptied) * 10 + 1


@pytest.mark.redis
def test_bots_take_from_the_same_bucket(redis_url: str) -> None:
    """Whatever the number of processes, no more is taken than there is."""
    taken: list[float] = []

    def take() -> None:
        bucket = RedisBuckets(patient(redis_url))
        taken.extend(bucket.take(Bucket("channel:C0PROD", 10)) for _ in range(10))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(0.0) == 10


def test_a_redis_that_is_away_lets_nothing_in() -> None:
    """It says so, and leaves it to whoever asked to say what follows from it."""
    with pytest.raises(Unavailable, match=r"^Redis did not answer\.$"):
        RedisBuckets(quick("redis://127.0.0.1:1/0")).take(FEW)
