"""What every reader of metrics keeps, the one that asks Prometheus and the one in memory alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.commands import Target
from mesh.domain.errors import MeshbotError
from mesh.domain.gates import Reading
from mesh.domain.routes import Arm
from mesh.ports import Metrics
from workers.memory import MemoryMetrics
from workers.metrics.prometheus import PrometheusMetrics

MIXED, SILENT = Target("istio", "mixed", "api"), Target("blind", "mixed", "api")
V2 = Arm("v2", 10, 10, "/w", service="api", namespace="mixed", subset="v2", version="v2")
UNSEEN = replace(V2, name="v3", subset="v3", version="v3")
BLIND = replace(V2, name="v4")


@pytest.fixture(params=["memory", pytest.param("prometheus", marks=pytest.mark.prometheus)])
def metrics(request: pytest.FixtureRequest) -> Metrics:
    """Each implementation in turn, with the same past."""
    if request.param == "memory":
        known = Reading(requests=3000, success=97.0, p99_ms=190.0, age_s=4)
        return MemoryMetrics({"v2": known, "v4": Reading(problem="no metrics server")})
    return PrometheusMetrics(request.getfixturevalue("catalog"))


def test_an_arm_with_traffic_has_every_value(metrics: Metrics) -> None:
    """Requests as a count, success in per cent, the latency in milliseconds, the age in seconds."""
    reading = metrics.read(V2, MIXED, window_s=300)
    assert reading.problem == ""
    assert reading.requests == pytest.approx(3000, abs=110)
    assert reading.success == pytest.approx(97, abs=0.01)
    assert reading.p99_ms == pytest.approx(190, abs=0.5)
    assert 0 <= (reading.age_s or 0) < 60


def test_an_arm_without_traffic_has_no_value_and_no_problem(metrics: Metrics) -> None:
    """Nothing measured is not a failure of measuring."""
    assert replace(metrics.read(UNSEEN, MIXED, window_s=300), queries=()) == Reading()


def test_what_went_wrong_is_said_in_the_reading(metrics: Metrics) -> None:
    """Without a server nothing is raised: the reading has a problem, and no values."""
    reading = metrics.read(BLIND, SILENT, window_s=300)
    assert reading.problem
    assert (reading.requests, reading.success, reading.p99_ms) == (None, None, None)


def test_requests_of_an_arm_are_counted_alone(metrics: Metrics) -> None:
    """For the split of traffic nothing but the count is asked; no traffic counts as none."""
    assert metrics.count(V2, MIXED, window_s=300) == pytest.approx(3000, abs=110)
    assert metrics.count(UNSEEN, MIXED, window_s=300) == 0


def test_what_cannot_be_counted_is_an_error(metrics: Metrics) -> None:
    """Nobody may take "not known" for "none"."""
    with pytest.raises(MeshbotError, match="no metrics server"):
        metrics.count(BLIND, SILENT, window_s=300)
