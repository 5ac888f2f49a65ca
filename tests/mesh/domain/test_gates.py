"""Gates: three answers, and only one of them lets a weight rise."""

from __future__ import annotations

import math

import pytest

from mesh.domain.gates import GateResult, Limits, Reading, Verdict, judge, judge_ready, overall
from tests.builders import healthy


def verdicts(reading: Reading, **limits: float) -> dict[str, Verdict]:
    """Judge and return verdict by gate name."""
    return {row.name: row.verdict for row in judge("v2", reading, Limits(**limits))}  # type: ignore[arg-type]  # test shorthand


def test_a_healthy_arm_passes() -> None:
    """Enough requests, few errors and low latency pass, and the row shows value, limit, samples and window."""
    rows = judge("v2", healthy(), Limits())
    assert overall(rows) is Verdict.PASS
    assert rows[1] == GateResult("success", "v2", Verdict.PASS, 99.95, 99.0, "%", 1000, 300)


def test_errors_and_slowness_fail_their_own_gate() -> None:
    """Each condition is judged by itself, and any fail fails the whole."""
    assert verdicts(healthy(success=98.9)) == {"requests": "pass", "success": "fail", "p99": "pass"}
    assert verdicts(healthy(p99_ms=501)) == {"requests": "pass", "success": "pass", "p99": "fail"}
    assert overall(judge("v2", healthy(success=0.0), Limits())) is Verdict.FAIL


@pytest.mark.parametrize("edge", [{"success": 99.0}, {"p99_ms": 500.0}, {"requests": 100.0}])
def test_a_value_at_its_limit_passes(edge: dict[str, float]) -> None:
    """Limits are inclusive, as the card's "at least" and "at most" say."""
    assert overall(judge("v2", healthy(**edge), Limits())) is Verdict.PASS


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (Reading(problem="Prometheus did not answer in 3 s"), "Prometheus did not answer in 3 s"),
        (Reading(), "no traffic reached v2"),
        (healthy(requests=0), "no traffic reached v2"),
        (healthy(requests=math.nan), "no traffic reached v2"),
        (healthy(requests=99), "1 more requests needed within 5 min"),
        (healthy(age_s=61), "the newest sample is 61 s old"),
        (healthy(success=None), "no success value"),
        (healthy(success=math.nan), "no success value"),
        (healthy(p99_ms=math.inf), "no p99 value"),
    ],
)
def test_what_cannot_be_known_is_unknown(reading: Reading, why: str) -> None:
    """No answer, no traffic, too little of it, stale, missing or not-a-number values never pass and never fail."""
    rows = judge("v2", reading, Limits())
    assert overall(rows) is Verdict.UNKNOWN
    assert why in {row.why for row in rows}


def test_no_conditions_at_all_are_unknown() -> None:
    """An empty judgement proves nothing."""
    assert overall(()) is Verdict.UNKNOWN


def test_a_fail_outweighs_an_unknown() -> None:
    """Any fail fails; otherwise any unknown holds."""
    rows = (*judge("v2", healthy(success=1), Limits()), *judge("v3", Reading(), Limits()))
    assert overall(rows) is Verdict.FAIL


def test_the_first_exposure_needs_a_ready_endpoint() -> None:
    """An arm without traffic is judged by its pods: none fails, one passes."""
    assert judge_ready("v2", 0).verdict is Verdict.FAIL
    assert judge_ready("v2", 1).verdict is Verdict.PASS
