"""Which operation this thread is at work on: what traces hang on, and what log lines say.

A trace needs no memory of its own: its id is made of the operation's, so every process comes to the same one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

OPERATION_ID = re.compile(r"\bop-[a-z0-9]{4,20}\b")

_current: ContextVar[str] = ContextVar("operation", default="")


def current() -> str:
    """Return the id of the operation; empty outside of one."""
    return _current.get()


@contextmanager
def at_work_on(operation_id: str) -> Iterator[None]:
    """Let everything in the block belong to this operation."""
    token = _current.set(operation_id)
    try:
        yield
    finally:
        _current.reset(token)


def named_in(text: str) -> str:
    """Return the first operation id that stands in `text`, e.g. in the key of a message; empty without one."""
    found = OPERATION_ID.search(text)
    return found[0] if found else ""


def trace_id(operation_id: str) -> int:
    """Return the 128 bits of the operation's trace (W3C Trace Context: any but zero)."""
    return int.from_bytes(_digest(operation_id)[:16]) or 1


def root_id(operation_id: str) -> int:
    """Return the 64 bits of the span that all others of the trace are under: the request that made the operation."""
    return int.from_bytes(_digest(operation_id)[16:24]) or 1


def _digest(operation_id: str) -> bytes:
    return hashlib.sha256(f"meshbot {operation_id}".encode()).digest()
