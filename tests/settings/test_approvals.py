"""Approvals as administrators want them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.domain.approvals import Rule
from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.scopes import Scope
from tests.settings.reading import mistakes, read


def test_a_rule_arrives_whole(tmp_path: Path) -> None:
    """Every key, the service's own channel, and who has two accounts."""
    catalog = read(
        tmp_path,
        """
        clusters: {prod: {}}
        services: {api: {channels: {approvals: C0APIAPP}}}
        people: {jin: [U0JIN, W0JIN]}
        policy:
          approvals:
            production:
              need: 2
              groups: [S0SRE]
              users: [U0ANA]
              verbs: [promote, canary]
              services: ["api-*"]
              namespaces: [shop]
              clusters: [prod]
              above: 20
              expires: 30m
              remind: 5m
              escalate: {after: 10m, groups: [S0LEADS]}
              channel: C0APPROVE
        """,
    )
    rule = Rule(
        "production",
        need=2,
        groups=("S0SRE",),
        users=("U0ANA",),
        verbs=("promote", "canary"),
        scope=Scope(("prod",), ("shop",), ("api-*",)),
        above=20.0,
        expires_s=1800.0,
        remind_s=300.0,
        escalate_s=600.0,
        second=("S0LEADS",),
        channel="C0APPROVE",
    )
    assert catalog.approvals == (rule,)
    assert catalog.people == (("U0JIN", "W0JIN"),)
    assert catalog.service(Target("prod", "", "api")).approvals == "C0APIAPP"


def test_what_is_left_out_is_as_in_the_domain(tmp_path: Path) -> None:
    """One of the group, for every change, within a quarter of an hour; without rules nobody is asked."""
    catalog = read(tmp_path, "policy: {approvals: {all: {groups: [S0SRE]}}}")
    assert catalog.approvals == (Rule("all", groups=("S0SRE",)),)
    assert Catalog().approvals == ()


MISTAKES = [
    ("all: {}", "1: policy.approvals.all: names nobody"),
    ("all: {users: [U0ANA], need: 2}", "1: policy.approvals.all.need: is more than the 1 who may agree"),
    ("all: {users: [U0JIN, W0JIN], need: 2}", "1: policy.approvals.all.need: is more than the 1 who may agree"),
    ("all: {groups: [S0SRE], verbs: [rollback]}", "policy.approvals.all.verbs[0]: 'rollback' never waits for approval"),
    ("all: {groups: [S0SRE], expires: 5m, remind: 5m}", "policy.approvals.all.remind: comes after `expires`"),
    (
        "all: {groups: [S0SRE], escalate: {after: 1h, groups: [S0LEADS]}}",
        "policy.approvals.all.escalate.after: comes after `expires`",
    ),
    ("all: {groups: [sre]}", "policy.approvals.all.groups[0]: 'sre' is not a usergroup id"),
    ("all: {groups: [S0SRE], above: 100}", "policy.approvals.all.above: should be less than 100"),
    ("all: {groups: [S0SRE], clusters: [prd]}", "policy.approvals.all.clusters[0]: no cluster is called 'prd'"),
    (
        "a: {groups: [S0SRE], services: [a*], channel: C0A1}, b: {groups: [S0SRE], services: ['*b'], channel: C0B1}",
        "policy.approvals.b.channel: may speak of the same change as `a`",
    ),
    (
        "a: {groups: [S0SRE], verbs: [promote], channel: C0A1}, u: {groups: [S0SRE], verbs: [undo], channel: C0B1}",
        "policy.approvals.u.channel: may speak of the same change as `a`",
    ),
]


@pytest.mark.parametrize(("rules", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_mistakes_are_named(rules: str, said: str, tmp_path: Path) -> None:
    """What could never be met, never comes, or would be ambiguous is found before it is needed."""
    found = mistakes(tmp_path, f"policy: {{approvals: {{{rules}}}}}\npeople: {{jin: [U0JIN, W0JIN]}}")
    assert any(said in one for one in found), found


def test_rules_that_never_meet_may_have_their_own_channels(tmp_path: Path) -> None:
    """Apart by service, by namespace or by verb."""
    for apart in ("services: [api]", "namespaces: [shop]", "verbs: [set]"):
        other = apart.replace("api", "web").replace("shop", "bank").replace("set", "canary")
        text = f"one: {{groups: [S0SRE], channel: C0ONE, {apart}}}, two: {{groups: [S0SRE], channel: C0TWO, {other}}}"
        assert len(read(tmp_path, f"policy: {{approvals: {{{text}}}}}").approvals) == 2


def test_an_account_belongs_to_one_person(tmp_path: Path) -> None:
    """Two people who share an account would be one, or not, by the order of the file."""
    found = mistakes(tmp_path, "people:\n  jin: [U0JIN, W0JIN]\n  ana: [U0ANA, W0JIN]\n")
    assert found == ["3: people.ana[1]: W0JIN is of `jin` as well; an account belongs to one person"]
