"""Approvals of a rollout: what its first step would be refused for is known before people agree to all of them."""

from __future__ import annotations

import pytest

from mesh.domain.catalog import Service
from mesh.domain.counts import Counts
from mesh.domain.operations import Operation, State
from mesh.domain.policy import Policy, Role
from tests.builders import JIN, healthy
from tests.mesh.operations.alarm import alarm
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_approvals import ANA, KIM, a_bench, clock, now

CANARY = "canary api 25,60 every 1m"
WORSE: dict[str, Counts | str] = {"v1": healthy(), "v2": healthy(success=80.0)}
NOTHING: dict[str, Counts | str] = {"v1": healthy(), "v2": "no samples"}


def asking(bench: Bench, text: str = CANARY) -> Operation:
    """The canary as it is once a worker has planned it."""
    bench.services = (Service("api"),)
    return bench.do(text)


@pytest.mark.parametrize(("readings", "why"), [(WORSE, "Gates failed"), (NOTHING, "Gates could not decide")])
def test_what_the_gates_do_not_pass_is_refused_and_not_asked_about(readings: dict[str, Counts | str], why: str) -> None:
    """As a promotion to the first step would be, with the numbers on record; nobody is called for it."""
    bench = a_bench()
    bench.metrics.readings = readings
    refused = asking(bench)
    assert (refused.state, refused.approval, bench.weights()) == (State.REFUSED, None, [90, 10])
    assert why in refused.outcome
    assert refused.gates
    assert bench.operations.waiting() == []


def test_nobody_is_asked_while_an_incident_is_open() -> None:
    """The refusal names it."""
    bench = a_bench()
    bench.services = (Service("api"),)
    [incident_id] = alarm(bench).incidents
    refused = bench.do(CANARY)
    assert (refused.state, refused.approval) == (State.REFUSED, None)
    assert incident_id in refused.outcome


def test_people_see_the_gates_of_the_first_step_with_what_they_are_asked() -> None:
    """As on the card of a promotion; the rollout then begins without them, for it is judged anew."""
    bench = a_bench()
    asked = asking(bench)
    assert asked.state is State.WAITING
    assert {row.arm for row in asked.gates} >= {"v2"}
    for voter in (ANA, KIM):
        bench.do(f"approve {asked.id}", voter)
    clock(bench, 3)
    assert (now(bench, asked).active_rollout, bench.weights()) == (True, [75, 25])


@pytest.mark.parametrize("trouble", ["incident", "gates", "limits"])
def test_threat_6_a_canary_that_may_not_begin_any_more_is_void_at_the_vote(trouble: str) -> None:
    """Everything that is checked before weights are written is checked with each vote."""
    bench = a_bench()
    asked = asking(bench)
    if trouble == "incident":
        alarm(bench)
    elif trouble == "gates":
        bench.metrics.readings = WORSE
    else:
        bench.policy = Policy((Role("small", users=(JIN.user,), verbs=("*",), max_share=40.0),))
    vote = bench.do(f"approve {asked.id}", ANA)
    assert (vote.state, now(bench, asked).state, bench.weights()) == (State.REFUSED, State.VOID, [90, 10])


def test_gates_that_cannot_decide_turn_the_vote_away_and_the_canary_waits_on() -> None:
    """A metrics server that is away for a moment must not cost the agreement."""
    bench = a_bench()
    asked = asking(bench)
    bench.metrics.readings = NOTHING
    assert bench.do(f"approve {asked.id}", ANA).state is State.REFUSED
    assert now(bench, asked).state is State.WAITING
    bench.metrics.readings = WORSE | {"v2": healthy()}
    assert bench.do(f"approve {asked.id}", ANA).state is State.SUCCEEDED


def test_a_canary_that_first_bakes_what_it_has_needs_no_evidence_to_be_asked_about() -> None:
    """That is what the bake before its confirmation point is for; an open incident holds it up all the same."""
    text = "canary api 10,confirm,60 every 1m"
    bench = a_bench()
    bench.metrics.readings = NOTHING
    assert asking(bench, text).state is State.WAITING
    burning = a_bench()
    burning.services = (Service("api"),)
    alarm(burning)
    assert burning.do(text).state is State.REFUSED
