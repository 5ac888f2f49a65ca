"""Approvals as pure rules: who must agree to what, whose vote counts, and when enough is enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.approvals import (
    Approval,
    Rule,
    Voter,
    agreed,
    ask,
    canonical,
    highest_share,
    rules_for,
    why_not,
    why_not_deny,
    with_vote,
    without_lost,
)
from mesh.domain.commands import APPROVABLE, CHANGING, Target, Verb
from mesh.domain.plans import Plan, Roles, plan
from mesh.domain.policy import Actor
from mesh.domain.scopes import Scope, overlap
from mesh.domain.strategies import RolloutStep, Strategy
from tests.builders import TARGET, route

ROLES = Roles("v1", "v2")
RULE = Rule("two", need=2, groups=("S0SRE",), users=("U0LEE",), above=20)


def a_plan(roles: Roles = ROLES, **wanted: int) -> Plan:
    """Return a plan from 90/10 to the wanted weights."""
    return plan(route(), dict(wanted), roles, stamps={})


HALF = a_plan(v1=50, v2=50)


def an_approval(*rules: Rule, strategy: Strategy | None = None) -> Approval:
    """Return what these rules ask about the plan to half."""
    return ask(rules or (RULE,), HALF, 50.0, now=1000.0, strategy=strategy)


def a_voter(user: str, *groups: str, person: str = "", active: bool = True) -> Voter:
    """Return somebody as Slack says."""
    return Voter(Actor(user, "T0MESH"), person or user, active, frozenset(groups))


@pytest.mark.parametrize(
    ("verb", "share", "asked"),
    [
        (Verb.PROMOTE, 50.0, True),
        (Verb.PROMOTE, 20.0, False),
        (Verb.PROMOTE, 20.0001, True),
        (Verb.SET, 100.0, True),
        (Verb.REAPPLY, 21.0, True),
        (Verb.CANARY, 100.0, True),
        (Verb.ROLLBACK, 100.0, False),
        (Verb.UNDO, 100.0, True),
        (Verb.UNDO, 20.0, False),
        (Verb.ABORT, 100.0, False),
        (Verb.ADOPT, 100.0, False),
    ],
)
def test_what_raises_an_arm_above_the_share_is_asked_about(verb: Verb, share: float, asked: bool) -> None:
    """The share itself needs nobody; what goes back needs nobody whatever the share."""
    assert bool(rules_for((RULE,), verb, TARGET, share)) is asked


def test_only_changing_verbs_can_wait() -> None:
    """And none that takes traffic back to stable."""
    assert APPROVABLE - {Verb.FLAGGER} <= CHANGING
    assert not APPROVABLE & {Verb.ROLLBACK, Verb.ABORT}


@pytest.mark.parametrize("verb", [Verb.UNDO, Verb.REAPPLY])
@pytest.mark.parametrize(
    ("verbs", "asked"), [(("*",), True), (("promote",), True), (("itself",), True), (("set", "canary"), False)]
)
def test_who_speaks_of_promotions_speaks_of_what_brings_an_arm_back(
    verbs: tuple[str, ...], asked: bool, verb: Verb
) -> None:
    """An undo or a reapply that gives more is a promotion in all but its name; a rule may name it alone as well."""
    named = tuple(verb if one == "itself" else one for one in verbs)
    assert bool(rules_for((replace(RULE, verbs=named),), verb, TARGET, 50.0)) is asked


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ({"scope": Scope(services=("a*",))}, True),
        ({"scope": Scope(services=("web",))}, False),
        ({"scope": Scope(namespaces=("mesh-*",))}, True),
        ({"scope": Scope(namespaces=("prod",))}, False),
        ({"scope": Scope(clusters=("default",))}, True),
        ({"scope": Scope(clusters=("edge",))}, False),
        ({"verbs": ("set",)}, False),
    ],
)
def test_a_rule_speaks_of_its_scope_only(scope: dict[str, object], asked: bool) -> None:
    """Verbs, services, namespaces and clusters all have to fit."""
    assert bool(rules_for((replace(RULE, **scope),), Verb.PROMOTE, TARGET, 50.0)) is asked  # type: ignore[arg-type]  # fields of Rule


@pytest.mark.parametrize(
    ("made", "share"),
    [
        (HALF, 50.0),
        (a_plan(v1=95, v2=5), 0.0),
        (a_plan(Roles("v2", "v1"), v1=100, v2=0), 100.0),
        (a_plan(Roles(), v1=95, v2=5), 95.0),
    ],
    ids=["promotion", "going back", "the other way round", "nobody says who is stable"],
)
def test_the_share_that_counts_is_that_of_the_highest_rising_arm(made: Plan, share: float) -> None:
    """Stable may rise freely, once it is known which one that is."""
    assert highest_share(made) == share


def test_threat_6_what_is_agreed_to_is_object_weights_and_every_step() -> None:
    """Another uid, other weights before or after, another step, bake or outcome: another hash."""
    steps = Strategy((RolloutStep(5), RolloutStep(50)))
    others = [
        agreed(HALF),
        agreed(replace(HALF, uid="uid-2")),
        agreed(a_plan(v1=49, v2=51)),
        agreed(plan(route({"v1": 80, "v2": 20}), {"v1": 50, "v2": 50}, Roles("v1", "v2"), stamps={})),
        agreed(HALF, steps),
        agreed(HALF, replace(steps, steps=(RolloutStep(5), RolloutStep(60)))),
        agreed(HALF, replace(steps, steps=(RolloutStep(5, bake_s=1), RolloutStep(50)))),
        agreed(HALF, replace(steps, on_failure="hold")),
    ]
    assert len(set(others)) == len(others)
    assert agreed(replace(HALF, resource_version="8")) == agreed(HALF)


@pytest.mark.parametrize(
    ("voter", "why"),
    [
        (a_voter("U0ANA", "S0SRE"), ""),
        (a_voter("U0LEE"), ""),
        (a_voter("U0ZOE", "S0OTHER"), "not among the people"),
        (a_voter("U0ANA", "S0SRE", active=False), "not a full member"),
        (a_voter("U0JIN", "S0SRE"), "cannot approve it"),
        (a_voter("W0JIN", "S0SRE", person="U0JIN"), "cannot approve it"),
        (a_voter("U0KIM", "S0SRE"), "voted already"),
        (a_voter("W0KIM", "S0SRE", person="U0KIM"), "voted already"),
    ],
    ids=["group", "user", "nobody", "gone", "requester", "requester's other id", "twice", "twice by another id"],
)
def test_threat_5_whose_yes_counts(voter: Voter, why: str) -> None:
    """Members of the group and named people; never the requester, by whatever account; each person once."""
    approval = with_vote(an_approval(), a_voter("U0KIM", "S0SRE"), "op-first", 1001.0)
    found = why_not(approval, voter, "U0JIN")
    assert (why in found) if why else not found


@pytest.mark.parametrize(
    ("voter", "may"),
    [
        (a_voter("U0ANA", "S0SRE"), True),
        (a_voter("U0KIM", "S0SRE"), True),
        (a_voter("U0JIN"), True),
        (a_voter("U0ZOE"), False),
        (a_voter("U0JIN", active=False), False),
    ],
    ids=["voter", "who agreed before", "requester", "nobody", "gone"],
)
def test_whose_no_counts(voter: Voter, may: bool) -> None:
    """Whoever may agree, also after agreeing, and whoever asked."""
    approval = with_vote(an_approval(), a_voter("U0KIM", "S0SRE"), "op-first", 1001.0)
    assert (not why_not_deny(approval, voter, "U0JIN")) is may


def test_it_is_met_by_as_many_people_as_it_needs() -> None:
    """And the same person cannot be put in twice."""
    approval = an_approval()
    for number, user in enumerate(("U0ANA", "U0LEE")):
        assert not approval.met
        approval = with_vote(approval, a_voter(user, "S0SRE"), f"op-{number}", 1001.0)
    assert (approval.met, approval.in_words) == (True, "2 of 2 approvals")
    with pytest.raises(ValueError, match="has voted"):
        with_vote(approval, a_voter("U0ANA", "S0SRE"), "op-again", 1002.0)


def test_every_rule_must_be_met_by_its_own_people() -> None:
    """A vote counts for the rules whose people the voter belongs to; the order of the rules decides nothing."""
    leads = Rule("leads", groups=("S0LEADS",))
    for rules in ((RULE, leads), (leads, RULE)):
        approval = an_approval(*rules)
        for user, groups in (("U0ANA", ("S0SRE",)), ("U0LEE", ())):
            approval = with_vote(approval, a_voter(user, *groups), user, 1001.0)
        assert not approval.met
        assert approval.missing_groups == ("S0LEADS",)
        both = with_vote(approval, a_voter("U0ZOE", "S0LEADS", "S0SRE"), "op-zoe", 1002.0)
        assert both.met
        assert set(both.votes[-1].rules) == {"two", "leads"}


def test_threat_10_votes_of_those_who_may_no_longer_do_not_count() -> None:
    """Gone, out of the group, or found to be the requester: as if they had not voted."""
    approval = an_approval()
    for user in ("U0ANA", "U0KIM"):
        approval = with_vote(approval, a_voter(user, "S0SRE"), user, 1001.0)
    kim = a_voter("U0KIM", "S0SRE")
    assert without_lost(approval, [a_voter("U0ANA", "S0SRE"), kim], "U0JIN").met
    for lost in (
        a_voter("U0ANA", "S0SRE", active=False),
        a_voter("U0ANA"),
        a_voter("U0ANA", "S0SRE", person="U0JIN"),
        a_voter("U0ANA", "S0SRE", person="U0KIM"),
    ):
        standing = without_lost(approval, [lost, kim], "U0JIN")
        assert not standing.met
        assert len(standing.votes) == 1


def test_the_clock_of_an_approval() -> None:
    """Reminder, escalation, end: each comes once, the shortest end of several rules counts."""
    late = Rule("late", groups=("S0LEADS",), expires_s=600, remind_s=100, escalate_s=200, second=("S0BOSS",))
    approval = an_approval(RULE, late)
    assert (approval.expires_at, approval.due_at()) == (1600.0, 1100.0)
    reminded = replace(approval, reminded=True)
    assert (reminded.due_at(), reminded.escalated(1199.0)) == (1200.0, reminded)
    escalated = reminded.escalated(1200.0)
    assert escalated.counted_down(1599.0).due_at() == 1600.0
    assert escalated.demands[1].asked_groups == ("S0LEADS", "S0BOSS")
    assert why_not(reminded, a_voter("U0BOB", "S0BOSS"), "U0JIN")
    assert not why_not(escalated, a_voter("U0BOB", "S0BOSS"), "U0JIN")


def test_a_rule_that_has_its_people_escalates_no_more() -> None:
    """Else what is due of it would stay in the past, and the clock would come back without end."""
    first = replace(RULE, need=1, escalate_s=60, second=("S0BOSS",))
    approval = an_approval(first, Rule("leads", groups=("S0LEADS",)))
    assert approval.due_at() == 1060.0
    voted = with_vote(approval, a_voter("U0ANA", "S0SRE"), "op-ana", 1001.0)
    assert (voted.counted_down(1899.0).due_at(), voted.escalated(2000.0)) == (1900.0, voted)


def test_the_countdown_of_an_approval() -> None:
    """Half, a quarter and a tenth of the time left: each is due once, and what is left is never more than said."""
    approval = an_approval(replace(RULE, expires_s=1000.0))
    assert (approval.left_s, approval.due_at()) == (1000.0, 1500.0)
    said = []
    for now in (1499.0, 1500.0, 1749.0, 1750.0, 1900.0, 1999.0):
        approval = approval.counted_down(now)
        assert approval.left_s >= approval.expires_at - now
        said.append((approval.left_s, approval.due_at()))
    assert said == [
        (1000.0, 1500.0),
        (500.0, 1750.0),
        (500.0, 1750.0),
        (250.0, 1900.0),
        (100.0, 2000.0),
        (100.0, 2000.0),
    ]


def test_threat_5_accounts_of_one_person_have_one_id() -> None:
    """By the configuration first, else by what Slack says; else the account is the person."""
    people = (("U0JIN", "W0JIN"),)
    assert canonical(people, ("W0JIN", "W0JIN")) == canonical(people, ("U0JIN", "E0X")) == "U0JIN"
    assert canonical(people, ("U0ANA", "E0ANA")) == "E0ANA"
    assert canonical((), ("U0ANA",)) == "U0ANA"


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("api", "api", True),
        ("api", "web", False),
        ("*", "web", True),
        ("api-*", "*-v2", True),
        ("api-*", "web-*", False),
        ("a?i", "api", True),
        ("a?i", "apii", False),
        ("[ab]pi", "web", True),
        ("", "*", True),
        ("*a*b", "ab*", True),
    ],
)
def test_patterns_that_may_fit_one_name(one: str, other: str, both: bool) -> None:
    """Either way round."""
    assert overlap([one], [other]) is overlap([other], [one]) is both
    assert Scope(services=(one,)).meets(Scope(services=(other,))) is both


def test_a_target_of_another_cluster_is_not_ours() -> None:
    """Patterns are matched letter by letter, case and all."""
    assert not rules_for(
        (replace(RULE, scope=Scope(clusters=("PROD",))),), Verb.PROMOTE, Target("prod", "a", "b"), 50.0
    )
