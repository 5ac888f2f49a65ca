"""Whether Redis takes every command that meshbot sends: its login may, and nothing keeps it from writing.

Each command is offered inside a transaction that never runs. Redis looks at rights, at memory, at its disk and at its
replicas when a command is queued (redis.io/docs/latest/develop/using-commands/transactions), and forgets the queue when
the connection is closed. `ACL DRYRUN` would be shorter, but asks for a right that meshbot does not need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redis import ConnectionError, Redis, ResponseError
from redis.exceptions import NoPermissionError

from meshbot.findings import Finding

PREFIXES = ("meshbot:", "rq:")
ON_KEYS = {
    "watch": "KEY", "evalsha": f"{'0' * 40} 1 KEY", "get": "KEY", "mget": "KEY", "set": "KEY 0", "incr": "KEY",
    "del": "KEY", "exists": "KEY", "expire": "KEY 1", "pexpire": "KEY 1", "persist": "KEY",
    "hget": "KEY f", "hset": "KEY f 0", "hsetnx": "KEY f 0", "hmget": "KEY f", "hgetall": "KEY", "hvals": "KEY",
    "hexists": "KEY f", "hdel": "KEY f", "hincrby": "KEY f 1", "hincrbyfloat": "KEY f 1",
    "lpush": "KEY 0", "rpush": "KEY 0", "lrange": "KEY 0 0", "ltrim": "KEY 0 0", "llen": "KEY", "lrem": "KEY 0 0",
    "lpos": "KEY 0", "lmove": "KEY KEY LEFT LEFT", "blmove": "KEY KEY LEFT LEFT 1", "sadd": "KEY 0", "srem": "KEY 0",
    "smembers": "KEY", "scard": "KEY", "zadd": "KEY 0 0", "zrem": "KEY 0", "zcard": "KEY", "zrange": "KEY 0 0",
    "zrangebyscore": "KEY 0 0", "zscore": "KEY 0", "zremrangebyscore": "KEY 0 0", "zremrangebyrank": "KEY 0 0",
    "xadd": "KEY * f 0",
}  # fmt: skip
"""Right, as an ACL names it -> arguments that name a key."""
WITHOUT_KEYS = {
    "unwatch": "", "multi": "", "exec": "", "ping": "", "select": "0", "time": "", "wait": "0 0", "info": "",
    "scan": "0", "client|setname": "doctor", "client|info": "", "script|load": "return", "script|exists": "0" * 40,
}  # fmt: skip
AROUND = ("watch", "unwatch", "multi", "exec")
"""Cannot be queued, so they are sent in this order, and do nothing."""
MOST_NAMED = 6


@dataclass(frozen=True)
class Refusal:
    """One command that Redis does not take."""

    right: str
    prefix: str
    """Of the key; empty where there is none."""
    error: ResponseError

    @property
    def by_rights(self) -> bool:
        """Whether it is the login that may not; `exec` says so in an error of its own."""
        return isinstance(self.error, NoPermissionError) or "NOPERM" in str(self.error)


def accepted(client: Redis) -> Iterator[Finding]:
    """Yield what Redis refuses of all that meshbot sends; nothing is changed. Raises RedisError when it is away."""
    refused = list(_refused(client))
    if not refused:
        yield Finding("ok", "redis", "it takes every command of meshbot's on every key of meshbot's")
    yield from _forbidden([one for one in refused if one.by_rights])
    others = [one for one in refused if not one.by_rights]
    for said in dict.fromkeys(str(one.error) for one in others):
        names = _names(one for one in others if str(one.error) == said)
        todo = "Let it take writes: docs/redis.md says what meshbot needs of it."
        yield Finding("fail", "redis", f"it does not take {_short(names)}: {said[:120]}", todo)


def _forbidden(refused: Sequence[Refusal]) -> Iterator[Finding]:
    """Yield what the login may not: all keys of a prefix, or single commands."""
    blind = [one for one in PREFIXES if set(ON_KEYS) <= {each.right for each in refused if each.prefix == one}]
    if blind:
        patterns = [f"~{prefix}*" for prefix in blind]
        text = f"this login may not touch keys {' and '.join(f'{prefix}*' for prefix in blind)}"
        yield Finding("fail", "redis", text, f"Give its user those keys: {' '.join(patterns)} (docs/redis.md).")
    rest = [one for one in refused if one.prefix not in blind]
    if names := _names(rest):
        some = {one.prefix for one in rest} - {""}
        where = f" on keys {some.pop()}*" if len(some) == 1 and not blind else ""
        todo = f"Give its user the rights of docs/redis.md; it lacks {' '.join(f'+{name}' for name in names)}"
        yield Finding("fail", "redis", f"this login may not run {_short(names)}{where}", todo)


def _refused(client: Redis) -> Iterator[Refusal]:
    around = [("watch", PREFIXES[0]), ("watch", PREFIXES[1]), *((right, "") for right in AROUND[1:])]
    with _connection(client) as connection:
        found = list(_answers(connection, around))
    if any(one.right == "multi" for one in found):
        # Without a transaction whatever is offered would be done; and `exec` was refused for that reason alone.
        yield from (one for one in found if one.right != "exec" or one.by_rights)
        return
    yield from found
    queued = [(right, prefix) for right in ON_KEYS for prefix in PREFIXES if right not in AROUND]
    queued += [(right, "") for right in WITHOUT_KEYS if right not in AROUND]
    with _connection(client) as connection:
        if not list(_answers(connection, [("multi", "")])):
            yield from _answers(connection, queued)


@contextmanager
def _connection(client: Redis) -> Iterator[Any]:
    """Lend a connection of its own, and close it: what was queued is forgotten then."""
    connection: Any = client.connection_pool.get_connection()
    try:
        yield connection
    finally:
        connection.disconnect()
        client.connection_pool.release(connection)


def _answers(connection: Any, asked: Sequence[tuple[str, str]]) -> Iterator[Refusal]:
    """Send all of it at once, over the connection as it is, and yield what is refused."""
    packed = connection.pack_commands([_words(right, prefix) for right, prefix in asked])
    connection.send_packed_command(packed, check_health=False)
    for right, prefix in asked:
        try:
            connection.read_response()
        except ResponseError as error:
            yield Refusal(right, prefix, error)
        except ConnectionError as error:
            if not isinstance(error.__cause__, ResponseError):
                raise
            # Our connections leave a server that says that it is a replica: `store.links`.
            yield Refusal(right, prefix, error.__cause__)
            return


def _words(right: str, prefix: str) -> tuple[str, ...]:
    arguments = ON_KEYS[right].replace("KEY", f"{prefix}doctor") if prefix else WITHOUT_KEYS[right]
    return (*right.split("|"), *arguments.split())


def _names(refused: Iterable[Refusal]) -> list[str]:
    return list(dict.fromkeys(one.right for one in refused))


def _short(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
