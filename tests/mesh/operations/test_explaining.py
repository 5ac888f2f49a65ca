"""Whether somebody may, and why: the same rules as at the door, and nothing is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.approvals import Rule
from mesh.domain.catalog import Service
from mesh.domain.errors import Denied, NotFound, TooLate
from mesh.domain.freezes import Freeze
from mesh.domain.grammar import format_command, parse
from mesh.domain.hours import read_hours
from mesh.domain.operations import Origin, State
from mesh.domain.policy import Actor, Policy, Role
from mesh.domain.scopes import Scope
from mesh.operations.explaining import Can, can, whoami
from tests.builders import JIN, LEE
from tests.mesh.domain.test_hours import at
from tests.mesh.operations.bench import POLICY, Bench

SLASH = Origin("slash", "C0PROD")
ANA, KIM = Actor("U0ANA", "T0MESH"), Actor("U0KIM", "T0MESH")
HALF = Rule("half", need=2, groups=("S0SRE",), above=20.0)


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


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("set api v1=60 v2=40", False),
        ("set api v1=40 v2=60", False),
        ("promote api 40", False),
        ("promote api v2 60", False),
        ("promote api 0", False),
        ("pause api", False),
        ("set api v1=30 v2=70", True),
        ("promote api 70", True),
        ("promote api v1 50", True),
        ("canary api 25,50", True),
        ("reapply api", True),
    ],
)
def test_can_knows_what_goes_back_by_what_was_written_last(text: str, gives: bool) -> None:
    """Where v2 has 60 %, less of it is no rise: neither a freeze nor a limit of 30 % holds it up."""
    bench = Bench()
    bench.do("set api v1=40 v2=60")
    bench.policy = Policy((replace(POLICY.roles[0], max_share=30.0),))
    bench.freezes.put(Freeze("op-1", Scope(), bench.time.at, reason="x"))
    found = asked(bench, text)
    assert (bool(found.freezes), found.beyond is not None) == (gives, gives)


def test_can_takes_nothing_for_written_that_only_waits() -> None:
    """What people are asked about is in no route yet, so less than that may still be more."""
    bench = Bench(approvals=(HALF,))
    assert bench.do("promote api 60").state is State.WAITING
    for text in ("promote api 40", "set api v1=60 v2=40"):
        assert [rule.name for rule in asked(bench, text).rules] == ["half"]


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


def test_can_says_of_a_vote_what_the_vote_itself_would_be_told() -> None:
    """Whoever asked, who is among no people of the rule, who may, who has voted, and everybody once it is decided."""
    bench = Bench(approvals=(HALF,), members={"S0SRE": {JIN.user, ANA.user, KIM.user}})
    waits = bench.do("promote api 50")
    yes, no = f"approve {waits.id}", f"deny {waits.id}"

    def why_not(text: str, actor: Actor) -> str:
        """Return why not, the same as whoever votes is told; an empty string where they may."""
        decision = asked(bench, text, actor).decision
        assert decision.rule == "approval"
        try:
            bench.do(text, actor)
        except (Denied, TooLate) as error:
            assert (decision.allowed, decision.why) == (False, error.message.removesuffix("."))
            return decision.why
        assert decision.allowed
        return ""

    assert "whoever asks for a change cannot approve it" in why_not(yes, JIN)
    assert all("not among the people" in why_not(text, LEE) for text in (yes, no))
    assert why_not(yes, ANA) == ""
    assert "voted already" in asked(bench, yes, ANA).decision.why
    assert asked(bench, no, ANA).decision.allowed
    assert why_not(no, JIN) == ""
    assert "was decided before" in why_not(yes, KIM)


def test_what_can_writes_of_a_command_can_be_typed() -> None:
    """What names an operation leaves out where that is, for it would not be read together with the place."""
    bench = Bench(approvals=(HALF,))
    bench.do("promote api 20")
    waits = bench.do("promote api 50")
    for text in (f"approve {waits.id}", f"deny {waits.id}", "undo api", "promote api 50 -n mesh-demo"):
        again = parse(format_command(asked(bench, text).command))
        assert (again.verb, again.operation) == (asked(bench, text).command.verb, asked(bench, text).command.operation)


@pytest.mark.parametrize(
    ("text", "gets"),
    [
        ("set api v1=0 v2=100", ("v2", 100.0)),
        ("set api v1=70 v2=30", ("v2", 30.0)),
        ("set api v1=1 v2=1", ("v2", 50.0)),
        ("set api v2=80", ("v2", 50.0)),
        ("set api api-v2=80", ("v2", 50.0)),
        ("set api v1=100 v2=0", None),
        ("reapply api", ("v2", 20.0)),
    ],
)
def test_can_knows_what_weights_give(text: str, gets: tuple[str, float] | None) -> None:
    """By the weights that are named, beside those on record: limits and rules speak of that share, and no more."""
    bench = Bench(services=(Service("api", stable="v1"),))
    bench.do("promote api v2 20")
    bench.policy = Policy((replace(POLICY.roles[0], max_share=5.0),))
    share = gets[1] if gets else 0.0
    bench.approvals = (Rule("reached", users=("U0ANA",), above=share - 0.1), Rule("not", users=("U0ANA",), above=share))
    found = asked(bench, text)
    assert [rule.name for rule in found.rules] == (["reached"] if gets else [])
    assert (found.beyond.why if found.beyond else "") == (
        f"role sre gives an arm at most 5 %, and {gets[0]} would get {gets[1]:g} %" if gets else ""
    )


@pytest.mark.parametrize(
    ("text", "waits"),
    [("set api v1=0 v2=100", True), ("set api v2=21", True), ("set api v2=20", False), ("reapply api", False)],
)
def test_can_takes_named_weights_for_parts_of_a_hundred_where_nothing_is_on_record(text: str, waits: bool) -> None:
    """An arm named alone has at least nothing beside it that anybody knows of, so its weight is its share."""
    bench = Bench(approvals=(HALF,))
    assert bool(asked(bench, text).rules) is waits


def test_can_knows_who_may_break_the_glass_and_what_that_passes() -> None:
    """One second person is asked, also for little; freezes bar nothing and are named; who may not is told why."""
    bench = Bench(approvals=(HALF,), members={"S0GLASS": {JIN.user}})
    bench.freezes.put(freeze := Freeze("op-1", Scope(), bench.time.at, reason="x"))
    text = "promote api 50 --break-glass --reason x"
    assert (asked(bench, text).decision.allowed, asked(bench, text).rules) == (False, ())
    bench.break_glass = Rule("break-glass", groups=("S0GLASS",))
    found = asked(bench, text)
    assert (found.decision.allowed, found.rules) == (True, (bench.break_glass,))
    assert (found.freezes, found.passes) == ((), (freeze,))
    assert asked(bench, text.replace("50", "5")).rules == (bench.break_glass,)
    assert asked(bench, f"{text} --dry-run").rules == ()
    bench.members["S0GLASS"].clear()
    assert "not among those who may break the glass" in asked(bench, text).decision.why
    assert not asked(bench, text, LEE).decision.allowed


def test_can_keeps_the_limits_behind_the_glass() -> None:
    """Two people pass rules and freezes, and nobody's largest share."""
    small = Policy((replace(POLICY.roles[0], max_share=40.0),))
    bench = Bench(policy=small, members={"S0GLASS": {JIN.user}}, break_glass=Rule("glass", groups=("S0GLASS",)))
    assert asked(bench, "promote api 50 --break-glass --reason x").beyond is not None


def test_whoami_says_by_which_rules_somebody_may_vote() -> None:
    """By their id or a group, now or once it has escalated, also behind the glass; and no group is called unnamed."""
    rules = (
        HALF,
        Rule("mine", users=(ANA.user,), groups=("S0NONE",)),
        Rule("later", groups=("S0NONE",), second=("S0LEADS",)),
        Rule("others", groups=("S0NONE",)),
    )
    members = {"S0SRE": {ANA.user}, "S0LEADS": {ANA.user}, "S0GLASS": {ANA.user}}
    bench = Bench(approvals=rules, members=members, break_glass=Rule("break-glass", groups=("S0GLASS",)))
    found = whoami(bench.desk, ANA)
    assert found.groups == {"S0SRE", "S0LEADS", "S0GLASS"}
    assert [(one.rule.name, one.sources, one.later) for one in found.votes] == [
        ("half", ("S0SRE",), False),
        ("mine", (ANA.user,), False),
        ("later", ("S0LEADS",), True),
        ("break-glass", ("S0GLASS",), False),
    ]
    assert (found.held, whoami(bench.desk, LEE).votes) == ((), ())
