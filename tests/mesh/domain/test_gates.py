"""Gates: three answers, and only one of them lets a weight rise."""

from __future__ import annotations

import math

import pytest

from mesh.domain.gates import GateResult, Limits, Reading, Verdict, judge, judge_capacity, overall
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


@pytest.mark.parametrize(
    ("share", "ready", "busiest", "needed"),
    [
        (10, 0, 0, 1),  # nothing is known of the others: one will do
        (10, 1, 0, 1),
        (50, 2, 10, 2),  # 25 % each is 2.5 times what the busiest bears
        (50, 1, 10, 2),
        (51, 2, 10, 3),
        (100, 3, 9, 5),
    ],
)
def test_an_arm_needs_endpoints_that_can_carry_its_share(share: float, ready: int, busiest: float, needed: int) -> None:
    """No endpoint may get more than 2.5 times what the busiest one bears now, and none at all is never enough."""
    row = judge_capacity("v2", share, ready=ready, busiest=busiest, load_max=2.5)
    assert (row.limit, row.verdict) == (needed, Verdict.PASS if ready >= needed else Verdict.FAIL)
    assert bool(row.why) is (ready < needed)


def test_a_lack_of_endpoints_is_told_with_its_numbers() -> None:
    """What each would get, what the busiest bears, how many are needed."""
    row = judge_capacity("v2", 50, ready=1, busiest=10, load_max=2.5)
    assert row.why == "50 % of the traffic for its one ready endpoint, and the busiest one bears 10 % now: 2 needed"
