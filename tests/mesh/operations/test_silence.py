"""A Slack that is silent: nobody loses a right by it, nobody gets one, and it holds up nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from chat.memory import FixedDirectory
from mesh.domain.errors import Denied, Unavailable
from mesh.domain.gates import Verdict, overall
from mesh.domain.operations import Operation, State
from mesh.domain.policy import Actor, Policy, Role
from mesh.domain.rollouts import Phase
from mesh.operations.beforehand import Beforehand, Unasked
from mesh.operations.running import run
from mesh.ports import Lease
from tests.builders import JIN, LEE, healthy
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_approvals import (
    ANA,
    BROKEN,
    GLASS,
    KIM,
    TWO,
    a_bench,
    approved_not_run,
    clock,
    now,
)
from tests.mesh.operations.voyage import Voyage

TEAM = Role("team", usergroups=("S0TEAM",), verbs=("*",))
BY_ID = Role("sre", users=(JIN.user,), verbs=("*",))
BY_NAME = replace(TWO, groups=(), users=(ANA.user, KIM.user))


class Reserved(FixedDirectory):
    """Slack, silent about some usergroups."""

    silent: frozenset[str] = frozenset()

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Raise where one of those is asked about."""
        if self.silent & named:
            raise Unavailable("Slack did not say who is who (usergroups.users.list: ratelimited).")
        return super().groups(actor, named)


def reserved(*roles: Role, rule: object = BY_NAME, **changes: object) -> tuple[Bench, Reserved]:
    """A bench with this policy, where Jin is in the team, and Slack may fall silent about groups."""
    bench = a_bench(rule, policy=Policy(roles), **changes)  # type: ignore[arg-type]  # a Rule
    bench.members["S0TEAM"] = {JIN.user}
    bench.directory = directory = Reserved(bench.members)
    return bench, directory


# --- votes ---------------------------------------------------------------------------------------------------------


def test_groups_that_slack_never_tells_turn_no_vote_away_that_they_could_not_decide() -> None:
    """Where Slack has no groups at all, whoever may ask by their own id is agreed to as ever."""
    bench, directory = reserved(BY_ID, TEAM)
    directory.silent = frozenset({"S0TEAM"})
    asked = bench.do("promote api 50")
    bench.time.at += 120
    for voter in (ANA, KIM):
        assert bench.do(f"approve {asked.id}", voter).state is State.SUCCEEDED
    assert (now(bench, asked).state, bench.weights()) == (State.SUCCEEDED, [50, 50])


def test_a_voter_who_is_named_needs_no_group() -> None:
    """The rule names people and a group: while Slack tells of no group, those it names agree, and nobody else can."""
    bench, directory = reserved(BY_ID, rule=replace(TWO, users=(ANA.user,), need=1))
    asked = bench.do("promote api 50")
    directory.silent = frozenset({"S0SRE"})
    with pytest.raises(Denied, match="could not say who you are"):
        bench.ask(f"approve {asked.id}", KIM)
    assert bench.do(f"approve {asked.id}", ANA).state is State.SUCCEEDED
    assert (now(bench, asked).state, bench.weights()) == (State.SUCCEEDED, [50, 50])


def test_a_voter_who_is_named_by_one_rule_only_waits_for_the_groups_of_the_other() -> None:
    """Their one vote counts for every rule that they may vote for, so nobody counts it before that is known."""
    bench, directory = reserved(BY_ID, rule=replace(BY_NAME, need=1))
    bench.approvals = (*bench.approvals, replace(TWO, name="other", need=1))
    asked = bench.do("promote api 50")
    directory.silent = frozenset({"S0SRE"})
    with pytest.raises(Denied, match="could not say who you are"):
        bench.ask(f"approve {asked.id}", ANA)
    directory.silent = frozenset()
    bench.do(f"approve {asked.id}", ANA)
    assert bench.weights() == [50, 50]


@pytest.mark.parametrize("roles", [(TEAM,), (replace(BY_ID, max_share=30.0), TEAM)], ids=["alone", "beyond a limit"])
def test_a_vote_that_only_groups_could_decide_is_asked_for_again_and_voids_nothing(roles: tuple[Role, ...]) -> None:
    """Nobody can tell now whether the asker still may: this vote is not counted, says so, and the next one is."""
    bench, directory = reserved(*roles, rule=replace(BY_NAME, need=1))
    asked = bench.do("promote api 50")
    bench.time.at += 120
    directory.silent = frozenset({"S0TEAM"})
    vote = bench.do(f"approve {asked.id}", ANA)
    assert (vote.state, now(bench, asked).state) == (State.FAILED, State.WAITING)
    assert "Slack does not say whether whoever asked for it still may" in vote.outcome
    assert "Vote again" in vote.hint
    directory.silent = frozenset()
    assert bench.do(f"approve {asked.id}", ANA).state is State.SUCCEEDED
    assert bench.weights() == [50, 50]


# --- what people agreed to -----------------------------------------------------------------------------------------


def silenced(what: str) -> tuple[Bench, Reserved, Operation]:
    """A change that was approved, a minute after it was asked for; only a group says whether its asker still may."""
    bench, directory = reserved(TEAM, break_glass=GLASS)
    bench.members["S0GLASS"] = {JIN.user, ANA.user, KIM.user}
    bench.break_glass = replace(GLASS, need=2)
    approved = approved_not_run(bench, BROKEN if what == "glass" else "promote api 50")
    bench.time.at += 61
    directory.silent = frozenset({"S0GLASS" if what == "glass" else "S0TEAM"})
    return bench, directory, approved


@pytest.mark.parametrize("what", ["rights", "glass"])
def test_what_was_approved_waits_for_a_slack_that_is_silent(what: str) -> None:
    """Nothing is written and nothing is void; once Slack answers it is done."""
    bench, directory, approved = silenced(what)
    assert run(approved.id, bench.stage).state is State.RUNNING
    assert bench.weights() == [90, 10]
    directory.silent = frozenset()
    clock(bench, 20)
    assert (now(bench, approved).state, bench.weights()) == (State.SUCCEEDED, [50, 50])


@pytest.mark.parametrize("what", ["rights", "glass"])
def test_what_was_approved_waits_no_longer_than_its_turn_may_take(what: str) -> None:
    """It ends and says that Slack was silent, and what to do; nothing comes out of the blue when Slack is back."""
    bench, directory, approved = silenced(what)
    for _ in range(30):
        clock(bench, 5)
    ended = now(bench, approved)
    assert (ended.state, "Slack did not say" in ended.outcome) == (State.EXPIRED, True)
    assert "Nothing was changed" in ended.hint
    assert "ask for it again" in ended.hint
    directory.silent = frozenset()
    clock(bench, 300)
    assert bench.weights() == [90, 10]


@pytest.mark.parametrize("what", ["rights", "glass"])
def test_a_right_that_is_gone_for_certain_voids_at_once(what: str) -> None:
    """Slack answers, and the answer is no."""
    bench, directory, approved = silenced(what)
    directory.silent = frozenset()
    bench.members["S0GLASS" if what == "glass" else "S0TEAM"].discard(JIN.user)
    assert run(approved.id, bench.stage).state is State.VOID
    assert bench.weights() == [90, 10]


# --- who else waits ------------------------------------------------------------------------------------------------


class Hanging(Reserved):
    """Slack, silent about every group after a while in which other things happen."""

    meanwhile: Callable[[], None] | None = None

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Let them happen, then raise."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().groups(actor, named)


def a_step_that_asks(meanwhile: Callable[[Voyage], None]) -> tuple[Voyage, Hanging]:
    """A canary at 25 % whose next step asks a Slack that hangs; `meanwhile` is what happens until it gives up."""
    voyage = Voyage(Bench(policy=Policy((TEAM,)), members={"S0TEAM": {JIN.user}}))
    voyage.start()
    voyage.bench.time.at += 61
    voyage.bench.directory = directory = Hanging(voyage.bench.members)
    directory.silent = frozenset({"S0TEAM"})
    directory.meanwhile = lambda: meanwhile(voyage)
    voyage.look(12)
    return voyage, directory


def test_a_worse_canary_goes_back_with_the_look_that_blames_it_while_slack_hangs() -> None:
    """The step that asks holds nothing that turning back needs, and is not written when Slack has answered."""
    seen: list[list[int]] = []

    def fails(voyage: Voyage) -> None:
        voyage.bench.metrics.readings = {"v1": healthy(), "v2": healthy(success=20.0)}
        while overall(voyage.bench.watches.load([voyage.id])[voyage.id].rows) is not Verdict.FAIL:
            voyage.look()
        seen.append(voyage.bench.weights())

    voyage, directory = a_step_that_asks(fails)
    assert (seen, voyage.phase) == ([[100, 0]], Phase.TURNED_BACK)
    directory.silent = frozenset()
    voyage.look(24)
    assert voyage.weights == [[90, 10], [75, 25], [100, 0]]


def test_what_turns_out_to_matter_under_the_lock_is_asked_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack told that somebody changed in the moment between asking and the lock: what they lost does not count."""
    bench = Bench(policy=Policy((TEAM,)), members={"S0TEAM": {JIN.user}})
    asked, hold = bench.ask("promote api 50"), bench.locks.hold

    @contextmanager
    def told(key: str, *, wait_s: float) -> Iterator[Lease | None]:
        with hold(key, wait_s=wait_s) as lease:
            bench.members["S0TEAM"].clear()
            bench.directory.changed.add(JIN.user)
            yield lease

    monkeypatch.setattr(bench.locks, "hold", told)
    assert run(asked.id, bench.stage).state is State.REFUSED
    assert bench.weights() == [90, 10]


def test_two_workers_do_not_wait_for_one_answer() -> None:
    """The clock hands an operation out every few seconds: while one worker asks Slack for it, others leave at once."""
    asked: list[int] = []

    def handed_out_again(voyage: Voyage) -> None:
        step = voyage.operation.rollout.move  # type: ignore[union-attr]  # it is one
        directory = voyage.bench.directory
        assert isinstance(directory, Hanging)
        directory.meanwhile = lambda: asked.append(1)
        assert run(step, voyage.bench.stage).state is State.RUNNING
        directory.meanwhile = None

    a_step_that_asks(handed_out_again)
    assert not asked


def asked_once(seconds: float = 0.0) -> tuple[Beforehand, list[str]]:
    """Somebody who asks a Slack that is silent about Jin and takes so long, and who was asked about so far."""
    asked: list[str] = []

    class Slow(FixedDirectory):
        """Counts, takes its time, and says nothing of Jin."""

        def outsider(self, actor: Actor) -> None:
            """Raise for Jin."""
            asked.append(actor.user)
            if actor == JIN:
                time.sleep(seconds)
                raise Unavailable("Slack did not answer.")

    return Beforehand(Slow({})), asked


def test_what_slack_said_is_remembered_under_a_lock_and_what_it_was_not_asked_is_asked_without_one() -> None:
    """Its silence as well: whoever finds it out under the lock finds what was found out before."""
    slack, asked = asked_once()
    with pytest.raises(Unavailable):
        slack.active(JIN)
    with slack.asking_nobody():
        with pytest.raises(Unavailable):
            slack.active(JIN)
        with pytest.raises(Unasked):
            slack.active(LEE)
    assert asked == [JIN.user]
    slack.ask()
    with slack.asking_nobody():
        assert slack.active(LEE)
    assert asked == [JIN.user, LEE.user]


def test_an_answer_of_long_ago_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have left while Slack was asked about others; a silence is no right, and is not waited for twice."""
    now = [1000.0]
    monkeypatch.setattr("mesh.operations.beforehand.time", SimpleNamespace(monotonic=lambda: now[0]))
    slack, asked = asked_once()
    with pytest.raises(Unavailable):
        slack.active(JIN)
    assert slack.active(LEE)
    now[0] += 4
    with slack.asking_nobody():
        assert slack.active(LEE)
    now[0] += 2
    with slack.asking_nobody():
        with pytest.raises(Unavailable):
            slack.active(JIN)
        with pytest.raises(Unasked):
            slack.active(LEE)
    slack.ask()
    assert asked == [JIN.user, LEE.user, LEE.user]


def test_a_slack_that_hangs_is_asked_nothing_more_for_this_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after another would take a worker for minutes; it is silent about the others, too, then."""
    monkeypatch.setattr("mesh.operations.beforehand.HANGS_S", 0.01)
    slack, asked = asked_once(0.05)
    with pytest.raises(Unavailable):
        slack.active(JIN)
    with slack.asking_nobody(), pytest.raises(Unavailable):
        slack.active(LEE)
    assert asked == [JIN.user]
