"""What is looked at when somebody asks for the numbers: the state in Redis, the configuration, the program itself."""

from __future__ import annotations

import logging
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Protocol

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from mesh.domain.errors import Unavailable
from mesh.domain.figures import Figures
from mesh.domain.rollouts import ACTIVE
from telemetry.metrics import QUEUES, REGISTRY
from telemetry.sharing import Shared

log = logging.getLogger(__name__)

AGAIN_S = 5.0
"""How long what was read of Redis is told again: several who scrape, or one who does it each second, cost no more."""

LOOKS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "build_info": ("Always 1; what runs, and as what.", ("version", "python", "role")),
    "configuration_trouble": (
        "1 while the configuration file has mistakes, so that it is not in force.",
        (),
    ),
    "redis_up": ("1 when Redis answered this process.", ("role",)),
    "redis_writable": ("1 when Redis took a write of this process; nothing where it did not answer.", ("role",)),
    "redis_memory_ratio": ("How much of its maxmemory Redis uses; nothing where it has none.", ()),
    "queue_length": ("Jobs that wait.", ("queue",)),
    "queue_oldest_seconds": ("For how long the job that has waited longest waits.", ("queue",)),
    "rollouts": ("Rollouts that have not ended.", ("phase",)),
    "operations_unsettled": ("Operations that are not done, told and measured.", ()),
    "approvals_waiting": ("Operations that wait for people.", ()),
    "incidents_open": ("Open incidents.", ()),
    "outbox_channels": ("Channels in which a message waits.", ()),
    "outbox_late_seconds": ("For how long the message that has waited longest waits.", ()),
    "look_late_seconds": ("For how long no look was had at rollouts, where that is longest.", ()),
    "work_late_seconds": ("How long ago the operation was due on which nobody has worked since for longest.", ()),
    "audit_entries": ("Entries of the audit log.", ()),
    "clock_leader": ("1 in the clock that hands out what is due.", ()),
    "clock_silent_seconds": ("Since when the clock has not come round.", ()),
    "worker_silent_seconds": ("Since when the process of a queue has given no sign of life.", ("queue",)),
}
"""Name without `meshbot_` -> meaning and labels, of everything here."""

Rows = Mapping[tuple[str, ...], float]


def gauge(name: str, rows: Rows) -> Metric:
    """Return one metric of `LOOKS` with its values, by those of its labels."""
    meaning, labels = LOOKS[name]
    family = GaugeMetricFamily(f"meshbot_{name}", meaning, labels=labels)
    for values, value in rows.items():
        family.add_metric(values, value)
    return family


class Looked(Protocol):
    """Something that can be looked at."""

    def collect(self) -> Iterator[Metric]:
        """Yield what is there now; never raises."""


@dataclass
class Numbers:
    """All that one process, or several that share, has to say."""

    looks: Sequence[Looked]
    shared: Shared | None = None
    """None where one process counts for itself."""

    @contextmanager
    def registry(self) -> Iterator[CollectorRegistry]:
        """Give everything, for as long as the block lasts."""
        if self.shared is None:
            yield self._all(REGISTRY)
            return
        with self.shared.registry() as counted:
            yield self._all(counted)

    def _all(self, counted: Collector) -> CollectorRegistry:
        found = CollectorRegistry()
        found.register(counted)
        for look in self.looks:
            found.register(look)
        return found


@dataclass(frozen=True)
class Program:
    """What runs, and whether its configuration is as the file says."""

    role: str
    trouble: Callable[[], str]

    def collect(self) -> Iterator[Metric]:
        """Yield both."""
        yield gauge("build_info", {(version("meshbot"), platform.python_version(), self.role): 1})
        yield gauge("configuration_trouble", {(): float(bool(self.trouble()))})


class Tried(Protocol):
    """What one try to write to Redis told."""

    @property
    def answers(self) -> bool:
        """False for a Redis that is away."""

    @property
    def writes(self) -> bool:
        """True where it took the write."""


@dataclass(frozen=True)
class Writes:
    """Whether Redis takes writes of this process, or of the pod that it speaks for: one that is full answers, too."""

    role: str
    tried: Callable[[], Tried]

    def collect(self) -> Iterator[Metric]:
        """Try, and yield it."""
        yield from _writable(self.role, self.tried())


@dataclass(frozen=True)
class Reach:
    """The same, and whether Redis is reached from here at all: others may reach it while this one does not."""

    role: str
    tried: Callable[[], Tried]

    def collect(self) -> Iterator[Metric]:
        """Try, and yield it."""
        found = self.tried()
        yield gauge("redis_up", {(self.role,): float(found.answers)})
        yield from _writable(self.role, found)


def _writable(role: str, found: Tried) -> Iterator[Metric]:
    if found.answers:
        yield gauge("redis_writable", {(role,): float(found.writes)})


@dataclass(eq=False)
class State:
    """What is in Redis, read at most every `AGAIN_S`; where that fails, only that it does."""

    role: str
    read: Callable[[], Figures]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: Figures | None = None
    _at: float = float("-inf")

    def collect(self) -> Iterator[Metric]:
        """Yield it."""
        found = self._figures()
        yield gauge("redis_up", {(self.role,): float(found is not None)})
        if found is None:
            return
        yield gauge("queue_length", {(queue,): found.queues.get(queue, 0) for queue in QUEUES})
        yield gauge("queue_oldest_seconds", {(queue,): found.oldest.get(queue, 0.0) for queue in QUEUES})
        yield gauge("rollouts", {(str(phase),): found.rollouts.get(str(phase), 0) for phase in ACTIVE})
        if found.memory is not None:
            yield gauge("redis_memory_ratio", {(): found.memory})
        for name, value in _single(found).items():
            yield gauge(name, {(): value})

    def _figures(self) -> Figures | None:
        with self._lock:
            if time.monotonic() - self._at > AGAIN_S:
                self._known = self._read()
                self._at = time.monotonic()
            return self._known

    def _read(self) -> Figures | None:
        try:
            return self.read()
        except Unavailable:
            return None
        except Exception:
            # The other numbers of this process must not be lost with these.
            log.exception("a bug kept the state in Redis from being counted")
            return None


def _single(found: Figures) -> dict[str, float]:
    return {
        "operations_unsettled": found.unsettled,
        "approvals_waiting": found.approvals,
        "incidents_open": found.incidents,
        "outbox_channels": found.lanes,
        "outbox_late_seconds": found.post_late,
        "look_late_seconds": found.look_late,
        "work_late_seconds": found.work_late,
        "audit_entries": found.audited,
    }


@dataclass(frozen=True)
class Beats:
    """Whether a clock leads, and since when it has not come round."""

    leads: Callable[[], bool]
    silent_s: Callable[[], float]

    def collect(self) -> Iterator[Metric]:
        """Yield both."""
        yield gauge("clock_leader", {(): float(self.leads())})
        yield gauge("clock_silent_seconds", {(): self.silent_s()})


@dataclass(frozen=True)
class Silence:
    """Since when each worker process has been silent."""

    silent_s: Callable[[], Mapping[str, float]]

    def collect(self) -> Iterator[Metric]:
        """Yield it, by queue."""
        yield gauge("worker_silent_seconds", {(queue,): seconds for queue, seconds in self.silent_s().items()})
