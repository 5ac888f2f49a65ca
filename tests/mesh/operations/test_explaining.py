"""Whether somebody may, and why: the same rules as at the door, and nothing is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.approvals import Rule
from mesh.domain.errors import NotFound
from mesh.domain.freezes import Freeze
from mesh.domain.grammar import parse
from mesh.domain.hours import read_hours
from mesh.domain.operations import Origin
from mesh.domain.policy import Actor, Policy, Role
from mesh.domain.scopes import Scope
from mesh.operations.explaining import Can, can, whoami
from tests.builders import JIN, LEE
from tests.mesh.domain.test_hours import at
from tests.mesh.operations.bench import POLICY, Bench

SLASH = Origin("slash", "C0PROD")


def asked(bench: Bench, text: str, actor: Actor = JIN) -> Can:
    """Ask whether somebody may."""
    before = dict(bench.operations.open)
    found = can(bench.desk, parse(f"can {text}"), actor, SLASH)
    assert bench.operations.open == before
    return found


def test_can_says_which_role_decides_and_whence_it_comes() -> None:
    """Every role that allows it, each with the ids by which it is held."""
    bench = Bench(members={"S0TEAM": {LEE.user}})
    found = asked(bench, "promote api 50", LEE)
    assert (found.decision.allowed, found.decision.rule) == (True, "team")
    assert [(one.role.name, one.sources) for one in found.held] == [("team", ("S0TEAM",))]
    denied = asked(bench, "set api v1=1", LEE)
    assert not denied.decision.allowed
    assert "does not allow set" in denied.decision.why
    assert asked(bench, "status api", LEE).decision.rule == "reading"
    assert bench.audit() == []


def test_can_says_what_is_frozen_where_that_matters() -> None:
    """For what gives more; going back, reading and lifting are not frozen."""
    bench = Bench()
    freeze = Freeze("op-1", Scope(), bench.time.at, reason="x")
    bench.freezes.put(freeze)
    assert asked(bench, "promote api 50").freezes == (freeze,)
    for text in ("rollback api", "abort api", "status api", "plan promote api 50", "unfreeze op-1"):
        assert asked(bench, text).freezes == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("promote api 50", "at most 40 %, and the canary would get 50 %"),
        ("promote api v2 40", ""),
        ("canary api v2 25,50", "at most 40 %, and v2 would get 50 %"),
        ("canary api", "and the canary would get 100 %"),
        ("canary api 10,20", ""),
        ("rollback api", ""),
    ],
)
def test_can_says_which_size_is_too_much(text: str, why: str) -> None:
    """As far as the words alone tell; what the weights are now is nobody's to know here."""
    bench = Bench(policy=Policy((replace(POLICY.roles[0], max_share=40.0, max_step=5.0),)))
    found = asked(bench, text).beyond
    assert (found is None) is (why == "")
    assert found is None or (why in found.why and found.opens is None)


def test_can_says_for_whom_it_waits() -> None:
    """The rules that want people for so large a share; what goes back asks nobody."""
    bench = Bench(approvals=(Rule("half", need=2, users=("U0ANA",), above=20.0),))
    assert [rule.name for rule in asked(bench, "promote api 50").rules] == ["half"]
    for text in ("promote api 20", "rollback api", "status api"):
        assert asked(bench, text).rules == ()


def test_can_knows_what_an_undo_gives() -> None:
    """By what is on record: giving stable more waits for nobody and is not frozen, giving the canary more is a rise."""
    bench = Bench(approvals=(Rule("half", need=2, users=("U0ANA",), above=20.0),))
    bench.do("promote api 20")
    bench.freezes.put(freeze := Freeze("op-1", Scope(), bench.time.at, reason="x"))
    back = asked(bench, "undo api")
    assert (back.rules, back.freezes) == ((), ())
    bench.do("rollback api")
    again = asked(bench, "undo api")
    assert (again.rules, again.freezes) == ((), (freeze,))
    bench.approvals = (Rule("all", users=("U0ANA",), above=10.0),)
    assert [rule.name for rule in asked(bench, "undo api").rules] == ["all"]


def test_can_says_when_the_hours_begin() -> None:
    """Out of hours it is not now, with the time from which it is."""
    bench = Bench(policy=Policy((replace(POLICY.roles[0], hours=(read_hours("mon 09:00-17:00 UTC"),)),)))
    bench.time.at = at("2026-11-29T12:00", "UTC")
    found = asked(bench, "promote api 50").beyond
    assert found is not None
    assert found.opens == at("2026-11-30T09:00", "UTC")
    bench.time.at = found.opens
    assert asked(bench, "promote api 50").beyond is None


def test_can_knows_the_channel_and_the_target() -> None:
    """As at the door: narrowed roles, completed targets, names that nobody knows."""
    bench = Bench(policy=Policy((replace(POLICY.roles[0], channels=("C0OTHER",)),)))
    assert not asked(bench, "promote api 50").decision.allowed
    assert str(asked(bench, "promote api 50 -n shop").target) == "demo/shop/api"
    with pytest.raises(NotFound):
        asked(bench, "promote api 50 -c nowhere")


def test_whoami_says_by_which_id_each_role_is_held() -> None:
    """The own id, a usergroup, or both; and what is wrong with the policy."""
    both = Role("both", users=(JIN.user,), usergroups=("S0TEAM",), verbs=("undo",))
    bench = Bench(policy=Policy((*POLICY.roles, both)), members={"S0TEAM": {JIN.user}})
    found = whoami(bench.desk, JIN)
    assert [(one.role.name, one.sources) for one in found.held] == [
        ("sre", (JIN.user,)),
        ("team", ("S0TEAM",)),
        ("both", (JIN.user, "S0TEAM")),
    ]
    bench.policy = Policy(trouble="it is broken")
    assert whoami(bench.desk, JIN).trouble == "it is broken"
