"""Threat 12: a channel narrows a right, by its id, and only as long as it is ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.memory import FixedDirectory
from mesh.domain.errors import Denied, Unavailable
from mesh.domain.operations import Origin, State
from mesh.domain.policy import Policy, Role
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
