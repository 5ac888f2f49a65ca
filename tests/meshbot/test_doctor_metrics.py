"""What the doctor says of services' requests, as a real Prometheus with a written past knows them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from mesh.domain.catalog import Catalog, Cluster, MetricsServer, Service
from mesh.domain.commands import Target
from mesh.domain.gates import Limits
from mesh.domain.routes import Route
from mesh.ports import Cluster as Routes
from mesh.ports import Surveyed
from meshbot.doctor.metrics import series
from playground.servers import PrometheusServer
from tests.builders import route
from tests.workers.metrics.past import istio, openmetrics, up, when
from workers.metrics.adapter import PrometheusMetrics

pytestmark = pytest.mark.prometheus

OLD_S = 120
PAST = (up("fresh"), istio("fresh", 20), up("old"), istio("old", 20, when=when(ended_s=OLD_S)))


@dataclass(frozen=True)
class Scene:
    """A Prometheus, and when its past ended: Unix time in seconds."""

    url: str
    end: float

    def told(self, *services: Service) -> list[tuple[str, str]]:
        """Level and text, as seen one second after the past."""
        catalog = Catalog((Cluster("demo", prometheus=MetricsServer((self.url,))),), services)
        metrics = PrometheusMetrics(catalog, clock=lambda: self.end + 1)
        try:
            found = list(series("prom demo", catalog, catalog.clusters[0], cast(Routes, Surveying()), metrics))
        finally:
            metrics.close()
        return [(one.level, one.text) for one in found]


class Surveying:
    """A cluster in which every service has a route."""

    def survey(self, _cluster: str, *, namespaces: Sequence[str], also: Iterable[Target]) -> list[Surveyed]:
        """Find all that is asked for."""
        return [Surveyed(one, (self._route(one),)) for one in also if one.namespace in namespaces]

    def _route(self, target: Target) -> Route:
        made = route(namespace=target.namespace)
        return replace(
            made, arms=tuple(replace(arm, namespace=target.namespace, version=arm.name) for arm in made.arms)
        )


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Of one service samples are there until the end, of the other they ceased before."""
    directory = tmp_path_factory.mktemp("prometheus")
    text, end = directory / "past.txt", float(int(time.time()))
    text.write_text(openmetrics(PAST, now=end))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(directory / "data")]
    subprocess.run(command, check=True, capture_output=True)
    with PrometheusServer(Path(directory), {}) as server:
        yield Scene(server.url, end)


def test_requests_that_are_known_are_well(scene: Scene) -> None:
    """The age that gates allow, for each service, is what counts."""
    patient = Service("api", namespace="old", limits=Limits(max_age_s=2 * OLD_S))
    known = "the requests of all 1 services with a route are known"
    assert scene.told(Service("api", namespace="fresh")) == [("ok", known)]
    assert scene.told(patient) == [("ok", known)]


def test_samples_that_are_old_are_named(scene: Scene) -> None:
    """With their age; nobody is told then that requests are known."""
    said = ("warn", f"the newest sample is old for api ({OLD_S} s)")
    assert scene.told(Service("api", namespace="old")) == [said]
    fresh = Service("web", namespace="fresh")
    assert said in scene.told(fresh, Service("api", namespace="old"))
    assert scene.told(Service("api", namespace="nowhere")) == [
        ("warn", "no proxy speaks of api, so gates there are unknown")
    ]
