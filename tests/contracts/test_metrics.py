"""What every reader of metrics keeps, the one that asks Prometheus and the one in memory alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.counts import Counts
from mesh.domain.gates import CustomGate, Verdict
from mesh.domain.measures import Burn, Measured, Subject
from mesh.domain.routes import Arm
from mesh.ports import Metrics
from tests.workers.metrics.conftest import Remembered
from workers.memory import MemoryMetrics
from workers.metrics.adapter import PrometheusMetrics

MIXED, SILENT = Target("istio", "mixed", "api"), Target("blind", "mixed", "api")
V1 = Arm("v1", 90, 90, "/w", service="api", namespace="mixed", subset="v1", version="v1")
V2 = replace(V1, name="v2", subset="v2", version="v2")
UNSEEN = replace(V1, name="v3", subset="v3", version="v3")
BLIND = replace(V1, name="v4", subset="v4", version="v4")
KNOWN = {
    "v1": Counts(27000, 0, buckets=((100, 13500), (200, 27000), (float("inf"), 27000))),
    "v2": Counts(3000, 90, buckets=((100, 2700), (200, 3000), (float("inf"), 3000))),
}


@pytest.fixture(params=["memory", pytest.param("prometheus", marks=pytest.mark.prometheus)])
def metrics(request: pytest.FixtureRequest) -> Iterator[Metrics]:
    """Each implementation in turn, with the same past."""
    if request.param == "memory":
        memory = MemoryMetrics({**KNOWN, "v4": "no metrics server"})
        memory.values = {"number": 42.0}
        yield memory
        return
    catalog: Catalog = request.getfixturevalue("catalog")
    remembered: Remembered = request.getfixturevalue("remembered")
    real = PrometheusMetrics(catalog, clock=lambda: remembered.end + 1)
    yield real
    real.close()


def measure(metrics: Metrics, target: Target, *arms: Arm) -> Measured:
    """Measure these arms over the last 5 minutes."""
    subject = Subject(target, arms, tuple(100.0 / len(arms) for _ in arms))
    (found,) = metrics.measure(target.cluster, [subject], until=0, seconds=300)
    return found


def test_arms_with_traffic_have_counts(metrics: Metrics) -> None:
    """Requests, failures and times of each arm, and the age of the newest sample."""
    found = measure(metrics, MIXED, V1, V2)
    assert (found.problem, found.problems, found.counts) == ("", {}, KNOWN)
    assert found.age_s is not None
    assert 0 <= found.age_s < 60


def test_an_arm_without_traffic_is_absent_and_no_problem(metrics: Metrics) -> None:
    """Nothing measured is not a failure of measuring."""
    found = measure(metrics, MIXED, V2, UNSEEN)
    assert found.counts.keys() == {"v2"}
    assert found.blindness("v3") == ""


def test_every_subject_gets_its_answer(metrics: Metrics) -> None:
    """As many answers as subjects, in their order."""
    subjects = [Subject(MIXED, (arm,), (100.0,)) for arm in (V2, UNSEEN, V1)]
    found = metrics.measure("istio", subjects, until=0, seconds=300)
    assert [list(one.counts) for one in found] == [["v2"], [], ["v1"]]
    assert metrics.measure("istio", [], until=0, seconds=300) == []


def test_what_went_wrong_is_said(metrics: Metrics) -> None:
    """Without a server nothing is raised: there is a problem, and no counts."""
    found = measure(metrics, SILENT, BLIND)
    assert "no metrics server" in found.blindness("v4")
    assert found.counts == {}


def test_burn_rates_are_answered_for_each_service(metrics: Metrics) -> None:
    """Shares of failures between 0 and 1, and no exception."""
    first, second = metrics.burns(
        "istio", [Subject(MIXED, (V2,), (100.0,)), Subject(MIXED, (V2, UNSEEN), (50.0, 50.0))]
    )
    assert first == second
    assert isinstance(first, Burn)
    assert 0 <= (first.m5 or 0) <= 1
    assert metrics.burns("istio", []) == []


@pytest.mark.parametrize(
    ("gate", "verdict", "why"),
    [
        (CustomGate("number", "vector(42)", most=42), Verdict.PASS, ""),
        (CustomGate("number", "vector(42)", most=41.5), Verdict.FAIL, "above the limit"),
        (CustomGate("number", "scalar(vector(42))", least=43), Verdict.FAIL, "below the limit"),
        (CustomGate("number", "vector(42)", least=40, most=50), Verdict.PASS, ""),
        (CustomGate("number", "vector(42)"), Verdict.UNKNOWN, "it has no limit"),
        (CustomGate("nothing", "nothing_at_all", most=1), Verdict.UNKNOWN, "the query found nothing"),
    ],
)
def test_custom_conditions_are_judged(metrics: Metrics, gate: CustomGate, verdict: Verdict, why: str) -> None:
    """One number is compared with its limits; anything else is unknown, with the reason."""
    row = metrics.ask(gate, V2, MIXED, window_s=300)
    assert (row.name, row.arm, row.verdict, row.why) == (gate.name, "v2", verdict, why)
    assert row.query == gate.query
    assert row.value == (None if gate.name == "nothing" else 42)
    assert row.lack == ("few" if gate.name == "nothing" else "")


def test_a_custom_condition_names_what_it_is_about(metrics: Metrics) -> None:
    """Placeholders become literals, and the query as it was asked is on record."""
    query = "requests{ns={{namespace}}, svc={{ service }}, arm={{arm}}, v={{version}}}[{{window}}]"
    row = metrics.ask(CustomGate("odd", query, most=1), V2, MIXED, window_s=90)
    assert row.query == 'requests{ns="mixed", svc="api", arm="v2", v="v2"}[90s]'
    assert row.verdict is Verdict.UNKNOWN


def test_a_slip_in_a_custom_condition_is_unknown(metrics: Metrics) -> None:
    """The configuration refuses it; should one come through, nothing is raised and nothing passes."""
    row = metrics.ask(CustomGate("odd", "{{servce}}", most=1), V2, MIXED, window_s=90)
    assert (row.verdict, row.value, row.lack) == (Verdict.UNKNOWN, None, "")
    assert "{{servce}}" in row.why
