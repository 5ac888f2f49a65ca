"""Limits of roles where they bite: in the worker, with the plan in hand, by the policy of that moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.memory import FixedDirectory
from mesh.domain.catalog import Flood
from mesh.domain.errors import Denied, Flooded, Unavailable
from mesh.domain.grammar import parse
from mesh.domain.hours import read_hours
from mesh.domain.operations import Origin, State, Step
from mesh.domain.outsiders import Outsider
from mesh.domain.policy import Actor, Policy, Role
from mesh.domain.rollouts import Happening, Phase
from mesh.operations.explaining import can
from mesh.operations.looking import look
from mesh.operations.running import run
from tests.builders import JIN, LEE, healthy
from tests.mesh.domain.test_hours import at
from tests.mesh.operations.bench import POLICY, Bench
from tests.mesh.operations.voyage import LOOK_S, Voyage

ANA = Actor("U0ANA", "T0MESH")
SRE = Role("sre", users=(JIN.user,), verbs=("*",))
SMALL = replace(SRE, name="small", max_step=20.0, max_share=40.0)
DAYTIME = replace(SRE, name="daytime", hours=(read_hours("mon-fri 09:00-17:00 Europe/Berlin"),))
NOON, EVENING, MORNING = at("2026-11-30T12:00"), at("2026-11-30T16:59:30"), at("2026-12-01T09:00")


def a_bench(*roles: Role, now: float = NOON) -> Bench:
    """A bench with this policy, at this time."""
    bench = Bench(policy=Policy(roles))
    bench.time.at = now
    return bench


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("promote api 35", "at most 20 points a step, and v2 would rise 25"),
        ("promote api 50", "at most 40 %, and v2 would get 50 %"),
        ("set api v1=65 v2=35", "at most 20 points a step"),
        ("promote api 50 --force --reason 'I must'", "at most 40 %"),
        ("canary api v2 25,50", "at most 40 %, and v2 would get 50 %"),
        ("canary api v2 15,40", "at most 20 points a step, and v2 would rise 25"),
    ],
)
def test_what_is_beyond_every_role_is_refused_with_the_number(text: str, why: str) -> None:
    """Nothing is written, and a rollout that could not come to its end does not begin."""
    done = a_bench(SMALL).do(text)
    assert (done.state, done.story[-1].step) == (State.REFUSED, Step.REFUSED)
    assert why in done.outcome


def test_what_is_within_is_done() -> None:
    """To the very number; and one role without limits is enough."""
    bench = a_bench(SMALL)
    assert bench.do("promote api 30").state is State.SUCCEEDED
    assert bench.do("promote api 40").state is State.SUCCEEDED
    assert a_bench(SMALL, SRE).do("promote api 100").state is State.SUCCEEDED


@pytest.mark.parametrize("text", ["rollback api", "undo api", "promote api 10", "set api v1=90 v2=10"])
def test_no_limit_stops_traffic_that_goes_back(text: str) -> None:
    """Neither size nor hour; from above the limits too."""
    bench = a_bench(SRE)
    assert bench.do("promote api 90").state is State.SUCCEEDED
    bench.policy = Policy((replace(SMALL, hours=DAYTIME.hours),))
    bench.time.at = at("2026-11-29T03:00")
    assert bench.do(text).state is State.SUCCEEDED
    assert bench.weights()[1] <= 10


def test_hours_count_when_it_runs() -> None:
    """Asked for in time and run too late is refused, with when it is possible again."""
    bench = a_bench(DAYTIME, now=EVENING)
    asked = bench.ask("promote api 50")
    bench.time.at += 60
    done = run(asked.id, bench.stage)
    assert done.story[-1].step is Step.BARRED
    assert "only mon-fri 09:00-17:00 Europe/Berlin (next 2026-12-01 09:00 CET)" in done.outcome
    assert bench.weights() == [90, 10]


@pytest.mark.parametrize("policy", [Policy(), Policy((replace(SRE, users=("U0EVE",)),)), Policy((SMALL,))])
def test_rights_and_limits_are_those_of_the_moment_it_runs(policy: Policy) -> None:
    """What the policy took away between the request and the run is not done."""
    bench = a_bench(SRE)
    asked = bench.ask("promote api 90")
    bench.policy = policy
    assert run(asked.id, bench.stage).state is State.REFUSED
    assert bench.weights() == [90, 10]


def test_a_role_for_one_channel_counts_there_alone() -> None:
    """At the door, and again when it runs; the channel is the request's, not the worker's."""
    bench = a_bench(replace(SRE, channels=("C0PROD",)))
    with pytest.raises(Denied, match="in another channel only"):
        bench.ask("promote api 50", channel="C0DEV")
    asked = bench.ask("promote api 50")
    bench.policy = Policy((replace(SRE, channels=("C0OTHER",)),))
    assert run(asked.id, bench.stage).state is State.REFUSED


def test_groups_are_asked_where_the_own_id_has_limits() -> None:
    """A usergroup's role may allow more; where Slack cannot say, the limits of the own id stay."""
    team = Role("team", usergroups=("S0TEAM",), verbs=("*",))
    bench = Bench(policy=Policy((SMALL, team)), members={"S0TEAM": {JIN.user}})
    assert bench.do("promote api 90").state is State.SUCCEEDED
    silent = Bench(policy=Policy((SMALL, team)))

    def groups(actor: Actor, named: frozenset[str]) -> frozenset[str]:
        raise Unavailable("Slack did not answer.")

    silent.directory.groups = groups  # type: ignore[method-assign]
    assert silent.do("promote api 90").state is State.FAILED
    assert silent.do("promote api 30").state is State.SUCCEEDED


@pytest.mark.parametrize("words", ["promote api 90", "canary api 20,90 every 30s"])
def test_whose_groups_could_not_be_asked_is_not_said_to_be_beyond_their_limits(words: str) -> None:
    """A role that Slack does not say may let it: the answer is no all the same, and that it may be said again."""
    team = Role("team", usergroups=("S0TEAM",), verbs=("*",))
    bench = Bench(policy=Policy((SMALL, team)), members={"S0TEAM": {JIN.user}})
    real = bench.directory
    silent = bench.directory = Silent(bench.members)
    silent.groups_alone = True
    no = bench.do(words)
    assert (no.state, bench.weights()) == (State.FAILED, [90, 10])
    assert no.outcome.startswith("Slack does not say whether you may: ")
    assert "Say it again" in no.hint
    asked = can(bench.desk, parse(f"can {words}"), JIN, Origin("slash", "C0PROD")).beyond
    assert asked
    assert (asked.why.startswith("Slack does not say"), asked.opens) == (True, bench.time.at)
    bench.directory = real
    assert bench.do(words).state in (State.SUCCEEDED, State.RUNNING)


def test_who_is_beyond_their_limits_hears_so_where_slack_said_all() -> None:
    """Nothing is unheard then, and trying again does not help."""
    team = Role("team", usergroups=("S0TEAM",), verbs=("*",))
    assert "Beyond your limits" in Bench(policy=Policy((SMALL, team))).do("promote api 90").outcome


def test_a_rollout_holds_out_of_hours_and_goes_on_in_them() -> None:
    """Nobody has to press anything; it bakes anew before it goes on."""
    voyage = Voyage(a_bench(DAYTIME, now=EVENING))
    voyage.start()
    voyage.until(Phase.HELD)
    assert voyage.operation.rollout is not None
    assert voyage.operation.rollout.cause is Happening.BARRED
    assert "next 2026-12-01 09:00" in voyage.operation.rollout.why
    assert voyage.weights[-1] == [75, 25]
    voyage.bench.time.at = MORNING
    voyage.until(Phase.COMPLETED, looks=120)
    assert voyage.weights == [[90, 10], [75, 25], [50, 50], [0, 100]]


def test_a_rollout_is_held_where_waiting_does_not_help() -> None:
    """Its role lost size on the way: people are asked, and going back works."""
    voyage = Voyage(a_bench(SRE))
    voyage.start()
    voyage.bench.policy = Policy((SMALL,))
    voyage.until(Phase.HELD)
    assert voyage.operation.rollout is not None
    assert voyage.operation.rollout.cause is Happening.UNMOVED
    assert "at most 40 %" in voyage.operation.rollout.why
    voyage.say("abort api")
    voyage.work()
    assert voyage.weights[-1] == [100, 0]


def on_call(voyage: Voyage) -> Bench:
    """Jin may do everything by being on call, and as one of the team in the evening only; a canary is begun."""
    oncall = Role("oncall", usergroups=("S0ONCALL",), verbs=("*",))
    evening = read_hours("mon-fri 18:00-19:00 Europe/Berlin")
    team = Role("team", usergroups=("S0TEAM",), verbs=("*",), hours=(evening,))
    bench = voyage.bench
    bench.policy = Policy((oncall, team))
    bench.members |= {"S0ONCALL": {JIN.user}, "S0TEAM": {JIN.user}}
    bench.time.at = NOON
    voyage.start()
    return bench


def calls(voyage: Voyage) -> list[str]:
    """What called somebody, or was told to the whole channel, oldest first."""
    told = voyage.bench.cards.threads[voyage.id]
    return [one.text.text for one in told if one.loud or f"<@{JIN.user}>" in one.text.text]


@pytest.mark.parametrize("told", [True, False], ids=["news", "no news"])
def test_a_shift_that_ends_holds_a_rollout_and_calls_people_once(told: bool) -> None:
    """Its step asks Slack, and is barred; when it is tried again, ever more rarely, nobody is called for the same."""
    voyage = Voyage()
    bench = on_call(voyage)
    bench.members["S0ONCALL"].clear()
    if told:
        bench.directory.changed.add("S0ONCALL")
    else:
        voyage.until(Phase.BAKING)
        bench.time.at += 61
    voyage.look(120)
    assert (voyage.phase, voyage.weights[-1]) == (Phase.HELD, [75, 25])
    assert len(calls(voyage)) == 1
    assert 2 <= voyage.steps().count("held") <= 6
    assert "only mon-fri 18:00-19:00" in str(voyage.operation.rollout and voyage.operation.rollout.why)


def test_what_bars_a_step_calls_people_anew_where_it_is_another_thing_or_they_had_a_hand_in_it() -> None:
    """Only being held again for the same, by nothing but trying again, is quiet."""
    voyage = Voyage()
    bench = on_call(voyage)
    bench.members["S0ONCALL"].clear()
    bench.time.at += 61
    voyage.until(Phase.HELD)
    morning = read_hours("mon-fri 06:00-07:00 Europe/Berlin")
    bench.policy = Policy(tuple(replace(one, hours=one.hours and (morning,)) for one in bench.policy.roles))
    voyage.look(20)
    assert [("18:00" in one, "06:00" in one) for one in calls(voyage)] == [(True, False), (False, True)]


def test_threat_10_a_group_that_was_left_hours_ago_gives_no_step() -> None:
    """What was on record when the rollout began counts for a minute, as everywhere, and not for each of its steps."""
    voyage = Voyage()
    bench = on_call(voyage)
    bench.members.clear()
    bench.time.at += 61
    voyage.until(Phase.HELD)
    assert "No longer allowed" in str(voyage.operation.rollout and voyage.operation.rollout.why)
    assert voyage.weights[-1] == [75, 25]


class Silent(FixedDirectory):
    """Answers nothing, or nothing about groups; counts what it is asked."""

    asked = 0
    groups_alone = False

    def outsider(self, actor: Actor) -> Outsider | None:
        """Raise, unless only groups are not known."""
        self.asked += 1
        if not self.groups_alone:
            raise Unavailable("Slack did not answer.")
        return super().outsider(actor)

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Raise."""
        raise Unavailable("Slack did not answer.")


def test_a_step_waits_for_a_slack_that_is_silent() -> None:
    """That nobody can tell who somebody is takes no right away: nobody is called, and it goes on once Slack answers."""
    voyage = Voyage()
    bench = on_call(voyage)
    speaking = bench.directory
    bench.time.at += 61
    bench.directory = Silent(bench.members)
    voyage.look(24)
    assert (voyage.phase, voyage.weights[-1], calls(voyage)) == (Phase.MOVING, [75, 25], [])
    bench.directory = speaking
    voyage.until(Phase.COMPLETED)
    assert voyage.weights == [[90, 10], [75, 25], [50, 50], [0, 100]]


class SilentAboutTheStarter(Silent):
    """Tells of everybody but Jin."""

    def outsider(self, actor: Actor) -> Outsider | None:
        """Raise for Jin."""
        return super().outsider(actor) if actor.user == JIN.user else FixedDirectory.outsider(self, actor)


def test_pause_stops_a_step_that_still_waits() -> None:
    """Whoever says stop is heard before the step is written, not after; the step waits for a person then."""
    voyage = Voyage(a_bench(replace(SRE, users=(JIN.user, LEE.user))))
    bench = voyage.bench
    voyage.start()
    speaking = bench.directory
    bench.time.at += 61
    bench.directory = SilentAboutTheStarter(bench.members)
    voyage.until(Phase.MOVING)
    paused = bench.ask("pause api", LEE)
    voyage.look()
    assert bench.operations.get(paused.id).state is State.SUCCEEDED
    bench.directory = speaking
    voyage.look(24)
    assert (voyage.phase, voyage.weights[-1]) == (Phase.HELD, [75, 25])
    assert voyage.say("resume api", actor=LEE).state is State.SUCCEEDED
    voyage.until(Phase.COMPLETED)
    assert voyage.weights == [[90, 10], [75, 25], [50, 50], [0, 100]]


def test_a_slack_that_is_silent_for_long_holds_a_step_once_and_it_goes_on_by_itself() -> None:
    """People hear of it after the strategy's patience, once, and need not do anything."""
    voyage = Voyage()
    bench = on_call(voyage)
    speaking = bench.directory
    bench.time.at += 61
    bench.directory = Silent(bench.members)
    voyage.look(240)
    assert (voyage.phase, voyage.weights[-1]) == (Phase.HELD, [75, 25])
    assert voyage.operation.rollout is not None
    assert voyage.operation.rollout.cause is Happening.BARRED
    assert ["Slack does not say" in one for one in calls(voyage)] == [True]
    bench.directory = speaking
    voyage.until(Phase.COMPLETED, looks=240)


def test_a_worse_canary_turns_back_while_its_step_waits_for_slack() -> None:
    """Going back asks Slack nothing."""
    voyage = Voyage()
    bench = on_call(voyage)
    bench.time.at += 61
    bench.directory = Silent(bench.members)
    voyage.until(Phase.MOVING)
    bench.metrics.readings = {"v1": healthy(), "v2": healthy(success=20.0)}
    voyage.until(Phase.TURNED_BACK)
    assert voyage.weights[-1] == [100, 0]


@pytest.mark.parametrize(("role", "end"), [(SRE, Phase.COMPLETED), (SMALL, Phase.HELD)], ids=["any size", "small"])
def test_groups_that_slack_never_tells_hold_up_only_what_they_could_decide(role: Role, end: Phase) -> None:
    """Whoever may by their own id goes on; what only a group may allow waits, and is no right that was lost."""
    voyage = Voyage()
    bench = on_call(voyage)
    bench.policy = Policy((*bench.policy.roles, role))
    bench.time.at += 61
    silent = Silent(bench.members)
    silent.groups_alone = True
    bench.directory = silent
    voyage.until(end, looks=300)
    assert voyage.operation.rollout is not None
    assert (end is Phase.HELD) == (voyage.operation.rollout.cause is Happening.BARRED)


def test_a_look_never_asks_slack() -> None:
    """While Slack hangs, no canary waits for what would be asked about another one."""
    voyage = Voyage()
    bench = on_call(voyage)
    bench.time.at += 61
    silent = Silent(bench.members)
    bench.directory = silent
    for _ in range(12):
        bench.time.at += LOOK_S
        look("demo", bench.stage)
    assert (voyage.phase, silent.asked) == (Phase.MOVING, 0)


def test_who_gives_a_canary_more_is_bound_by_their_own_limits() -> None:
    """A word to somebody else's rollout is no way round."""
    helper = Role("helper", users=(LEE.user,), verbs=("skip",), max_share=30.0)
    voyage = Voyage(a_bench(SRE, helper))
    voyage.start()
    said = voyage.say("skip api", actor=LEE)
    assert said.state is State.REFUSED
    assert "at most 30 %" in said.outcome
    assert voyage.phase is Phase.BAKING


def shift_of_lee(text: str) -> Voyage:
    """A rollout of Jin's that goes on when only Lee is on call, and nobody else may do anything."""
    voyage = Voyage(Bench(policy=Policy((Role("oncall", usergroups=("S0ONCALL",), verbs=("*",)),))))
    bench = voyage.bench
    bench.members["S0ONCALL"] = {JIN.user}
    voyage.start(text)
    bench.members["S0ONCALL"] = {LEE.user}
    bench.time.at += 61
    return voyage


def test_whoever_has_the_shift_finishes_a_canary_that_was_begun_in_another() -> None:
    """It is held once; whoever resumes it answers for every step from then on, on the card and in the audit log."""
    voyage = shift_of_lee("canary api v2 25,50,100 every 30s")
    voyage.until(Phase.HELD)
    assert "No longer allowed" in str(voyage.operation.rollout and voyage.operation.rollout.why)
    assert "answers for its steps" in voyage.operation.hint
    assert voyage.say("resume api", actor=LEE).state is State.SUCCEEDED
    voyage.until(Phase.COMPLETED)
    assert voyage.weights == [[90, 10], [75, 25], [50, 50], [0, 100]]
    assert voyage.steps().count("held") == 1
    assert adopters(voyage) == {LEE.user}
    assert f"Steps answered for by <@{LEE.user}>" in str(voyage.bench.cards.cards[voyage.id][-1].blocks)


def adopters(voyage: Voyage) -> set[str]:
    """Who answered for the rollout's steps instead of whoever began it, by its audit entries."""
    return {entry["adopted"]["by"] for entry in voyage.bench.audit() if "adopted" in entry}


def test_threat_10_who_resumed_a_canary_answers_for_its_steps_only_while_they_may() -> None:
    """Their shift ends as well: it is held again, and the next one who may takes it over."""
    voyage = shift_of_lee("canary api v2 25,50,75,100 every 30s")
    bench = voyage.bench
    voyage.until(Phase.HELD)
    voyage.say("resume api", actor=LEE)
    bench.members["S0ONCALL"] = {ANA.user}
    bench.time.at += 61
    voyage.until(Phase.HELD)
    assert voyage.weights[-1] == [50, 50]
    voyage.say("resume api", actor=ANA)
    voyage.until(Phase.COMPLETED)
    assert adopters(voyage) == {LEE.user, ANA.user}


def test_who_helps_once_takes_away_nothing_that_whoever_began_still_may() -> None:
    """Within their own narrow limits they wrote one step again; the others are as big as the starter may make them."""
    narrow = Role("narrow", users=(LEE.user,), verbs=("resume",), max_share=30.0)
    voyage = Voyage(a_bench(SRE, narrow))
    voyage.start()
    arms = voyage.bench.route_object()["spec"]["http"][0]["route"]
    arms[0]["weight"], arms[1]["weight"] = 70, 30
    voyage.until(Phase.HELD)
    assert voyage.say("resume api", actor=LEE).state is State.SUCCEEDED
    voyage.until(Phase.COMPLETED)
    assert voyage.weights[-1] == [0, 100]


def test_who_resumed_a_canary_gives_it_no_more_than_they_may() -> None:
    """Nobody else answers for it, so a step beyond their limits is held, with the number."""
    narrow = Role("narrow", users=(LEE.user,), verbs=("resume",), max_share=60.0)
    voyage = shift_of_lee("canary api v2 25,50,100 every 30s")
    voyage.bench.policy = Policy((narrow,))
    voyage.until(Phase.HELD)
    assert voyage.say("resume api", actor=LEE).state is State.SUCCEEDED
    voyage.until(Phase.BAKING)
    voyage.until(Phase.HELD)
    assert "at most 60 %" in str(voyage.operation.rollout and voyage.operation.rollout.why)
    assert voyage.weights[-1] == [50, 50]


def test_who_lets_a_paused_canary_go_on_answers_for_nothing() -> None:
    """Nobody asked what they may give it: its steps are whoever's they were."""
    voyage = Voyage(a_bench(replace(SRE, users=(JIN.user, LEE.user))))
    voyage.start()
    voyage.say("pause api", actor=LEE)
    voyage.say("resume api", actor=LEE)
    voyage.until(Phase.COMPLETED)
    assert adopters(voyage) == set()


@pytest.mark.parametrize(("word", "steps"), [("skip", "25,50"), ("confirm", "25,confirm,50")])
def test_a_step_that_was_skipped_or_confirmed_is_taken_by_the_rights_of_whoever_said_so(word: str, steps: str) -> None:
    """They had the right, within their limits, when they said it."""
    voyage = shift_of_lee(f"canary api v2 {steps} every 30s")
    voyage.until(Phase.CONFIRMING if word == "confirm" else Phase.BAKING)
    assert voyage.say(f"{word} api", actor=LEE).state is State.SUCCEEDED
    assert (voyage.phase, voyage.weights[-1]) == (Phase.BAKING, [50, 50])


def test_a_step_that_somebody_asked_for_is_theirs_also_where_it_is_barred_and_tried_again() -> None:
    """A freeze that came between their word and the step is no reason to ask them a second time."""
    voyage = shift_of_lee("canary api v2 25,50 every 10m")
    said = voyage.bench.ask("skip api", LEE)
    assert run(said.id, voyage.bench.stage).state is State.SUCCEEDED
    voyage.bench.do("freeze api --reason x", LEE)
    voyage.work()
    assert (voyage.phase, voyage.weights[-1]) == (Phase.HELD, [75, 25])
    voyage.bench.do("unfreeze api --reason x", LEE)
    voyage.until(Phase.BAKING)
    assert voyage.weights[-1] == [50, 50]


def test_threat_10_a_word_gives_a_step_only_while_whoever_said_it_still_may() -> None:
    """Between the word and the step they lost the right: it is not written."""
    voyage = shift_of_lee("canary api v2 25,50 every 10m")
    said = voyage.bench.ask("skip api", LEE)
    assert run(said.id, voyage.bench.stage).state is State.SUCCEEDED
    voyage.bench.members["S0ONCALL"] = {JIN.user}
    voyage.bench.time.at += 61
    voyage.work()
    assert (voyage.phase, voyage.weights[-1]) == (Phase.HELD, [75, 25])


# --- the door ------------------------------------------------------------------------------------------------------


def test_threat_22_a_flood_is_answered_and_starts_nothing() -> None:
    """One person's changes in a minute; others, readings, and the way back are not counted."""
    bench = Bench(policy=Policy((*POLICY.roles, Role("lee", users=(LEE.user,), verbs=("*",)))))
    bench.flood = Flood(user_per_minute=3)
    for share in (20, 30, 40):
        bench.ask(f"promote api {share}")
    with pytest.raises(
        Flooded, match="more than 3 changes of this kind within a minute, so nothing more was started"
    ) as refused:
        bench.ask("promote api 50")
    assert "Try again in 20 s" in refused.value.hint
    bench.ask("status api")
    bench.ask("rollback api")
    bench.ask("freeze api --reason x")
    bench.ask("promote api 50", LEE)
    bench.time.at += 20
    bench.ask("promote api 60")
    for _ in range(30):
        bench.ask("rollback api")
    with pytest.raises(Flooded, match="more than 30 changes"):
        bench.ask("rollback api")


def test_who_has_no_right_cannot_fill_the_log_or_the_channel() -> None:
    """Denials are counted by the person, so that they end; the channel's bucket is for those who may."""
    bench = Bench()
    bench.flood = Flood(user_per_minute=2, channel_per_minute=1)
    for _ in range(2):
        with pytest.raises(Denied):
            bench.ask("promote api 50", LEE)
    with pytest.raises(Flooded):
        bench.ask("promote api 50", LEE)
    assert [entry["step"] for entry in bench.audit()] == ["denied", "denied", "flooded"]
    bench.ask("promote api 50")
    with pytest.raises(Flooded, match="asked for here"):
        bench.ask("promote api 70")


def test_no_more_waits_for_one_service_than_is_sane() -> None:
    """What is asked beyond that is refused; the way back always has room."""
    bench = Bench(flood=Flood(open_per_service=2))
    bench.ask("promote api 20")
    bench.ask("promote api 30")
    with pytest.raises(Flooded, match="2 changes of api are waiting or running"):
        bench.ask("promote api 40")
    assert bench.ask("rollback api").state is State.QUEUED


def test_threat_22_a_flood_leaves_one_entry_a_minute() -> None:
    """A flood that is stopped is on record, once for each person and minute, and does not flood the log instead."""
    bench = Bench(flood=Flood(user_per_minute=1))
    bench.ask("promote api 20")
    for _ in range(50):
        with pytest.raises(Flooded):
            bench.ask("promote api 30")
    flooded = [entry for entry in bench.audit() if entry["step"] == "flooded"]
    assert [(entry["actor"], entry["target"]) for entry in flooded] == [("U0JIN", "demo/mesh-demo/api")]
    assert "more than 1 changes" in flooded[0]["text"]
