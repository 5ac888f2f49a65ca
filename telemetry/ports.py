"""Ports that measure what they pass on: each stands before a real one, and leaves everything else to it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar, cast

from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, MeshbotError, Refused
from mesh.domain.letters import Row
from mesh.domain.measures import Measured, Subject
from mesh.domain.operations import Operation
from mesh.domain.plans import Plan
from mesh.domain.points import Point
from mesh.domain.routes import Route
from mesh.operations.stage import Stage
from mesh.ports import (
    Cluster,
    Lanes,
    Lease,
    Locks,
    Metrics,
    Operations,
    Pace,
    Receipt,
    Watch,
    Watches,
)
from telemetry import tracing
from telemetry.context import current, named_in
from telemetry.counting import committed, judged, received
from telemetry.metrics import LOCK_WAIT, PATCH
from telemetry.spans import Facts

_Port = TypeVar("_Port")

_LOCKS = frozenset({"report", "lane"})
"""Locks that are not a service's; the first word of the key says so."""


def watched(stage: Stage) -> Stage:
    """Return the stage with its ports measured."""
    return replace(
        stage,
        operations=operations(stage.operations),
        locks=locks(stage.locks),
        cluster=cast(Cluster, _Cluster(stage.cluster)),
        metrics=cast(Metrics, _Metrics(stage.metrics)),
        watches=cast(Watches, _Watches(stage.watches)),
    )


_AnyOperations = TypeVar("_AnyOperations", bound=Operations)


def operations(inner: _AnyOperations) -> _AnyOperations:
    """Return operations that count what is written, and tell it to the traces."""
    return cast(_AnyOperations, _Operations(inner))


def locks(inner: Locks) -> Locks:
    """Return locks whose waiting is counted."""
    return cast(Locks, _Locks(inner))


def lanes(inner: Lanes) -> Lanes:
    """Return lanes that tell the traces when a message was sent."""
    return cast(Lanes, _Lanes(inner))


class _Through:
    """Passes on whatever it does not have itself."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Operations(_Through):
    def receive(self, operation: Operation, *, dedupe: str, intent: str, facts: dict[str, Any]) -> Receipt:
        since = time.time()
        receipt: Receipt = self._inner.receive(operation, dedupe=dedupe, intent=intent, facts=facts)
        new = receipt.operation.id
        if receipt.created:
            received(receipt.operation, since)
        tracing.happened("write" if receipt.created else "the same again", {}, operation=new, since=since)
        return receipt

    def commit(
        self, operation: Operation, entries: Sequence[dict[str, Any]] = (), *, lease: Lease | None = None
    ) -> Operation:
        since = time.time()
        after: Operation = self._inner.commit(operation, entries, lease=lease)
        committed(after, entries, since)
        step = str(operation.story[-1].step) if operation.story and entries else "shown"
        facts: Facts = {"step": step, "state": str(after.state), "revision": after.revision}
        tracing.happened("write", facts, operation=after.id, since=since)
        return after


class _Locks(_Through):
    @contextmanager
    def hold(self, key: str, *, wait_s: float) -> Iterator[Lease | None]:
        since, kind = time.time(), key.partition(" ")[0]
        lock = kind if kind in _LOCKS else "service"
        with self._inner.hold(key, wait_s=wait_s) as lease:
            outcome = "busy" if lease is None else "held"
            LOCK_WAIT.labels(lock, outcome).observe(max(0.0, time.time() - since))
            tracing.happened("lock", {"lock": lock, "outcome": outcome}, operation=current(), since=since)
            yield lease


class _Cluster(_Through):
    def routes(self, target: Target) -> list[Route]:
        with _span("read routes"):
            found: list[Route] = self._inner.routes(target)
            return found

    def reread(self, plan: Plan, target: Target) -> Route | None:
        with _span("read back"):
            found: Route | None = self._inner.reread(plan, target)
            return found

    def patch(self, plan: Plan, target: Target) -> Route:
        since, outcome = time.time(), "written"
        try:
            with _span("patch", kind=plan.kind):
                written: Route = self._inner.patch(plan, target)
                return written
        except MeshbotError as error:
            outcome = next((word for kind, word in _PATCHED if isinstance(error, kind)), "unknown")
            raise
        finally:
            PATCH.labels(plan.kind, outcome).observe(max(0.0, time.time() - since))


_PATCHED: tuple[tuple[type[MeshbotError], str], ...] = ((Conflict, "conflict"), (Refused, "refused"))


class _Metrics(_Through):
    def measure(
        self, cluster: str, subjects: Sequence[Subject], *, until: float, seconds: float, source: str = ""
    ) -> list[Measured]:
        with _span("ask metrics"):
            found: list[Measured] = self._inner.measure(cluster, subjects, until=until, seconds=seconds, source=source)
            return found


class _Watches(_Through):
    def save(
        self, cluster: str, span: tuple[float, float], watches: Mapping[str, Watch], points: Mapping[str, Point]
    ) -> None:
        self._inner.save(cluster, span, watches, points)
        for watch in watches.values():
            judged(watch.rows, at="look")


class _Lanes(_Through):
    """One sender sends one message at a time, but lines of a channel may share one."""

    def __init__(self, inner: Lanes) -> None:
        super().__init__(inner)
        self._begun: dict[str, float] = {}

    def begin(self, row: Row, lease: Lease, pace: Pace, *, now: float) -> tuple[Row, float]:
        begun: tuple[Row, float] = self._inner.begin(row, lease, pace, now=now)
        if not begun[1]:
            self._begun[row.letter.key] = time.time()
        return begun

    def settle(self, row: Row, *, waits: bool = False) -> None:
        since = self._begun.pop(row.letter.key, None)
        if since is not None:
            word = row.letter.key.partition(" ")[0]
            facts: Facts = {"message": word, "fate": str(row.fate), "attempt": row.attempts}
            tracing.happened("post", facts, operation=named_in(row.letter.key), since=since)
        self._inner.settle(row, waits=waits)


@contextmanager
def _span(name: str, **facts: str) -> Iterator[None]:
    """Open a span of the operation at hand, if there is one."""
    if not current():
        yield
        return
    with tracing.span(name, facts, operation=current()):
        yield
