"""Locks in Redis: a lease that is renewed in the background, with a number that only grows (a fencing token)."""

from __future__ import annotations

import logging
import threading
import time as stopwatch
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from mesh.domain.errors import MeshbotError
from mesh.ports import Lease
from store import keys, scripts
from store.connection import translated

log = logging.getLogger(__name__)

POLL_S = 0.05


class RedisLocks:
    """One holder for each key at a time, as long as Redis keeps its data.

    A holder that stops (frozen, cut off) loses the lease after `ttl_s` seconds without noticing; what it then commits
    is refused by its token.
    """

    def __init__(self, redis: redis.Redis, ttl_s: float = 6.0) -> None:
        self._redis = redis
        self._ttl_s = ttl_s
        self._lock = redis.register_script(scripts.LOCK)
        self._renew = redis.register_script(scripts.RENEW)
        self._release = redis.register_script(scripts.RELEASE)

    @contextmanager
    def hold(self, key: str, *, wait_s: float) -> Iterator[Lease | None]:
        """Hold `key` in a `with` block; None when somebody else has it after `wait_s` seconds; raise Unavailable."""
        lease = self._obtain(key, wait_s)
        if lease is None:
            yield None
            return
        over = threading.Event()
        try:
            # Inside: whoever is interrupted while it starts must not leave a thread that renews for ever.
            threading.Thread(target=self._keep, args=(lease, over), name=f"lease-{key}", daemon=True).start()
            yield lease
        finally:
            over.set()
            self._give_back(lease)

    def holds(self, lease: Lease) -> bool:
        """Tell whether the lease is still the current one; raise Unavailable."""
        with translated():
            return bool(self._redis.get(keys.lock(lease.key)) == str(lease.token).encode())

    def held(self) -> dict[str, int]:
        """Return the token of every lock that somebody holds now, by its key; raise Unavailable.

        Goes through all keys of Redis, so it is for what is seldom asked.
        """
        prefix = keys.lock("")
        with translated():
            names: list[bytes] = list(self._redis.scan_iter(match=f"{prefix}*", count=1000))
            tokens: list[bytes | None] = self._redis.mget(names) if names else []  # type: ignore[assignment]  # redis-py types both its clients at once
        pairs = zip(names, tokens, strict=True)
        return {name.decode().removeprefix(prefix): int(token) for name, token in pairs if token is not None}

    def _obtain(self, key: str, wait_s: float) -> Lease | None:
        give_up = stopwatch.monotonic() + wait_s
        while True:
            with translated():
                answer = self._lock(keys=[keys.lock(key), keys.FENCE], args=[self._ttl_ms])
            if answer[0] == b"held":
                return Lease(key, int(answer[1]))
            if stopwatch.monotonic() >= give_up:
                return None
            stopwatch.sleep(POLL_S)

    def _keep(self, lease: Lease, over: threading.Event) -> None:
        """Renew until the block ends, until somebody else has the lock, or until nothing was renewed for a whole ttl.

        After that the lease is gone for good: a Redis that comes back later must not find it alive again.
        """
        renewed = stopwatch.monotonic()
        while not over.wait(self._ttl_s / 3):
            asked = stopwatch.monotonic()
            if asked - renewed > self._ttl_s:
                log.warning("the lease %s was not renewed for %.1f s and is given up", lease.key, asked - renewed)
                return
            try:
                with translated():
                    answer = self._renew(keys=[keys.lock(lease.key)], args=[lease.token, self._ttl_ms])
            except MeshbotError:
                continue
            if answer[0] == b"lost":
                log.warning("the lease %s was lost to another holder", lease.key)
                return
            renewed = asked

    def _give_back(self, lease: Lease) -> None:
        try:
            with translated():
                self._release(keys=[keys.lock(lease.key)], args=[lease.token])
        except MeshbotError as error:
            log.warning("the lock %s was not released (%s); it ends by itself in %.1f s", lease.key, error, self._ttl_s)

    @property
    def _ttl_ms(self) -> int:
        return int(self._ttl_s * 1000)
