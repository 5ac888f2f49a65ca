"""HTTPRoutes in the mesh and behind gateways."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workers.cluster.shapes import GATEWAY_PARENT, MESH_PARENT, TARGET, backends, http_route
from workers.cluster.httproute import HTTP_ROUTE, read

SPLIT = backends(("api-v1", 90), ("api-v2", 10))


def test_backend_refs_are_arms() -> None:
    """Names, weights, pointers and the keys that are present as identity."""
    refs = [{"name": "api-v1", "weight": 9}, {"name": "api-v2", "port": 80, "namespace": "other", "group": ""}]
    [route] = read(http_route({"backendRefs": refs}))
    second = route.arms[1]
    assert (second.name, second.weight, second.effective) == ("api-v2", None, 1)
    assert second.pointer == "/spec/rules/0/backendRefs/1/weight"
    assert dict(second.identity) == {
        "/spec/rules/0/backendRefs/1/name": "api-v2",
        "/spec/rules/0/backendRefs/1/namespace": "other",
        "/spec/rules/0/backendRefs/1/port": 80,
        "/spec/rules/0/backendRefs/1/group": "",
    }
    assert (second.service, second.namespace) == ("api-v2", "other")


def test_an_absent_weight_is_one() -> None:
    """Without weights, two backends share evenly; a lone backend with weight 0 gets nothing."""
    even, none = read(http_route(backends(("api-v1", None), ("api-v2", None)), backends(("api-v1", 0))))
    assert [even.share(arm) for arm in even.arms] == [50.0, 50.0]
    assert none.share(none.arms[0]) == 0


def test_rules_are_named_where_there_is_a_choice() -> None:
    """A redirecting rule has no arms, and the others keep their places."""
    routes = read(http_route({"filters": []}, SPLIT | {"name": "split"}, SPLIT))
    assert [route.rule for route in routes] == ['rules "split"', "rules[2]"]


@pytest.mark.parametrize(
    ("parent", "claimed"),
    [
        (MESH_PARENT, True),
        ({**MESH_PARENT, "group": "core"}, True),
        ({**MESH_PARENT, "namespace": "shop"}, True),
        ({**MESH_PARENT, "namespace": "other"}, False),
        ({**MESH_PARENT, "name": "web"}, False),
        ({"kind": "Service", "name": "api"}, False),
        ({**MESH_PARENT, "kind": "ServiceImport"}, False),
    ],
)
def test_service_parents_claim(parent: dict[str, Any], claimed: bool) -> None:
    """Only a core Service of that name and namespace; an absent group is the Gateway API's own."""
    assert bool(HTTP_ROUTE.speaking(http_route(SPLIT, parents=[parent]), TARGET)) is claimed


@pytest.mark.parametrize(
    ("refs", "claimed"),
    [
        ((("api-v1", 1), ("api-v2", 1)), True),
        ((("api", 1), ("api-canary", 1)), True),
        ((("api-v1", 1), ("web-v1", 1)), False),
        ((("apix", 1), ("api-v2", 1)), False),
        ((("api", 1),), False),
        ((("api-gateway-v1", 1), ("api-gateway-v2", 1)), False),
        ((("api-gateway", 1), ("api-gateway-canary", 1)), False),
    ],
)
def test_behind_a_gateway_names_of_backends_claim(refs: tuple[tuple[str, int], ...], claimed: bool) -> None:
    """Weighted rules whose backends have the service's whole name in common, and not one that begins like it."""
    assert bool(HTTP_ROUTE.speaking(http_route(backends(*refs), parents=[GATEWAY_PARENT]), TARGET)) is claimed


def test_backends_of_other_kinds_have_no_service() -> None:
    """A backend that is no Service is an arm without endpoints to count."""
    [route] = read(http_route({"backendRefs": [{"name": "api-v1", "kind": "InferencePool", "group": "x.io"}]}))
    assert (route.arms[0].name, route.arms[0].service) == ("api-v1", "")


def test_backends_of_the_same_name_are_told_apart() -> None:
    """Namespaces and ports make the difference."""
    refs = [{"name": "api", "namespace": "blue"}, {"name": "api", "namespace": "green"}]
    ports = [{"name": "api", "port": 80}, {"name": "api", "port": 81}]
    named = [[arm.name for arm in one.arms] for one in read(http_route({"backendRefs": refs}, {"backendRefs": ports}))]
    assert named == [["api.blue", "api.green"], ["api:80", "api:81"]]


def test_a_parent_that_does_not_accept_is_a_warning() -> None:
    """The status of each parent is told when it says no."""
    no = {"type": "Accepted", "status": "False", "message": "no such section"}
    yes = {"type": "Accepted", "status": "True"}
    status = {
        "parents": [{"parentRef": MESH_PARENT, "conditions": [no]}, {"parentRef": MESH_PARENT, "conditions": [yes]}]
    }
    [route] = read(http_route(SPLIT, status=status))
    assert route.warnings == ("HTTPRoute shop/api-route is not accepted by api: no such section",)


def test_names_come_from_parents_or_from_what_backends_share() -> None:
    """A mesh route is named by its parents, a gateway's by what its backends have in common."""
    assert HTTP_ROUTE.names(http_route(SPLIT)) == {"api"}
    gateway = http_route(backends(("my-api-v1", 1), ("my-api-v2", 1)), backends(("a", 1)), parents=[GATEWAY_PARENT])
    assert HTTP_ROUTE.names(gateway) == {"my-api"}
