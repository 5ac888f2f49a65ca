"""VirtualServices that delegate, and those they delegate to."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.domain.errors import Refused
from tests.workers.cluster.shapes import TARGET, Obj, canary, virtual_service
from workers.cluster.routing import Claim
from workers.cluster.virtualservice import VIRTUAL_SERVICE, read

WARNING = (
    "VirtualService shop/root http prefix:/v2 delegates to VirtualService shop/leaf; the delegate is what is edited."
)


def delegation(name: str, namespace: str = "", **rule: Any) -> Obj:
    """Return a rule that delegates."""
    return {"delegate": {"name": name} | ({"namespace": namespace} if namespace else {}), **rule}


def root(*rules: Obj) -> Obj:
    """Return a VirtualService of `api` with these rules."""
    return virtual_service(*rules, name="root")


def leaf(*rules: Obj, **spec: Any) -> Obj:
    """Return a delegate."""
    return virtual_service(*rules, name="leaf", hosts=spec.pop("hosts", ()), **spec)


V2: Obj = {"match": [{"uri": {"prefix": "/v2"}}]}


def test_delegates_are_followed_by_name_and_namespace() -> None:
    """Each once, in the order of the rules; the object's own namespace where none is written."""
    obj = root(delegation("leaf", **V2), canary(), delegation("far", "infra"), delegation("leaf"))
    assert VIRTUAL_SERVICE.follows(obj) == [("leaf", "shop"), ("far", "infra")]
    assert VIRTUAL_SERVICE.follows(root(canary(), {"delegate": {}})) == []


def test_the_routes_of_a_delegate_say_which_object_is_edited() -> None:
    """They are its own routes, under the labels a later reading gives them, and name both objects."""
    obj = leaf(canary(match=[{"port": 80}]), canary(name="a"))
    routes = VIRTUAL_SERVICE.delegated(obj, root(delegation("leaf", **V2), canary()))
    assert [route.rule for route in routes] == [route.rule for route in read(obj)] == ["http port:80", 'http "a"']
    assert [route.warnings for route in routes] == [(WARNING,), (WARNING,)]
    assert {route.name for route in routes} == {"leaf"}


def test_a_rule_that_stands_alone_needs_no_naming() -> None:
    """The only rule of the delegating object has no label; several that delegate are all named."""
    [one] = VIRTUAL_SERVICE.delegated(leaf(canary()), root(delegation("leaf")))
    [two] = VIRTUAL_SERVICE.delegated(leaf(canary()), root(delegation("leaf", **V2), delegation("leaf")))
    assert one.warnings[0].startswith("VirtualService shop/root delegates to")
    assert two.warnings[0].startswith("VirtualService shop/root http prefix:/v2, http default delegates to")


def test_only_requests_are_delegated() -> None:
    """Connections of a delegate are nobody's: Istio merges its http rules only."""
    routes = VIRTUAL_SERVICE.delegated(leaf(canary(), tcp=[canary()]), root(delegation("leaf")))
    assert [route.arms[0].protocol for route in routes] == ["http"]


def test_a_delegate_with_hosts_is_refused_by_field() -> None:
    """Istio follows delegates without hosts only."""
    with pytest.raises(Refused, match=r"VirtualService shop/leaf, whose spec\.hosts is not empty") as refused:
        VIRTUAL_SERVICE.delegated(leaf(canary(), hosts=["api"]), root(delegation("leaf")))
    assert "Remove spec.hosts from VirtualService shop/leaf" in refused.value.hint


def test_a_chain_of_delegates_is_refused_by_field() -> None:
    """Istio supports one level of delegation."""
    with pytest.raises(
        Refused, match=r"whose http\[1\]\.delegate delegates again: Istio supports one level"
    ) as refused:
        VIRTUAL_SERVICE.delegated(leaf(canary(), delegation("deeper")), root(delegation("leaf")))
    assert "VirtualService shop/root" in refused.value.hint


@pytest.mark.parametrize(("exported", "hidden"), [([], False), (["*"], False), (["."], True), (["shop"], False)])
def test_a_delegate_that_is_not_exported_is_pointed_out(exported: list[str], hidden: bool) -> None:
    """Istio ignores a delegation to what the delegating namespace cannot see; a dot is the delegate's own."""
    obj = leaf(canary(), exportTo=exported)
    obj["metadata"]["namespace"] = "infra"
    [route] = VIRTUAL_SERVICE.delegated(obj, root(delegation("leaf", "infra")))
    assert any("not exported to namespace shop" in warning for warning in route.warnings) is hidden
    [near] = VIRTUAL_SERVICE.delegated(leaf(canary(), exportTo=["."]), root(delegation("leaf")))
    assert len(near.warnings) == 1


def test_a_delegate_is_found_by_destination_when_nobody_asked_its_root() -> None:
    """Both ways lead to the same routes, so whoever follows must not also take these."""
    obj = leaf(canary())
    assert VIRTUAL_SERVICE.claim(obj, TARGET) is Claim.OWN
    [spoken], [followed] = (
        VIRTUAL_SERVICE.speaking(obj, TARGET),
        VIRTUAL_SERVICE.delegated(obj, root(delegation("leaf"))),
    )
    assert (spoken.label, spoken.arms) == (followed.label, followed.arms)
