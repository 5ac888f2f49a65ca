"""What the doctor asks Redis: whether it is ours to use, and keeps what it is told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from redis import Redis, RedisError, ResponseError
from redis.backoff import ConstantBackoff
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool

from mesh.domain.errors import Refused
from meshbot.doctor.redis_rights import accepted
from meshbot.findings import Finding
from settings.environment import Environment
from store.connection import CLUSTER, CLUSTER_HINT, quick

OLDEST = (6, 2)
"""ZRANGE BYSCORE, LPOS and CLIENT INFO came with it."""
APART_S = 1.0
"""How far Redis's clock may be from ours: operations are due by our clocks, and leases end by its own."""
FULL, OVERFULL = 0.75, 0.95
TRIES, PAUSE_S = 10, 0.5
"""How often Redis is knocked at before it counts as away, and how long after each."""
CANNOT_TELL = "cannot tell its {}: this Redis does not let us ask"
SENTINELS = 3

Info = Mapping[str, Any]


def redis(environment: Environment) -> Iterator[Finding]:
    """Yield everything about Redis."""
    try:
        client = reached(quick(environment.redis))
        info: Info = client.info()
    except Refused as error:
        yield Finding("fail", "redis", error.message, error.hint)
        return
    except (AuthenticationError, NoPermissionError) as error:
        text = f"it does not let us in ({type(error).__name__})"
        yield Finding("fail", "redis", text, "Check REDIS_USERNAME and REDIS_PASSWORD; docs/redis.md has the rights.")
        return
    except (RedisError, ValueError, OSError) as error:
        yield Finding("fail", "redis", f"no answer ({type(error).__name__})", "Check REDIS_URL, and that Redis runs.")
        return
    if info.get("cluster_enabled"):
        yield Finding("fail", "redis", CLUSTER.rstrip("."), CLUSTER_HINT)
        return
    yield version(info)
    yield from persistence(info)
    yield from eviction(info)
    yield from memory(info)
    yield from copies(info, getattr(client, "copies", 0))
    try:
        if info.get("role") != "slave":
            yield from accepted(client)
        yield from settings(client, info)
        yield from clock(client)
        yield from sentinels(client)
    except RedisError as error:
        yield Finding("fail", "redis", f"it stopped answering ({type(error).__name__})", "Run the doctor again.")


def reached(client: Redis) -> Redis:
    """Return the client once Redis answers it; raise RedisError where it does not within some 5 s.

    A pod that has just started may be turned away at first: what enforces network policies hears of new pods late
    ("Network Policies", pod lifecycle, in Kubernetes' documentation). Wrong passwords do not become right.
    """
    knocking = Retry(ConstantBackoff(PAUSE_S), TRIES)
    knocking.call_with_retry(
        client.ping, lambda _: None, is_retryable=lambda error: not isinstance(error, AuthenticationError)
    )
    return client


def version(info: Info) -> Finding:
    """Say whether it is new enough."""
    found = str(info.get("redis_version", ""))
    parts = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
    if parts < OLDEST:
        return Finding("fail", "redis", f"version {found or 'unknown'} is too old", "Use Redis 6.2 or newer.")
    return Finding("ok", "redis", f"answers, version {found}")


def persistence(info: Info) -> Iterator[Finding]:
    """Yield whether a restart forgets operations."""
    if "aof_enabled" not in info:
        text, todo = CANNOT_TELL.format("appendonly"), "Make sure that it is yes, or that replicas keep everything."
        yield Finding("warn", "redis", text, todo)
    elif not info["aof_enabled"]:
        todo = "Set `appendonly yes`, or a restart forgets operations: a snapshot lacks what came after it."
        yield Finding("warn", "redis", "appendonly no", todo)
    else:
        yield Finding("ok", "redis", "appendonly yes")
    for field, what in (("aof_last_write_status", "append-only file"), ("rdb_last_bgsave_status", "snapshot")):
        if info.get(field, "ok") != "ok":
            todo = "Look at its log, and for space on its disk."
            yield Finding("fail", "redis", f"its {what} could not be written the last time", todo)


def eviction(info: Info) -> Iterator[Finding]:
    """Yield whether it throws keys away when it is full."""
    policy, most = info.get("maxmemory_policy"), int(info.get("maxmemory", 0))
    todo = "Set `maxmemory-policy noeviction`: nothing may vanish."
    if policy is None:
        yield Finding("warn", "redis", CANNOT_TELL.format("maxmemory-policy"), "Make sure that it is noeviction.")
    elif policy == "noeviction":
        yield Finding("ok", "redis", "maxmemory-policy noeviction")
    elif most:
        yield Finding("warn", "redis", f"maxmemory-policy {policy}", todo)
    else:
        yield Finding("warn", "redis", f"maxmemory-policy {policy}, without effect while there is no maxmemory", todo)
    if info.get("evicted_keys"):
        text = f"it has thrown away {info['evicted_keys']} keys since its start"
        yield Finding("fail", "redis", text, "Set noeviction, give it more memory, then `meshbot audit verify`.")


def memory(info: Info) -> Iterator[Finding]:
    """Yield how full it is."""
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    total = int((info.get("db0") or {}).get("keys", 0))
    text = f"{used / 1e6:.0f} MB used" + (f" of {most / 1e6:.0f} MB" if most else "") + f", {total} keys"
    todo = "Give it more, or look what else is in it: docs/redis.md says how much meshbot needs."
    level = "ok" if not most or used < FULL * most else "warn" if used < OVERFULL * most else "fail"
    yield Finding(level, "redis", text, "" if level == "ok" else todo)


def copies(info: Info, wanted: int) -> Iterator[Finding]:
    """Yield whether a failover could forget what was acknowledged."""
    if info.get("role") == "slave":
        yield Finding("fail", "redis", "this is a replica, and takes no writes", "Name the master, or use Sentinel.")
        return
    there = int(info.get("connected_slaves", 0))
    if there < wanted:
        text = f"{there} replica(s) are there, and {wanted} must have each write, so nothing is patched"
        yield Finding("fail", "redis", text, "Bring replicas back, or set REDIS_COPIES=0 for as long: docs/redis.md.")
    elif there and not wanted:
        text = "it has replicas and nobody waits for them, so a failover may forget what was acknowledged"
        yield Finding("warn", "redis", text, "Set REDIS_COPIES=1, unless it never fails over: docs/redis.md.")
    elif wanted:
        yield Finding("ok", "redis", f"{there} replica(s), and {wanted} must have each write before anybody acts on it")


def settings(client: Redis, info: Info) -> Iterator[Finding]:
    """Yield what only CONFIG GET tells; where that is refused, say so."""
    wanted = [("appendfsync", "always", "Set it: a power cut then forgets nothing.")] if info.get("aof_enabled") else []
    if int(info.get("connected_slaves", 0)):
        wanted.append(("min-replicas-to-write", "1", "Set it: a master that was cut off then takes no more writes."))
    for name, value, todo in wanted:
        try:
            found: Any = client.config_get(name)
        except ResponseError:
            found = {}
        setting = str(found.get(name, ""))
        good = setting.isdecimal() and int(setting) >= int(value) if value.isdecimal() else setting == value
        if not setting:
            yield Finding("ok", "redis", CANNOT_TELL.format(name), f"Make sure that it is {value}.")
        else:
            yield Finding("ok" if good else "warn", "redis", f"{name} {setting}", "" if good else f"{todo} ({value})")


def clock(client: Redis) -> Iterator[Finding]:
    """Yield how far its clock is from ours, as far as the way there lets us know."""
    before = time.time()
    seconds, micros = client.time()
    after = time.time()
    theirs = seconds + micros / 1e6
    apart = max(before - theirs, theirs - after, 0.0)
    if apart > APART_S:
        text = f"Redis's clock and ours are {apart:.1f} s apart"
        yield Finding("warn", "clock", text, "Set both by NTP: what is due comes early or late.")
    else:
        yield Finding("ok", "clock", "Redis's clock and ours agree")


def sentinels(client: Redis) -> Iterator[Finding]:
    """Yield whether the sentinels could fail over, where there are any."""
    pool: Any = client.connection_pool
    if not isinstance(pool, SentinelConnectionPool):
        return
    service, states, silent = pool.service_name, [], []
    for one in pool.sentinel_manager.sentinels:
        try:
            states.append(one.sentinel_master(service))
        except RedisError as error:
            where = one.connection_pool.connection_kwargs
            silent.append(f"{where.get('host')}:{where.get('port')} ({type(error).__name__})")
    if silent:
        yield Finding("warn", "sentinel", f"no answer from {', '.join(silent)}", "Look at it; check its password.")
    if not states:
        return
    known, quorum = 1 + states[0]["num-other-sentinels"], states[0]["quorum"]
    if known < SENTINELS or len(states) < quorum:
        text = f"{known} sentinel(s) know {service}, {len(states)} answer, and {quorum} must agree"
        yield Finding("warn", "sentinel", text, "Run three, and name all of them in REDIS_URL.")
    elif not silent:
        replicas = states[0]["num-slaves"]
        yield Finding("ok", "sentinel", f"{known} of them watch {service} with {replicas} replica(s)")
