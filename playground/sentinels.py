"""Three real redis-servers, one of them the master, watched by three real sentinels."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from playground.processes import Child
from playground.servers import HOST, PASSWORD, USER, RedisServer, redis_executable
from playground.serving import free_port

SERVICE = "mymaster"
SENTINEL_RIGHTS = "+hello +ping +sentinel|master +sentinel|masters"
"""What meshbot's user on the sentinels may do, as in docs/redis.md."""
DOWN_AFTER_MS = 1000
"""After how much silence sentinels call a server down; real ones wait 5 s or more."""
SAFE = {"min-replicas-to-write": "1", "min-replicas-max-lag": "5", "repl-diskless-sync-delay": "0"}
"""What docs/redis.md asks for behind Sentinel; the last one only makes tests faster."""


class GuardedRedis:
    """A Redis that fails over."""

    def __init__(self, directory: Path, *, password: str = "") -> None:
        """Let the sentinels answer only to who knows the `password`, where there is one."""
        self._password = password
        first = RedisServer(directory / "redis0", options=SAFE)
        follow = SAFE | {"replicaof": f"{HOST} {first.port}"}
        self.servers = (first, *(RedisServer(directory / f"redis{number}", options=follow) for number in (1, 2)))
        self._ports = [free_port() for _ in range(3)]
        self.sentinels = [self._sentinel(directory, port) for port in self._ports]
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """The address for meshbot: sentinels, and the master's name."""
        hosts = ",".join(f"{HOST}:{port}" for port in self._ports)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def __enter__(self) -> Self:
        """Start all of them, and return once each sentinel knows both replicas and both others."""
        for server in self.servers:
            self._stack.enter_context(server)
        for port, child in zip(self._ports, self.sentinels, strict=True):
            self._stack.enter_context(child)
            child.wait_ready(lambda port=port: self._knows(port))  # type: ignore[misc]  # bound now
        for port, child in zip(self._ports, self.sentinels, strict=True):
            child.wait_ready(lambda port=port: self._knows(port, others=2, replicas=2))  # type: ignore[misc]  # bound now
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        # In order, each would wait for the others for a while.
        for child in (*self.sentinels, *(server.child for server in self.servers)):
            if child.running:
                child.kill()
        self._stack.close()

    def master(self) -> RedisServer:
        """Return the server that the sentinels call the master."""
        state = self._state(self._ports[0])
        return next(server for server in self.servers if server.port == int(state["port"]))

    def _sentinel(self, directory: Path, port: int) -> Child:
        home = directory / f"sentinel{port}"
        home.mkdir(parents=True, exist_ok=True)
        config = home / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind {HOST}\ndir {home}\n"
            f"sentinel monitor {SERVICE} {HOST} {self.servers[0].port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 5000\n"
            + f"user {USER} on >{PASSWORD} resetchannels -@all {SENTINEL_RIGHTS}\n"
            + (f"requirepass {self._password}\nsentinel sentinel-pass {self._password}\n" if self._password else "")
        )
        argv = [redis_executable(), str(config), "--sentinel"]
        return Child(f"sentinel {port}", argv, log_path=home / "sentinel.log")

    def _knows(self, port: int, *, others: int = 0, replicas: int = 0) -> bool:
        try:
            state = self._state(port)
        except redis.RedisError:
            return False
        return bool(state["num-other-sentinels"] >= others and state["num-slaves"] >= replicas)

    def _state(self, port: int) -> Any:
        password = self._password or None
        with redis.Redis(HOST, port, password=password, socket_timeout=0.5, retry=Retry(NoBackoff(), 0)) as one:
            return one.sentinel_master(SERVICE)
