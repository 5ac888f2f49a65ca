"""The incident guard: a service in trouble is no place for a promotion."""

from __future__ import annotations

import math

import pytest

from mesh.domain.burning import judge_burn
from mesh.domain.gates import Verdict
from mesh.domain.measures import Burn

CALM = Burn(0.0002, 0.0002, 0.0002, 0.0002)


def verdict(burn: Burn, slo: float = 99.9) -> Verdict:
    """Judge one service."""
    (row,) = judge_burn(burn, slo=slo, service="api")
    assert (row.name, row.arm, row.at_most) == ("incident", "api", True)
    return row.verdict


@pytest.mark.parametrize(
    ("burn", "expected"),
    [
        (CALM, Verdict.PASS),
        (Burn(0.02, 0.02, 0.02, 0.001), Verdict.FAIL),  # an hour and 5 min
        (Burn(0.001, 0.02, 0.02, 0.001), Verdict.PASS),  # it is over
        (Burn(0.02, 0.02, 0.001, 0.001), Verdict.PASS),  # it has only begun
        (Burn(0.007, 0.007, 0.007, 0.007), Verdict.FAIL),  # six hours and 30 min
        (Burn(0.007, 0.001, 0.007, 0.007), Verdict.PASS),
        (Burn(0.0144, 0.006, 0.0144, 0.006), Verdict.PASS),  # at the limit, not above it
    ],
)
def test_both_windows_of_a_pair_must_burn(burn: Burn, expected: Verdict) -> None:
    """14.4 times over an hour and 5 min, or 6 times over six hours and 30 min, and nothing else."""
    assert verdict(burn) is expected


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_a_window_without_data_does_not_burn(nothing: float | None) -> None:
    """No requests are no incident: other rows say that there is no traffic."""
    assert verdict(Burn(nothing, nothing, nothing, nothing)) is Verdict.PASS
    assert verdict(Burn(nothing, nothing, 0.5, 0.5)) is Verdict.PASS


def test_what_cannot_be_asked_is_unknown() -> None:
    """Without an answer nobody knows whether there is an incident."""
    (row,) = judge_burn(Burn(problem="Prometheus did not answer in 3 s"), slo=99.9, service="api")
    assert (row.verdict, row.why, row.value) == (Verdict.UNKNOWN, "Prometheus did not answer in 3 s", None)


def test_an_incident_is_told_with_its_numbers() -> None:
    """What failed for how long, against what."""
    (row,) = judge_burn(Burn(0.03, 0.02, 0.02, 0.001), slo=99.9, service="api")
    assert row.why == "api as a whole is in trouble: 2 % of its requests failed in the last hour, 3 % in the last 5 min"
    assert (row.value, round(row.limit, 9), row.unit, row.window_s) == (2.0, 1.44, "%", 3600)


def test_the_objective_sets_the_limit() -> None:
    """A service that may fail more often burns slower, and one without an objective has no guard."""
    assert verdict(Burn(0.02, 0.02, 0.02, 0.02), slo=99.0) is Verdict.PASS
    assert judge_burn(CALM, slo=0, service="api") == ()


@pytest.mark.parametrize(("failed", "expected"), [(1.0, Verdict.PASS), (9.0, Verdict.PASS), (10.0, Verdict.FAIL)])
def test_one_failed_request_at_night_is_no_incident(failed: float, expected: Verdict) -> None:
    """One of two is 50 % of all windows, and says nothing: a share is told of some failures only."""
    assert verdict(Burn(0.5, 0.5, 0.5, 0.5, failed_h1=failed, failed_h6=failed)) is expected
