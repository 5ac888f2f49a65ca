"""Reading the audit log in Redis, and preparing what is appended to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from mesh.domain.audit import GENESIS, AuditEntry, chain
from mesh.domain.errors import Unavailable
from store import keys, records
from store.connection import HINT, translated

PAGE = 500
"""Entries read at once."""
GENESIS_HEAD = records.dump_head(0, GENESIS)
TRIES = 200
"""How often entries are chained anew when others append at the same time; each round one of the rivals succeeds."""


@dataclass(frozen=True)
class Batch:
    """Entries chained to a certain head; to be written only while the log still has that head."""

    expected: str
    head: str
    """The log's head once the entries are written."""
    entries: tuple[AuditEntry, ...]

    @property
    def lines(self) -> list[bytes]:
        """The entries as kept."""
        return [records.dump_entry(entry) for entry in self.entries]


def batch_after(head: bytes | None, facts: Sequence[dict[str, Any]]) -> Batch:
    """Chain `facts` to the log's `head`; Unavailable when the head is not one we ever wrote."""
    count, last = records.load_head(head)
    if count < 0:
        raise Unavailable(
            "The audit log is damaged, so nothing more is done.",
            hint="Somebody edited the log's head in Redis; verify the log, then restore Redis from a backup.",
        )
    expected, entries = records.dump_head(count, last), []
    for seq, fact in enumerate(facts, start=count + 1):
        entries.append(chain(last, seq, fact))
        last = entries[-1].hash
    return Batch(expected, records.dump_head(count + len(entries), last), tuple(entries))


def chained(
    redis: redis.Redis, facts: Sequence[dict[str, Any]], write: Callable[[Batch], list[Any]]
) -> tuple[list[Any], Batch]:
    """Write `facts` to the end of the log; returns the script's answer, and the batch that it took.

    `write` asks a script that answers `head` with the log's head where that is another by now: then they are chained
    anew. Raises Unavailable when others never stop appending.
    """
    head: Any = redis.get(keys.AUDIT_HEAD) if facts else None
    for _ in range(TRIES):
        batch = batch_after(head, facts)
        answer = write(batch)
        if answer[0] != b"head":
            return answer, batch
        head = answer[1]
    raise Unavailable("Too many entries are written to the audit log at once.", hint=HINT)


class RedisAuditLog:
    """The audit log, read-only; `RedisOperations` is the only writer."""

    def __init__(self, redis: redis.Redis) -> None:
        self._redis = redis

    def entries(self) -> Iterator[AuditEntry]:
        """Yield every entry there is at the time of the call, oldest first; Unavailable when Redis does not answer."""
        with translated():
            count = int(self._redis.llen(keys.AUDIT))
        return self._pages(count)

    def head(self) -> tuple[int, str]:
        """Return (count, last hash); a count of -1 means that the head was damaged."""
        with translated():
            head: Any = self._redis.get(keys.AUDIT_HEAD)
        return records.load_head(head)

    def latest(self, operation_id: str) -> AuditEntry | None:
        """Return the operation's newest entry among the newest PAGE; Unavailable when Redis does not answer.

        Lines that are damaged are passed over: finding those is for whoever verifies the log.
        """
        with translated():
            lines: list[Any] = self._redis.lrange(keys.AUDIT, -PAGE, -1)
        newest_first = (records.load_entry(line) for line in reversed(lines))
        return next((entry for entry in newest_first if _operation(entry) == operation_id), None)

    def snapshot(self) -> tuple[Iterator[AuditEntry], tuple[int, str]]:
        """Return the entries and the head of one moment.

        Use this to verify a log that is being written: `entries()` and `head()` are two moments, and an entry that
        came between them would look like a break.
        """
        with translated(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.llen(keys.AUDIT)
            pipeline.get(keys.AUDIT_HEAD)
            count, head = pipeline.execute()
        return self._pages(count), records.load_head(head)

    def _pages(self, count: int) -> Iterator[AuditEntry]:
        for start in range(0, count, PAGE):
            with translated():
                lines: list[Any] = self._redis.lrange(keys.AUDIT, start, min(start + PAGE, count) - 1)
            yield from map(records.load_entry, lines)


def _operation(entry: AuditEntry) -> object:
    """Return what the entry names as its operation; None when it names none or cannot be read."""
    try:
        facts: Any = entry.facts
    except ValueError:
        return None
    return facts.get("operation") if isinstance(facts, dict) else None
