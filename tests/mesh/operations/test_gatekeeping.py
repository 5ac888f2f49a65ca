"""Flagger's questions on the in-memory stage: asked once a revision, opened by people, bound to what was asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.memory import FixedDirectory
from mesh.domain.approvals import Rule
from mesh.domain.catalog import Service
from mesh.domain.commands import Command, Verb
from mesh.domain.errors import NotFound, Refused, Unavailable
from mesh.domain.operations import Operation, State
from mesh.domain.policy import Actor
from mesh.domain.scopes import Scope
from mesh.operations.gatekeeping import HOOKS, LONGEST_S, MOST_TIMES, OPEN_S, QUIET_S, answered, is_open, question
from mesh.operations.running import run
from tests.builders import LEE
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_approvals import ANA, KIM, TWO, clock
from tests.mesh.operations.test_approvals import a_bench as approving_bench

ASKED = Command(
    verb=Verb.FLAGGER, hook="confirm-promotion", checksum="5d9f", service="podinfo", namespace="shop", cluster="demo"
)
STARTS, BACK = (replace(ASKED, hook=hook) for hook in ("confirm-rollout", "rollback"))
RULE = replace(TWO, channel="C0APPROVE")
SERVICES = (Service("podinfo"), Service("web"))


def a_bench(*rules: Rule) -> Bench:
    """A bench whose configuration names the services that are asked about."""
    return approving_bench(*rules, services=SERVICES)


def ask(bench: Bench, command: Command = ASKED) -> Operation:
    """Ask as Flagger does, and let a worker run what that started."""
    return run(question(bench.desk, command).id, bench.stage)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_question_waits_for_people_and_then_hears_yes(hook: str) -> None:
    """Two people for what goes on, one for what goes back; nothing is written to the cluster."""
    bench = a_bench(RULE)
    command = replace(ASKED, hook=hook)
    asked = ask(bench, command)
    assert (asked.state, asked.origin.channel, asked.mirror) == (State.WAITING, "C0APPROVE", None)
    bench.do(f"approve {asked.id}", ANA)
    assert is_open(question(bench.desk, command)) is (hook == "rollback")
    if hook != "rollback":
        bench.do(f"approve {asked.id}", KIM)
    assert is_open(question(bench.desk, command))
    assert bench.audit_steps(asked)[-1] == "gate opened"
    assert bench.weights() == [90, 10]


def approved(bench: Bench, command: Command = ASKED) -> Operation:
    """A question that Ana has agreed to."""
    asked = ask(bench, command)
    assert bench.do(f"approve {asked.id}", ANA).state is State.SUCCEEDED
    return bench.operations.get(asked.id)


def test_a_yes_lasts_as_long_as_flagger_asks() -> None:
    """An analysis of two days hears it at each of its steps; that people took their time is no silence."""
    bench = a_bench(replace(RULE, need=1))
    asked = ask(bench)
    bench.time.at += OPEN_S - 3600
    bench.do(f"approve {asked.id}", ANA)
    for _ in range(100):
        bench.time.at += QUIET_S
        assert is_open(question(bench.desk, ASKED))


@pytest.mark.parametrize("hook", HOOKS)
def test_a_yes_of_a_rollout_that_is_over_lets_nothing_through(hook: str) -> None:
    """Flagger was silent for long: the same revision is asked about anew, and the former yes opens nothing again."""
    bench = a_bench(replace(RULE, need=1))
    command = replace(ASKED, hook=hook)
    former = approved(bench, command)
    assert is_open(question(bench.desk, command))
    answered(bench.desk, former)
    bench.time.at += QUIET_S + 1
    again = ask(bench, command)
    assert (again.id == former.id, again.state) == (False, State.WAITING)
    bench.time.at += 5
    assert question(bench.desk, command).id == again.id


@pytest.mark.parametrize("hook", ["confirm-promotion", "confirm-rollout"])
def test_a_yes_is_over_once_another_revision_is_asked_about(hook: str) -> None:
    """At whichever hook: who goes back to the former revision is asked about it again."""
    bench = a_bench(replace(RULE, need=1))
    former = approved(bench)
    ask(bench, replace(ASKED, checksum="77aa", hook=hook))
    again = ask(bench)
    assert (again.id == former.id, again.state) == (False, State.WAITING)


def test_a_roll_back_is_heard_however_often_its_answer_was_lost() -> None:
    """Flagger asks once an interval, and goes back when an answer reaches it; once it is silent, that was it."""
    bench = a_bench(replace(RULE, need=1))
    back = replace(ASKED, hook="rollback")
    pressed = approved(bench, back)
    for _ in range(6):
        bench.time.at += 300
        assert is_open(question(bench.desk, back))
        answered(bench.desk, pressed)
    bench.time.at += QUIET_S + 1
    again = ask(bench, back)
    assert (again.id == pressed.id, again.state) == (False, State.WAITING)
    assert not is_open(question(bench.desk, back))


def sent_back(bench: Bench, *, heard: bool) -> Operation:
    """A revision whose start and whose going back were agreed to; `heard`: Flagger was told of the latter."""
    approved(bench, STARTS)
    assert is_open(question(bench.desk, STARTS))
    pressed = approved(bench, BACK)
    assert is_open(question(bench.desk, BACK))
    if heard:
        answered(bench.desk, pressed)
    return pressed


def test_a_revision_that_begins_anew_is_not_sent_back_by_the_press_of_its_last_run() -> None:
    """Flagger asks confirm-rollout only before a run: that it went back is behind it, and people are asked anew."""
    bench = a_bench(replace(RULE, need=1))
    pressed = sent_back(bench, heard=True)
    bench.time.at += 60
    start = ask(bench, STARTS)
    again = ask(bench, BACK)
    assert (start.state, again.state, again.id == pressed.id) == (State.WAITING, State.WAITING, False)
    bench.time.at += 60
    assert ask(bench, STARTS).id == start.id
    bench.do(f"approve {again.id}", ANA)
    assert is_open(question(bench.desk, BACK))


def test_a_roll_back_that_flagger_was_not_told_of_is_never_forgotten() -> None:
    """Pressed too late for one run, it sends the next one back; only another revision, or silence, ends it."""
    bench = a_bench(replace(RULE, need=1))
    pressed = sent_back(bench, heard=False)
    bench.time.at += 60
    assert is_open(question(bench.desk, STARTS))
    assert question(bench.desk, BACK).id == pressed.id


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook != "confirm-rollout"])
def test_a_run_that_flagger_ended_by_its_own_metrics_leaves_no_yes_to_the_next_one(hook: str) -> None:
    """It goes back without asking; that it asks whether to start after it had asked what it asks in a run shows it."""
    bench = a_bench(replace(RULE, need=1))
    inside = replace(ASKED, hook=hook)
    started = approved(bench, STARTS)
    question(bench.desk, STARTS)
    answered(bench.desk, started)
    bench.time.at += 10
    ask(bench, inside)
    promotion = approved(bench)
    bench.time.at += 300
    again = ask(bench, STARTS)
    assert (again.state, again.id == started.id) == (State.WAITING, False)
    bench.time.at += 10
    assert ask(bench, STARTS).id == again.id
    bench.do(f"approve {again.id}", ANA)
    assert is_open(question(bench.desk, STARTS))
    assert question(bench.desk, ASKED).id != promotion.id


def test_a_yes_to_start_whose_answer_was_lost_is_heard_again() -> None:
    """Nothing that Flagger asks in a run only was asked since, so the run did not begin."""
    bench = a_bench(replace(RULE, need=1))
    started = approved(bench, STARTS)
    for _ in range(3):
        assert question(bench.desk, STARTS).id == started.id
        answered(bench.desk, started)
        bench.time.at += 60


def test_a_roll_back_that_flagger_was_not_told_of_outlasts_a_run_that_ended_by_itself() -> None:
    """Whoever pressed it does not want this revision: the start is asked about anew, and the press sends it back."""
    bench = a_bench(replace(RULE, need=1))
    started = approved(bench, STARTS)
    question(bench.desk, STARTS)
    answered(bench.desk, started)
    bench.time.at += 10
    pressed = approved(bench, BACK)
    bench.time.at += 300
    again = approved(bench, STARTS)
    assert again.id != started.id
    for _ in range(3):
        # Its answer is lost: that this was asked in the run before is no sign that the next one has begun.
        assert question(bench.desk, STARTS).id == again.id
        answered(bench.desk, again)
        bench.time.at += 60
    assert question(bench.desk, BACK).id == pressed.id
    assert is_open(question(bench.desk, BACK))


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook != "confirm-rollout"])
def test_a_roll_back_whose_answer_was_lost_is_heard_again_in_the_same_run(hook: str) -> None:
    """What else Flagger asks in a run is no sign of a new one."""
    bench = a_bench(replace(RULE, need=1))
    pressed = sent_back(bench, heard=True)
    bench.time.at += 60
    ask(bench, replace(ASKED, hook=hook))
    assert question(bench.desk, BACK).id == pressed.id


def test_a_roll_back_waits_for_flagger_for_a_day() -> None:
    """Also where nobody said how seldom it comes: only once it was told is its silence a sign that it went back."""
    bench = a_bench(replace(RULE, need=1))
    pressed = approved(bench, BACK)
    bench.time.at += OPEN_S - 60
    assert question(bench.desk, BACK).id == pressed.id
    bench.time.at += OPEN_S + 1
    assert ask(bench, BACK).id != pressed.id


def test_a_yes_waits_for_the_interval_of_the_canary() -> None:
    """Flagger comes once an hour and says so: what was agreed to in between is heard, for one lost answer as well."""
    for interval_s, hears in ((3600.0, True), (0.0, False)):
        bench = a_bench(replace(RULE, need=1))
        asked = run(question(bench.desk, ASKED, interval_s=interval_s).id, bench.stage)
        bench.time.at += 300
        bench.do(f"approve {asked.id}", ANA)
        bench.time.at += 3300
        assert is_open(question(bench.desk, ASKED, interval_s=interval_s)) is hears


def test_a_long_interval_ends_as_well() -> None:
    """The same revision, a day later, is asked about anew."""
    bench = a_bench(replace(RULE, need=1))
    former = approved(bench)
    bench.time.at += 3 * LONGEST_S
    assert question(bench.desk, ASKED, interval_s=LONGEST_S).id != former.id


@pytest.mark.parametrize("hook", HOOKS)
def test_one_card_stands_for_one_question_however_long_flagger_asks(hook: str) -> None:
    """Over a weekend: a card takes the place of one whose day is over, and what is pressed on it is heard."""
    bench = a_bench(replace(RULE, need=1))
    command = replace(ASKED, hook=hook)
    seen: dict[str, None] = {}
    for _ in range(52 * 2):
        clock(bench, 1800)
        seen[ask(bench, command).id] = None
        assert len(bench.operations.waiting()) == 1
    assert len(seen) == 3
    bench.do(f"approve {bench.operations.waiting()[0].id}", ANA)
    assert is_open(question(bench.desk, command))


def test_a_no_of_the_second_day_stays_a_no() -> None:
    """That the name of the first question is forgotten an hour later brings no third one."""
    bench = a_bench(RULE)
    ask(bench)
    for _ in range(48):
        clock(bench, 1810)
        asked = ask(bench)
    bench.do(f"deny {asked.id}", ANA)
    for _ in range(10):
        clock(bench, 1800)
        assert ask(bench).id == asked.id


def test_the_first_yes_that_flagger_hears_is_on_record_of_every_service() -> None:
    """However many hear one within a minute."""
    names = tuple(f"s{one}" for one in range(14))
    bench = approving_bench(
        replace(RULE, scope=Scope(), need=1), services=tuple(Service(name, namespace=ASKED.namespace) for name in names)
    )
    commands = [replace(ASKED, service=name) for name in names]
    opened = []
    for command in commands:
        bench.time.at += 30
        opened.append(approved(bench, command))
    for command in commands:
        answered(bench.desk, question(bench.desk, command))
    heard = [entry["operation"] for entry in bench.audit() if entry["step"] == "gate answered"]
    assert heard == [one.id for one in opened]


def test_an_answer_that_was_not_written_down_is_so_with_the_next_one() -> None:
    """Beyond ten a minute, for a service that is frozen and freed again and again: the last one is on record."""
    bench = a_bench(replace(RULE, need=1))
    asked = approved(bench)
    question(bench.desk, ASKED)
    for one in range(20):
        answered(bench.desk, asked, f"reason {one}")
    bench.time.at += 60
    answered(bench.desk, asked, "reason 19")
    said = [entry["text"] for entry in bench.audit() if entry["step"] == "gate answered"]
    assert (len(said), said[-1]) == (11, "Flagger hears no: reason 19")


def test_a_revision_that_comes_again_and_again_is_never_let_through_by_an_old_yes() -> None:
    """After so many questions within a day it is refused."""
    bench = a_bench(replace(RULE, need=1))
    for _ in range(MOST_TIMES):
        approved(bench)
        bench.time.at += QUIET_S + 1
    with pytest.raises(Refused, match="asked 10 times"):
        question(bench.desk, ASKED)


def test_a_question_is_asked_once_however_often_flagger_asks() -> None:
    """Flagger asks every few seconds; people see one card."""
    bench = a_bench(RULE)
    found = {ask(bench).id for _ in range(20)}
    assert len(found) == 1
    assert list(bench.cards.cards) == list(found)


@pytest.mark.parametrize(
    "other",
    [{"checksum": "77aa"}, {"hook": "confirm-rollout"}, {"service": "web"}, {"namespace": "bank"}],
    ids=["revision", "hook", "name", "namespace"],
)
def test_threat_6_an_approval_is_of_one_revision_of_one_canary_at_one_hook(other: dict[str, str]) -> None:
    """Anything else is another question."""
    bench = a_bench(replace(RULE, need=1))
    bench.do(f"approve {ask(bench).id}", ANA)
    assert is_open(question(bench.desk, ASKED))
    assert not is_open(question(bench.desk, replace(ASKED, **other)))  # type: ignore[arg-type]  # fields of Command


def test_a_denied_question_stays_denied_and_an_expired_one_is_asked_again() -> None:
    """A no is an answer; silence is none."""
    bench = a_bench(RULE)
    denied = ask(bench)
    bench.do(f"deny {denied.id}", ANA)
    assert (question(bench.desk, ASKED).id, is_open(question(bench.desk, ASKED))) == (denied.id, False)
    other = replace(ASKED, checksum="77aa")
    silent = ask(bench, other)
    clock(bench, OPEN_S + 1)
    assert bench.operations.get(silent.id).state is State.EXPIRED
    again = ask(bench, other)
    assert (again.id == silent.id, again.state) == (False, State.WAITING)


def test_a_newer_revision_takes_the_place_of_an_older_one() -> None:
    """One question for each hook of a service is open; the older one is void, and says which one replaced it."""
    bench = a_bench(RULE)
    older = ask(bench)
    beside = ask(bench, replace(ASKED, hook="rollback")), ask(bench, replace(ASKED, service="web"))
    bench.time.at += 60
    newer = ask(bench, replace(ASKED, checksum="77aa"))
    clock(bench, 1)
    void = bench.operations.get(older.id)
    assert (void.state, newer.id in void.outcome, "Vote on that one" in void.hint) == (State.VOID, True, True)
    waiting = {one.id for one in bench.operations.waiting()}
    assert waiting == {newer.id, *(one.id for one in beside)}


def test_a_vote_for_a_revision_that_was_replaced_is_not_counted() -> None:
    """Also before a worker came to void it."""
    bench = a_bench(replace(RULE, need=1))
    older = ask(bench)
    bench.time.at += 60
    ask(bench, replace(ASKED, checksum="77aa"))
    bench.do(f"approve {older.id}", ANA)
    assert bench.operations.get(older.id).state is State.VOID


def test_three_hundred_questions_leave_one_for_each_hook() -> None:
    """However many revisions are invented, over hours, people have at most one question for each hook."""
    bench = a_bench(RULE)
    for one in range(300):
        bench.time.at += 60
        command = replace(ASKED, hook=HOOKS[one % 4], checksum=f"c{one}")
        ask(bench, command)
        clock(bench, 1)
    assert sorted(one.command.hook for one in bench.operations.waiting()) == sorted(HOOKS)


def test_slack_is_not_asked_who_flagger_is() -> None:
    """It is no account there, and what Slack says to an odd id must not keep people from voting."""

    class Strict(FixedDirectory):
        """Knows people only."""

        def person(self, actor: Actor) -> str:
            """Raise for whoever is none."""
            if not actor.user.startswith("U"):
                raise Unavailable("Slack did not say who is who (users.info: invalid_arguments).")
            return super().person(actor)

    bench = a_bench(replace(RULE, need=1))
    bench.directory = Strict(bench.members)
    bench.do(f"approve {ask(bench).id}", ANA)
    assert is_open(question(bench.desk, ASKED))


def test_threat_10_a_voter_who_left_before_the_gate_opens_does_not_count() -> None:
    """Counted, and gone before a worker came to open it: Flagger hears no, and people are asked anew."""
    bench = a_bench(replace(RULE, need=1))
    asked = ask(bench)
    vote = bench.ask(f"approve {asked.id}", ANA)
    bench.work(vote)
    bench.directory = FixedDirectory(bench.members, gone=frozenset({ANA.user}))
    assert run(asked.id, bench.stage).state is State.VOID
    again = ask(bench)
    assert (again.id == asked.id, again.state) == (False, State.WAITING)


def test_who_may_not_vote_opens_nothing() -> None:
    """The same rules as for every approval."""
    bench = a_bench(replace(RULE, need=1))
    asked = ask(bench)
    with pytest.raises(Refused):
        bench.ask(f"approve {asked.id}", LEE)
    assert not is_open(question(bench.desk, ASKED))


@pytest.mark.parametrize(
    "rules",
    [(), (replace(RULE, scope=Scope(services=("web",))),), (replace(RULE, channel=""),)],
    ids=["none", "other", "nowhere"],
)
def test_where_nobody_could_be_asked_nothing_opens(rules: tuple[Rule, ...]) -> None:
    """Fail closed: without a rule, or a channel, Flagger hears no with the reason."""
    bench = a_bench()
    bench.approvals = rules
    with pytest.raises(Refused):
        question(bench.desk, ASKED)
    with pytest.raises(NotFound):
        question(bench.desk, replace(ASKED, cluster="nowhere"))


def test_flagger_cannot_be_typed() -> None:
    """Nobody asks in Flagger's name."""
    with pytest.raises(Refused, match="is no command"):
        a_bench(RULE).ask("flagger podinfo")
