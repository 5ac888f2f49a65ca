"""Reading the audit log in Redis, and preparing what is appended to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from mesh.domain.audit import GENESIS, AuditEntry, Broken, chain, verify
from mesh.domain.errors import Refused, Unavailable
from store import keys, records, scripts
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


@dataclass(frozen=True)
class Snapshot:
    """The log at one moment."""

    entries: Iterator[AuditEntry]
    head: tuple[int, str]
    """Number and hash of its last entry; a number of -1 means that the head was damaged."""
    start: tuple[int, str]
    """The same of the last entry that was trimmed from its beginning."""

    @property
    def broken(self) -> Broken | None:
        """Check the chain; reads the entries, which can be done once."""
        return verify(self.entries, self.head, start=self.start)


class RedisAuditLog:
    """The audit log. `RedisOperations` is the only one that writes to its end; its beginning can be trimmed here."""

    def __init__(self, redis: redis.Redis) -> None:
        self._redis = redis
        self._snapshot: Any = redis.register_script(scripts.SNAPSHOT)
        self._page: Any = redis.register_script(scripts.PAGE)
        self._trim = redis.register_script(scripts.TRIM)

    def entries(self) -> Iterator[AuditEntry]:
        """Yield every entry there is at the time of the call, oldest first; Unavailable when Redis does not answer."""
        return self.snapshot().entries

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

    def snapshot(self) -> Snapshot:
        """Return the entries, the head and the start of one moment; Unavailable when Redis does not answer.

        Use this to verify a log that is being written: `entries()` and `head()` are two moments, and an entry that
        came between them would look like a break.
        """
        with translated():
            count, head, start = self._snapshot(keys=[keys.AUDIT, keys.AUDIT_HEAD, keys.AUDIT_START])
        return Snapshot(self._pages(start, count), records.load_head(head), records.load_head(start))

    def trim(self, before: tuple[int, str], former: tuple[int, str], facts: dict[str, Any]) -> None:
        """Take away the entries after `former`, the log's start, up to `before`: the last one's number and hash.

        In the same step one entry of `facts` is added, which says so. Raises Refused when somebody else trimmed it
        meanwhile, and Unavailable when that may or may not have been done.
        """
        start, now, gone = records.dump_head(*former), records.dump_head(*before), before[0] - former[0]

        def write(batch: Batch) -> list[Any]:
            argv: list[Any] = [
                batch.expected,
                batch.head,
                GENESIS_HEAD,
                start,
                now,
                gone,
                *batch.lines,
            ]
            answer: list[Any] = self._trim(keys=[keys.AUDIT, keys.AUDIT_HEAD, keys.AUDIT_START], args=argv)
            return answer

        with translated("it is not known whether the log was trimmed"):
            answer, _ = chained(self._redis, [{**facts, "trimmed": list(before)}], write)
        if answer[0] == b"start":
            raise Refused("Somebody else trimmed the log meanwhile.", hint="Look at it: meshbot audit verify.")

    def _pages(self, start: Any, count: int) -> Iterator[AuditEntry]:
        """Yield `count` entries of a log that begins at `start`, and goes on doing so."""
        for done in range(0, count, PAGE):
            span = [done, min(done + PAGE, count) - 1]
            with translated():
                lines, now = self._page(keys=[keys.AUDIT, keys.AUDIT_START], args=span)
            if now != start:
                raise Unavailable("The audit log was trimmed while it was read.", hint="Do it again.")
            yield from map(records.load_entry, lines)


def _operation(entry: AuditEntry) -> object:
    """Return what the entry names as its operation; None when it names none or cannot be read."""
    try:
        facts: Any = entry.facts
    except ValueError:
        return None
    return facts.get("operation") if isinstance(facts, dict) else None
