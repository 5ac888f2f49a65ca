"""From a breach that Prometheus shows to traffic back on stable: measured for many services, in one world."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest

from mesh.domain.catalog import Catalog, MetricsServer
from mesh.domain.operations import Step
from mesh.domain.rollouts import Phase
from tests.world.district import District, House, RouteLog, make_district

pytestmark = [pytest.mark.world, pytest.mark.alone, pytest.mark.timeout(900)]

LOOK_S, LAG_S = Catalog().look_s, MetricsServer().lag_s
"""What is watched with where nobody configures anything."""
ALLOWED_S = LOOK_S + 2.0
"""One look and two seconds, from the first sample that shows it to the weights."""
BREACHES = int(os.environ.get("MESHBOT_BREACHES", "24"))
APART_S = float(os.environ.get("MESHBOT_BREACHES_APART_S", LOOK_S / BREACHES))
"""Time from one breach to the next. As it is, looks that one breach hastens find others, too; 8.3 s apart none does."""
TRIES = 3
AT_ONCE = 4
POLL_S = 0.05
WARM_S = 2 * LOOK_S + 2.0
"""Until a look has counted of every canary what came after its warm-up."""


def test_a_breach_is_turned_back_within_a_look_and_two_seconds(tmp_path: Path) -> None:
    """Half of a canary's requests fail from some moment between two looks on: 95 of 100 times it is back in time.

    A machine that is busy with other things is late with everything: what was late is measured again in a fresh world,
    and a product that is too slow is so each time.
    """
    took: list[float] = []
    for number in range(TRIES):
        took = _measured(tmp_path / str(number))
        if _p95(took) <= ALLOWED_S:
            return
    pytest.fail(f"late {TRIES} times, at last by {_p95(took) - ALLOWED_S:.2f} s: {took}")


def _measured(directory: Path) -> list[float]:
    """Return how long each breach lasted, in seconds, the shortest first."""
    names = [f"breach{number}" for number in range(BREACHES)]
    houses = [House(name, strategy="patient") for name in names]
    world = make_district(directory, houses, look=f"{LOOK_S:g}s", lag=f"{LAG_S:g}s")
    with world, RouteLog(world.cluster_url).kept() as log:
        assert world.prometheus
        world.prometheus.wait_until_scraped("sidecars", 30, since_s=3)
        town = District(world, log)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            rollouts = list(pool.map(town.canary, names))
        time.sleep(WARM_S)
        with Sight(town).kept() as sight:
            _break(town, names)
            written = [_back(town, *one) for one in zip(names, rollouts, strict=True)]
            decided = [_decided(town, one) for one in rollouts]
    seen = [sight.seen_at[name] for name in names]
    took = _between(seen, written)
    print(f"\nbreach to stable, {len(took)} times, look {LOOK_S:g} s, lag {LAG_S:g} s: {_figures(took)}")  # noqa: T201 - the point
    print(f"until a look decided: {_figures(_between(seen, decided))}")  # noqa: T201 - as above
    print(f"then until it was written: {_figures(_between(decided, written))}")  # noqa: T201 - as above
    return took


class Sight:
    """When Prometheus first showed a failed request of each service: who polls it sees that a moment later."""

    def __init__(self, town: District) -> None:
        self._town = town
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="sight", daemon=True)
        self.seen_at: dict[str, float] = {}
        """Unix time in seconds, by service."""

    @contextmanager
    def kept(self) -> Iterator[Sight]:
        """Keep looking inside a `with` block."""
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join(5)

    def _look(self) -> None:
        while not self._ended.wait(POLL_S):
            for service in self._town.failing():
                self.seen_at.setdefault(service, time.time())


def _break(town: District, names: Sequence[str]) -> None:
    """Break v2 of each service at a moment of its own."""
    begun, shuffled = time.monotonic(), random.sample(names, len(names))
    for number, name in enumerate(shuffled):
        time.sleep(max(0.0, begun + number * APART_S - time.monotonic()))
        town.world.break_arm(name, "v2", errors=0.5)


def _back(town: District, name: str, rollout: str) -> float:
    """Wait until traffic is back, and return when that was written: Unix time in seconds."""
    turned = town.await_phase(rollout, Phase.TURNED_BACK)
    assert town.log.weights(name) == [0, 25, 0]
    return next(one.at for one in town.log.of(name) if one.operation == turned.move)


def _decided(town: District, rollout: str) -> float:
    """When a look let the rollout turn back: Unix time in seconds."""
    story = town.operations.get(rollout).story
    return next(event.at for event in story if event.step is Step.TURNING_BACK)


def _between(first: Sequence[float], then: Sequence[float]) -> list[float]:
    return sorted(after - before for before, after in zip(first, then, strict=True))


def _figures(took: Sequence[float]) -> str:
    return f"median {median(took):.2f} s, p95 {_p95(took):.2f} s, longest {took[-1]:.2f} s"


def _p95(took: Sequence[float]) -> float:
    return took[int(0.95 * (len(took) - 1))]
