"""Approvals on the in-memory stage: asked, voted, checked again at vote and at run, used once, and never in the way."""

from __future__ import annotations

import copy
import re
from contextlib import suppress
from dataclasses import replace

import pytest

from chat.memory import FixedDirectory
from mesh.domain.approvals import Rule
from mesh.domain.errors import Denied, NotFound, TooLate, Unavailable
from mesh.domain.operations import Operation, Origin, State, Step
from mesh.domain.policy import Actor, Policy, Role
from mesh.operations.ballots import waiting_for
from mesh.operations.receiving import receive
from mesh.operations.running import run
from mesh.ports import Place
from tests.builders import JIN, LEE, command, healthy
from tests.mesh.operations.bench import Bench, surroundings, virtual_service
from workers.memory import MemoryMetrics

ANA, KIM, ZOE = (Actor(user, "T0MESH") for user in ("U0ANA", "U0KIM", "U0ZOE"))
TWO = Rule("two", need=2, groups=("S0SRE",), above=20, expires_s=900, remind_s=300)
SRE = {"S0SRE": {JIN.user, ANA.user, KIM.user}, "S0LEADS": {ZOE.user}}


def a_bench(*rules: Rule, **changes: object) -> Bench:
    """A bench whose policy wants approvals; Jin, Ana and Kim may vote."""
    return Bench(approvals=rules or (TWO,), members=copy.deepcopy(SRE), **changes)  # type: ignore[arg-type]  # fields of Bench


def now(bench: Bench, operation: Operation) -> Operation:
    """The operation as the store has it."""
    return bench.operations.get(operation.id)


def clock(bench: Bench, seconds: float) -> None:
    """Let time pass, and let a clock hand out whatever is due by then."""
    bench.time.at += seconds
    for operation_id, due in list(bench.operations.open.items()):
        if due <= bench.time.at:
            run(operation_id, bench.stage)


def test_a_plan_above_the_share_waits_until_two_others_agree() -> None:
    """Nothing is written before the second yes, everything at once after it, and the trail says who agreed."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    assert (asked.state, bench.weights()) == (State.WAITING, [90, 10])
    assert bench.do(f"approve {asked.id}", ANA).state is State.SUCCEEDED
    assert (now(bench, asked).state, bench.weights()) == (State.WAITING, [90, 10])
    bench.do(f"approve {asked.id}", KIM)
    done = now(bench, asked)
    assert (done.state, bench.weights()) == (State.SUCCEEDED, [50, 50])
    steps = ["queued", "checking", "approval asked", "voted", "approved", "patching", "patched", "verified"]
    assert bench.audit_steps(done) == steps
    approved = next(entry for entry in bench.audit() if entry["step"] == "approved")
    assert approved["by"] == KIM.user
    assert [vote["voter"] for vote in approved["approval"]["votes"]] == [ANA.user, KIM.user]


@pytest.mark.parametrize("text", ["promote api 20", "rollback api", "adopt api"])
def test_small_steps_and_ways_back_wait_for_nobody(text: str) -> None:
    """Up to the largest share without approval, and back to stable, nobody is asked."""
    assert a_bench().do(text).state is not State.WAITING


def after_a_rollback(rule: Rule = TWO) -> Bench:
    """A bench where two people agreed to 50 %, and everything went back to stable since."""
    bench = a_bench(rule)
    asked = bench.do("promote api 50")
    bench.do(f"approve {asked.id}", ANA)
    bench.do(f"approve {asked.id}", KIM)
    bench.do("rollback api")
    assert bench.weights() == [100, 0]
    return bench


@pytest.mark.parametrize("forgotten", [False, True], ids=["on record", "remembered by the route alone"])
def test_threat_6_an_approval_that_was_used_brings_nothing_back_by_undo(forgotten: bool) -> None:
    """What gives the canary more waits for people anew, whoever agreed to it before, also when Redis was emptied."""
    bench = after_a_rollback()
    if forgotten:
        bench.operations._changing.clear()
    bench.time.at += 30 * 86_400
    asked = bench.do("undo api")
    assert (asked.state, bench.weights()) == (State.WAITING, [100, 0])
    assert asked.approval is not None
    assert (asked.approval.share, asked.approval.votes) == (50.0, ())
    bench.do(f"approve {asked.id}", ANA)
    assert bench.weights() == [100, 0]
    bench.do(f"approve {asked.id}", KIM)
    assert (now(bench, asked).state, bench.weights()) == (State.SUCCEEDED, [50, 50])


def test_an_undo_that_waits_is_void_when_its_weights_are_no_longer_there() -> None:
    """A newer change of the service ends it, as it ends everything that waits."""
    bench = after_a_rollback()
    asked = bench.do("undo api")
    bench.do("promote api 10")
    clock(bench, 1)
    assert (now(bench, asked).state, bench.weights()) == (State.VOID, [90, 10])


def test_an_undo_that_gives_stable_more_waits_for_nobody() -> None:
    """Taking back what others agreed to is going back, as a rollback is."""
    bench = a_bench(replace(TWO, need=1))
    asked = bench.do("promote api 50")
    bench.do(f"approve {asked.id}", ANA)
    assert bench.weights() == [50, 50]
    assert (bench.do("undo api").state, bench.weights()) == (State.SUCCEEDED, [90, 10])


def test_an_undo_up_to_the_share_waits_for_nobody() -> None:
    """As a promotion to that share."""
    bench = after_a_rollback(replace(TWO, above=20))
    bench.do("promote api 20")
    bench.do("rollback api")
    assert (bench.do("undo api").state, bench.weights()) == (State.SUCCEEDED, [80, 20])


def test_threat_4_a_vote_counts_once_however_often_it_arrives() -> None:
    """The same delivery twice, another delivery of the same person, and a run repeated: one vote, one audit entry."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    vote = bench.ask(f"approve {asked.id}", ANA, delivery="press")
    run(vote.id, bench.stage)
    assert bench.ask(f"approve {asked.id}", ANA, delivery="press").id == vote.id
    run(vote.id, bench.stage)
    again = bench.do(f"approve {asked.id}", ANA)
    assert (again.state, "each person has one vote" in again.outcome) == (State.REFUSED, True)
    assert [entry["step"] for entry in bench.audit()].count("voted") == 2  # of the change, and of the vote itself
    assert now(bench, asked).state is State.WAITING


def test_threat_4_a_worker_that_dies_after_counting_counts_no_second_time() -> None:
    """A vote found on the record is only told, not cast again."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    vote = bench.ask(f"approve {asked.id}", ANA)
    run(vote.id, bench.stage)
    # As it was before its own end was written.
    bench.operations._stored[vote.id] = replace(now(bench, vote), state=State.RUNNING, reported=False)
    assert run(vote.id, bench.stage).state is State.SUCCEEDED
    assert len(now(bench, asked).approval.votes) == 1  # type: ignore[union-attr]  # it is asked


def test_threat_4_a_late_vote_is_told_what_was_decided_and_by_whom() -> None:
    """After the end, before the clock noticed it, and after a yes by others: nothing is counted."""
    bench = a_bench(replace(TWO, need=1))
    asked = bench.do("promote api 50")
    bench.do(f"approve {asked.id}", ANA)
    with pytest.raises(TooLate, match="was decided before: approved") as late:
        bench.ask(f"approve {asked.id}", KIM)
    assert late.value.by == (ANA.user,)
    other = bench.do("promote api 90")
    bench.time.at += 901
    with pytest.raises(TooLate, match="is over"):
        bench.ask(f"approve {other.id}", KIM)


def test_a_vote_that_was_overtaken_in_the_queue_is_told_who_decided() -> None:
    """Two votes are received; the first decides, and the second one's record names who did."""
    bench = a_bench(replace(TWO, need=1))
    asked = bench.do("promote api 50")
    first, second = bench.ask(f"deny {asked.id}", ANA), bench.ask(f"approve {asked.id}", KIM)
    run(first.id, bench.stage)
    lost = run(second.id, bench.stage)
    assert (lost.state, lost.story[-1].by) == (State.REFUSED, ANA.user)
    assert "decided before" in lost.outcome
    assert "<@U0ANA>" in str(bench.cards.votes[second.id].blocks)
    assert bench.weights() == [90, 10]


@pytest.mark.parametrize("people", [(), (("U0JIN", "W0JIN"),)])
def test_threat_5_nobody_approves_their_own_change(people: tuple[tuple[str, ...], ...]) -> None:
    """Not with the same id, nor through a usergroup, nor with a second account, by Slack or by the configuration."""
    bench = a_bench(people=people)
    bench.members["S0SRE"].add("W0JIN")
    persons = {} if people else {"W0JIN": "E1JIN", "U0JIN": "E1JIN"}
    bench.directory = FixedDirectory(bench.members, persons=persons)
    asked = bench.do("promote api 50")
    for account in (JIN, Actor("W0JIN", "E0ORG")):
        with pytest.raises(Denied, match="whoever asks for a change cannot approve it"):
            bench.ask(f"approve {asked.id}", account)
    assert [entry["step"] for entry in bench.audit()].count("denied") == 2


def test_threat_5_two_accounts_of_one_person_are_one_vote() -> None:
    """Ana's second account is turned away."""
    bench = a_bench(people=(("U0ANA", "W0ANA"),))
    bench.members["S0SRE"].add("W0ANA")
    asked = bench.do("promote api 50")
    bench.do(f"approve {asked.id}", ANA)
    with pytest.raises(Denied, match="each person has one vote"):
        bench.ask(f"approve {asked.id}", Actor("W0ANA", "T0MESH"))


ONE_MEMBER = {"U0JIN": "E1JIN", "U0JIN3": "E1JIN"}
"""What Slack says: these two accounts are one member of the organisation."""


@pytest.mark.parametrize(("first", "second"), [("U0JIN", "U0JIN3"), ("U0JIN3", "U0JIN")])
def test_threat_5_accounts_by_the_list_and_by_slack_are_one_person(first: str, second: str) -> None:
    """The list names some accounts of somebody, Slack another one: neither is a second person, to ask or to vote."""
    everybody = Role("all", usergroups=("S0SRE",), verbs=("*",))
    bench = a_bench(people=(("U0JIN", "U0JIN2"),), policy=Policy((everybody,)))
    bench.members["S0SRE"].add("U0JIN3")
    bench.directory = FixedDirectory(bench.members, persons=ONE_MEMBER)
    own = bench.do("promote api 50", Actor(first, "T0MESH"))
    with pytest.raises(Denied, match="whoever asks for a change cannot approve it"):
        bench.ask(f"approve {own.id}", Actor(second, "T0MESH"))
    assert [one.mine for one in waiting_for(bench.desk, Actor(second, "T0MESH"))] == [False]
    bench.do(f"deny {own.id}", Actor(second, "T0MESH"))
    asked = bench.do("promote api 60", ANA)
    bench.do(f"approve {asked.id}", Actor(first, "T0MESH"))
    with suppress(Denied):
        bench.do(f"approve {asked.id}", Actor(second, "T0MESH"))
    assert bench.weights() == [90, 10]


def test_threat_6_a_plan_that_changed_after_a_vote_is_void_at_the_next_vote() -> None:
    """Somebody edits the route between two votes: the second one finds it, and nothing is written."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    bench.do(f"approve {asked.id}", ANA)
    arms = bench.route_object()["spec"]["http"][0]["route"]
    arms[0]["weight"], arms[1]["weight"] = 80, 20
    vote = bench.do(f"approve {asked.id}", KIM)
    void = now(bench, asked)
    assert (vote.state, void.state, bench.weights()) == (State.REFUSED, State.VOID, [80, 20])
    assert "v1 80 % / v2 20 %" in void.outcome


def test_threat_6_an_object_made_anew_with_the_same_weights_is_void() -> None:
    """Another uid is another object, whatever stands in it."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    bench.route_object()["metadata"]["uid"] = "made-anew"
    bench.do(f"approve {asked.id}", ANA)
    assert now(bench, asked).state is State.VOID


def approved_not_run(bench: Bench, text: str = "promote api 50") -> Operation:
    """Return a change that has all its votes and has not begun: its worker died right after the last one."""
    asked = bench.do(text)
    for voter in (ANA, KIM):
        vote = bench.ask(f"approve {asked.id}", voter)
        bench.work(vote)
    approved = now(bench, asked)
    assert (approved.state, approved.story[-1].step) == (State.RUNNING, Step.APPROVED)
    return approved


def test_threat_6_what_changed_between_the_last_vote_and_the_run_is_void() -> None:
    """The worker plans again: other weights, no patch, and people are told why."""
    bench = a_bench()
    approved = approved_not_run(bench)
    arms = bench.route_object()["spec"]["http"][0]["route"]
    arms[0]["weight"], arms[1]["weight"] = 70, 30
    void = run(approved.id, bench.stage)
    assert (void.state, bench.weights()) == (State.VOID, [70, 30])
    assert any("Void" in told.text.text and told.loud for told in bench.cards.threads[void.id])


def test_threat_6_a_gate_that_flips_after_the_votes_voids() -> None:
    """Healthy when asked and when voted; failing when it runs: nothing is written."""
    bench = a_bench()
    approved = approved_not_run(bench)
    bench.metrics = MemoryMetrics({"v1": healthy(), "v2": healthy(success=90)})
    void = run(approved.id, bench.stage)
    assert (void.state, bench.weights()) == (State.VOID, [90, 10])
    assert "Gates failed" in void.outcome


def test_threat_6_a_gate_that_fails_at_a_vote_voids_and_one_that_cannot_decide_only_turns_the_vote_away() -> None:
    """Unknown is no reason to throw the votes away; a failure is."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    bench.metrics = MemoryMetrics({"v1": healthy(), "v2": "Prometheus did not answer in 3 s"})
    held = bench.do(f"approve {asked.id}", ANA)
    assert (held.state, now(bench, asked).state) == (State.REFUSED, State.WAITING)
    assert "not counted" in held.outcome
    bench.metrics = MemoryMetrics({"v1": healthy(), "v2": healthy(success=90)})
    bench.do(f"approve {asked.id}", KIM)
    assert now(bench, asked).state is State.VOID


def test_threat_6_a_right_that_was_taken_away_voids() -> None:
    """The requester's role goes between the votes and the run."""
    bench = a_bench()
    approved = approved_not_run(bench)
    bench.policy = Policy((Role("other", users=(LEE.user,), verbs=("*",)),))
    void = run(approved.id, bench.stage)
    assert (void.state, bench.weights()) == (State.VOID, [90, 10])
    assert "No longer allowed" in void.outcome


def test_threat_6_a_rule_that_came_after_the_votes_must_be_met_as_well() -> None:
    """Today's policy counts, not only that of the asking."""
    bench = a_bench()
    approved = approved_not_run(bench)
    bench.approvals = (TWO, Rule("leads", groups=("S0LEADS",)))
    void = run(approved.id, bench.stage)
    assert (void.state, bench.weights()) == (State.VOID, [90, 10])
    assert "does not hold any more" in void.outcome


def test_threat_7_a_forged_vote_is_refused_by_the_worker() -> None:
    """A vote written past the bot, by somebody who may not, counts for nothing."""
    bench = a_bench(replace(TWO, need=1))
    asked = bench.do("promote api 50")
    vote = bench.ask(f"approve {asked.id}", ANA)
    bench.operations._stored[vote.id] = replace(vote, actor=LEE)
    assert run(vote.id, bench.stage).state is State.REFUSED
    assert (now(bench, asked).state, bench.weights()) == (State.WAITING, [90, 10])


def test_threat_7_a_vote_forged_to_be_about_another_service_is_refused() -> None:
    """It would be counted under the wrong lock."""
    bench = a_bench(replace(TWO, need=1))
    asked = bench.do("promote api 50")
    vote = bench.ask(f"approve {asked.id}", ANA)
    bench.operations._stored[vote.id] = replace(vote, target=replace(vote.target, service="web"))
    assert run(vote.id, bench.stage).state is State.REFUSED
    assert (now(bench, asked).state, bench.weights()) == (State.WAITING, [90, 10])


def test_threat_7_who_is_in_no_named_group_is_turned_away_at_the_door() -> None:
    """Before anything is written but the audit entry."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    for verb in ("approve", "deny"):
        with pytest.raises(Denied, match="not among the people"):
            bench.ask(f"{verb} {asked.id}", LEE)
    assert bench.audit()[-1]["step"] == "denied"
    assert bench.audit()[-1]["command"].startswith("deny op-")


@pytest.mark.parametrize("lost", ["gone", "out"])
def test_threat_10_a_voter_who_left_no_longer_counts(lost: str) -> None:
    """Deactivated, or out of the group, between vote and run: the approval does not hold, and nothing is written."""
    bench = a_bench()
    approved = approved_not_run(bench)
    gone = frozenset({ANA.user}) if lost == "gone" else frozenset()
    if lost == "out":
        bench.members["S0SRE"].discard(ANA.user)
    bench.directory = FixedDirectory(bench.members, gone=gone)
    void = run(approved.id, bench.stage)
    assert (void.state, bench.weights()) == (State.VOID, [90, 10])
    assert "no longer: U0ANA" in void.outcome


def test_threat_10_what_somebody_asked_for_who_left_is_void_at_the_next_vote() -> None:
    """Deactivated while it waits, before Slack told of it: what is on record of them counts for nothing at a vote."""
    bench = a_bench(replace(TWO, need=1))
    asked = bench.do("promote api 50")
    vote = bench.ask(f"approve {asked.id}", KIM)
    bench.directory = FixedDirectory(bench.members, gone=frozenset({JIN.user}))
    assert run(vote.id, bench.stage).state is State.REFUSED
    void = now(bench, asked)
    assert (void.state, bench.weights()) == (State.VOID, [90, 10])
    assert "no full member" in void.outcome


def test_threat_10_who_left_cannot_vote_and_a_slack_that_is_silent_means_no() -> None:
    """Both at the door and in the worker."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    vote = bench.ask(f"approve {asked.id}", ANA)
    bench.directory = FixedDirectory(bench.members, gone=frozenset({ANA.user, KIM.user}))
    assert run(vote.id, bench.stage).state is State.REFUSED
    with pytest.raises(Denied, match="not a full member"):
        bench.ask(f"approve {asked.id}", KIM)
    assert now(bench, asked).approval.votes == ()  # type: ignore[union-attr]  # it is asked


def test_a_denial_ends_it_with_the_reason() -> None:
    """One no is enough; it says who and why, and calls whoever asked."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    bench.do(f"approve {asked.id}", ANA)
    assert bench.do(f'deny {asked.id} --reason "not during the sale"', ANA).state is State.SUCCEEDED
    denied = now(bench, asked)
    assert (denied.state, bench.weights()) == (State.REFUSED, [90, 10])
    last = bench.cards.cards[denied.id][-1]
    assert "Denied: promote api" in last.text
    assert "`not during the sale`" in str(last.blocks)
    assert "meshbot.approve" not in str(last.blocks)
    assert [told.loud for told in bench.cards.threads[denied.id]][-1]


def test_whoever_asked_may_take_it_back() -> None:
    """Less change is nobody's harm."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    bench.do(f"deny {asked.id}")
    assert now(bench, asked).state is State.REFUSED


def test_time_ends_it_with_one_reminder_on_the_way() -> None:
    """Reminded once after five minutes, expired after fifteen; the clock alone does both."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    for _ in range(8):
        clock(bench, 60)
    steps = [event.step for event in now(bench, asked).story]
    assert (steps.count(Step.REMINDED), now(bench, asked).state) == (1, State.WAITING)
    for _ in range(8):
        clock(bench, 60)
    expired = now(bench, asked)
    assert (expired.state, bench.weights(), expired.settled) == (State.EXPIRED, [90, 10], True)
    reminder = next(told for told in bench.cards.threads[asked.id] if "Still waits" in told.text.text)
    assert "<!subteam^S0SRE>" in reminder.text.text


def test_the_card_counts_down_without_a_word_on_record() -> None:
    """Drawn again when half, a quarter and a tenth of the time is left, in few edits; the story and the audit stay."""
    bench = a_bench(replace(TWO, remind_s=0))
    asked, drawn = bench.do("promote api 50"), []
    for _ in range(89):
        clock(bench, 10)
        drawn += re.findall("at most ([^ ]+ [a-z]+) left", str(bench.cards.cards[asked.id][-1].blocks))
    assert list(dict.fromkeys(drawn)) == ["15 min", "8 min", "4 min", "90 s"]
    assert len(bench.cards.cards[asked.id]) <= 6
    assert now(bench, asked).story == asked.story
    assert bench.audit_steps(asked)[-1] == "approval asked"


def test_an_escalation_lets_a_second_group_vote() -> None:
    """Zoe may not before it, and may after it; it comes once."""
    bench = a_bench(replace(TWO, need=1, remind_s=0, escalate_s=600, second=("S0LEADS",)))
    asked = bench.do("promote api 50")
    with pytest.raises(Denied):
        bench.ask(f"approve {asked.id}", ZOE)
    clock(bench, 601)
    clock(bench, 60)
    assert [event.step for event in now(bench, asked).story].count(Step.ESCALATED) == 1
    bench.do(f"approve {asked.id}", ZOE)
    assert (now(bench, asked).state, bench.weights()) == (State.SUCCEEDED, [50, 50])


def test_all_rules_that_match_must_be_met() -> None:
    """One vote counts for each rule whose people the voter belongs to, and for no other."""
    bench = a_bench(replace(TWO, need=1), Rule("leads", groups=("S0LEADS",), above=40))
    asked = bench.do("promote api 50")
    bench.do(f"approve {asked.id}", ANA)
    assert now(bench, asked).state is State.WAITING
    bench.do(f"approve {asked.id}", ZOE)
    assert now(bench, asked).state is State.SUCCEEDED


def test_a_rollback_goes_on_and_voids_what_waits() -> None:
    """Nobody waits for those who think; what waited knew nothing of the rollback."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]
    clock(bench, 1)
    void = now(bench, asked)
    assert (void.state, bench.weights()) == (State.VOID, [100, 0])


def test_another_small_change_voids_the_waiting_one() -> None:
    """The plan was made for other weights."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    bench.do("promote api 20")
    clock(bench, 1)
    assert (now(bench, asked).state, bench.weights()) == (State.VOID, [80, 20])


def test_a_canary_is_asked_about_once_for_all_its_steps() -> None:
    """Its largest share counts; after the votes it begins, and its steps ask nobody."""
    bench = a_bench()
    asked = bench.do("canary api 15,60")
    assert asked.state is State.WAITING
    assert asked.approval is not None
    assert (asked.approval.share, asked.approval.steps) == (60.0, (15.0, 60.0))
    for voter in (ANA, KIM):
        bench.do(f"approve {asked.id}", voter)
    clock(bench, 3)
    begun = now(bench, asked)
    assert begun.active_rollout
    assert bench.weights() == [85, 15]


def test_a_canary_within_the_share_asks_nobody() -> None:
    """All steps are small."""
    assert a_bench().do("canary api 15,20").active_rollout


def test_gates_are_judged_before_anybody_is_asked() -> None:
    """What would be refused anyway is nobody's question."""
    bench = a_bench(readings={"v1": healthy(), "v2": healthy(success=90)})
    assert bench.do("promote api 50").state is State.REFUSED
    assert bench.do('promote api 50 --force --reason "known"').state is State.WAITING


def test_what_waits_is_listed_for_everyone_with_a_mark() -> None:
    """The most pressing first; each person sees what they may approve."""
    other = virtual_service(name="web-vs", host="web.mesh-demo.svc.cluster.local")
    bench = a_bench(objects=[virtual_service(), other, *surroundings()])
    asked = bench.do("promote api 50")
    seen = {actor.user: waiting_for(bench.desk, actor) for actor in (JIN, ANA, LEE)}
    assert {user: [(one.operation.id, one.mine) for one in found] for user, found in seen.items()} == {
        JIN.user: [(asked.id, False)],
        ANA.user: [(asked.id, True)],
        LEE.user: [(asked.id, False)],
    }
    bench.do(f"deny {asked.id}", ANA)
    assert waiting_for(bench.desk, ANA) == []


def test_the_card_is_also_shown_where_the_rule_says() -> None:
    """The rule's channel, else the service's, else nowhere but where it was asked."""
    bench = a_bench(replace(TWO, channel="C0APPROVE"))
    asked = bench.do("promote api 50")
    assert asked.approval is not None
    assert asked.approval.channel == "C0APPROVE"
    assert asked.mirror is not None
    assert asked.mirror.channel == "C0APPROVE"


def test_a_vote_on_nothing_is_refused() -> None:
    """An operation that never waited, and one that never was."""
    bench = a_bench()
    done = bench.do("promote api 15")
    with pytest.raises(TooLate, match="does not wait for approval"):
        bench.ask(f"approve {done.id}", ANA)
    with pytest.raises(NotFound):
        receive(bench.desk, command("approve op-nothere22"), ANA, Origin("slash", "C0PROD"), dedupe="x")


def test_a_slack_that_does_not_say_what_a_channel_is_voids_nothing() -> None:
    """Who holds a role in a channel alone keeps it while Slack hesitates: the vote is cast again, and counts."""

    class Silent(FixedDirectory):
        """Says nothing of channels."""

        def place(self, channel: str) -> Place:
            """Raise for every channel."""
            raise Unavailable(f"Slack did not say what {channel} is.")

    here = Role("here", users=(JIN.user,), verbs=("*",), channels=("C0PROD",))
    bench = a_bench(replace(TWO, need=1), policy=Policy((here,)))
    asked = bench.do("promote api 50")
    bench.time.at += 120
    bench.directory = Silent(bench.members)
    assert bench.do(f"approve {asked.id}", ANA).state is State.FAILED
    assert now(bench, asked).state is State.WAITING
    bench.directory = FixedDirectory(bench.members)
    assert bench.do(f"approve {asked.id}", ANA).state is State.SUCCEEDED
    assert bench.weights() == [50, 50]


def test_what_was_approved_and_not_begun_in_time_expires() -> None:
    """Its worker died and none came for minutes: nothing happens out of the blue."""
    bench = a_bench()
    approved = approved_not_run(bench)
    bench.time.at += 121
    expired = run(approved.id, bench.stage)
    assert (expired.state, bench.weights()) == (State.EXPIRED, [90, 10])


def test_drawing_the_card_does_not_put_off_what_a_vote_let_go() -> None:
    """The vote comes while Slack is slow: the operation is due at once, not when a reminder would be."""
    bench = a_bench(replace(TWO, need=1))
    asked = bench.do("promote api 50")
    show = bench.cards.show

    def slow(operation: Operation) -> Operation:
        bench.cards.show = show  # type: ignore[method-assign]  # only once
        vote = bench.ask(f"approve {asked.id}", ANA)
        bench.work(vote)
        return show(operation)

    bench.cards.show = slow  # type: ignore[method-assign]  # Slack takes its time
    run(asked.id, bench.stage)
    assert now(bench, asked).state is State.RUNNING
    assert bench.operations.open[asked.id] <= bench.time.at


def test_the_same_wish_while_it_waits_is_the_same_operation() -> None:
    """Asking twice does not ask people twice."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    assert bench.ask("promote api 50").id == asked.id


def test_threat_6_a_canary_whose_route_changed_before_it_began_is_void() -> None:
    """Its plan is made again before the first step, with the same hash or not at all."""
    bench = a_bench()
    approved = approved_not_run(bench, "canary api 15,60")
    arms = bench.route_object()["spec"]["http"][0]["route"]
    arms[0]["weight"], arms[1]["weight"] = 92, 8
    void = run(approved.id, bench.stage)
    assert (void.state, void.rollout, bench.weights()) == (State.VOID, None, [92, 8])


GLASS = Rule("break-glass", groups=("S0GLASS",))
BROKEN = 'promote api 50 --break-glass --reason "customers are down"'


def with_glass(**changes: object) -> Bench:
    """A bench whose glass Jin and Zoe may break; Ana and Kim may approve what is asked without it."""
    bench = a_bench(break_glass=GLASS, **changes)
    bench.members["S0GLASS"] = {JIN.user, ZOE.user}
    return bench


def test_two_people_break_the_glass() -> None:
    """One asks with a reason, one second person agrees, the rules' people are not needed; it is told loudly."""
    bench = with_glass()
    asked = bench.do(BROKEN)
    assert asked.state is State.WAITING
    for nobody in (JIN, ANA):
        with pytest.raises(Denied):
            bench.ask(f"approve {asked.id}", nobody)
    bench.do(f"approve {asked.id}", ZOE)
    assert (now(bench, asked).state, bench.weights()) == (State.SUCCEEDED, [50, 50])
    assert "BREAK-GLASS" in str(bench.cards.cards[asked.id][-1].blocks)
    assert "BREAK-GLASS" in bench.cards.announcements[-1].text
    loud = bench.cards.threads[asked.id][0]
    assert (loud.loud, "`customers are down`" in loud.text.text) == (True, True)


def test_a_small_change_behind_glass_waits_for_the_second_person_as_well() -> None:
    """Who breaks the glass does it with somebody, whatever the share."""
    assert with_glass().do(BROKEN.replace("50", "15")).state is State.WAITING


def test_breaking_the_glass_passes_no_gate() -> None:
    """Gates are no rule of people; only --force, with the same reason, goes past them."""
    readings = {"v1": healthy(), "v2": healthy(success=90)}
    assert with_glass(readings=readings).do(BROKEN).state is State.REFUSED
    bench = with_glass(readings=readings)
    asked = bench.do(f"{BROKEN} --force")
    bench.do(f"approve {asked.id}", ZOE)
    assert (now(bench, asked).state, now(bench, asked).went(Step.FORCED)) == (State.SUCCEEDED, True)


def test_who_may_not_break_the_glass_is_told_so() -> None:
    """Not in the group, out of it since, or where nobody may: nothing is written."""
    bench = with_glass()
    bench.members["S0GLASS"].discard(JIN.user)
    assert (bench.do(BROKEN).state, bench.weights()) == (State.REFUSED, [90, 10])
    nobody = a_bench().do(BROKEN)
    assert (nobody.state, "policy.break_glass" in nobody.outcome) == (State.REFUSED, True)
    bench = with_glass()
    asked = bench.do(BROKEN)
    bench.members["S0GLASS"].discard(JIN.user)
    bench.do(f"approve {asked.id}", ZOE)
    assert (now(bench, asked).state, bench.weights()) == (State.VOID, [90, 10])
