"""A real Prometheus whose past was written beforehand: exact counters, no waiting for scrapes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.domain.catalog import Catalog, Cluster
from playground.servers import PrometheusServer
from tests.workers.metrics.past import PAST, openmetrics


@pytest.fixture(scope="session")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a Prometheus that remembers `PAST`, the last sample being a few seconds old."""
    directory: Path = tmp_path_factory.mktemp("prometheus")
    text = directory / "past.txt"
    text.write_text(openmetrics(PAST, now=time.time()))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(directory / "data")]
    subprocess.run(command, check=True, capture_output=True)
    with PrometheusServer(directory, {}) as server:
        yield server.url


@pytest.fixture
def catalog(prometheus_url: str) -> Catalog:
    """Return a configuration with an Istio cluster, a Linkerd cluster and one without metrics."""
    clusters = (
        Cluster("istio", prometheus_url=prometheus_url + "/"),
        Cluster("linkerd", prometheus_url=prometheus_url, mesh="linkerd"),
        Cluster("blind"),
    )
    return Catalog(clusters)
