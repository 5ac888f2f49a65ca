"""What the chart's accounts may do in a cluster."""

from __future__ import annotations

import pytest

from tests.helm.chart import CASES, HelmFailed, Obj, case, objects
from workers.cluster.rights import RIGHTS

pytestmark = pytest.mark.usefixtures("helm")


def of_kind(objs: tuple[Obj, ...] | list[Obj], *kinds: str) -> list[Obj]:
    """Those of some kinds."""
    return [obj for obj in objs if obj["kind"] in kinds]


def granted(role: Obj) -> set[tuple[str, str, tuple[str, ...]]]:
    """A role's rules as the code names them; each rule speaks of one kind."""
    for rule in role["rules"]:
        assert set(rule) == {"apiGroups", "resources", "verbs"}
        assert (len(rule["apiGroups"]), len(rule["resources"])) == (1, 1)
    return {(rule["apiGroups"][0], rule["resources"][0], tuple(rule["verbs"])) for rule in role["rules"]}


@pytest.mark.parametrize("name", CASES)
def test_roles_grant_exactly_what_the_workers_ask(name: str) -> None:
    """One right too few breaks a command, one too many is a hole."""
    roles = of_kind(case(name), "ClusterRole", "Role")
    assert len(roles) == {"namespaces": 2, "no-rbac": 0}.get(name, 1)
    for role in roles:
        assert granted(role) == set(RIGHTS)


@pytest.mark.parametrize("name", CASES)
def test_rights_are_the_workers_alone(name: str) -> None:
    """Every binding has one subject, the account of the workers' pods, and gives a role that the chart makes."""
    objs = case(name)
    [worker] = [
        obj
        for obj in of_kind(objs, "Deployment")
        if obj["spec"]["template"]["spec"]["containers"][0]["args"] == ["worker"]
    ]
    account = worker["spec"]["template"]["spec"]["serviceAccountName"]
    roles = {
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in of_kind(objs, "ClusterRole", "Role")
    }
    bindings = of_kind(objs, "ClusterRoleBinding", "RoleBinding")
    assert len(bindings) == len(roles)
    for binding in bindings:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "meshbot"}]
        ref = binding["roleRef"]
        assert (ref["kind"], binding["metadata"].get("namespace"), ref["name"]) in roles


@pytest.mark.parametrize("who", ["bot", "clock"])
def test_nobody_shares_the_workers_account(who: str) -> None:
    """Whoever gives two processes one account gives both the rights, so nothing is rendered."""
    named = {one: {"create": False, "name": "shared"} for one in (who, "worker")}
    with pytest.raises(HelmFailed, match="is the workers' account"):
        objects({"serviceAccounts": named})


def test_namespaces_alone_need_no_right_on_the_cluster() -> None:
    """With `scope: namespaces` there is a Role and its binding in each of them, and nothing for the whole cluster."""
    objs = case("namespaces")
    assert of_kind(objs, "ClusterRole", "ClusterRoleBinding") == []
    for kind in ("Role", "RoleBinding"):
        assert [obj["metadata"]["namespace"] for obj in of_kind(objs, kind)] == ["mesh-demo", "shop"]


def test_two_releases_do_not_share_a_role() -> None:
    """Objects of the whole cluster are named after the namespace where that is not the release's own name."""
    [role] = of_kind(objects({"fullnameOverride": "other"}), "ClusterRole")
    assert role["metadata"]["name"] == "meshbot-other-worker"
