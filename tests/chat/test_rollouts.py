"""The card of a rollout: what it says in each phase, and that it claims nothing that is not so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from chat.cards import card, sentence
from chat.digests import digest_message
from chat.locales import Locale, speaking
from chat.phases import canary_of
from chat.rollouts import MOST_WIDTH, steps_bar
from chat.story import tell
from mesh.domain.operations import Operation, State
from mesh.domain.plans import Roles
from mesh.domain.rollouts import ACTIVE, MOST_TRIES, TRANSITIONS, Happening, Phase, Rollout
from mesh.domain.strategies import RolloutStep, Strategy
from playground.slack.render import render_text
from tests.chat.checking import assert_accepted, assert_inert
from tests.chat.rolling import BACK, PASSING, QUARTER, ROLLOUTS, SECOND, WORSE, H, canary, rolled
from tests.chat.samples import AT, SAMPLES, planned, route
from tests.chat.test_cards import HOSTILE
from tests.mesh.operations.test_digests import Press
from tests.mesh.operations.voyage import Voyage


def shown(operation: Operation) -> str:
    """Return the card as a person reads it."""
    drawn = card(operation)
    assert_accepted(drawn)
    return render_text({"blocks": drawn.blocks}, {"U0JIN": "jin", "U0ANA": "ana"}).replace("\u00a0", " ")


def bar(rollout: Rollout) -> list[str]:
    """Return the lines of the steps."""
    return steps_bar(rollout).text.strip("`").strip("\n").splitlines()


def test_every_phase_has_a_sample() -> None:
    """There is a card to review for every phase, and each begins with what is canaried."""
    live = [one for name, one in ROLLOUTS.items() if one.rollout and name != "canary_refused"]
    assert {one.rollout.phase for one in live if one.rollout} == set(Phase)
    for one in live:
        assert card(one).text.startswith("Canary of api: ")


def test_steps_are_told_apart_without_colour() -> None:
    """What is done, where it stands and what comes differ in marks and words, and words stand under their steps."""
    first, second = bar(rolled(*SECOND))
    assert first == " 5 % ==[25 %]--- 50 % ---- 100 %"
    assert second == " done   baking   confirm"
    assert (first.index("25 %"), first.index("50 %")) == (second.index("baking"), second.index("confirm"))


def test_steps_are_plain_letters() -> None:
    """The bar holds no sign whose width differs between fonts, in any phase."""
    for phase in Phase:
        assert "".join(bar(replace(rolled(*SECOND), phase=phase))).isascii()


def test_twenty_steps_fit_a_phone() -> None:
    """Many steps are wrapped, none is left out, and no line is wider than a phone."""
    strategy = Strategy(tuple(RolloutStep(5.0 * at, confirm=at % 3 == 0) for at in range(1, 21)))
    lines = bar(Rollout(strategy, Phase.BAKING, at=9))
    assert all(len(line) <= MOST_WIDTH for line in lines)
    assert sum(line.count("%") for line in lines) == 20
    at = next(at for at, line in enumerate(lines) if "[" in line)
    assert lines[at].index("50 %") == lines[at + 1].index("baking")


def test_until_when_it_bakes_and_what_comes_then() -> None:
    """A bake says how long, until when, and what follows; without a next step that it completes."""
    until = f"<!date^{int(AT + 360 + 300)}^{{time_secs}}|"
    baking = str(card(ROLLOUTS["canary_baking"]).blocks)
    assert f"for 5 min, until {until}" in baking
    assert "then somebody must confirm 50 %. If it is worse, all goes back to v1." in baking
    last = rolled(*SECOND, H.SKIP, H.CONFIRM, H.MOVED, H.RIPE, H.MOVED)
    assert "then the canary is complete." in shown(canary(last, QUARTER))
    holds = replace(last, strategy=replace(last.strategy, on_failure="hold"))
    assert "If it is worse, it is held." in shown(canary(holds, QUARTER))


def test_a_bake_that_is_over_says_how_long_it_may_stay_undecided() -> None:
    """Once the last look came after the bake, the card says when people will be asked."""
    said = shown(ROLLOUTS["canary_overdue"])
    assert "The bake is over since 22:20:20 UTC, but the gates do not pass yet." in said
    assert "If they do not by 22:30:20 UTC, it is held and people are asked." in said
    assert "bake is over" not in shown(ROLLOUTS["canary_undecided"])


def test_whom_it_waits_for_and_what_happens_when_nobody_comes() -> None:
    """A confirmation names step, deadline and outcome; a pause and a hold say when they expire."""
    confirming = ROLLOUTS["canary_confirming"]
    assert "press Confirm before v2 gets 50 %, by 2023-11-14 23:21 UTC; else all traffic goes back to v1." in shown(
        confirming
    )
    assert confirming.rollout
    steps = tuple(replace(stage, otherwise="hold") for stage in confirming.rollout.strategy.steps)
    other = replace(confirming.rollout, strategy=Strategy(steps))
    assert "; else it is held." in shown(replace(confirming, rollout=other))
    for name in ("canary_paused", "canary_held_blind"):
        assert "If nobody decides by 2023-11-15" in shown(ROLLOUTS[name])


def test_why_it_is_held() -> None:
    """A hold says why in one sentence, and what people can do: only what the machine takes."""
    blind, worse = shown(ROLLOUTS["canary_held_blind"]), shown(ROLLOUTS["canary_held_worse"])
    assert "Requests of v2: no traffic reached v2." in blind
    assert "It goes on by itself when every gate passes." in blind
    assert "Skip takes the next step unproven" in blind
    assert worse.count(WORSE) == 1
    assert "by itself" not in worse
    assert "Skip" not in worse


def test_what_cannot_be_brought_back_is_said() -> None:
    """After the last try to bring traffic back people are told that it did not work."""
    held = ROLLOUTS["canary_held_worse"]
    assert held.rollout
    given_up = replace(held, rollout=replace(held.rollout, tries=MOST_TRIES, cause=Happening.UNTURNED))
    assert f"could not be brought back in {MOST_TRIES} tries" in shown(given_up)
    assert "Tried once in vain so far; it is tried again." in shown(ROLLOUTS["canary_turning_back"])


def test_a_hint_of_a_step_is_shown_only_while_it_helps() -> None:
    """What to do about a step that could not be taken stands on the card of the hold, and not on later ones."""
    hint = "Bring up ready endpoints."
    assert hint in shown(replace(ROLLOUTS["canary_held_blind"], hint=hint))
    for name in ("canary_baking", "canary_completed"):
        assert hint not in shown(replace(ROLLOUTS[name], hint=hint, choices=("/mesh rollback api",)))


def test_a_word_without_a_reason_shows_none() -> None:
    """Who pauses without a reason is named, and no operation's id stands in for the reason."""
    paused = rolled(*SECOND, (H.PAUSE, "pause op-b7w4n8q2rs", "U0ANA"))
    said = shown(canary(replace(paused, said="op-b7w4n8q2rs"), QUARTER))
    assert "Paused by @ana" in said
    assert "Reason" not in said


def test_a_status_names_the_canary_under_way() -> None:
    """The status of a route says which rollout is at work on it."""
    status = SAMPLES["status"]
    running = replace(
        status.statuses[0], rollout="A canary is under way: step 2 of 4 (v2 at 25 %), baking, op-b7w4n8q2rs"
    )
    assert "A canary is under way: step 2 of 4 (v2 at 25 %), baking, op-b7w4n8q2rs." in shown(
        replace(status, statuses=(running,))
    )


def test_a_persons_words_are_set_apart() -> None:
    """Why a person paused it is code, so that it cannot look like meshbot's own words; who it was is a mention."""
    blocks = str(card(ROLLOUTS["canary_paused"]).blocks)
    assert "Reason: `lunch, &lt;!here&gt; watches`" in blocks
    assert "Paused by <@U0ANA>" in blocks
    assert "lunch" not in card(ROLLOUTS["canary_paused"]).text


def test_what_took_over_is_told_in_our_words() -> None:
    """Who rolls back gives no reason: that their change ends a rollout is meshbot's own sentence, and can be Korean."""
    stopped = card(ROLLOUTS["canary_stopped"])
    assert "*Rollback op-b7w4n8q2rs takes traffic back.*" in str(stopped.blocks)
    assert "Rollback op-b7w4n8q2rs takes traffic back." in stopped.text
    with speaking(Locale.KO):
        in_korean = card(ROLLOUTS["canary_stopped"])
    assert "takes traffic back" not in f"{in_korean.text} {in_korean.blocks}"


def test_after_drift_no_share_of_ours_is_claimed() -> None:
    """When somebody else changed the weights, or took over, the headline says the step and not our share."""
    for name in ("canary_held_drift", "canary_stopped"):
        assert "at 25 %" not in card(ROLLOUTS[name]).text
    assert "As meshbot wrote it, before somebody else did:" in shown(ROLLOUTS["canary_held_drift"])


def test_bars_show_where_the_traffic_is() -> None:
    """Bars follow the moves: before while it moves, after once it did; a plan that is about neither is not drawn."""
    full, quarter = "█" * 20, "█" * 5 + "░" * 15
    assert f"v1  {full}  100 %  ->  95 %" in shown(ROLLOUTS["canary_moving"])
    assert f"v2  {quarter}   5 %  ->  25 %" in shown(ROLLOUTS["canary_baking"])
    assert f"v1  {full}  75 %  -> 100 %" in shown(ROLLOUTS["canary_turned_back"])
    assert f"v2  {quarter}" in shown(replace(ROLLOUTS["canary_turning_back"], plan=BACK))
    assert "->" not in shown(replace(ROLLOUTS["canary_turned_back"], plan=QUARTER))
    assert "->" not in shown(ROLLOUTS["canary_stopped"])


def test_a_refused_rollout_is_a_refusal() -> None:
    """A rollout that never took a step, or only was planned, or broke off, is called by its state and not its phase."""
    assert card(ROLLOUTS["canary_refused"]).text.startswith("Refused: canary api to v2 by 5, 25, 50, 100 %")
    assert card(ROLLOUTS["canary_plan"]).text.startswith("Plan: canary api to v2")
    broken = replace(ROLLOUTS["canary_baking"], state=State.FAILED, outcome="A bug stopped it")
    assert card(broken).text.startswith("Failed: canary api to v2")


def test_a_steering_operation_is_no_change_of_nothing() -> None:
    """What was said to a rollout is done when it reached it; the card names whose rollout, and never says `Nothing`."""
    assert card(ROLLOUTS["steered"]).text.startswith("Paused the canary of api in prod / mesh-demo. Done.")
    assert "Nothing to change" not in shown(ROLLOUTS["steered"])


def test_the_chart_is_spoken() -> None:
    """The picture is shown by its id and described for those who cannot see it; without one there is no block."""
    (picture,) = [block for block in card(ROLLOUTS["canary_baking"]).blocks if block["type"] == "image"]
    assert picture["slack_file"] == {"id": "F0MESHCHART"}
    assert "v2" in picture["alt_text"]
    assert "image" not in [block["type"] for block in card(ROLLOUTS["canary_paused"]).blocks]


@pytest.mark.parametrize("cause", [None, *Happening])
@pytest.mark.parametrize("phase", Phase)
def test_no_combination_breaks_the_card(phase: Phase, cause: Happening | None) -> None:
    """Whatever phase, cause and step a record holds, and without plan or gates, there is a card that Slack takes."""
    for at in range(4):
        rollout = replace(rolled(), phase=phase, cause=cause, why="", at=at)
        for plan in (None, QUARTER, planned(route(("v1", 1), ("v2", 1)), Roles(), v1=3, v2=1)):
            one = canary(rollout, plan, PASSING[:1], command=replace(ROLLOUTS["canary_baking"].command, version=""))
            assert_accepted(card(one))
            assert canary_of(one)


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_threat_3_hostile_words_in_rollouts(word: str) -> None:
    """Whatever stands in a rollout's record, its card is accepted and inert."""
    for phase in Phase:
        for by in ("", word):
            rollout = replace(rolled(*SECOND), phase=phase, why=word, by=by, cause=H.PAUSE)
            base = canary(rollout, QUARTER, PASSING, chart="F0MESHCHART")
            command = replace(base.command, version=word, service=word, reason=word)
            target = replace(base.target, service=word, cluster=word, namespace=word)
            drawn = card(replace(base, command=command, target=target, outcome=word, hint=word))
            assert_accepted(drawn)
            assert_inert(drawn, allowed=("U0JIN",))


@pytest.mark.parametrize("word", ["pause", "abort"])
@pytest.mark.parametrize("locale", Locale)
def test_threat_3_a_reason_is_set_apart_wherever_a_rollout_is_told(word: str, locale: Locale) -> None:
    """On the card, in its thread and in a digest, in each language, a person's words cannot look like ours."""
    words, bench = "The gates pass again. *Approved* by all", Press()
    trip = Voyage(bench)
    trip.start()
    trip.say(f'{word} api --reason "{words}"')
    bench.do(f'freeze api --reason "{words}"')
    told = replace(trip.operation, told=0)
    with speaking(locale):
        digest = digest_message(bench.gather())
        texts = [*(one.text.text for one in tell(told)), sentence(told).text, json.dumps(digest.blocks)]
    assert any(f"`{words}`" in text for text in texts)
    assert [text for text in texts if words.split(". ")[1] in text.replace(f"`{words}`", "")] == []


def test_every_active_phase_is_in_the_table() -> None:
    """The phases that the card gives buttons to are those of the one table of transitions."""
    assert {phase for phase, _ in TRANSITIONS} == ACTIVE
