"""Approvals, freezes and limits together: an agreement does not outlive what it was given under."""

from __future__ import annotations

import pytest

from mesh.domain.approvals import Rule
from mesh.domain.errors import Barred
from mesh.domain.operations import State
from mesh.domain.rollouts import Phase
from mesh.operations.running import run
from tests.builders import JIN
from tests.mesh.operations.test_approvals import KIM, a_bench, approved_not_run, now
from tests.mesh.operations.voyage import Voyage

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


LOUD = "--break-glass --reason 'customers are down'"


def a_voyage(text: str, *, frozen_first: bool) -> Voyage:
    """A rollout for which two people broke the glass; the service is frozen before that, or once it is under way."""
    voyage = Voyage(a_bench(break_glass=GLASS))
    if frozen_first:
        voyage.bench.do(FREEZE)
    voyage.id = voyage.bench.ask(f"canary api {text} {LOUD}").id
    voyage.work()
    voyage.bench.do(f"approve {voyage.id}", KIM)
    voyage.work()
    if not frozen_first:
        voyage.bench.do(FREEZE)
    return voyage


@pytest.mark.parametrize("frozen_first", [True, False])
def test_a_canary_whose_glass_two_people_broke_passes_a_freeze_with_each_step(frozen_first: bool) -> None:
    """They agreed to all of it, whether the freeze came before or after; nobody is called in between."""
    voyage = a_voyage("25,50 every 30s", frozen_first=frozen_first)
    voyage.until(Phase.COMPLETED)
    assert (voyage.weights, voyage.steps().count("held")) == ([[90, 10], [75, 25], [50, 50]], 0)


def test_without_the_glass_a_canary_is_not_let_through_a_freeze() -> None:
    """It waits, held once, for as long as its strategy says, and then it ends where it is."""
    voyage = Voyage(a_bench())
    voyage.bench.approvals = ()
    voyage.start("canary api 25,50 every 30s")
    voyage.bench.do("freeze api --reason x")
    voyage.until(Phase.HELD)
    voyage.bench.time.at += 86_400
    voyage.look()
    assert (voyage.phase, voyage.weights[-1], voyage.steps().count("held")) == (Phase.EXPIRED, [75, 25], 1)


def test_a_step_of_a_canary_whose_glass_is_broken_is_confirmed_under_a_freeze() -> None:
    """By anybody who may confirm: the freeze was passed by those who agreed to the canary."""
    voyage = a_voyage("25,confirm,50 every 30s", frozen_first=True)
    voyage.until(Phase.CONFIRMING)
    assert voyage.say("confirm api").state is State.SUCCEEDED
    assert voyage.weights[-1] == [50, 50]


def test_a_canary_whose_glass_is_broken_turns_back_as_any() -> None:
    """Its way back is no break of anything, and is not called one."""
    voyage = a_voyage("25,50 every 30s", frozen_first=True)
    voyage.say("abort api", actor=JIN)
    assert voyage.weights[-1] == [100, 0]
    rollout = voyage.operation.rollout
    assert rollout is not None
    assert voyage.bench.operations.get(rollout.move).command.break_glass is False
