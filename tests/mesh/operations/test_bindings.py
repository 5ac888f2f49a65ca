"""Threat 12: a channel narrows a right, by its id, and only as long as it is ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.memory import FixedDirectory
from mesh.domain.errors import Denied, Unavailable
from mesh.domain.operations import Origin, State
from mesh.domain.policy import Actor, Policy, Role
from mesh.operations.explaining import can
from mesh.operations.running import run
from mesh.ports import Place
from tests.builders import JIN, command
from tests.mesh.operations.bench import Bench

BOUND = Role("bound", users=(JIN.user,), verbs=("*",), channels=("C0PROD",))


class Silent(FixedDirectory):
    """A Slack that does not say what a channel is."""

    def place(self, channel: str) -> Place:
        """Say nothing."""
        raise Unavailable("Slack did not say who is who (conversations.info: ratelimited).")


def became(what: str) -> FixedDirectory:
    """A directory in which C0PROD is no longer what it was."""
    if what == "silent":
        return Silent({})
    directory = FixedDirectory({}, shared=frozenset({"C0PROD"} if what == "shared" else ()))
    directory.archived = {"C0PROD"} if what == "archived" else set()
    return directory


@pytest.mark.parametrize(
    ("what", "why"),
    [("shared", "which is shared with"), ("archived", "which is archived"), ("silent", "did not say")],
)
def test_threat_12_a_channel_that_is_no_longer_ours_suspends_what_is_bound_to_it(what: str, why: str) -> None:
    """At the door, in `can`, and in the worker once a minute has passed; nothing is written, and the reason is told."""
    bench = Bench(policy=Policy((BOUND,)))
    asked = bench.ask("promote api 50")
    bench.directory = became(what)
    with pytest.raises(Denied, match=why):
        bench.ask("promote api 60")
    told = can(bench.desk, command("can promote api 60"), JIN, Origin("slash", "C0PROD"))
    assert (told.decision.allowed, why in told.decision.why) == (False, True)
    bench.time.at += 61
    done = run(asked.id, bench.stage)
    assert (done.state, why in done.outcome, bench.weights()) == (State.REFUSED, True, [90, 10])


@pytest.mark.parametrize("what", ["shared", "archived", "silent"])
def test_threat_12_what_counts_everywhere_is_not_suspended(what: str) -> None:
    """A role without channels does not depend on one; whoever holds both keeps that."""
    bench = Bench(policy=Policy((BOUND, replace(BOUND, name="free", channels=()))))
    bench.directory = became(what)
    assert bench.do("promote api 50").state is State.SUCCEEDED


def test_threat_12_another_channel_of_the_same_name_is_another_channel() -> None:
    """Only the id counts: requests carry no name, and the policy cannot hold one."""
    bench = Bench(policy=Policy((BOUND,)))
    with pytest.raises(Denied, match="in another channel only"):
        bench.ask("promote api 50", channel="C0FAKE")
    assert bench.ask("promote api 50", channel="C0PROD").state is State.QUEUED


def test_threat_12_slack_is_not_asked_where_no_role_is_bound() -> None:
    """Most policies name no channel: for them a Slack that does not say what a channel is changes nothing."""
    bench = Bench()
    bench.directory = Silent({})
    assert bench.do("promote api 50").state is State.SUCCEEDED


# --- what Slack said has changed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("about", ["U0JIN", "S0TEAM", "C0PROD"])
def test_threat_10_news_count_at_once_for_what_waits_in_the_queue(about: str) -> None:
    """Who left a group after asking does not keep its rights for a whole minute; without news the record counts."""
    role = Role("team", usergroups=("S0TEAM",), verbs=("*",), channels=("C0PROD",))
    for changed, state in (
        (set(), State.SUCCEEDED),
        ({about}, State.REFUSED),
        ({"U0ANA", "S0X", "C0X"}, State.SUCCEEDED),
    ):
        bench = Bench(policy=Policy((role,)), members={"S0TEAM": {JIN.user}})
        asked = bench.ask("promote api 50")
        bench.members["S0TEAM"].clear()
        bench.directory.changed = changed
        assert run(asked.id, bench.stage).state is state


def test_news_of_a_channel_matter_where_a_role_is_bound_to_it() -> None:
    """Another role does not depend on it, so nobody is asked."""
    bench = Bench(policy=Policy((Role("team", usergroups=("S0TEAM",), verbs=("*",)),)), members={"S0TEAM": {JIN.user}})
    asked = bench.ask("promote api 50")
    bench.members["S0TEAM"].clear()
    bench.directory.changed = {"C0PROD"}
    assert run(asked.id, bench.stage).state is State.SUCCEEDED


class Mute(FixedDirectory):
    """A Slack that does not say who somebody is."""

    def active(self, actor: Actor) -> bool:
        """Say nothing."""
        raise Unavailable("Slack did not say who is who (users.info: ratelimited).")


@pytest.mark.parametrize(
    ("before", "text", "state"),
    [
        ((), "rollback api", State.SUCCEEDED),
        ((), "promote api 50", State.REFUSED),
        (("promote api 50",), "undo api", State.SUCCEEDED),
        (("promote api 50", "rollback api"), "undo api", State.REFUSED),
    ],
)
def test_a_silent_slack_does_not_stop_who_goes_back(before: tuple[str, ...], text: str, state: State) -> None:
    """Slack tells of every new status text, too: where it then says no more, the record counts for its minute.

    An undo goes back where it lowers the canary; where it would bring it back, it is a promotion.
    """
    bench = Bench(policy=Policy((Role("sre", users=(JIN.user,), verbs=("*",)),)))
    for earlier in before:
        bench.do(earlier)
    stood, asked = bench.weights(), bench.ask(text)
    bench.directory = Mute({})
    bench.directory.changed = {JIN.user}
    done = run(asked.id, bench.stage)
    assert (done.state, bench.weights() == stood) == (state, state is State.REFUSED)
