"""How long one job may speak to Git servers in all: several exchanges, each within its own time, can outlast a job."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

GIT_S = 35.0
"""Of the 60 s of a job. An exchange that begins at the last moment waits twice 10 s; the rest is for all else."""

_until: ContextVar[float] = ContextVar("_until", default=math.inf)


@contextmanager
def one_job() -> Iterator[None]:
    """Let all exchanges inside end within `GIT_S` seconds."""
    former = _until.set(time.monotonic() + GIT_S)
    try:
        yield
    finally:
        _until.reset(former)


def over_at() -> float:
    """Return when the job may speak to Git servers no longer, by `time.monotonic`; infinity outside of a job."""
    return _until.get()
