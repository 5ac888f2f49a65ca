"""Traces by OpenTelemetry, where `meshbot[otel]` is installed and an address to send them to is set; else nothing.

Spans are collected by a thread of the library's and sent in batches; a full queue drops them. Nobody waits for that.
"""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from telemetry.context import at_work_on
from telemetry.spans import Facts, Tracer

log = logging.getLogger(__name__)

FLUSH_S = 2.0
"""How long a process that ends waits at most for its last spans to be taken."""


class _Process:
    tracer: Tracer | None = None


def begin(role: str, *, wanted: bool) -> None:
    """Send traces from now on, if they are `wanted`; once for each process, after the last fork."""
    if not wanted or _Process.tracer is not None:
        return
    try:
        from telemetry.otel import OtelTracer  # noqa: PLC0415 (an extra: who has no collector need not install it)
    except ImportError:
        log.error("OTEL_EXPORTER_OTLP_ENDPOINT is set, and meshbot[otel] is not installed: no traces.")  # noqa: TRY400 (the traceback says no more)
        return
    _Process.tracer = OtelTracer(role)
    atexit.register(end)


def install(tracer: Tracer | None) -> None:
    """Send spans to `tracer`, or nowhere."""
    _Process.tracer = tracer


def end() -> None:
    """Send what waits; called once, when the process ends."""
    if _Process.tracer is not None:
        _Process.tracer.close(FLUSH_S)


def made(name: str, facts: Facts, *, operation: str, since: float) -> None:
    """Tell of what made an operation, from `since` (Unix time in seconds) until now."""
    if _Process.tracer is not None:
        _Process.tracer.root(name, facts, operation=operation, span=(since, time.time()))


def happened(name: str, facts: Facts, *, operation: str, since: float) -> None:
    """Tell of something that began at `since` (Unix time in seconds) and ends now; nothing without an operation."""
    if _Process.tracer is not None and operation:
        _Process.tracer.told(name, facts, operation=operation, span=(since, time.time()))


@contextmanager
def span(name: str, facts: Facts, *, operation: str) -> Iterator[None]:
    """Let what happens in the block be a span of the operation, and belong to it in the log."""
    with at_work_on(operation):
        if _Process.tracer is None or not operation:
            yield
            return
        opened = _Process.tracer.opened(name, facts, operation=operation)
        try:
            yield
        except BaseException as error:
            opened.fail(type(error).__name__)
            raise
        finally:
            opened.end()
