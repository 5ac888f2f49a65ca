"""Policy: deny by default, ids only."""

from __future__ import annotations

import pytest

from mesh.domain.commands import CHANGING, Target, Verb
from mesh.domain.policy import Policy, Role, decide
from mesh.domain.scopes import Scope
from tests.builders import JIN, LEE, TARGET

OWNERS = Role(
    "owners",
    users=(JIN.user,),
    usergroups=("S0API",),
    verbs=("promote", "rollback"),
    scope=Scope(services=("api", "web-*")),
)
POLICY = Policy((OWNERS,))


def test_without_a_policy_everyone_reads_and_nobody_changes() -> None:
    """An empty policy denies every changing verb and no other."""
    for verb in Verb:
        assert decide(Policy(), JIN, frozenset(), verb, TARGET).allowed is (verb not in CHANGING)


def test_a_role_allows_by_user_and_by_usergroup() -> None:
    """Either id is enough, and the decision names the role."""
    assert decide(POLICY, JIN, frozenset(), Verb.PROMOTE, TARGET).rule == "owners"
    assert decide(POLICY, LEE, frozenset({"S0API"}), Verb.PROMOTE, TARGET).allowed


def test_everything_a_role_does_not_say_is_denied_with_a_reason() -> None:
    """Other people, other verbs, other services, other namespaces: each no says why."""
    other = Target("default", "mesh-demo", "checkout")
    assert "you hold no role" in decide(POLICY, LEE, frozenset(), Verb.PROMOTE, TARGET).why
    assert "does not allow undo" in decide(POLICY, JIN, frozenset(), Verb.UNDO, TARGET).why
    assert "does not allow promote" in decide(POLICY, JIN, frozenset(), Verb.PROMOTE, other).why
    assert decide(POLICY, JIN, frozenset(), Verb.PROMOTE, Target("default", "x", "web-shop")).allowed


def test_all_is_not_one_of_many() -> None:
    """What is about every service needs a role for every service: no other pattern fits."""
    everything = Target("*", "*", "*")
    for services in (("?",), ("[*]",), ("api", "a*")):
        policy = Policy((Role("some", users=(JIN.user,), verbs=("*",), scope=Scope(services=services)),))
        assert not decide(policy, JIN, frozenset(), Verb.FREEZE, everything).allowed
    assert decide(
        Policy((Role("all", users=(JIN.user,), verbs=("*",)),)), JIN, frozenset(), Verb.FREEZE, everything
    ).allowed


def test_narrow_roles_stay_narrow() -> None:
    """A role for one namespace of one cluster says nothing of any other."""
    role = Role("prod", users=(JIN.user,), verbs=("*",), scope=Scope(namespaces=("shop",), clusters=("prod",)))
    policy = Policy((role,))
    assert decide(policy, JIN, frozenset(), Verb.SET, Target("prod", "shop", "api")).allowed
    assert not decide(policy, JIN, frozenset(), Verb.SET, Target("prod", "shop2", "api")).allowed
    assert not decide(policy, JIN, frozenset(), Verb.SET, Target("dev", "shop", "api")).allowed


@pytest.mark.parametrize(
    ("services", "allowed"), [(("*",), True), (("api*",), False), (("?",), False), (("[*]",), False)]
)
def test_what_is_about_everything_needs_a_role_for_everything(services: tuple[str, ...], allowed: bool) -> None:
    """A freeze of all services has the target `*`, which no pattern for some names may be taken to mean."""
    policy = Policy((Role("some", users=(JIN.user,), verbs=("*",), scope=Scope(services=services)),))
    assert decide(policy, JIN, frozenset(), Verb.FREEZE, Target("prod", "*", "*")).allowed is allowed
