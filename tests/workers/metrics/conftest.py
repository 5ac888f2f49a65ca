"""A real Prometheus whose past was written beforehand: exact counters, no waiting for scrapes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mesh.domain.catalog import Catalog, Cluster, MetricsServer
from playground.servers import PrometheusServer
from tests.workers.metrics.past import PAST, openmetrics
from workers.metrics.adapter import PrometheusMetrics


@dataclass(frozen=True)
class Remembered:
    """A Prometheus that remembers `PAST`."""

    url: str
    end: float
    """When the last samples were: Unix time in seconds."""


@pytest.fixture(scope="session")
def remembered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remembered]:
    """Return a Prometheus with the past, which ended when it was started."""
    directory: Path = tmp_path_factory.mktemp("prometheus")
    text, end = directory / "past.txt", float(int(time.time()))
    text.write_text(openmetrics(PAST, now=end))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(directory / "data")]
    subprocess.run(command, check=True, capture_output=True)
    with PrometheusServer(directory, {}) as server:
        yield Remembered(server.url, end)


@pytest.fixture(scope="session")
def prometheus_url(remembered: Remembered) -> str:
    """Return the address of the Prometheus with the past."""
    return remembered.url


@pytest.fixture
def catalog(prometheus_url: str) -> Catalog:
    """Return a configuration with an Istio cluster, a Linkerd cluster and one without metrics."""
    clusters = (
        Cluster("istio", prometheus=MetricsServer((prometheus_url + "/",))),
        Cluster("linkerd", prometheus=MetricsServer((prometheus_url,)), mesh="linkerd"),
        Cluster("blind"),
    )
    return Catalog(clusters)


@pytest.fixture
def metrics(catalog: Catalog, remembered: Remembered) -> Iterator[PrometheusMetrics]:
    """Return the port over that Prometheus, with a clock that stands at the end of the past."""
    made = PrometheusMetrics(catalog, clock=lambda: remembered.end + 1)
    yield made
    made.close()
