"""Redis clients with time limits that fit their users, and the one place where Redis's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import AbstractBackoff, ExponentialBackoff, NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from mesh.domain.errors import Unavailable

HINT = "Try again in a minute; if it stays, check that Redis runs and is reachable."


def quick(url: str) -> redis.Redis:
    """Return the client of whoever keeps a person waiting: 0.3 s to connect, 0.4 s for an answer, no second try."""
    return _client(url, connect_s=0.3, read_s=0.4, retry=Retry(NoBackoff(), 0))


def patient(url: str) -> redis.Redis:
    """Return the client of workers: 0.5 s to connect, 1 s for an answer, up to three more tries (4 s in all).

    Its repeats happen after unknown outcomes too, so it is only for reads and for scripts that may run twice.
    """
    backoff: AbstractBackoff = ExponentialBackoff(cap=0.5, base=0.1)
    return _client(url, connect_s=0.5, read_s=1.0, retry=Retry(backoff, 3))


def last_look(client: redis.Redis, *, within_s: float) -> redis.Redis:
    """Return a client of the same Redis for one question: a connection of its own, and an answer in `within_s` seconds.

    A Redis that does not answer at all costs no more than that. Closing the client closes the connection.
    """
    pool = client.connection_pool
    limits = {"socket_connect_timeout": within_s / 3, "socket_timeout": within_s * 2 / 3}
    settings = {**pool.connection_kwargs, **limits}
    return redis.Redis.from_pool(redis.ConnectionPool(connection_class=pool.connection_class, **settings))


def _client(url: str, *, connect_s: float, read_s: float, retry: Retry) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=connect_s,
        socket_timeout=read_s,
        retry=retry,
        # A feature of hosted Redis; asking for it costs a round trip for each new connection.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )


@contextmanager
def translated(message: str = "Redis did not answer.") -> Iterator[None]:
    """Raise Unavailable with `message` for whatever redis-py raises inside the block."""
    try:
        yield
    except redis.RedisError as error:
        raise Unavailable(message, hint=HINT) from error
