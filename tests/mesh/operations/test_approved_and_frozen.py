"""Approvals, freezes and limits together: an agreement does not outlive what it was given under."""

from __future__ import annotations

import pytest

from mesh.domain.approvals import Rule
from mesh.domain.errors import Barred
from mesh.domain.operations import State
from mesh.operations.running import run
from tests.builders import JIN
from tests.mesh.operations.test_approvals import KIM, a_bench, approved_not_run, now

GLASS = Rule("break-glass", need=1, groups=("S0SRE",))
FREEZE = "freeze api for 2h --reason 'incident 4412'"


def test_threat_6_a_freeze_that_begins_after_the_last_vote_voids() -> None:
    """Everybody agreed, and the service was frozen before the worker began: nothing is written."""
    bench = a_bench()
    approved = approved_not_run(bench)
    assert bench.do(FREEZE).state is State.SUCCEEDED
    void = run(approved.id, bench.stage)
    assert (void.state, bench.weights()) == (State.VOID, [90, 10])
    assert "frozen" in void.outcome


def test_threat_6_a_vote_under_a_freeze_voids() -> None:
    """Nobody can agree to what a freeze forbids by now, and no card is left that can never be carried out."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    bench.do(FREEZE)
    vote = bench.do(f"approve {asked.id}", KIM)
    assert (vote.state, now(bench, asked).state, bench.weights()) == (State.REFUSED, State.VOID, [90, 10])


def test_threat_6_a_canary_that_waits_is_void_under_a_freeze_as_well() -> None:
    """A rollout is asked about once, at its start; a freeze before that is over keeps it from starting."""
    bench = a_bench()
    asked = bench.do("canary api 25,50 every 1m")
    assert asked.state is State.WAITING
    bench.do(FREEZE)
    bench.do(f"approve {asked.id}", KIM)
    assert (now(bench, asked).state, now(bench, asked).rollout, bench.weights()) == (State.VOID, None, [90, 10])


def test_two_people_who_break_the_glass_pass_a_freeze_and_one_does_not() -> None:
    """Under a freeze the door turns everybody away, but not what a second person still has to agree to."""
    bench = a_bench(break_glass=GLASS)
    bench.do(FREEZE)
    with pytest.raises(Barred):
        bench.do("promote api 50 --reason 'customers are down'")
    asked = bench.do("promote api 50 --break-glass --reason 'customers are down'", JIN)
    assert (asked.state, bench.weights()) == (State.WAITING, [90, 10])
    bench.do(f"approve {asked.id}", KIM)
    assert (now(bench, asked).state, bench.weights()) == (State.SUCCEEDED, [50, 50])
