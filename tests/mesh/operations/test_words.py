"""Words of people to a canary in an order that nobody planned: what was said last counts, and what was seen with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mesh.domain.choices import parted
from mesh.domain.operations import Operation, State, Step
from mesh.domain.rollouts import Happening, Phase
from mesh.operations.looking import look
from mesh.operations.running import run
from tests.builders import JIN, LEE, healthy
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_limits import SRE, SilentAboutTheStarter, a_bench, calls
from tests.mesh.operations.voyage import Voyage

HOLD = "canary api v2 25,50,100 every 30s on-failure hold"


class Killed(BaseException):
    """The worker is gone."""


def a_voyage() -> Voyage:
    """Jin and Lee may both do everything."""
    return Voyage(a_bench(replace(SRE, users=(JIN.user, LEE.user))))


def waiting(text: str = "canary api v2 25,50,100 every 30s") -> tuple[Voyage, Callable[[], None]]:
    """A canary at 25 % whose next step waits for a Slack that is silent about Jin; and what lets Slack speak again."""
    voyage = a_voyage()
    bench = voyage.bench
    voyage.start(text)
    speaking = bench.directory
    bench.time.at += 61
    bench.directory = SilentAboutTheStarter(bench.members)
    voyage.until(Phase.MOVING)

    def speak() -> None:
        bench.directory = speaking

    return voyage, speak


def barred() -> tuple[Voyage, Callable[[], None]]:
    """The same, once it has waited for so long that it is held."""
    voyage, speak = waiting()
    voyage.until(Phase.HELD, looks=240)
    assert cause(voyage) is Happening.BARRED
    return voyage, speak


def cause(voyage: Voyage) -> Happening | None:
    """Why it is where it is."""
    assert voyage.operation.rollout
    return voyage.operation.rollout.cause


def taking(voyage: Voyage) -> str:
    """Let the bake go by, and return the step that is to be written now; no worker has come to it."""
    while voyage.phase is not Phase.MOVING:
        voyage.bench.time.at += 5
        look("demo", voyage.bench.stage)
    assert voyage.operation.rollout
    return voyage.operation.rollout.move


def emergency(bench: Bench) -> None:
    """Somebody takes the canary out with kubectl."""
    found = bench.route_object()
    for arm, weight in zip(found["spec"]["http"][0]["route"], (100, 0), strict=True):
        arm["weight"] = weight
    found["metadata"]["resourceVersion"] = str(int(found["metadata"].get("resourceVersion", "1")) + 100)


def heard(voyage: Voyage, said: Operation) -> Operation:
    """Let a worker come to this word, and to nothing else."""
    return run(said.id, voyage.bench.stage)


def at_step(bench: Bench, said: Operation, promised: str) -> Operation:
    """The word as the button of a card says it, which names what the card showed."""
    bench.operations._stored[said.id] = replace(said, command=replace(said.command, promised=promised))
    return said


# --- what was said last -----------------------------------------------------------------------------------------------


def test_an_older_resume_never_undoes_a_newer_pause() -> None:
    """A second press of Resume while the step waits is refused there and then, and not done after somebody's pause."""
    voyage, speak = waiting()
    older = heard(voyage, voyage.bench.ask("resume api", LEE))
    assert (older.state, "cannot resume now" in older.outcome) == (State.REFUSED, True)
    voyage.bench.time.at += 20
    assert voyage.say("pause api", actor=LEE).state is State.SUCCEEDED
    speak()
    voyage.look(12)
    assert (voyage.phase, voyage.weights[-1]) == (Phase.HELD, [75, 25])


@pytest.mark.parametrize("ways", [("resume", "pause"), ("pause", "resume")])
def test_the_word_that_was_said_last_counts_whichever_is_heard_first(ways: tuple[str, str]) -> None:
    """Workers may come to two words in the other order: the older one is refused, and says which was newer."""
    voyage, _ = barred()
    older = voyage.bench.ask(f"{ways[0]} api", LEE)
    voyage.bench.time.at += 1
    newer = voyage.bench.ask(f"{ways[1]} api", LEE)
    assert heard(voyage, newer).state is State.SUCCEEDED
    refused = heard(voyage, older)
    assert refused.state is State.REFUSED
    assert cause(voyage) is Happening(ways[1])


def test_a_skip_that_was_said_before_a_pause_is_not_taken_after_it() -> None:
    """Neither while it is paused, nor once it was resumed: the bake goes on, and is not left out."""
    voyage = a_voyage()
    voyage.start()
    older = voyage.bench.ask("skip api", LEE)
    voyage.bench.time.at += 1
    assert heard(voyage, voyage.bench.ask("pause api", LEE)).state is State.SUCCEEDED
    voyage.bench.time.at += 1
    assert heard(voyage, voyage.bench.ask("resume api", LEE)).state is State.SUCCEEDED
    refused = heard(voyage, older)
    assert (refused.state, "said after this" in refused.outcome) == (State.REFUSED, True)
    assert (voyage.phase, voyage.weights[-1]) == (Phase.BAKING, [75, 25])


def test_an_abort_counts_whatever_was_said_after_it() -> None:
    """Going back is never refused for its order."""
    voyage = a_voyage()
    voyage.start()
    older = voyage.bench.ask("abort api", LEE)
    voyage.bench.time.at += 1
    assert heard(voyage, voyage.bench.ask("pause api", LEE)).state is State.SUCCEEDED
    assert heard(voyage, older).state is State.SUCCEEDED
    voyage.work()
    assert voyage.weights[-1] == [100, 0]


# --- what was seen ----------------------------------------------------------------------------------------------------


def test_a_resume_writes_over_no_weights_that_its_person_has_not_seen() -> None:
    """Said while a step is taken, before it is found that somebody took the canary out: their weights stay."""
    voyage = a_voyage()
    voyage.start()
    step = taking(voyage)
    emergency(voyage.bench)
    resumed = heard(voyage, voyage.bench.ask("resume api", LEE))
    run(step, voyage.bench.stage)
    assert voyage.phase is Phase.HELD
    voyage.bench.time.at += 0.6
    heard(voyage, resumed)
    voyage.look(3)
    assert (voyage.phase, voyage.bench.weights()) == (Phase.HELD, [100, 0])


def test_a_resume_of_a_stop_that_is_over_says_what_is_so_now_and_what_to_type() -> None:
    """It was said of the freeze, and is heard once somebody else's weights are what holds it."""
    voyage, _ = barred()
    said = voyage.bench.ask("resume api", LEE)
    emergency(voyage.bench)
    voyage.bench.time.at += 5
    look("demo", voyage.bench.stage)
    assert cause(voyage) is Happening.DRIFTED
    refused = heard(voyage, said)
    assert (refused.state, voyage.bench.weights()) == (State.REFUSED, [100, 0])
    assert "the weights were changed" in refused.outcome
    assert [parted(one)[0] for one in refused.choices] == ["/mesh resume api"]
    voyage.bench.time.at += 1
    assert voyage.say("resume api", actor=LEE).state is State.SUCCEEDED


def test_a_button_resumes_the_stop_that_its_card_shows() -> None:
    """Pressed on a card that is not drawn anew yet it is refused; on the new one it counts, also by a slow clock."""
    voyage, _ = barred()
    assert voyage.operation.rollout
    shown = f"{voyage.id}/{voyage.operation.rollout.at}/{voyage.operation.rollout.stop}"
    emergency(voyage.bench)
    voyage.bench.time.at += 5
    look("demo", voyage.bench.stage)
    voyage.bench.time.at += 1
    old = at_step(voyage.bench, voyage.bench.ask("resume api", LEE), shown)
    assert heard(voyage, old).state is State.REFUSED
    assert voyage.operation.rollout
    shown = f"{voyage.id}/{voyage.operation.rollout.at}/{voyage.operation.rollout.stop}"
    said = replace(voyage.bench.ask("resume api", LEE), created_at=voyage.operation.rollout.entered_at - 0.5)
    new = at_step(voyage.bench, said, shown)
    assert heard(voyage, new).state is State.SUCCEEDED


@pytest.mark.parametrize("stopped", ["pause", "silence"])
def test_a_resume_writes_over_no_weights_that_no_look_has_found_yet(stopped: str) -> None:
    """Somebody takes the canary out, and Lee resumes in the next second: theirs stay until the card says so."""
    voyage, _ = barred()
    if stopped == "pause":
        assert voyage.say("pause api", actor=LEE).state is State.SUCCEEDED
    emergency(voyage.bench)
    refused = heard(voyage, voyage.bench.ask("resume api", LEE))
    assert (refused.state, "the weights were changed" in refused.outcome) == (State.REFUSED, True)
    assert voyage.bench.weights() == [100, 0]
    voyage.bench.time.at += 5
    look("demo", voyage.bench.stage)
    voyage.bench.time.at += 1
    assert heard(voyage, voyage.bench.ask("resume api", LEE)).state is State.SUCCEEDED
    voyage.until(Phase.BAKING)


def test_a_step_that_was_resumed_writes_over_no_weights_that_came_after_the_word() -> None:
    """It may wait for minutes until it is written: what its person knew is how things stood when they said it."""
    voyage, speak = barred()
    speak()
    assert heard(voyage, voyage.bench.ask("resume api", LEE)).state is State.SUCCEEDED
    emergency(voyage.bench)
    voyage.look(3)
    assert (voyage.phase, voyage.bench.weights()) == (Phase.HELD, [100, 0])


def test_a_step_that_is_barred_again_is_the_same_stop() -> None:
    """It was only tried in between: who resumes it has seen all there is to see."""
    voyage, _ = barred()
    assert voyage.operation.rollout
    before = voyage.operation.rollout
    voyage.look(60)
    assert voyage.operation.rollout.barred > before.barred
    assert voyage.operation.rollout.entered_at > before.entered_at
    assert (cause(voyage), voyage.operation.rollout.stop) == (Happening.BARRED, before.stop)


# --- pause ------------------------------------------------------------------------------------------------------------


def test_pause_stops_a_step_that_is_barred_and_would_go_on_by_itself() -> None:
    """Slack speaks again, and nothing goes on: only a person lets it."""
    voyage, speak = barred()
    assert voyage.say("pause api", actor=LEE).state is State.SUCCEEDED
    speak()
    voyage.look(60)
    assert (voyage.phase, cause(voyage), voyage.weights[-1]) == (Phase.HELD, Happening.PAUSE, [75, 25])
    assert voyage.say("resume api", actor=LEE).state is State.SUCCEEDED
    voyage.until(Phase.COMPLETED)


def test_pause_stops_what_waits_for_a_freeze_to_end() -> None:
    """The freeze is lifted over night, and the canary stays where it was paused."""
    voyage = a_voyage()
    voyage.start()
    assert voyage.bench.do("freeze api --reason 'a fair'", LEE).state is State.SUCCEEDED
    voyage.until(Phase.HELD)
    assert voyage.say("pause api", actor=LEE).state is State.SUCCEEDED
    assert voyage.bench.do("unfreeze api", LEE).state is State.SUCCEEDED
    voyage.look(60)
    assert (voyage.phase, voyage.weights[-1]) == (Phase.HELD, [75, 25])


@pytest.mark.parametrize("first", [True, False], ids=["the first step", "a later step"])
def test_pause_waits_for_a_patch_that_is_in_the_air(first: bool) -> None:
    """Its worker died after it was sent: it is found to be written, and paused there, and is nobody's drift."""
    voyage = a_voyage()
    bench = voyage.bench
    if first:
        voyage.id = bench.ask("canary api v2 25,50,100 every 30s").id
        run(voyage.id, bench.stage)
    else:
        voyage.start()
    step, commit = taking(voyage), bench.operations.commit

    def dies(operation: Operation, entries: Any = (), **how: Any) -> Operation:
        if operation.story and operation.story[-1].step is Step.PATCHED:
            raise Killed
        return commit(operation, entries, **how)

    bench.operations.commit = dies  # type: ignore[method-assign]
    with pytest.raises(Killed):
        run(step, bench.stage)
    bench.operations.commit = commit  # type: ignore[method-assign]
    voyage.note()
    paused = bench.ask("pause api", LEE)
    heard(voyage, paused)
    voyage.look(4)
    assert bench.operations.get(paused.id).state is State.SUCCEEDED
    assert (voyage.phase, voyage.weights[-1]) == (Phase.PAUSED, [75, 25] if first else [50, 50])


def test_pause_waits_until_a_step_that_is_done_was_heard_of() -> None:
    """Its worker died before the rollout knew: paused where it is, and not held at weights that it does not know."""
    voyage = a_voyage()
    bench = voyage.bench
    voyage.start()
    step = taking(voyage)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mesh.operations.running._heard", _dies)
        with pytest.raises(Killed):
            run(step, bench.stage)
    assert bench.operations.get(step).done
    paused = heard(voyage, bench.ask("pause api", LEE))
    assert not paused.done
    voyage.look(2)
    assert (bench.operations.get(paused.id).state, voyage.phase) == (State.SUCCEEDED, Phase.PAUSED)
    assert bench.weights() == [50, 50]


def _dies(*_: object) -> None:
    raise Killed


# --- still watched ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stopped", ["pause", "silence"])
def test_a_canary_that_is_stopped_and_turns_bad_calls_people(stopped: str) -> None:
    """With on-failure hold the weights stay, and whoever began it is called: a stop is no reason to hear nothing."""
    voyage, speak = waiting(HOLD)
    if stopped == "pause":
        assert voyage.say("pause api", actor=LEE).state is State.SUCCEEDED
    else:
        voyage.until(Phase.HELD, looks=240)
    before = len(calls(voyage))
    speak()
    voyage.bench.metrics.readings = {"v1": healthy(), "v2": healthy(success=20.0)}
    voyage.look(60)
    assert (voyage.phase, cause(voyage), voyage.weights[-1]) == (Phase.HELD, Happening.WORSE, [75, 25])
    told = calls(voyage)[before:]
    assert len(told) == 1
    assert f"<@{JIN.user}>" in told[0]


def test_a_canary_that_was_paused_while_its_step_waited_turns_back_when_it_is_worse() -> None:
    """On-failure rollback acts whatever it is stopped for."""
    voyage, speak = waiting()
    assert voyage.say("pause api", actor=LEE).state is State.SUCCEEDED
    speak()
    voyage.bench.metrics.readings = {"v1": healthy(), "v2": healthy(success=20.0)}
    voyage.until(Phase.TURNED_BACK)
    assert voyage.weights[-1] == [100, 0]
