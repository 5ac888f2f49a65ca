"""A Slack that is silent: nobody loses a right by it, nobody gets one, and it holds up nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.memory import FixedDirectory
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation, State
from mesh.domain.policy import Actor, Policy, Role
from mesh.operations.running import run
from tests.builders import JIN
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
