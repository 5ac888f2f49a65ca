"""How long one job may speak to Git servers in all: several exchanges, each within its own time, can outlast a job."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

GIT_S = 35.0
"""Of the 60 s of a job. What hangs at its end is waited for a moment longer, and knocked at; the rest is for others."""

_until: ContextVar[float] = ContextVar("_until", default=math.inf)


@contextmanager
def one_job() -> Iterator[None]:
    """Let all exchanges inside end within `GIT_S` seconds."""
    with at_most(GIT_S):
        yield


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let all exchanges inside end within so many seconds, whatever the job around them has left."""
    former = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(former)


def over_at() -> float:
    """Return when the job may speak to Git servers no longer, by `time.monotonic`; infinity outside of a job."""
    return _until.get()
