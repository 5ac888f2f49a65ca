"""The audit log's form: each entry's hash covers its text and the hash before it, so no entry can be edited quietly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64
"""The hash before the first entry."""


@dataclass(frozen=True)
class AuditEntry:
    """One line of the log, exactly as it is kept."""

    body: str
    """Canonical JSON: keys sorted, no spaces; holds `seq`, `at`, `step`, `actor`, `operation` and more by step."""
    hash: str
    """Lower-case hexadecimal SHA-256 of the previous entry's hash followed by `body`."""

    @property
    def facts(self) -> dict[str, Any]:
        """Return the body as a mapping."""
        facts: dict[str, Any] = json.loads(self.body)
        return facts


@dataclass(frozen=True)
class Broken:
    """Where the chain breaks, and how."""

    seq: int
    why: str


def chain(previous_hash: str, seq: int, facts: dict[str, Any]) -> AuditEntry:
    """Make the entry that follows `previous_hash`; `seq` counts from 1."""
    body = json.dumps({**facts, "seq": seq}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return AuditEntry(body, link(previous_hash, body))


def link(previous_hash: str, body: str) -> str:
    """Return SHA-256 of the previous hash followed by the body."""
    return hashlib.sha256((previous_hash + body).encode()).hexdigest()


def verify(
    entries: Iterable[AuditEntry], head: tuple[int, str], *, start: tuple[int, str] = (0, GENESIS)
) -> Broken | None:
    """Check the whole chain against `head` (count of entries, last hash); None when it is whole.

    `start` says the same of what was trimmed from its beginning; some entry must tell of that, or it is a break.
    Finds a changed byte, a removed entry (the last ones too: the head is kept apart) and a changed order. Whoever can
    rewrite everything, head included, is found by comparing with a hash that was posted to the audit channel.
    """
    count, previous = start
    trimmed = start == (0, GENESIS)
    for count, entry in enumerate(entries, start=start[0] + 1):
        problem = _problem(entry, previous, count)
        if problem:
            return Broken(count, problem)
        trimmed = trimmed or entry.facts.get("trimmed") == list(start)
        previous = entry.hash
    if not trimmed:
        return Broken(start[0] + 1, f"the {start[0]} before it are gone, and no entry says that they were trimmed")
    if (count, previous) != head:
        return Broken(count, f"the log has {count} entries, but its head says {head[0]}: entries were removed or added")
    return None


def _problem(entry: AuditEntry, previous: str, seq: int) -> str:
    if link(previous, entry.body) != entry.hash:
        return "its text does not match its hash, or the entry before it was removed"
    # The hash matched, so the body is what we once wrote, and parses.
    return "" if entry.facts["seq"] == seq else "an entry is missing before it"
