"""A real Prometheus measures what the simulation does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from playground.servers import PrometheusServer
from playground.serving import ServerThread, free_port
from playground.traffic.app import make_app
from playground.traffic.profile import Profile, ServiceProfile
from tests.playground.traffic.conftest import RouteLists
from tests.quickest import quickly

pytestmark = pytest.mark.prometheus

PROFILE = Profile(
    (
        ServiceProfile("mesh-demo", "api", "istio", 600.0),
        ServiceProfile("mesh-demo", "web", "linkerd", 400.0),
        ServiceProfile("mesh-demo", "search", "linkerd", 100.0),
    )
)
WINDOW = "[3s]"
API = '{{reporter="source",destination_workload_namespace="mesh-demo",destination_workload=~"{}"{}}}'
WEB = '{{namespace="mesh-demo",direction="inbound",deployment="{}"{}}}'


class Measured:
    """The simulator and the Prometheus that scrapes it."""

    def __init__(self, simulator: str, prometheus: PrometheusServer) -> None:
        self.simulator = simulator
        self.prometheus = prometheus

    def query(self, promql: str) -> list[float]:
        """Return the values of an instant query, one per series."""
        answer = requests.get(f"{self.prometheus.url}/api/v1/query", params={"query": promql}, timeout=60).json()
        return [float(each["value"][1]) for each in answer["data"]["result"]]

    def ratio(self, part: str, whole: str) -> float:
        """Return the ratio of two counters' rates; -1 while there is no data."""
        values = self.query(f"sum(rate({part}{WINDOW})) / sum(rate({whole}{WINDOW}))")
        return values[0] if values else -1.0

    def eventually(self, measure: Callable[[], float], expected: object, within_s: float = 60) -> None:
        """Wait until a measurement equals what is expected; fail with its last value."""
        deadline = time.monotonic() + within_s
        while (value := measure()) != expected:
            assert time.monotonic() < deadline, f"measured {value}, expected {expected}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def measured(cluster: RouteLists, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """Yield a simulator that is being scraped five times a second."""
    directory: Path = tmp_path_factory.mktemp("prometheus")
    port = free_port()
    app = make_app(cluster.url, PROFILE, prometheus_url=f"http://127.0.0.1:{port}", seed=11)
    with ServerThread(app) as simulator:
        targets = {"sidecars": simulator.url.removeprefix("http://")}
        with PrometheusServer(directory, targets, port=port, scrape_interval="200ms") as prometheus:
            prometheus.wait_until_scraped("sidecars")
            yield Measured(simulator.url, prometheus)


def test_the_measured_share_follows_the_weights(measured: Measured, cluster: RouteLists) -> None:
    """The share of v2 that Prometheus measures at the source is the route's, before and after a change."""
    v2 = "istio_requests_total" + API.format("api-v2", "")
    both = "istio_requests_total" + API.format("api-v1|api-v2", "")
    measured.eventually(lambda: measured.ratio(v2, both), pytest.approx(0.1, abs=0.03))
    cluster.weigh_api(50, 50)
    measured.eventually(lambda: measured.ratio(v2, both), pytest.approx(0.5, abs=0.03))
    cluster.weigh_api(90, 10)


def test_a_broken_arm_is_measured_as_broken(measured: Measured) -> None:
    """After breaking web v2 its success drops and its 99th percentile rises; v1's stay."""
    body = {"namespace": "mesh-demo", "service": "web", "version": "v2", "errors": 0.4, "latency_ms": 900}
    assert requests.post(f"{measured.simulator}/break", json=body, timeout=60).ok

    def success(deployment: str) -> float:
        good = "response_total" + WEB.format(deployment, ',classification!="failure"')
        return measured.ratio(good, "response_total" + WEB.format(deployment, ""))

    def p99(deployment: str) -> float:
        buckets = "response_latency_ms_bucket" + WEB.format(deployment, "")
        return measured.query(f"histogram_quantile(0.99, sum(rate({buckets}{WINDOW})) by (le))")[0]

    measured.eventually(lambda: success("web-v2"), pytest.approx(0.6, abs=0.12))
    measured.eventually(lambda: float(p99("web-v2") > 900), 1.0)
    assert success("web-v1") > 0.99
    assert p99("web-v1") < 300


def test_an_unexposed_arm_has_no_series(measured: Measured) -> None:
    """Prometheus knows search-v1 and has never heard of search-v2, whose weight is 0."""
    assert measured.query("sum(response_total" + WEB.format("search-v1", "") + ")")[0] > 0
    assert measured.query("count(response_total" + WEB.format("search-v2", "") + ")") == []


def test_the_state_knows_whether_prometheus_answers(measured: Measured) -> None:
    """A frozen Prometheus is shown as not answering within about two seconds, and as answering after it wakes."""

    def answers() -> float:
        return float(requests.get(f"{measured.simulator}/state", timeout=60).json()["prometheus"])

    measured.eventually(answers, 1.0)

    def freeze() -> None:
        measured.prometheus.pause()
        measured.eventually(answers, 0.0)
        measured.prometheus.resume()
        measured.eventually(answers, 1.0)

    quickly(freeze, within_s=8)


def test_a_stopped_prometheus_comes_back_with_its_past(measured: Measured) -> None:
    """After a stop and a start at the same address the samples of before are still there, and new ones follow."""
    v1 = 'istio_requests_total{reporter="source",destination_workload="api-v1"}'
    moment = time.time()
    past = f"sum({v1} @ {moment:.3f})"
    before = measured.query(past)[0]
    measured.prometheus.restart()
    assert measured.query(past) == [before]
    measured.eventually(lambda: float(any(now > before for now in measured.query(f"sum({v1})"))), 1.0)
