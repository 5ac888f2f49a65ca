"""A rollout that is paused before its first step: it is remembered, and nothing starts until somebody resumes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mesh.domain.catalog import Service
from mesh.domain.operations import Operation, State, Step
from mesh.domain.rollouts import Happening, Phase
from mesh.operations.running import run
from tests.builders import JIN, LEE, healthy
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_approvals import ANA, KIM, clock, now
from tests.mesh.operations.test_approvals import a_bench as asking_bench
from tests.mesh.operations.test_limits import SRE, SilentAboutTheStarter, a_bench
from tests.mesh.operations.test_rollouts import _with
from tests.mesh.operations.test_words import Killed, a_voyage, cause, emergency, heard
from tests.mesh.operations.voyage import Voyage

CANARY = "canary api v2 25,50,100 every 30s"


def paused() -> Voyage:
    """A rollout whose first step waits for a Slack that is silent, paused by Lee; then Slack speaks again."""
    voyage = a_voyage()
    bench = voyage.bench
    voyage.id = bench.ask(CANARY).id
    run(voyage.id, bench.stage)
    bench.time.at += 61
    speaking, bench.directory = bench.directory, SilentAboutTheStarter(bench.members)
    voyage.work()
    assert voyage.phase is Phase.MOVING
    assert heard(voyage, bench.ask("pause api", LEE)).state is State.SUCCEEDED
    bench.directory = speaking
    return voyage


def test_a_first_step_that_was_paused_waits_for_a_resume() -> None:
    """Slack speaks again, time passes, and nothing goes on by itself; then all of it does."""
    voyage = paused()
    voyage.look(60)
    assert (voyage.phase, cause(voyage), voyage.weights) == (Phase.HELD, Happening.PAUSE, [[90, 10]])
    assert voyage.say("resume api", actor=LEE).state is State.SUCCEEDED
    voyage.until(Phase.COMPLETED)
    assert voyage.weights == [[90, 10], [75, 25], [50, 50], [0, 100]]


def test_a_status_says_what_the_canary_has_while_its_first_step_is_paused() -> None:
    """Not what the step would give it."""
    voyage = paused()
    assert "(v2 at 10 %), held" in voyage.bench.do("status api").statuses[0].rollout


def test_what_the_canary_had_before_is_not_judged_while_the_first_step_is_paused() -> None:
    """Nothing of it has begun, so nothing is turned back: a bad canary at 10 % was there before."""
    voyage = paused()
    voyage.bench.metrics.readings["v2"] = healthy(success=50.0)
    voyage.look(30)
    assert (voyage.phase, voyage.weights) == (Phase.HELD, [[90, 10]])
    voyage.say("resume api", actor=LEE)
    assert (voyage.phase, voyage.weights) == (Phase.STOPPED, [[90, 10]])


def test_a_first_step_that_nobody_resumes_expires() -> None:
    """As any other stop: it does not start weeks later, out of the blue."""
    voyage = paused()
    assert voyage.operation.rollout
    voyage.bench.time.at = voyage.operation.rollout.deadline + 1
    voyage.look(2)
    assert (voyage.phase, voyage.weights) == (Phase.EXPIRED, [[90, 10]])
    assert voyage.say("resume api", actor=LEE).state is State.REFUSED


def test_a_first_step_is_resumed_over_the_weights_that_were_told_alone() -> None:
    """Somebody changes them meanwhile: the first resume says so and shows it, the next one goes on from there."""
    voyage = paused()
    emergency(voyage.bench)
    refused = voyage.say("resume api", actor=LEE)
    assert (refused.state, "v1 90 % / v2 10 % became v1 100 % / v2 0 %" in refused.outcome) == (State.REFUSED, True)
    assert (voyage.phase, cause(voyage)) == (Phase.HELD, Happening.DRIFTED)
    voyage.bench.time.at += 1
    resumed = voyage.bench.ask("resume api", LEE)
    assert heard(voyage, resumed).state is State.SUCCEEDED
    voyage.bench.cluster.client.put(_with(voyage.bench, 60, 40))
    voyage.work()
    assert (voyage.phase, voyage.bench.weights()) == (Phase.STOPPED, [60, 40])


def test_a_first_step_that_is_resumed_counts_from_what_the_canary_has() -> None:
    """From 10 to 25 % is 15 points, which Lee may give."""
    voyage = Voyage(a_bench(SRE, replace(SRE, name="lee", users=(LEE.user,), max_step=15.0)))
    bench = voyage.bench
    voyage.id = bench.ask("canary api v2 25 every 30s").id
    run(voyage.id, bench.stage)
    assert heard(voyage, bench.ask("pause api", LEE)).state is State.SUCCEEDED
    assert voyage.say("resume api", actor=LEE).state is State.SUCCEEDED
    assert voyage.bench.weights() == [75, 25]


# --- while it waits for approval -------------------------------------------------------------------------------------


def asked() -> tuple[Bench, Operation]:
    """A canary that waits for two people."""
    bench = asking_bench(services=(Service("api"),))
    waiting = bench.do("canary api 25,60 every 1m")
    assert waiting.state is State.WAITING
    return bench, waiting


def approve(bench: Bench, waiting: Operation) -> None:
    """Both say yes, and time goes by."""
    for voter in (ANA, KIM):
        assert bench.do(f"approve {waiting.id}", voter).state is State.SUCCEEDED
    for _ in range(5):
        clock(bench, 3)


def test_a_canary_that_is_paused_while_it_waits_for_approval_does_not_start_with_the_last_vote() -> None:
    """Everybody has agreed, and it stands still before its first step until somebody resumes it."""
    bench, waiting = asked()
    assert bench.do("pause api --reason 'wait for the fair'").state is State.SUCCEEDED
    assert now(bench, waiting).state is State.WAITING
    approve(bench, waiting)
    begun = now(bench, waiting)
    assert begun.rollout
    assert (begun.rollout.phase, begun.rollout.cause) == (Phase.HELD, Happening.PAUSE)
    assert (begun.rollout.why, begun.rollout.by, bench.weights()) == ("wait for the fair", JIN.user, [90, 10])
    assert bench.do("resume api").state is State.SUCCEEDED
    clock(bench, 3)
    assert (now(bench, waiting).active_rollout, bench.weights()) == (True, [75, 25])


def test_a_canary_that_was_resumed_before_its_approval_starts_with_the_last_vote() -> None:
    """The pause is over, and the story has both."""
    bench, waiting = asked()
    assert bench.do("pause api").state is State.SUCCEEDED
    assert bench.do("resume api").state is State.SUCCEEDED
    approve(bench, waiting)
    assert bench.weights() == [75, 25]
    assert [step for step in bench.audit_steps(waiting) if step in ("paused", "continued")] == ["paused", "continued"]


@pytest.mark.parametrize(("words", "why"), [(("pause", "pause"), "is paused already"), (("resume",), "is not paused")])
def test_a_word_that_changes_nothing_of_a_canary_that_waits_is_refused(words: tuple[str, ...], why: str) -> None:
    """The answer says how it stands."""
    bench, _ = asked()
    said = [bench.do(f"{word} api") for word in words][-1]
    assert (said.state, why in said.outcome) == (State.REFUSED, True)


def test_a_pause_whose_worker_died_between_its_two_records_is_heard_once() -> None:
    """The canary has it on record, the word has not: whoever takes it up again finds that."""
    bench, waiting = asked()
    pause, commit = bench.ask("pause api"), bench.operations.commit

    def dies(operation: Operation, entries: Any = (), **how: Any) -> Operation:
        if operation.id == pause.id and operation.done:
            raise Killed
        return commit(operation, entries, **how)

    bench.operations.commit = dies  # type: ignore[method-assign]
    with pytest.raises(Killed):
        run(pause.id, bench.stage)
    bench.operations.commit = commit  # type: ignore[method-assign]
    assert run(pause.id, bench.stage).state is State.SUCCEEDED
    assert [event.step for event in now(bench, waiting).story].count(Step.PAUSED) == 1


def test_a_pause_is_for_every_canary_that_waits() -> None:
    """Two wait for approval and nobody has begun: none of them starts with its last vote, until a resume, for all."""
    bench, first = asked()
    second = bench.do("canary api 30,70 every 1m")
    assert second.state is State.WAITING
    paused = bench.do("pause api")
    assert (paused.state, first.id in paused.outcome, second.id in paused.outcome) == (State.SUCCEEDED, True, True)
    approve(bench, first)
    assert (now(bench, first).active_rollout, bench.weights()) == (True, [90, 10])
    assert bench.do("resume api").state is State.SUCCEEDED
    clock(bench, 3)
    assert bench.weights() == [75, 25]


def test_a_resume_is_for_every_canary_that_waits() -> None:
    """One was paused before the other one was asked for: the pause that follows is for the other one too."""
    bench, first = asked()
    assert bench.do("pause api").state is State.SUCCEEDED
    second = bench.do("canary api 30,70 every 1m")
    paused = bench.do("pause api")
    assert (paused.state, first.id in paused.outcome, second.id in paused.outcome) == (State.SUCCEEDED, False, True)
    assert bench.do("pause api").state is State.REFUSED
    assert bench.do("resume api").state is State.SUCCEEDED
    assert (now(bench, first).paused, now(bench, second).paused) == (None, None)


def test_a_cards_pause_is_for_its_own_canary_alone() -> None:
    """A button's word is for the rollout on its card, though another one waits as well."""
    bench, first = asked()
    second = bench.do("canary api 30,70 every 1m")
    said = bench.ask("pause api")
    bench.operations._stored[said.id] = replace(said, command=replace(said.command, promised=f"{first.id}/0"))
    assert run(said.id, bench.stage).state is State.SUCCEEDED
    assert (now(bench, first).paused is None, now(bench, second).paused is None) == (False, True)


def test_an_old_cards_pause_is_not_for_another_canary_that_waits() -> None:
    """A button's word is for the rollout on its card."""
    bench, waiting = asked()
    said = bench.ask("pause api")
    bench.operations._stored[said.id] = replace(said, command=replace(said.command, promised="op-another1/0"))
    assert run(said.id, bench.stage).state is State.REFUSED
    assert now(bench, waiting).paused is None
