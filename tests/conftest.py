"""What tests of every room may use: a real redis-server that they start themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis

from playground.servers import RedisServer

# A busy machine is no defect; how long things take is for benchmarks.
hypothesis.settings.register_profile("meshbot", deadline=None)
hypothesis.settings.load_profile("meshbot")


FIRST = ("world", "image", "prometheus", "browser", "redis")
"""What the tests of a file need, those that take longest first."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several files run at once the long ones come first: else all but one wait for it in the end."""
    if not hasattr(config, "workerinput"):
        return
    ranks: dict[Path, int] = {}
    for item in items:
        needs = [place for place, name in enumerate(FIRST) if item.get_closest_marker(name)]
        ranks[item.path] = min([*needs, ranks.get(item.path, len(FIRST))])
    items.sort(key=lambda item: ranks[item.path])


@pytest.fixture(scope="session", autouse=True)
def _unhurried() -> Iterator[None]:
    """What a busy machine made too late is tried afresh for a minute: nobody waits for a test's answer.

    Not how late is too late, nor how long one answer is waited for: tests hold the product to those.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("store.operations.START_OVER_S", 60.0)
        yield


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One redis-server for the whole run; never pause or kill it."""
    with RedisServer(tmp_path_factory.mktemp("redis"), appendonly=False) as server:
        yield server


@pytest.fixture
def redis_url(shared_redis: RedisServer) -> str:
    """Address of the shared redis-server, emptied for this test."""
    client = redis.Redis.from_url(shared_redis.url)
    client.flushall()
    client.close()
    return shared_redis.url


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A redis-server with an append-only file for this test alone: to pause, kill and restart."""
    with RedisServer(tmp_path_factory.mktemp("own-redis")) as server:
        yield server
