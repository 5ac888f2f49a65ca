"""What is said when the metrics server is not well."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from mesh.domain.catalog import Catalog, Cluster
from mesh.domain.commands import Target
from mesh.domain.gates import Limits, Reading, Verdict, judge, overall
from mesh.domain.routes import Arm
from playground.serving import free_port
from tests.answering import answering, send
from workers.metrics import prometheus
from workers.metrics.prometheus import PrometheusMetrics

ARM = Arm("v2", 10, 10, "/w", service="api", namespace="shop", subset="v2", version="v2")
Answer = Callable[[], tuple[int, str]]


@contextmanager
def prometheus_that_says(answer: Answer) -> Iterator[str]:
    """Serve the same answer to every request."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        status, text = answer()
        with contextlib.suppress(BrokenPipeError):  # the client did not wait
            send(request, text.encode(), status=status)

    with answering(reply) as url:
        yield url


def read(url: str) -> Reading:
    """Read the arm from the server at `url`."""
    catalog = Catalog((Cluster("demo", prometheus_url=url),))
    return PrometheusMetrics(catalog).read(ARM, Target("demo", "shop", "api"), window_s=60)


def said(kind: str, result: object, **more: object) -> str:
    """Return a successful answer of the query API."""
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more})


def row(value: str, **labels: str) -> dict[str, object]:
    """Return one sample of a vector."""
    return {"metric": labels, "value": [0, value]}


@pytest.mark.parametrize(
    ("status", "text", "problem"),
    [
        (
            400,
            json.dumps({"status": "error", "error": "parse error: x"}),
            "Prometheus refused the query: parse error: x",
        ),
        (503, json.dumps({"status": "error", "error": "query timed out"}), "status 503: query timed out"),
        (502, "<html>Bad Gateway</html>", "Prometheus answered with status 502"),
        (401, "Unauthorized", "refused meshbot's credentials (401)"),
        (200, "<html>Please log in</html>", "is not Prometheus (status 200, no JSON)"),
        (200, json.dumps({"status": "error", "error": "odd"}), "Prometheus answered with status 200: odd"),
        (200, said("scalar", [0, "1"]), "another shape than a vector"),
        (200, said("vector", {}), "another shape than a vector"),
        (200, said("vector", [{"metric": {}}]), "a sample that is not a number"),
        (200, said("vector", [row("ten", reporter="source")]), "a sample that is not a number"),
        (200, said("vector", [], warnings=["store x is away"]), "answered only in part: store x is away"),
        (
            200,
            said("vector", [row("1", reporter="source"), row("2", reporter="destination")]),
            "several series where one",
        ),
    ],
)
def test_every_trouble_has_its_words(status: int, text: str, problem: str) -> None:
    """No answer of a sick server raises, and none can pass a gate."""
    with prometheus_that_says(lambda: (status, text)) as url:
        reading = read(url)
    assert problem in reading.problem
    assert overall(judge("v2", reading, Limits())) is Verdict.UNKNOWN


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_is_no_value(value: str) -> None:
    """NaN and the infinities are missing values, never numbers to compare with."""
    with prometheus_that_says(lambda: (200, said("vector", [row(value, reporter="source")]))) as url:
        reading = read(url)
    assert (reading.requests, reading.success, reading.p99_ms, reading.age_s) == (None, None, None, None)


def test_a_slow_server_is_left_after_the_first_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """One query without an answer ends the reading: four times the timeout would stall the worker."""
    monkeypatch.setattr(prometheus, "TIMEOUT_S", 0.2)

    def slowly() -> tuple[int, str]:
        time.sleep(0.5)
        return 200, ""

    begun = time.monotonic()
    with prometheus_that_says(slowly) as url:
        reading = read(url)
    assert reading.problem == "Prometheus did not answer in 0.2 s"
    assert len(reading.queries) == 1
    assert time.monotonic() - begun < 2


def test_a_server_that_is_away_is_said_at_once() -> None:
    """A refused connection is told with the address, without retries."""
    url, begun = f"http://127.0.0.1:{free_port()}", time.monotonic()
    assert read(url).problem == f"Prometheus is not reachable at {url}"
    assert time.monotonic() - begun < 1


def test_an_address_that_is_none_is_a_problem_too() -> None:
    """A mistyped address does not raise."""
    assert "not reachable" in read("prometheus:9090").problem
