"""How a worker's processes and the clock are seen from outside: their numbers, whether they live, and can work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from mesh.domain.figures import Figures
from mesh.ports import InForce
from store.figures import RedisFigures
from store.jobs import TIMEOUT_S
from store.standing import standing
from telemetry.looks import Beats, Looked, Program, Reach, Silence, State, Writes
from telemetry.serving import Port, serve
from telemetry.signs import Signs
from workers.clock import Clock
from workers.runner import DEAF_S

HUNG_S = TIMEOUT_S + DEAF_S + 30.0
"""After so long without a sign of life a worker process hangs where not even its time limit ended it."""
STUCK_S = 30.0
"""After so long a clock is stuck: one round waits for Redis a few times, each time for less than a second."""


@dataclass(frozen=True)
class Seen:
    """What both are looked at with."""

    standing: Callable[[], InForce]
    connect: Callable[[], redis.Redis]
    """Returns a client of one's own, one that gives up quickly; called after the fork."""

    def trouble(self) -> str:
        """Say what is wrong with the configuration."""
        return self.standing().trouble

    def ready(self, client: redis.Redis, facts: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
        """Tell whether work can be done: Redis takes writes. What is wrong with the configuration is told, not judged.

        One with mistakes keeps nobody from going back to stable by the last good one.
        """
        tried = standing(client)
        said = {"redis": tried.trouble or "ok", "configuration": self.trouble() or "ok"}
        return tried.writes, {"ready": tried.writes, **said, **facts}


def worker_port(port: Port, seen: Seen, signs: Signs) -> None:
    """Answer for all processes of a worker, in one of its own; does not return.

    What they count lies in files, so a scrape costs none of them anything.
    """
    client = seen.connect()
    looks: list[Looked] = [
        Program("worker", seen.trouble),
        Silence(signs.silent_s),
        Reach("worker", lambda: standing(client)),
    ]

    def alive() -> tuple[bool, dict[str, Any]]:
        silent = signs.silent_s()
        # While they wait for a first configuration there are no processes yet.
        well = not seen.standing().good or max(silent.values()) < HUNG_S
        return well, {"alive": well, "silent_s": {queue: round(seconds, 1) for queue, seconds in silent.items()}}

    def ready() -> tuple[bool, dict[str, Any]]:
        well, facts = seen.ready(client, alive()[1])
        # Without a first configuration nothing is worked on, also no rollback.
        well = well and seen.standing().good
        return well, {**facts, "ready": well}

    if port.listener is not None:
        serve(port.listener, port.application(looks, alive, ready))


def clock_port(port: Port, seen: Seen, clock: Clock) -> None:
    """Answer for a clock, in a thread; it also tells what is in Redis, for everybody."""
    client = seen.connect()

    def read() -> Figures:
        return RedisFigures(client).read(seen.standing().catalog.clusters, time.time())

    def alive() -> tuple[bool, dict[str, Any]]:
        silent_s = clock.silent_s()
        return silent_s < STUCK_S, {"alive": silent_s < STUCK_S, "silent_s": round(silent_s, 1)}

    looks: list[Looked] = [
        Program("clock", seen.trouble),
        Writes("clock", lambda: standing(client)),
        State("clock", read),
        Beats(lambda: clock.leads, clock.silent_s),
    ]
    port.serve(port.application(looks, alive, lambda: seen.ready(client, {"leads": clock.leads})))
