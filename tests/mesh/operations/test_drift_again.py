"""A rollout that somebody resumed over changed weights: over those alone, and never over what came after the word."""

from __future__ import annotations

import pytest

from mesh.domain.choices import about
from mesh.domain.errors import Unavailable
from mesh.domain.operations import State
from mesh.domain.policy import Policy
from mesh.domain.rollouts import Happening, Phase
from mesh.operations.running import run
from mesh.operations.words import on_card
from tests.mesh.operations.test_order import press
from tests.mesh.operations.test_rollouts import _with, voyage
from tests.mesh.operations.test_words import emergency, waiting
from tests.mesh.operations.voyage import Voyage


def held(v1: int = 60, v2: int = 40) -> Voyage:
    """A rollout at 25 % that is held, for somebody else wrote these weights; its next step is due."""
    trip = voyage()
    trip.start()
    trip.look(5)
    trip.bench.cluster.client.put(_with(trip.bench, v1, v2))
    trip.look()
    assert (trip.phase, cause(trip)) == (Phase.HELD, Happening.DRIFTED)
    return trip


def cause(trip: Voyage) -> Happening | None:
    """Why it is held."""
    assert trip.operation.rollout
    return trip.operation.rollout.cause


def why(trip: Voyage) -> str:
    """The same in words."""
    assert trip.operation.rollout
    return trip.operation.rollout.why


def resumed(trip: Voyage) -> None:
    """Somebody resumes it, and the step waits for its turn."""
    said = trip.bench.ask("resume api")
    assert run(said.id, trip.bench.stage).state is State.SUCCEEDED
    assert trip.phase is Phase.MOVING


def test_weights_that_came_after_the_resume_are_not_overwritten() -> None:
    """Between the word and the step somebody changes the route once more: it is held, with those weights."""
    trip = held()
    resumed(trip)
    trip.bench.cluster.client.put(_with(trip.bench, 100, 0))
    trip.work()
    assert (trip.phase, trip.bench.weights()) == (Phase.HELD, [100, 0])
    assert "v1 100 % / v2 0 %" in why(trip)
    trip.say("resume api")
    assert (trip.phase, trip.bench.weights()) == (Phase.BAKING, [75, 25])


def test_weights_that_changed_again_before_the_resume_are_told_first() -> None:
    """Whoever resumes has seen 60/40 on the card: not what came since, until a look has told them."""
    trip = held()
    trip.bench.cluster.client.put(_with(trip.bench, 0, 100))
    refused = run(trip.bench.ask("resume api").id, trip.bench.stage)
    assert (refused.state, "v1 0 % / v2 100 %" in refused.outcome) == (State.REFUSED, True)
    trip.look()
    assert (trip.phase, "v1 0 % / v2 100 %" in why(trip)) == (Phase.HELD, True)
    trip.bench.time.at += 1
    trip.say("resume api")
    assert (trip.phase, trip.bench.weights()) == (Phase.BAKING, [75, 25])


def test_weights_that_were_told_are_told_once() -> None:
    """Looks come every few seconds, and the weights stay: one hold, one message."""
    trip = held()
    trip.look(10)
    assert trip.steps().count("held") == 1


def test_weights_that_are_back_are_written_over_by_nobodys_leave() -> None:
    """Somebody puts back what the rollout had left and then changes it again, after the resume."""
    trip = held()
    trip.bench.cluster.client.put(_with(trip.bench, 75, 25))
    resumed(trip)
    trip.bench.cluster.client.put(_with(trip.bench, 60, 40))
    trip.work()
    assert (trip.phase, trip.bench.weights()) == (Phase.HELD, [60, 40])


def test_a_step_that_found_drift_is_resumed_over_that_alone() -> None:
    """No look has seen it, the step did and told of 60/40; then come others, before anybody resumes."""
    trip = voyage()
    trip.start()
    trip.look(5)
    trip.bench.cluster.client.put(_with(trip.bench, 60, 40))
    glance = trip.bench.cluster.glance
    trip.bench.cluster.glance = lambda plans: [plan.weights for plan, _ in plans]  # type: ignore[method-assign]
    trip.look(3)
    trip.bench.cluster.glance = glance  # type: ignore[method-assign]
    assert (trip.phase, cause(trip)) == (Phase.HELD, Happening.DRIFTED)
    trip.bench.cluster.client.put(_with(trip.bench, 0, 100))
    assert run(trip.bench.ask("resume api").id, trip.bench.stage).state is State.REFUSED
    trip.bench.cluster.client.put(_with(trip.bench, 60, 40))
    trip.say("resume api")
    assert trip.bench.weights() == [50, 50]


def test_drift_that_a_step_found_is_told_once_so_its_button_works() -> None:
    """The looks that follow find what is on the card already: its stop stays, and Resume goes on over those weights."""
    trip, speak = waiting()
    emergency(trip.bench)
    speak()
    trip.bench.time.at += 20
    trip.work()
    assert (trip.phase, cause(trip)) == (Phase.HELD, Happening.DRIFTED)
    assert "v1 75 % / v2 25 % became v1 100 % / v2 0 %" in why(trip)
    shown = on_card(trip.operation)
    trip.look(3)
    assert (on_card(trip.operation), trip.steps().count("held")) == (shown, 1)
    pressed = press(trip.bench, about("/mesh resume api", shown))
    trip.work()
    assert trip.bench.operations.get(pressed.id).state is State.SUCCEEDED
    assert trip.bench.weights() == [50, 50]


def test_a_step_that_was_refused_for_its_rights_is_resumed_over_no_drift() -> None:
    """Nobody was told of weights, so they are the rollout's, as far as its people know."""
    trip = voyage()
    trip.start()
    policy, trip.bench.policy = trip.bench.policy, Policy()
    trip.until(Phase.HELD)
    assert cause(trip) is Happening.UNMOVED
    trip.bench.policy = policy
    trip.bench.cluster.client.put(_with(trip.bench, 60, 40))
    assert run(trip.bench.ask("resume api").id, trip.bench.stage).state is State.REFUSED
    assert trip.bench.weights() == [60, 40]


def test_what_nobody_could_answer_for_is_resumed_over_what_is_there_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug held it, so nobody was told of weights: those at the resume count, and none that come after it."""
    trip = voyage()
    trip.start()

    def broken(*_: object, **__: object) -> None:
        raise ValueError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr("mesh.operations.rollouts._due", broken)
        trip.work()
        trip.bench.operations.later(trip.id, seconds=0)
        trip.work()
    assert (trip.phase, cause(trip)) == (Phase.HELD, Happening.BROKEN)
    trip.bench.cluster.client.put(_with(trip.bench, 60, 40))
    resumed(trip)
    trip.bench.cluster.client.put(_with(trip.bench, 90, 10))
    trip.work()
    assert (trip.phase, trip.bench.weights()) == (Phase.HELD, [90, 10])


def test_a_resume_waits_for_no_cluster_that_is_away() -> None:
    """Nobody can tell then what it would be written over: it is said again, and nothing was changed."""
    trip = held()

    def away(*_: object) -> None:
        raise Unavailable("Cluster demo does not answer.")

    real = trip.bench.cluster.reread
    trip.bench.cluster.reread = away  # type: ignore[method-assign, assignment]
    failed = run(trip.bench.ask("resume api").id, trip.bench.stage)
    trip.bench.cluster.reread = real  # type: ignore[method-assign]
    assert (failed.state, trip.phase) == (State.FAILED, Phase.HELD)
