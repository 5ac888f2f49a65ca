"""Counts of a real Prometheus that scrapes each second, while pods and the server itself come and go."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from mesh.domain.catalog import Catalog, Cluster, MetricsServer
from mesh.domain.commands import Target
from mesh.domain.counts import Counts
from mesh.domain.gates import CustomGate
from mesh.domain.measures import Subject
from mesh.domain.routes import Arm
from playground.servers import PrometheusServer
from tests.answering import answering, send
from tests.world.town import until
from workers.metrics.adapter import PrometheusMetrics

pytestmark = pytest.mark.prometheus

ARM = Arm("v2", 1, 1, "/w", service="api", namespace="shop", subset="v2", version="v2")
SUBJECT = Subject(Target("demo", "shop", "api"), (ARM,), (100.0,))
NAMES = 'destination_service_namespace="shop",destination_service_name="api",destination_version="v2"'
PATIENCE_S = 60.0
"""Prometheus takes 5 to 6 s to begin, and a second for each scrape; the rest is for a busy machine."""


@dataclass
class Proxy:
    """What a caller's proxy exposes: counts by response code. None: it does not answer."""

    counts: dict[str, int] | None = field(default_factory=dict)

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a scrape."""
        if self.counts is None:
            send(request, b"", status=500)
            return
        lines = [
            f'istio_requests_total{{reporter="source",{NAMES},response_code="{code}"}} {count}'
            for code, count in self.counts.items()
        ]
        text = "\n".join(["# TYPE istio_requests_total counter", *lines, ""])
        send(request, text.encode(), content_type="text/plain; version=0.0.4; charset=utf-8")


@dataclass
class Scene:
    """One proxy, one Prometheus, and looks that follow each other."""

    proxy: Proxy
    server: PrometheusServer
    metrics: PrometheusMetrics
    until: float = 0.0

    def scraped(self, wanted: int) -> None:
        """Wait until Prometheus has seen the proxy answer so many scrapes from now on."""
        begun = time.time()

        def seen() -> bool:
            values = self.server_query(f"sum_over_time(up[{max(1, round(time.time() - begun))}s])")
            return values >= wanted and time.time() - begun >= wanted

        until(seen, "Prometheus did not scrape", timeout_s=PATIENCE_S)

    def missed(self) -> None:
        """Wait until Prometheus knows that the proxy does not answer."""
        until(lambda: self.server_query("up == bool 0") == 1, "Prometheus was answered", timeout_s=PATIENCE_S)

    def server_query(self, query: str) -> float:
        """Ask for one number; 0 for none."""
        row = self.metrics.ask(CustomGate("x", query), ARM, SUBJECT.target, window_s=60)
        return row.value or 0.0

    def look(self) -> Counts:
        """Count what came since the last look."""
        until = time.time() - 0.3
        (found,) = self.metrics.measure("demo", [SUBJECT], until=until, seconds=until - self.until)
        assert found.problem == ""
        self.until = until
        return found.counts.get("v2", Counts())


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Start both; the proxy has a long life behind it, and has never failed."""
    proxy = Proxy({"200": 50_000})
    with (
        answering(proxy.serve) as url,
        PrometheusServer(tmp_path / "prometheus", {"mesh": url.removeprefix("http://")}) as server,
    ):
        settings = MetricsServer((server.url,), lag_s=0.3)
        metrics = PrometheusMetrics(Catalog((Cluster("demo", prometheus=settings),)))
        made = Scene(proxy, server, metrics, until=time.time())
        made.scraped(2)
        made.look()
        yield made
        metrics.close()


def total(scene: Scene, requests: float = 0.0) -> tuple[float, float]:
    """Look about once a second until so many requests are counted, and once more; return requests and failures in all.

    A busy machine scrapes late; what is never counted is given up after a minute.
    """
    found, end, more = list[Counts](), time.monotonic() + PATIENCE_S, 2
    while more:
        time.sleep(1.1)
        found.append(scene.look())
        more -= sum(one.requests for one in found) >= requests or time.monotonic() > end
    return sum(one.requests for one in found), sum(one.errors for one in found)


def test_a_life_of_a_proxy_is_counted_rightly(scene: Scene) -> None:
    """First failures, a restart, and a time away: each request counts once, and no lifetime falls into one look."""
    proxy = scene.proxy
    assert total(scene) == (0, 0)

    proxy.counts = {"200": 50_040, "503": 10}
    assert total(scene, 50) == (50, 10), "the first failures ever have no earlier sample"

    proxy.counts = {"200": 7, "503": 3}
    assert total(scene, 10) == (10, 3), "a restarted proxy counts from zero"

    proxy.counts = None
    scene.missed()
    assert total(scene) == (0, 0), "nobody scraped it"
    proxy.counts = {"200": 1007, "503": 1003}
    scene.scraped(2)
    assert total(scene)[1] <= 1000, "nothing is counted twice when it comes back"
    proxy.counts = {"200": 1017, "503": 1004}
    assert total(scene, 11) == (11, 1)


def test_a_prometheus_that_is_started_anew(scene: Scene, tmp_path: Path) -> None:
    """With its past it goes on counting; without it, it makes no failures of what it sees for the first time."""
    proxy, server = scene.proxy, scene.server
    proxy.counts = {"200": 50_000, "503": 500}
    assert total(scene, 500) == (500, 500)

    server.restart()
    scene.scraped(2)
    proxy.counts = {"200": 50_010, "503": 501}
    assert total(scene, 11) == (11, 1), "kept connections are opened anew"

    server.stop()
    shutil.rmtree(tmp_path / "prometheus" / "data")
    server.start()
    scene.scraped(2)
    assert total(scene) == (0, 0), "500 old failures are no news"
    proxy.counts = {"200": 50_020, "503": 503}
    assert total(scene, 12) == (12, 2)
