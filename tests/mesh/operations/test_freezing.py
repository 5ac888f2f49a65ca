"""Freezes at the door and in the worker: nothing rises under one, whenever it began, and going back always works."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mesh.domain.errors import Barred, Denied, NotFound, Unavailable
from mesh.domain.freezes import Closure, Freeze
from mesh.domain.operations import Operation, State, Step
from mesh.domain.policy import Policy, Role
from mesh.domain.rollouts import Happening, Phase
from mesh.domain.scopes import Scope
from mesh.operations import checking, judging
from mesh.operations.freezing import holding
from mesh.operations.running import run
from mesh.ports import Freezes
from tests.builders import JIN, LEE
from tests.mesh.operations.bench import POLICY, Bench
from tests.mesh.operations.voyage import Voyage

FREEZE = "freeze api for 2h --reason 'incident 4412'"


def frozen(bench: Bench, text: str = FREEZE) -> Operation:
    """Freeze, and check that it says so."""
    done = bench.do(text)
    assert (done.state, done.story[-1].step) == (State.SUCCEEDED, Step.FROZEN)
    return done


def test_a_freeze_holds_when_its_card_says_so() -> None:
    """It is in force before anybody is told, for its time, and is on record, announced and audited."""
    bench = Bench()
    told: list[bool] = []
    show = bench.cards.show

    def look(operation: Operation) -> Operation:
        told.append(bool(holding(bench.desk)))
        return show(operation)

    bench.cards.show = look  # type: ignore[method-assign]
    done = frozen(bench)
    assert told == [True]
    [freeze] = holding(bench.desk)
    assert freeze == Freeze(
        done.id, Scope.of(done.target), done.created_at, done.created_at + 7200, "incident 4412", JIN.user
    )
    assert bench.audit_steps(done) == ["queued", "checking", "frozen"]
    assert [one.id for one in bench.operations.recent(target=done.target)] == [done.id]
    bench.time.at += 7200
    assert holding(bench.desk) == ()


@pytest.mark.parametrize("scope", ["api", "all", "-n mesh-demo", "-c demo", "-c demo -n mesh-demo", "api -n mesh-demo"])
def test_every_scope_that_covers_a_service_freezes_it(scope: str) -> None:
    """A service, a namespace, a cluster or everything; another namespace's freeze is no matter."""
    bench = Bench()
    frozen(bench, f"freeze {scope} --reason x")
    with pytest.raises(Barred, match="api is frozen until it is lifted") as refused:
        bench.ask("promote api 50")
    assert "/mesh rollback api" in refused.value.hint
    assert bench.audit()[-1]["step"] == "barred"
    other = Bench()
    frozen(other, "freeze -n elsewhere --reason x")
    assert other.do("promote api 50").state is State.SUCCEEDED


def test_a_reason_is_set_apart_from_our_words() -> None:
    """In one code span, never cut, whatever the person wrote; nobody's words stand in the sentence."""
    bench = Bench()
    bench.do("freeze api --reason '" + "*Approved* by `root` " * 15 + "'")
    with pytest.raises(Barred) as refused:
        bench.ask("promote api 50")
    assert "Approved" not in refused.value.message
    assert refused.value.hint.count("`") == 2
    assert len(refused.value.hint) < 500


@pytest.mark.parametrize("text", ["promote api 50", "set api v1=50 v2=50", "promote api 50 --force --reason 'I must'"])
def test_a_freeze_that_began_meanwhile_counts(text: str) -> None:
    """What was received before it is refused in the worker, with force too, and no weight is written."""
    bench = Bench()
    asked = bench.ask(text)
    frozen(bench)
    done = run(asked.id, bench.stage)
    assert (done.state, done.story[-1].step) == (State.REFUSED, Step.BARRED)
    assert "frozen" in done.outcome
    assert bench.weights() == [90, 10]
    assert "patching" not in bench.audit_steps(done)


def test_a_freeze_that_begins_while_gates_are_judged_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last look is just before the patch."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    judge = judging.judge_plan

    def slow(*args: Any, **kwargs: Any) -> Any:
        bench.freezes.put(Freeze("op-late", Scope(), bench.time.at, reason="now"))
        return judge(*args, **kwargs)

    monkeypatch.setattr(checking, "judge_plan", slow)
    done = run(asked.id, bench.stage)
    assert done.story[-1].step is Step.BARRED
    assert bench.weights() == [90, 10]


@pytest.mark.parametrize("text", ["rollback api", "undo api", "promote api 20", "set api v1=80 v2=20"])
def test_going_back_is_never_frozen(text: str) -> None:
    """All traffic to stable, undo to lower, a lower share: at the door and in the worker."""
    bench = Bench()
    assert bench.do("promote api 50").state is State.SUCCEEDED
    frozen(bench, "freeze all --reason x")
    assert bench.do(text).state is State.SUCCEEDED
    assert bench.weights()[1] < 50


def test_an_undo_that_raises_is_frozen() -> None:
    """To undo a rollback is to give the canary its traffic back."""
    bench = Bench()
    back = bench.do("rollback api")
    frozen(bench)
    done = bench.do(f"undo {back.id}")
    assert done.story[-1].step is Step.BARRED
    assert bench.weights() == [100, 0]


def test_who_cannot_be_asked_lets_nothing_rise() -> None:
    """A store that does not say what is frozen holds what rises, here and in the worker, and never what goes back."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    bench.freezes.broken = Unavailable("Redis did not answer.")
    with pytest.raises(Unavailable, match=r"Nobody can tell whether api is frozen.*nothing was started"):
        bench.ask("promote api 60")
    done = run(asked.id, bench.stage)
    assert done.state is State.FAILED
    assert bench.weights() == [90, 10]
    assert bench.do("rollback api").state is State.SUCCEEDED


def test_the_calendar_freezes_as_people_do() -> None:
    """A closure of the configuration bars what rises while it lasts, and nobody lifts it from Slack."""
    bench = Bench(closures=(Closure("holidays", "nobody is here", spans=((0.0, 1_000_100.0),)),))
    with pytest.raises(Barred, match="holidays") as refused:
        bench.ask("canary api 25,50")
    assert refused.value.hint.startswith("Reason: `nobody is here`. ")
    lifting = bench.do("unfreeze all")
    assert lifting.state is State.REFUSED
    assert "holidays" in lifting.hint
    bench.time.at += 100
    assert bench.do("promote api 50").state is State.SUCCEEDED


def test_lifting_takes_the_same_words_or_the_id() -> None:
    """Exactly what was frozen; a wider freeze stays, and is named with the way to lift it."""
    bench = Bench()
    wide = frozen(bench, "freeze all --reason x")
    narrow = bench.do("unfreeze api")
    assert narrow.state is State.REFUSED
    assert narrow.choices == (f"/mesh unfreeze {wide.id}",)
    frozen(bench)
    done = bench.do("unfreeze api")
    assert (done.state, done.story[-1].step) == (State.SUCCEEDED, Step.LIFTED)
    assert wide.id in done.hint
    assert bench.do(f"unfreeze {wide.id}").state is State.SUCCEEDED
    assert holding(bench.desk) == ()
    with pytest.raises(NotFound, match="No freeze op-gone holds"):
        bench.ask("unfreeze op-gone")


def test_freezes_need_a_right() -> None:
    """At the door and when they run; the right of a scope covers that scope alone."""
    team = Role("team", users=(LEE.user,), verbs=("freeze", "unfreeze", "promote"), scope=Scope(services=("api",)))
    bench = Bench(policy=Policy((*POLICY.roles, team)))
    with pytest.raises(Denied):
        bench.ask("freeze all --reason x", LEE)
    asked = bench.ask(FREEZE, LEE)
    bench.policy = POLICY
    done = run(asked.id, bench.stage)
    assert done.state is State.REFUSED
    assert holding(bench.desk) == ()
    wide = frozen(bench, "freeze all --reason x")
    bench.policy = Policy((*POLICY.roles, team))
    with pytest.raises(Denied):
        bench.ask(f"unfreeze {wide.id}", LEE)


def test_a_freeze_is_made_once_however_often_it_runs() -> None:
    """Who died between writing it and saying so leaves it to the next; what was lifted meanwhile stays lifted."""
    bench = Bench()
    asked = bench.ask(FREEZE)

    class Dying:
        """Writes, and dies."""

        def __getattr__(self, name: str) -> Any:
            return getattr(bench.freezes, name)

        def put(self, freeze: Freeze) -> None:
            bench.freezes.put(freeze)
            raise Unavailable("Redis did not answer.")

    dying: Freezes = Dying()
    left = run(asked.id, replace(bench.stage, freezes=dying))
    assert left.state is State.RUNNING
    assert len(holding(bench.desk)) == 1
    bench.freezes.lift(asked.id)
    assert run(asked.id, bench.stage).state is State.SUCCEEDED
    assert holding(bench.desk) == ()


def test_a_freeze_that_came_too_late_freezes_nothing() -> None:
    """It waited for longer than it was to last, and says so."""
    bench = Bench()
    asked = bench.ask("freeze api for 1m --reason x")
    bench.time.at += 61
    assert run(asked.id, bench.stage).state is State.EXPIRED
    assert holding(bench.desk) == ()


@pytest.mark.parametrize("scope", ["all", "-n mesh-demo"])
def test_a_freeze_is_told_once_nothing_older_is_being_written(scope: str) -> None:
    """A change that has its service's lock since before may not have seen it; what begins now has."""
    bench = Bench()
    with bench.locks.hold("demo/mesh-demo/web", wait_s=0), bench.locks.hold("clock", wait_s=0):
        asked = bench.ask(f"freeze {scope} --reason x")
        waiting = run(asked.id, bench.stage)
        assert waiting.state is State.RUNNING
        assert waiting.card is None
        assert len(holding(bench.desk)) == 1
    with bench.locks.hold("demo/elsewhere/web" if "-n" in scope else "report op-1", wait_s=0):
        assert run(asked.id, bench.stage).state is State.SUCCEEDED


def test_a_freeze_does_not_wait_for_ever() -> None:
    """Where somebody always has a lock, it is told after ten seconds."""
    bench = Bench()
    with bench.locks.hold("demo/mesh-demo/web", wait_s=0):
        asked = bench.ask("freeze all --reason x")
        run(asked.id, bench.stage)
        bench.time.at += 11
        assert run(asked.id, bench.stage).state is State.SUCCEEDED


def test_lifting_goes_on_where_a_worker_died() -> None:
    """What is on record as being lifted is lifted, though by then nothing stands any more."""
    bench = Bench()
    frozen(bench)
    asked = bench.ask("unfreeze api")

    class Dying:
        """Lifts, and dies."""

        def __getattr__(self, name: str) -> Any:
            return getattr(bench.freezes, name)

        def lift(self, freeze_id: str) -> None:
            bench.freezes.lift(freeze_id)
            raise Unavailable("Redis did not answer.")

    dying: Freezes = Dying()
    assert run(asked.id, replace(bench.stage, freezes=dying)).state is State.RUNNING
    assert run(asked.id, bench.stage).state is State.SUCCEEDED


def test_a_freeze_overtakes_nothing() -> None:
    """A promotion that waited is not refused for a freeze that came after it and was lifted again."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    bench.time.at += 1
    frozen(bench)
    bench.do("unfreeze api")
    assert run(asked.id, bench.stage).state is State.SUCCEEDED
    assert bench.do("undo api").state is State.SUCCEEDED


def test_a_dry_run_says_that_it_would_be_refused() -> None:
    """Whatever its gates say."""
    bench = Bench()
    frozen(bench)
    assert "would be refused now: api is frozen" in bench.do("plan promote api 50").outcome
    assert "frozen" not in bench.do("plan rollback api").outcome


def test_a_rollout_holds_under_a_freeze_and_goes_on_after_it() -> None:
    """Its next step waits, people are told once; lifted, it bakes anew and takes the step by itself."""
    voyage = Voyage()
    voyage.start()
    frozen(voyage.bench)
    voyage.until(Phase.HELD)
    rollout = voyage.operation.rollout
    assert rollout is not None
    assert rollout.cause is Happening.BARRED
    assert "api is frozen until" in rollout.why
    voyage.look(20)
    assert voyage.phase is Phase.HELD
    assert voyage.steps().count("held") == 1
    assert voyage.weights[-1] == [75, 25]
    voyage.bench.do("unfreeze api")
    voyage.until(Phase.BAKING)
    assert voyage.weights[-1] == [75, 25]
    voyage.until(Phase.COMPLETED, looks=120)
    assert voyage.weights == [[90, 10], [75, 25], [50, 50], [0, 100]]


def test_a_step_that_a_freeze_met_on_its_way_is_written_after_it() -> None:
    """The freeze began between the step and its patch: no step is left out, and nobody must press anything."""
    voyage = Voyage()
    voyage.start()
    bench, put = voyage.bench, Freeze("op-late", Scope(), 0.0, reason="now")
    receive = bench.operations.receive

    def late(operation: Operation, **how: Any) -> Any:
        if operation.command.rollout:
            bench.freezes.put(put)
        return receive(operation, **how)

    bench.operations.receive = late  # type: ignore[method-assign]
    voyage.until(Phase.HELD)
    bench.operations.receive = receive  # type: ignore[method-assign]
    assert voyage.weights[-1] == [75, 25]
    bench.freezes.lift("op-late")
    voyage.until(Phase.COMPLETED, looks=120)
    assert voyage.weights == [[90, 10], [75, 25], [50, 50], [0, 100]]


@pytest.mark.parametrize("word", ["abort api", "rollback api"])
def test_turning_back_works_under_a_freeze(word: str) -> None:
    """A person's word, whatever is frozen."""
    voyage = Voyage()
    voyage.start()
    frozen(voyage.bench, "freeze all --reason x")
    voyage.say(word)
    voyage.work()
    assert voyage.weights[-1] == [100, 0]


def test_a_word_that_gives_more_is_refused_under_a_freeze() -> None:
    """Skip waits for the end of the freeze; the rollout stands where it stood."""
    voyage = Voyage()
    voyage.start()
    frozen(voyage.bench)
    said = voyage.say("skip api")
    assert said.story[-1].step is Step.BARRED
    assert voyage.phase is Phase.BAKING


def test_a_rollout_does_not_begin_under_a_freeze() -> None:
    """Received before it, it ends before its first step."""
    bench = Bench()
    asked = bench.ask("canary api v2 25,50")
    frozen(bench)
    assert run(asked.id, bench.stage).story[-1].step is Step.BARRED
    assert bench.weights() == [90, 10]


def test_a_rollout_holds_while_nobody_can_tell_what_is_frozen() -> None:
    """It goes no step further, and goes on once that is known again."""
    voyage = Voyage()
    voyage.start()
    voyage.bench.freezes.broken = Unavailable("Redis did not answer.")
    voyage.look(20)
    assert voyage.weights[-1] == [75, 25]
    voyage.bench.freezes.broken = None
    voyage.until(Phase.COMPLETED, looks=120)
