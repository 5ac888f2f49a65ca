"""What was handed out too often ends for people: they hear that it was given up, and what is known of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, Unavailable, Unreadable
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.repositories import Commit
from mesh.domain.rollouts import Phase, Rollout
from mesh.domain.strategies import DEFAULT
from mesh.operations.ending import GIVEN_UP, give_up
from mesh.operations.running import NEWER_AGAIN_S, run
from store.memory import MemoryOperations
from tests.mesh.operations.bench import Bench, surroundings, virtual_service

COMMIT = Commit("0123456789abcdef", "apps", "")


def left(bench: Bench, *steps: Step, commit: Commit | None = None) -> Operation:
    """A promotion that its worker left after these steps."""
    asked = bench.ask("promote api 50")
    made = asked
    for step in steps:
        made = made.move(State.RUNNING, Event(step, bench.time.at))
    return bench.operations.commit(replace(made, commit=commit))


@pytest.mark.parametrize(
    ("steps", "commit", "said"),
    [
        ((), None, "No weight was moved."),
        ((Step.PATCHING, Step.UNWRITTEN), None, "No weight was moved."),
        ((Step.PATCHING,), None, "Whether its patch was written is not known"),
        ((Step.PATCHING, Step.PATCHED), None, "The weights are written"),
        ((Step.PATCHING, Step.PATCHED, Step.AWAITING), COMMIT, "Its commit 01234567 counts as soon as it is synced"),
    ],
)
def test_what_is_given_up_ends_for_people(steps: tuple[Step, ...], commit: Commit | None, said: str) -> None:
    """It has failed, with what is known of its weights and where to look, and its card says so."""
    bench = Bench()
    asked = left(bench, *steps, commit=commit)
    give_up(bench.operations, bench.time, asked.id)
    ended = run(asked.id, bench.stage)
    assert (ended.state, ended.outcome, ended.reported) == (State.FAILED, GIVEN_UP, True)
    assert ended.hint.startswith(said)
    assert asked.id in ended.hint
    assert bench.audit_steps(asked)[-1] == "failed"
    assert GIVEN_UP in str(bench.cards.cards[asked.id][-1])
    assert bench.weights() == [90, 10]


def test_who_is_still_at_work_on_it_sends_no_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up while a worker plans: that one cannot announce its patch any more, and moves nothing."""
    bench = Bench()
    asked = bench.ask("promote api 50")
    real = bench.cluster.routes

    def slow(*told: object) -> object:
        give_up(bench.operations, bench.time, asked.id)
        return real(*told)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(bench.cluster, "routes", slow)
    run(asked.id, bench.stage)
    assert bench.weights() == [90, 10]
    assert bench.operations.get(asked.id).outcome == GIVEN_UP


class Late(MemoryOperations):
    """Somebody else goes on between reading an operation and writing it."""

    def commit(self, operation: Operation, *rest: Any, **more: Any) -> Operation:
        """Write after somebody else."""
        super().commit(self.get(operation.id))
        return super().commit(operation, *rest, **more)


def test_what_went_on_meanwhile_is_not_given_up() -> None:
    """A worker that lives after all writes first: the end is not written over it."""
    bench = Bench()
    bench.operations = Late(bench.time, log=bench.log, locks=bench.locks)
    asked = bench.ask("promote api 50")
    with pytest.raises(Conflict):
        give_up(bench.operations, bench.time, asked.id)
    assert not bench.operations.get(asked.id).done


def test_a_rollout_is_not_ended_over_its_canary() -> None:
    """Its looks go on and can still turn it back; an ended one would leave the canary to nobody."""
    bench = Bench()
    asked = bench.ask("canary api")
    rolling = replace(asked, state=State.RUNNING, rollout=Rollout(DEFAULT, Phase.BAKING))
    bench.operations.commit(rolling)
    give_up(bench.operations, bench.time, asked.id)
    assert bench.operations.get(asked.id).active_rollout


def test_what_only_a_newer_meshbot_can_read_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is put off, so that it is not given up before a worker of the newer release takes it."""
    bench = Bench()
    asked = bench.ask("promote api 50")

    def newer(_id: str) -> Operation:
        raise Unreadable("A newer meshbot wrote it.")

    monkeypatch.setattr(bench.operations, "get", newer)
    with pytest.raises(Unreadable):
        run(asked.id, bench.stage)
    assert bench.operations.open[asked.id] == bench.time.at + NEWER_AGAIN_S


class Newer(MemoryOperations):
    """A newer meshbot has written of another change of the service."""

    def beside(self, operation: Operation, *, whole: bool = True) -> list[Operation]:
        """Return the rest, or say so."""
        if whole:
            raise Unreadable("A newer meshbot wrote it.")
        return super().beside(operation)


def test_a_rollback_goes_on_beside_what_a_newer_meshbot_wrote() -> None:
    """Others are put off until a worker of the newer release takes them; what goes back to stable is not."""
    bench = Bench()
    bench.operations = Newer(bench.time, log=bench.log, locks=bench.locks)
    asked = bench.ask("promote api 50")
    with pytest.raises(Unreadable):
        run(asked.id, bench.stage)
    assert (bench.weights(), bench.operations.get(asked.id).done) == ([90, 10], False)
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


class NewerRollout(MemoryOperations):
    """A newer meshbot has written of the service's rollout, and of a change of its history."""

    def rollout(self, target: Target) -> Operation | None:
        """Say so."""
        raise Unreadable("A newer meshbot wrote it.")

    def recent(self, *, whole: bool = False, **told: Any) -> list[Operation]:
        """Return the rest, or say so."""
        if whole:
            raise Unreadable("A newer meshbot wrote it.")
        return super().recent(**told)


def test_a_rollback_over_a_rollout_of_a_newer_meshbot_is_left_to_that_one() -> None:
    """The rollout must be ended on record first, or it could take its next step afterwards."""
    bench = Bench()
    bench.operations = NewerRollout(bench.time, log=bench.log, locks=bench.locks)
    asked = bench.ask("rollback api")
    for _ in range(2):
        with pytest.raises(Unreadable):
            run(asked.id, bench.stage)
    assert (bench.weights(), bench.operations.get(asked.id).done) == ([90, 10], False)
    [told] = bench.cards.cards[asked.id]
    assert "Only a newer meshbot can do it, or kubectl at once: A newer meshbot wrote it" in told.text
    bench.time.at += 1000
    ended = run(asked.id, bench.stage)
    assert ended.state is State.EXPIRED
    assert "it was not carried out: Only a newer meshbot can do it" in ended.outcome
    assert "kubectl" in ended.hint


def test_a_rollback_that_waited_for_a_newer_meshbot_says_nothing_of_it_once_it_is_done() -> None:
    """The newer one took the rollout to its end meanwhile; a promotion is told of no kubectl."""
    bench = Bench()
    kept = bench.operations
    bench.operations = NewerRollout(bench.time, log=bench.log, locks=bench.locks)
    waiting = [bench.ask(text) for text in ("promote api 50", "rollback api")]
    for one in waiting:
        with pytest.raises(Unreadable):
            run(one.id, bench.stage)
    assert "kubectl" not in bench.operations.get(waiting[0].id).outcome
    kept.__dict__.update(bench.operations.__dict__)
    bench.operations = kept
    done = run(waiting[1].id, bench.stage)
    assert (done.state, bench.weights()) == (State.SUCCEEDED, [100, 0])
    assert "newer" not in bench.cards.cards[done.id][-1].text


def test_undo_does_not_guess_past_what_a_newer_meshbot_wrote() -> None:
    """The last change may be the one that cannot be read, so an older one is not undone instead."""
    bench = Bench()
    bench.do("promote api 50")
    kept = bench.operations
    bench.operations = NewerRollout(bench.time, log=bench.log, locks=bench.locks)
    bench.operations.__dict__.update(kept.__dict__)
    with pytest.raises(Unavailable, match="A newer meshbot wrote it, so nothing was started"):
        bench.ask("undo api")
    assert bench.weights() == [50, 50]


class NewerOfWeb(MemoryOperations):
    """A newer meshbot has written of the rollout of one service."""

    def rollout(self, target: Target) -> Operation | None:
        """Return that of another, or say so."""
        if target.service == "web":
            raise Unreadable("A newer meshbot wrote it.")
        return super().rollout(target)


def test_an_overview_is_unclear_only_of_what_a_newer_meshbot_wrote() -> None:
    """That route is shown with its weights and without roles, and says why; the others are as ever."""
    web = virtual_service(80, 20, name="web-vs", host="web.mesh-demo.svc.cluster.local")
    bench = Bench(objects=[virtual_service(90, 10), web, *surroundings()])
    bench.operations = NewerOfWeb(bench.time, log=bench.log, locks=bench.locks)
    done = bench.do("status")
    said = {status.label: ([arm.weight for arm in status.arms], status.unclear) for status in done.statuses}
    assert done.state is State.SUCCEEDED
    assert sorted(said.values()) == [([80, 20], "A newer meshbot wrote it"), ([90, 10], "")]
