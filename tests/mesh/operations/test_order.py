"""What came first, and what a word is about: the store says so, whatever the clocks of the bots say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.catalog import Service
from mesh.domain.choices import parted
from mesh.domain.commands import Target
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.grammar import parse
from mesh.domain.operations import Operation, Origin, State
from mesh.domain.rollouts import Happening, Phase
from mesh.operations.looking import look
from mesh.operations.receiving import receive
from mesh.operations.running import run
from mesh.operations.words import offered
from tests.builders import LEE
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_approvals import a_bench as asking_bench
from tests.mesh.operations.test_approvals import now
from tests.mesh.operations.test_paused_before import asked
from tests.mesh.operations.test_words import a_voyage, at_step, barred, cause, emergency, heard, taking
from tests.mesh.operations.voyage import Voyage


def by_clock(bench: Bench, said: Operation, ahead_s: float) -> Operation:
    """As it is on record where the bot that received it has a clock that is ahead."""
    bench.operations._stored[said.id] = replace(bench.operations.get(said.id), created_at=said.created_at + ahead_s)
    return bench.operations.get(said.id)


def press(bench: Bench, choice: str) -> Operation:
    """Lee presses the button that this choice became."""
    typed, what = parted(choice)
    command, origin = replace(parse(typed), promised=what), Origin("button", "C0PROD")
    return receive(bench.desk, command, LEE, origin, dedupe=f"press {next(bench.deliveries)}").operation


def others(voyage: Voyage, but: Operation) -> None:
    """Let workers come to everything that is open, but not to this."""
    for _ in range(6):
        for one in sorted(voyage.bench.operations.open):
            if one != but.id:
                run(one, voyage.bench.stage)


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_promotion_by_a_fast_clock_undoes_no_rollback_that_was_said_after_it() -> None:
    """Its bot is 3 s ahead and its worker late: the rollback was received last, so the canary stays without traffic."""
    bench = Bench()
    bench.do("promote api 20")
    bench.time.at += 60
    older = by_clock(bench, bench.ask("promote api 50"), 3)
    bench.time.at += 1
    newer = bench.do("rollback api")
    bench.time.at += 1
    refused = run(older.id, bench.stage)
    assert (refused.state, newer.id in refused.outcome, bench.weights()) == (State.REFUSED, True, [100, 0])


# --- words ------------------------------------------------------------------------------------------------------------


def test_what_a_slip_of_the_pen_offers_is_done_when_it_is_pressed() -> None:
    """`resum` is answered with a button: it is about the stop that there is, so it does what a typed resume does."""
    voyage = a_voyage()
    voyage.start()
    assert voyage.say("pause api").state is State.SUCCEEDED
    with pytest.raises(Refused) as slip:
        parse("resum api")
    (choice,) = offered(slip.value.choices, operations=voyage.bench.operations, catalog=voyage.bench.catalog)
    assert heard(voyage, press(voyage.bench, choice)).state is State.SUCCEEDED
    assert voyage.phase is Phase.BAKING


@pytest.mark.parametrize("ahead_s", [-4.0, 0.0, 4.0])
def test_two_typed_skips_take_one_step_whatever_their_clocks_say(ahead_s: float) -> None:
    """The second one was received while the first step baked: it is about that, and leaves no other bake out."""
    voyage = a_voyage()
    voyage.start()
    first = voyage.bench.ask("skip api", LEE)
    voyage.bench.time.at += 0.3
    second = by_clock(voyage.bench, voyage.bench.ask("skip api"), ahead_s)
    assert heard(voyage, first).state is State.SUCCEEDED
    others(voyage, second)
    voyage.bench.time.at += 0.3
    assert heard(voyage, second).state is State.REFUSED
    voyage.work()
    assert (voyage.phase, voyage.bench.weights()) == (Phase.BAKING, [50, 50])


def test_a_typed_resume_by_a_fast_clock_writes_over_no_weights_that_came_after_it() -> None:
    """It was about a silence of Slack's; then somebody took the canary out, and a look found that."""
    voyage, _ = barred()
    said = by_clock(voyage.bench, voyage.bench.ask("resume api", LEE), 4.9)
    emergency(voyage.bench)
    voyage.bench.time.at += 3
    look("demo", voyage.bench.stage)
    assert cause(voyage) is Happening.DRIFTED
    assert heard(voyage, said).state is State.REFUSED
    voyage.look(3)
    assert (voyage.phase, voyage.bench.weights()) == (Phase.HELD, [100, 0])


def test_a_typed_resume_by_a_slow_clock_is_about_the_stop_that_its_person_saw() -> None:
    """Received three seconds after the stop, it is not told of the very same stop as of another one."""
    voyage, _ = barred()
    said = by_clock(voyage.bench, voyage.bench.ask("resume api", LEE), -1000)
    assert heard(voyage, said).state is State.SUCCEEDED


def test_resume_on_the_card_that_shows_a_pause_is_newer_than_that_pause() -> None:
    """The bot that took the pause was ahead: what its card offers is not refused as older than it."""
    voyage = a_voyage()
    voyage.start()
    paused = by_clock(voyage.bench, voyage.bench.ask("pause api", LEE), 4)
    assert heard(voyage, paused).state is State.SUCCEEDED
    voyage.bench.time.at += 2
    assert voyage.operation.rollout
    shown = f"{voyage.id}/{voyage.operation.rollout.at}/{voyage.operation.rollout.stop}"
    pressed = at_step(voyage.bench, voyage.bench.ask("resume api"), shown)
    assert heard(voyage, pressed).state is State.SUCCEEDED


def test_a_skip_that_is_typed_while_a_step_is_written_is_answered_at_once() -> None:
    """Nobody knows which bake it is about: the answer has a button for the next one, which waits until it begins."""
    voyage = a_voyage()
    voyage.start()
    taking(voyage)
    refused = heard(voyage, voyage.bench.ask("skip api", LEE))
    assert (refused.state, len(refused.choices)) == (State.REFUSED, 1)
    pressed = press(voyage.bench, refused.choices[0])
    assert not heard(voyage, pressed).done
    voyage.work()
    voyage.bench.time.at += 1
    voyage.work()
    assert voyage.bench.operations.get(pressed.id).state is State.SUCCEEDED
    assert voyage.bench.weights() == [0, 100]


@pytest.mark.parametrize("text", ["resume api", "skip api"])
def test_a_word_that_does_not_say_what_it_is_about_gives_nobody_more(text: str) -> None:
    """A button of an older meshbot says nothing of it: the answer has one that does."""
    voyage, _ = barred() if text.startswith("resume") else (a_voyage(), None)
    if text.startswith("skip"):
        voyage.start()
    refused = heard(voyage, press(voyage.bench, f"/mesh {text}"))
    assert (refused.state, "does not say which" in refused.outcome) == (State.REFUSED, True)
    assert heard(voyage, press(voyage.bench, refused.choices[0])).state is State.SUCCEEDED


def test_an_abort_that_was_said_of_a_canary_that_is_over_ends_no_newer_one() -> None:
    """Its worker hung, somebody else aborted, and another canary is under way by the time that it is heard."""
    voyage = a_voyage()
    voyage.start()
    old = voyage.bench.ask("abort api", LEE)
    voyage.bench.time.at += 3
    assert heard(voyage, voyage.bench.ask("abort api")).state is State.SUCCEEDED
    others(voyage, old)
    assert voyage.phase is Phase.ABORTED
    voyage.bench.time.at += 20
    voyage.id = voyage.bench.ask("canary api v2 25,50,100 every 30s", LEE).id
    others(voyage, old)
    refused = heard(voyage, old)
    assert (refused.state, voyage.phase, voyage.bench.weights()) == (State.REFUSED, Phase.BAKING, [75, 25])
    assert heard(voyage, press(voyage.bench, refused.choices[0])).state is State.SUCCEEDED


def test_an_abort_of_no_canary_ends_none_that_began_after_it() -> None:
    """Received while nothing was under way: it says so, with a button for what is by now."""
    voyage = a_voyage()
    old = voyage.bench.ask("abort api", LEE)
    voyage.id = voyage.bench.ask("canary api v2 25,50,100 every 30s").id
    others(voyage, old)
    refused = heard(voyage, old)
    assert (refused.state, voyage.phase) == (State.REFUSED, Phase.BAKING)
    assert "began after this abort" in refused.outcome


def test_an_abort_right_after_its_canary_ends_it() -> None:
    """No worker had come to the canary yet when it was said: it is about that one all the same."""
    voyage = a_voyage()
    voyage.id = voyage.bench.ask("canary api v2 25,50,100 every 30s").id
    said = voyage.bench.ask("abort api", LEE)
    others(voyage, said)
    assert heard(voyage, said).state is State.SUCCEEDED
    voyage.work()
    assert voyage.bench.weights() == [100, 0]


def test_an_older_resume_undoes_no_newer_pause_of_a_canary_that_waits() -> None:
    """It was said of an earlier pause, and its worker came late: who paused since has the last word."""
    bench, waiting = asked()
    assert bench.do("pause api").state is State.SUCCEEDED
    older = bench.ask("resume api --reason 'the fair is over'")
    assert bench.do("resume api").state is State.SUCCEEDED
    assert bench.do("pause api --reason 'it is not'").state is State.SUCCEEDED
    refused = run(older.id, bench.stage)
    assert (refused.state, "said after this" in refused.outcome) == (State.REFUSED, True)
    assert now(bench, waiting).paused


def test_a_pause_of_no_canary_stops_none_that_was_asked_for_after_it() -> None:
    """Nothing was there that it could be about."""
    bench = asking_bench(services=(Service("api"),))
    older = bench.ask("pause api")
    waiting = bench.do("canary api 25,60 every 1m")
    assert run(older.id, bench.stage).state is State.REFUSED
    assert now(bench, waiting).paused is None


def test_an_abort_is_not_lost_where_nobody_says_what_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store was slow for one read, or a newer meshbot wrote the rollout: the canary is ended all the same."""
    voyage = a_voyage()
    voyage.start()

    def silent(_target: Target) -> None:
        raise Unavailable("Redis did not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(voyage.bench.operations, "rollout", silent)
        said = voyage.bench.ask("abort api", LEE)
    assert heard(voyage, said).state is State.SUCCEEDED


# --- buttons of refusals ----------------------------------------------------------------------------------------------


def test_a_button_of_an_old_refusal_resumes_no_other_stop() -> None:
    """Pressed ten minutes later, when somebody else's weights are what holds it: theirs stay."""
    voyage, speak = barred()
    said = voyage.bench.ask("resume api", LEE)
    emergency(voyage.bench)
    voyage.bench.time.at += 5
    look("demo", voyage.bench.stage)
    refused = heard(voyage, said)
    speak()
    voyage.bench.time.at += 5
    assert voyage.say("resume api").state is State.SUCCEEDED
    voyage.until(Phase.BAKING)
    voyage.bench.time.at += 5
    emergency(voyage.bench)
    voyage.look()
    assert cause(voyage) is Happening.DRIFTED
    assert heard(voyage, press(voyage.bench, refused.choices[0])).state is State.REFUSED
    voyage.look(2)
    assert (voyage.phase, voyage.bench.weights()) == (Phase.HELD, [100, 0])


def test_a_button_of_a_refusal_beside_a_canary_ends_no_newer_one() -> None:
    """Offered beside one canary, pressed a day later beside another: that one goes on."""
    voyage = a_voyage()
    voyage.start()
    refused = voyage.bench.do("promote api 60", LEE)
    (abort,) = (one for one in refused.choices if "abort" in one)
    voyage.say("abort api")
    voyage.look(2)
    voyage.bench.time.at += 86400
    voyage.start()
    assert heard(voyage, press(voyage.bench, abort)).state is State.REFUSED
    assert (voyage.phase, voyage.bench.weights()) == (Phase.BAKING, [75, 25])


def test_the_same_word_about_another_stop_is_another_wish() -> None:
    """A press is not taken for the word of the same person that still waits and is about something else."""
    voyage, _ = barred()
    typed = voyage.bench.ask("resume api", LEE)
    emergency(voyage.bench)
    voyage.bench.time.at += 5
    look("demo", voyage.bench.stage)
    assert voyage.bench.ask("resume api", LEE).id != typed.id
