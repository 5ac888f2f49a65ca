"""Redis servers that answer and take no writes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from playground.servers import HOST, RedisServer
from playground.serving import free_port
from tests.world.town import until

WHY = {
    "full": "is full and takes no writes",
    "lonely": "lacks replicas and takes no writes",
    "replica": "is a replica here and takes no writes",
    "disk": "cannot write to its disk and takes no writes",
}
"""How each is told."""


def fill(url: str) -> None:
    """Let the Redis be full: it uses more than it may."""
    _admin(url).config_set("maxmemory", 1)


def empty(url: str) -> None:
    """Give it all the memory it wants."""
    _admin(url).config_set("maxmemory", 0)


@contextmanager
def refusing(why: str, directory: Path) -> Iterator[RedisServer]:
    """Run a server that refuses writes for one of the reasons of `WHY`."""
    with RedisServer(directory, appendonly=False, options={"save": "3600 1"}) as server:
        admin = _admin(server.url)
        match why:
            case "full":
                fill(server.url)
            case "lonely":
                admin.config_set("min-replicas-to-write", 1)
            case "replica":
                admin.replicaof(HOST, str(free_port()))
            case "disk":
                shutil.rmtree(directory)
                admin.bgsave()
                until(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err", "it could save")
        yield server


def _admin(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)
