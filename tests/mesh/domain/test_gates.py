"""Gates: three answers, and only one of them lets a weight rise."""

from __future__ import annotations

import pytest

from mesh.domain.gates import GateResult, Limits, Verdict, judge_capacity, judge_first, overall, span


def row(verdict: Verdict) -> GateResult:
    """A row with this verdict."""
    return GateResult("success", "v2", verdict, 99.9, 99.0, "%", 1000, 300)


def test_no_conditions_at_all_are_unknown() -> None:
    """An empty judgement proves nothing."""
    assert overall(()) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [("pass", "pass"), ("pass unknown", "unknown"), ("unknown fail pass", "fail"), ("fail unknown", "fail")],
)
def test_any_fail_fails_and_any_unknown_holds(verdicts: str, expected: str) -> None:
    """Only when every condition passes may a weight rise."""
    assert overall(tuple(row(Verdict(verdict)) for verdict in verdicts.split())) == expected


def test_an_arm_nobody_knows_begins_small() -> None:
    """An arm without traffic may get a quarter at most at once; more is unknown, with what to do."""
    assert judge_first("v2", 25.0, Limits()) == ()
    (found,) = judge_first("v2", 26.0, Limits())
    assert (found.verdict, found.value, found.limit) == (Verdict.UNKNOWN, 26.0, 25.0)
    assert "begin with 25 % or less" in found.why


def test_durations_are_told_in_seconds_or_minutes() -> None:
    """Two minutes and more are minutes."""
    assert (span(45), span(119.4), span(120), span(290)) == ("45 s", "119 s", "2 min", "5 min")


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
