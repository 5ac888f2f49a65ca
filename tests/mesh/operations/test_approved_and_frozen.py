"""Approvals, freezes and limits together: an agreement does not outlive what it was given under."""

from __future__ import annotations

import pytest

from mesh.domain.approvals import Rule
from mesh.domain.errors import Barred, Unavailable
from mesh.domain.freezes import Closure, Freeze
from mesh.domain.operations import Operation, State
from mesh.domain.rollouts import Phase
from mesh.domain.scopes import Scope
from mesh.operations.running import run
from store.memory import MemoryFreezes
from tests.builders import JIN, LEE
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_approvals import KIM, a_bench, approved_not_run, clock, now
from tests.mesh.operations.voyage import Voyage

GLASS = Rule("break-glass", need=1, groups=("S0SRE",))
FREEZE = "freeze api for 2h --reason 'incident 4412'"
ALWAYS = Closure("always", "it is always so", spans=((0.0, 2e9),))


class Unreadable(MemoryFreezes):
    """Has a freeze that another release wrote in a form of its own."""

    def standing(self) -> list[Freeze]:
        """Raise."""
        raise Unavailable("A freeze was written by another meshbot and cannot be read.")


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


BROKEN = "promote api 50 --break-glass --reason 'customers are down'"


def said_of(bench: Bench, operation: Operation) -> list[str]:
    """Return what its card says now, what its thread was told first, and what each step of it says in the audit log."""
    card = str(bench.cards.cards[operation.id][-1].blocks)
    steps = [str(entry) for entry in bench.audit() if entry["operation"] == operation.id and entry["step"] in _OPEN]
    return [card, bench.cards.threads[operation.id][0].text.text, *steps]


_OPEN = ("approval asked", "approved", "patching")


def test_threat_6_which_freeze_the_glass_passes_is_told_to_whoever_agrees_and_kept_on_record() -> None:
    """Its id, what it is about and whose it is: on the card and in the thread before the vote, then in every entry."""
    bench = a_bench(break_glass=GLASS, closures=(ALWAYS,))
    scope = Scope(services=("api",), namespaces=("mesh-demo",), clusters=("demo",))
    bench.freezes.put(Freeze("op-frozen2222", scope, since=0.0, by=LEE.user))
    asked = bench.do(BROKEN)
    before = said_of(bench, asked)
    bench.do(f"approve {asked.id}", KIM)
    assert now(bench, asked).state is State.SUCCEEDED
    after = said_of(bench, asked)
    assert (len(before), len(after)) == (3, 5)
    named = ("op-frozen2222", "demo/mesh-demo/api", LEE.user, "always")
    assert [word for word in named for said in (*before, *after) if word not in said] == []
    patching = next(entry["text"] for entry in bench.audit() if entry["step"] == "patching")
    assert "op-frozen2222 (demo/mesh-demo/api, by U0LEE)" in patching
    assert "`op-frozen2222`" in bench.cards.announcements[-1].text


def test_threat_6_a_freeze_that_the_card_does_not_name_yet_turns_the_vote_away_once() -> None:
    """Nobody agrees to pass what they were not told of: the card names it from then on, and the next vote counts."""
    bench = a_bench(break_glass=GLASS)
    asked = bench.do(BROKEN)
    assert "freeze" not in said_of(bench, asked)[0]
    freeze = bench.do(FREEZE)
    vote = bench.do(f"approve {asked.id}", KIM)
    assert (vote.state, "frozen after this was asked" in vote.outcome) == (State.REFUSED, True)
    assert (now(bench, asked).state, bench.weights()) == (State.WAITING, [90, 10])
    clock(bench, 0)
    assert freeze.id in said_of(bench, asked)[0]
    bench.do(f"approve {asked.id}", KIM)
    assert (now(bench, asked).state, bench.weights()) == (State.SUCCEEDED, [50, 50])


def test_a_freeze_that_was_lifted_turns_no_vote_away() -> None:
    """Less is passed than the card says; the entry of the patch says what was."""
    bench = a_bench(break_glass=GLASS)
    freeze = bench.do(FREEZE)
    asked = bench.do(BROKEN)
    bench.do(f"unfreeze {freeze.id}")
    bench.do(f"approve {asked.id}", KIM)
    assert now(bench, asked).state is State.SUCCEEDED
    patching = next(entry for entry in bench.audit() if entry["step"] == "patching")
    assert (patching["text"], "passes" in patching["approval"]) == (asked.plan and asked.plan.label, False)


def test_freezes_that_nobody_can_read_are_passed_and_that_is_said() -> None:
    """Two people break the glass because nothing else helps."""
    bench = a_bench(break_glass=GLASS)
    bench.freezes = Unreadable(bench.time)
    asked = bench.do(BROKEN)
    assert "Nobody can tell what is frozen now" in said_of(bench, asked)[0]
    bench.do(f"approve {asked.id}", KIM)
    assert (now(bench, asked).state, bench.weights()) == (State.SUCCEEDED, [50, 50])
    assert "freezes that cannot be read" in next(e["text"] for e in bench.audit() if e["step"] == "patching")


def test_who_breaks_no_glass_is_told_of_no_freeze() -> None:
    """Nothing on the card of an ordinary change, nor of one with the glass where nothing is frozen."""
    bench = a_bench(break_glass=GLASS)
    for text in ("promote api 50", BROKEN.replace("50", "60")):
        asked = bench.do(text)
        assert (asked.state, asked.approval and asked.approval.passes) == (State.WAITING, ())
        assert "passes" not in str(bench.cards.cards[asked.id][-1].blocks)


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
