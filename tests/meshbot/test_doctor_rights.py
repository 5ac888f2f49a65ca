"""What accounts and people may do, as the doctor sees it: too little, too much, and nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.errors import Unavailable
from mesh.domain.policy import Policy, Role
from mesh.domain.scopes import Scope
from mesh.ports import Place
from meshbot.doctor.cluster import namespaces_of, rights, served
from meshbot.doctor.rights_of_people import held
from meshbot.doctor.surroundings import environment, powerless
from settings.environment import Environment
from workers.cluster.rights import RIGHTS
from workers.cluster.served import WANTED, Served

ALL = {(group, plural, verb) for group, plural, verbs in RIGHTS for verb in verbs}


@dataclass
class Account:
    """An API server's answers about one account: rights everywhere, and in single namespaces."""

    everywhere: set[tuple[str, str, str]] = field(default_factory=set)
    within: dict[str, set[tuple[str, str, str]]] = field(default_factory=dict)
    away: tuple[str, ...] = ()

    def discover(self) -> Served:
        """Serve everything but what is away."""
        return Served({(one.group, one.plural): "v1" for one in WANTED if one.plural not in self.away})

    def may(self, group: str, plural: str, verb: str, namespace: str) -> bool:
        """Say what RBAC would."""
        right = (group, plural, verb)
        return right in self.everywhere or right in self.within.get(namespace, set())


class Silent(Account):
    """An API server that answers no such question."""

    def may(self, group: str, plural: str, verb: str, namespace: str) -> bool:
        """Raise."""
        raise Unavailable("It answers no questions about rights.")


def told(account: Account, *namespaces: str) -> list[tuple[str, str]]:
    """Level and text of each finding about rights."""
    return [(one.level, one.text) for one in rights("k8s demo", account, list(namespaces))]


def test_exactly_the_shipped_rights_are_well() -> None:
    """In all namespaces, or in each that is configured; then only watching is missed, which changes nothing."""
    assert [level for level, _ in told(Account(ALL), "shop")] == ["ok"]
    some = told(Account(within={"shop": ALL, "web": ALL}), "shop", "web")
    assert [level for level, _ in some] == ["ok", "ok"]
    assert "may not watch virtualservices" in some[1][1]


@pytest.mark.parametrize("missing", sorted(right for right in ALL if right[2] != "watch"), ids="-".join)
def test_a_missing_right_is_named_with_its_rule(missing: tuple[str, str, str]) -> None:
    """For the namespaces where it is missing; a kind that the cluster does not serve needs none."""
    account = Account(within={"shop": ALL, "web": ALL - {missing}})
    [finding] = [one for one in rights("k8s demo", account, ["shop", "web"]) if one.level == "fail"]
    group, plural, verb = missing
    assert finding.text == f"meshbot may not {verb} {plural} in web"
    assert f'{{apiGroups: ["{group}"], resources: ["{plural}"], verbs: ["{verb}"]}}' in finding.todo
    if any(one.plural == plural for one in WANTED):
        gone = Account(within=account.within, away=(plural,))
        assert "fail" not in [level for level, _ in told(gone, "shop", "web")]


def test_rights_beyond_what_is_needed_are_warned_about() -> None:
    """Given everywhere or in one namespace alone."""
    account = Account(ALL | {("apps", "deployments", "patch")}, {"web": {("", "secrets", "get")}})
    [_, (level, text)] = told(account, "shop", "web")
    assert (level, text) == ("warn", "this account may also get secrets, patch deployments: more than needed")


def test_what_cannot_be_asked_is_said() -> None:
    """No answer is neither well nor wrong."""
    [(level, text)] = told(Silent(), "shop")
    assert (level, "cannot tell which rights" in text) == ("warn", True)


def test_a_cluster_without_routing_apis_fails() -> None:
    """It has no mesh that meshbot knows."""
    away = tuple(one.plural for one in WANTED)
    assert [one.level for one in served("k8s demo", Account(away=away))] == ["fail"]
    assert [one.level for one in served("k8s demo", Account())] == ["ok"]


def test_the_namespaces_are_those_of_the_configuration() -> None:
    """Of this cluster's services and routes alone."""
    demo = Cluster("demo", namespace="shop", route_namespaces=("gateways",))
    services = (Service("a"), Service("b", namespace="web"), Service("c", cluster="other", namespace="far"))
    catalog = Catalog(clusters=(demo, Cluster("other")), services=services)
    assert namespaces_of(catalog, demo) == ["gateways", "shop", "web"]
    assert namespaces_of(catalog, catalog.clusters[1]) == ["default", "far"]


def test_bot_and_clock_have_no_way_to_a_cluster(tmp_path: Path) -> None:
    """A kubeconfig or a mounted token is more than they need."""
    token = tmp_path / "token"

    def levels(found: Environment) -> list[str]:
        return [one.level for one in powerless(found, "bot", token=token)]

    assert levels(Environment()) == ["ok"]
    assert levels(Environment(kubeconfig="/etc/kubeconfig")) == ["warn"]
    token.touch()
    assert levels(Environment()) == ["warn"]


@pytest.mark.parametrize(
    ("role", "said"),
    [("all", ["fail", "fail"]), ("bot", ["fail", "fail"]), ("worker", ["fail"]), ("clock", [])],
)
def test_each_process_is_asked_for_what_it_needs(role: str, said: list[str]) -> None:
    """A worker needs no signing secret, a clock not even a bot token."""
    assert [one.level for one in environment(Environment(), role)] == said


class Workspace:
    """A Slack in which S0SRE has members and every other usergroup none."""

    def place(self, channel: str) -> Place:
        """Return our own."""
        return Place(shared=False, joined=True)

    def members(self, group: str) -> frozenset[str]:
        """Return who is in it."""
        return frozenset({"U0JIN"} if group == "S0SRE" else ())


def of_people(*roles: Role, services: tuple[Service, ...] = (Service("api"),)) -> Iterator[tuple[str, str]]:
    """Level and text of what the policy gives to nobody."""
    for one in held(Catalog(services=services, policy=Policy(roles)), Workspace()):
        yield one.level, one.text


def test_roles_that_nobody_holds_are_named() -> None:
    """An empty usergroup gives nothing; with a person beside it the role is held."""
    sre = Role("sre", usergroups=("S0SRE",), verbs=("*",))
    ghost = Role("ghost", usergroups=("S0NONE",), verbs=("*",))
    assert list(of_people(sre)) == [("ok", "every role is held, and every service can be rolled back by somebody")]
    assert list(of_people(sre, ghost)) == [("warn", "nobody holds ghost")]
    assert [level for level, _ in of_people(Role("g", users=("U1",), usergroups=("S0NONE",), verbs=("*",)))] == ["ok"]
    assert list(of_people()) == []


def test_services_that_nobody_may_roll_back_are_named() -> None:
    """By the roles that somebody holds, for the place of each service."""
    promoters = Role("promoters", usergroups=("S0SRE",), verbs=("promote",))
    web = Role("web", users=("U1",), verbs=("rollback",), scope=Scope(services=("web",)))
    ghost = Role("ghost", usergroups=("S0NONE",), verbs=("rollback",), scope=Scope(services=("api",)))
    services = (Service("api"), Service("web"))
    assert ("fail", "nobody may roll back api, web") in list(of_people(promoters, services=services))
    assert ("fail", "nobody may roll back api") in list(of_people(promoters, web, ghost, services=services))
