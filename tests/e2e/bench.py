"""The bench of the verbs over the real adapter and the real API server; store, metrics and cards are in memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.counts import Counts
from mesh.domain.operations import Operation, State
from mesh.domain.policy import Actor
from mesh.operations.running import run
from mesh.operations.stage import Stage
from mesh.ports import Cluster as ClusterPort
from store.memory import MemoryOperations
from tests.builders import JIN, healthy
from tests.mesh.operations.bench import Bench

ARMS = ("v1", "v2", "api-v1", "api-v2")
TICK_S = 0.05
LONGEST_S = 20.0


@dataclass(kw_only=True)
class RealBench(Bench):
    """`RealBench(real=cluster).do("promote api 50")`; every arm is healthy unless `readings` say otherwise.

    Its clock goes ten times as fast as the real one, so that nobody waits for a deadline.
    """

    real: ClusterPort
    clusters: tuple[Cluster, ...] = (Cluster("demo", namespace="mesh-demo"),)
    readings: Mapping[str, Counts | str] = field(default_factory=lambda: {arm: healthy() for arm in ARMS})

    @property
    def catalog(self) -> Catalog:
        """The configuration as it is now."""
        return Catalog(self.clusters, self.services, policy=self.policy)

    @property
    def stage(self) -> Stage:
        """What a worker has."""
        return replace(super().stage, cluster=self.real)

    def do(self, text: str, actor: Actor = JIN) -> Operation:
        """Receive a command and run it, as often as the clock would, until people were told its end."""
        operation = run(self.ask(text, actor).id, self.stage)
        over = time.monotonic() + LONGEST_S
        while not (operation.done and operation.reported):
            assert time.monotonic() < over, f"{text} did not end: {operation.story}"
            time.sleep(TICK_S)
            self.time.at += 10 * TICK_S
            operation = run(operation.id, self.stage)
        return operation

    def succeed(self, text: str) -> Operation:
        """Carry out a command that must succeed."""
        done = self.do(text)
        assert done.state is State.SUCCEEDED, (text, done.outcome, done.hint)
        return done

    def forget(self) -> None:
        """Empty the store, as FLUSHALL empties Redis."""
        self.operations = MemoryOperations(self.time, log=self.log, locks=self.locks)


def service(**changes: str) -> tuple[Service, ...]:
    """Return the configuration of the one service `api`."""
    return (Service("api", **changes),)  # type: ignore[arg-type]  # only fields of text are given
