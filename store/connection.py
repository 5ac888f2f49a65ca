"""Redis clients with time limits that fit their users, and the one place where Redis's errors become ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import AbstractBackoff, ExponentialBackoff, NoBackoff
from redis.exceptions import ClusterCrossSlotError, MovedError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from redis.sentinel import Sentinel

from mesh.domain.errors import Lapse, Unavailable
from store import links
from store.address import Address, Where, parse
from store.standing import refusal_of

HINT = "Try again in a minute; if it stays, check that Redis runs and is reachable."
CLUSTER = "This Redis is a cluster, and meshbot's scripts touch keys of several of its slots."
CLUSTER_HINT = "Use a single Redis, or one behind Sentinel: docs/redis.md."
SENTINEL_S = 0.2
"""Most seconds to connect to one sentinel, and as many for its answer; then the next one is asked."""


class Client(redis.Redis):
    """A client that knows how many replicas must have a write before anything is done because of it."""

    copies: int = 0


def quick(where: str | Where) -> redis.Redis:
    """Return the client of whoever keeps a person waiting: 0.3 s to connect, 0.4 s for an answer, no second try."""
    return _client(where, connect_s=0.3, read_s=0.4, retry=Retry(NoBackoff(), 0))


def patient(where: str | Where) -> redis.Redis:
    """Return the client of workers: 0.5 s to connect, 1 s for an answer, up to three more tries (4 s in all).

    Its repeats happen after unknown outcomes too, so it is only for reads and for scripts that may run twice.
    """
    backoff: AbstractBackoff = ExponentialBackoff(cap=0.5, base=0.1)
    return _client(where, connect_s=0.5, read_s=1.0, retry=Retry(backoff, 3))


def last_look(client: redis.Redis, *, within_s: float) -> redis.Redis:
    """Return a client of the same Redis for one question: a connection of its own, and an answer in `within_s` seconds.

    A Redis that does not answer at all costs no more than that. Closing the client closes the connection.
    """
    pool = client.connection_pool
    limits = {"socket_connect_timeout": within_s / 3, "socket_timeout": within_s * 2 / 3}
    settings = {**pool.connection_kwargs, **limits}
    return redis.Redis.from_pool(redis.ConnectionPool(connection_class=pool.connection_class, **settings))


def _client(where: str | Where, *, connect_s: float, read_s: float, retry: Retry) -> redis.Redis:
    address = parse(where)
    settings: dict[str, Any] = {
        **address.login,
        **address.tls,
        "socket_connect_timeout": connect_s,
        "socket_timeout": read_s,
        "retry": retry,
        # A feature of hosted Redis; asking for it costs a round trip for each new connection.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        # Needs a right of its own, which Redis before 7.2 does not know.
        "driver_info": None,
        "connection_class": links.link_of(address.scheme),
    }
    client = _master(address, settings) if address.sentinels else Client.from_url(address.url, **settings)
    client.copies = address.copies  # type: ignore[attr-defined]  # redis-py says that it makes its own class
    return client


def _master(address: Address, settings: dict[str, Any]) -> redis.Redis:
    """Return a client that asks the sentinels for the master whenever it connects."""
    asking = {
        **address.sentinel_login,
        **address.tls,
        "ssl": address.encrypted,
        "driver_info": None,
        "socket_connect_timeout": SENTINEL_S,
        "socket_timeout": SENTINEL_S,
        "retry": Retry(NoBackoff(), 0),
    }
    sentinel: Any = Sentinel(address.sentinels, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]  # redis-py's
    master: Client = sentinel.master_for(address.service, redis_class=Client, db=address.db, **settings)
    return master


@contextmanager
def translated(so: str = "") -> Iterator[None]:
    """Raise Unavailable for whatever redis-py raises inside the block; `so` is what follows from it.

    A Redis that answers and takes no writes is told apart from one that is away: looking whether it runs helps nobody.
    """
    try:
        yield
    except (ClusterCrossSlotError, MovedError) as error:
        raise Unavailable(CLUSTER, hint=CLUSTER_HINT, lapse=Lapse.REDIS) from error
    except redis.RedisError as error:
        raise unavailable(error, so) from error


def unavailable(error: redis.RedisError, so: str = "") -> Unavailable:
    """Return the error for people; `so` is what follows from it, a sentence without beginning and stop."""
    refusal = refusal_of(error)
    if refusal is None:
        return Unavailable(
            f"Redis did not answer, so {so}." if so else "Redis did not answer.", hint=HINT, lapse=Lapse.REDIS
        )
    why = refusal.why
    said = f"Redis {why} and takes no writes, so {so}." if so else f"Redis {why} and takes no writes."
    return Unavailable(said, hint=refusal.hint, lapse=Lapse.REDIS)
