"""Every changing verb, asked by everybody it could be asked by: denied at the door, and denied again in the worker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.approvals import Rule
from mesh.domain.commands import CHANGING, Verb
from mesh.domain.errors import Denied
from mesh.domain.grammar import parse
from mesh.domain.operations import Operation, State
from mesh.domain.policy import Actor, Policy, Role
from mesh.domain.scopes import Scope
from mesh.operations.running import run
from tests.builders import JIN, LEE, operation
from tests.mesh.operations.bench import Bench

TEXTS = {
    Verb.PROMOTE: "promote api 50",
    Verb.SET: "set api v1=50 v2=50",
    Verb.CANARY: "canary api v2 50",
    Verb.FREEZE: "freeze api --reason x",
}
EVERYTHING = Role("everything", users=(JIN.user,), verbs=("*",))
NARROW: dict[str, Role | None] = {
    "nobody's role": None,
    "another person's": replace(EVERYTHING, users=("U0EVE",)),
    "another usergroup's": replace(EVERYTHING, users=(), usergroups=("S0OTHER",)),
    "another channel's": replace(EVERYTHING, channels=("C0OTHER",)),
    "another service's": replace(EVERYTHING, scope=Scope(services=("web",))),
    "another namespace's": replace(EVERYTHING, scope=Scope(namespaces=("shop",))),
    "another cluster's": replace(EVERYTHING, scope=Scope(clusters=("prod",))),
}


def text(verb: Verb) -> str:
    """How the verb is written for one service."""
    return TEXTS.get(verb, f"{verb} api")


def forged(bench: Bench, verb: Verb, actor: Actor) -> Operation:
    """Write an operation as somebody could who reached the store past the door."""
    made = operation(text(verb), target=bench.catalog.target(parse(text(verb))), actor=actor, created_at=bench.time.at)
    return bench.operations.receive(made, dedupe="forged", intent="forged", facts={"step": "queued"}).operation


def others(verb: Verb) -> Role:
    """A role for every verb but one."""
    return replace(EVERYTHING, verbs=tuple(sorted(CHANGING - {verb})))


@pytest.mark.parametrize("verb", sorted(CHANGING))
@pytest.mark.parametrize("role", [*NARROW, "every other verb's"])
def test_threat_7_what_no_role_allows_is_denied_at_the_door_and_in_the_worker(role: str, verb: Verb) -> None:
    """Nothing is written for it at the door but the denial, and a job that came past the door changes nothing."""
    found = others(verb) if role == "every other verb's" else NARROW[role]
    bench = Bench(policy=Policy((found,) if found else ()))
    with pytest.raises(Denied):
        bench.ask(text(verb))
    assert bench.operations.open == {}
    assert [entry["step"] for entry in bench.audit()] == ["denied"]
    done = run(forged(bench, verb, JIN).id, bench.stage)
    assert done.state is State.REFUSED
    assert "No longer allowed" in done.outcome
    assert bench.weights() == [90, 10]
    assert bench.freezes.standing() == []


@pytest.mark.parametrize("verb", sorted(CHANGING))
def test_a_right_that_went_between_request_and_run_is_gone(verb: Verb) -> None:
    """Allowed at the door, denied in the worker."""
    bench = Bench(policy=Policy((EVERYTHING,)))
    asked = bench.ask(text(verb))
    bench.policy = Policy((others(verb),))
    assert "No longer allowed" in run(asked.id, bench.stage).outcome
    assert bench.weights() == [90, 10]
    assert bench.freezes.standing() == []


@pytest.mark.parametrize("verb", sorted(CHANGING))
def test_threat_10_who_lost_a_usergroup_lost_its_rights_within_a_minute(verb: Verb) -> None:
    """What Slack said at the door counts for a minute; after that it is asked again."""
    team = replace(EVERYTHING, users=(), usergroups=("S0TEAM",))
    bench = Bench(policy=Policy((team,)), members={"S0TEAM": {LEE.user}})
    asked = bench.ask(text(verb), LEE)
    bench.members["S0TEAM"].clear()
    bench.time.at += 61
    assert "No longer allowed" in run(asked.id, bench.stage).outcome
    assert bench.weights() == [90, 10]


@pytest.mark.parametrize("spoken_of", ["*", "promote, set, canary"])
@pytest.mark.parametrize("verb", sorted(CHANGING))
def test_threat_6_what_would_raise_a_canary_waits_and_what_goes_back_does_not(verb: Verb, spoken_of: str) -> None:
    """After traffic went back, `undo` and `reapply` stand beside `promote`: they would bring the canary back."""
    bench = Bench(policy=Policy((EVERYTHING,)))
    bench.do("promote api 50")
    if verb is Verb.REAPPLY:
        # Somebody fled past meshbot: what it would write again is the half that they fled from.
        stable, canary = bench.route_object()["spec"]["http"][-1]["route"]
        stable["weight"], canary["weight"] = 100, 0
    else:
        bench.do("rollback api")
    bench.approvals = (Rule("everything", users=("U0ANA",), verbs=tuple(spoken_of.split(", "))),)
    waits = bench.do(text(verb)).state is State.WAITING
    assert waits is (verb in {Verb.PROMOTE, Verb.SET, Verb.UNDO, Verb.REAPPLY, Verb.CANARY})
    assert not waits or bench.weights() == [100, 0]
