"""Weights mean what the mesh takes them to mean."""

from __future__ import annotations

from typing import Any

import pytest

from playground.traffic.profile import DEFAULT, Mesh, ServiceProfile
from playground.traffic.routing import Arm, Objects, full_name, route_of, shares
from tests.playground.traffic.conftest import RouteLists

API = ServiceProfile("mesh-demo", "api", "istio", 10)
WEB = ServiceProfile("mesh-demo", "web", "linkerd", 10)


def named(kind_spec: dict[str, Any], name: str = "it", **metadata: str) -> dict[str, Any]:
    """Return an object of this spec in mesh-demo."""
    return {"metadata": {"name": name, "namespace": "mesh-demo", **metadata}, "spec": kind_spec}


def virtualservice(*weights: int | None, host: str = "api", **metadata: str) -> dict[str, Any]:
    """Return a VirtualService with arms v1, v2 ... of these weights; None leaves the key out."""
    route: list[dict[str, Any]] = []
    for number, weight in enumerate(weights, 1):
        entry: dict[str, Any] = {"destination": {"host": "api", "subset": f"v{number}"}}
        route.append(entry if weight is None else {**entry, "weight": weight})
    return named({"hosts": [host], "http": [{"route": route}]}, **metadata)


SUBSETS = named({"host": "api", "subsets": [{"name": f"v{n}", "labels": {"version": f"v{n}"}} for n in (1, 2, 3)]})


def api_shares(*items: dict[str, Any]) -> dict[str, float]:
    """Return the share of each arm of the api under these VirtualServices."""
    route = route_of(API, Objects(virtualservices=items, destinationrules=(SUBSETS,)))
    return {arm.name: arm.share for arm in route.arms}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([90, 10], [0.9, 0.1]),
        ([2, 3], [0.4, 0.6]),
        ([1, 1, 2], [0.25, 0.25, 0.5]),
        ([0], [1.0]),
        ([7], [1.0]),
        ([0, 0], [0.0, 0.0]),
        ([], []),
    ],
)
def test_shares_are_relative(weights: list[int], expected: list[float]) -> None:
    """Weights count against their total; one arm takes all; a total of 0 gives nothing."""
    assert list(shares(weights)) == pytest.approx(expected)


@pytest.mark.parametrize("host", ["api", "api.mesh-demo", "api.mesh-demo.svc", "api.mesh-demo.svc.cluster.local"])
def test_all_forms_of_a_host_are_one_service(host: str) -> None:
    """A VirtualService applies whichever of the four forms of the host it names."""
    assert full_name(host, "mesh-demo") == "api.mesh-demo.svc.cluster.local"
    assert api_shares(virtualservice(80, 20, host=host)) == {"v1": 0.8, "v2": 0.2}


@pytest.mark.parametrize("host", ["api.other", "api.example.com", "*", "apis"])
def test_another_host_is_not_this_service(host: str) -> None:
    """The same first label elsewhere, an outside name or a wildcard leaves the service without a route."""
    route = route_of(API, Objects(virtualservices=(virtualservice(1, 1, host=host),), destinationrules=(SUBSETS,)))
    assert (route.kind, [arm.workload for arm in route.arms]) == ("Service", ["api-v1"])


def test_an_absent_istio_weight_counts_zero() -> None:
    """Beside weighted arms of a VirtualService an arm without weight gets nothing."""
    assert api_shares(virtualservice(100, None)) == {"v1": 1.0, "v2": 0.0}


def test_a_lone_arm_takes_all_without_weight() -> None:
    """One destination without a weight gets every request."""
    assert api_shares(virtualservice(None)) == {"v1": 1.0}


def test_the_oldest_virtualservice_counts() -> None:
    """Of two VirtualServices for one host the sidecars use the older."""
    new = virtualservice(0, 100, name="a-new", creationTimestamp="2024-02-01T00:00:00Z")
    old = virtualservice(100, 0, name="b-old", creationTimestamp="2024-01-01T00:00:00Z")
    assert api_shares(new, old) == {"v1": 1.0, "v2": 0.0}


def test_a_gateways_virtualservice_is_not_the_meshs() -> None:
    """A VirtualService bound to an ingress gateway only does not move calls inside the mesh."""
    item = virtualservice(0, 100)
    item["spec"]["gateways"] = ["edge"]
    assert api_shares(item) == {"api": 1.0}
    item["spec"]["gateways"] = ["edge", "mesh"]
    assert api_shares(item) == {"v1": 0.0, "v2": 1.0}


def test_an_undefined_subset_leads_nowhere() -> None:
    """An arm whose subset no DestinationRule defines has no workload."""
    route = route_of(API, Objects(virtualservices=(virtualservice(50, 50),)))
    assert [arm.exists for arm in route.arms] == [False, False]


def test_a_subset_is_named_by_its_labels() -> None:
    """The version label comes from the DestinationRule, the arm's name stays the subset's."""
    rule = named({"host": "api.mesh-demo", "subsets": [{"name": "v1", "labels": {"version": "v7"}}]})
    route = route_of(API, Objects(virtualservices=(virtualservice(1),), destinationrules=(rule,)))
    assert route.arms == (Arm("v1", 1, 1.0, "api", "api-v7", "v7"),)


def test_split_weights() -> None:
    """A TrafficSplit's absent weight counts 0, and each backend is its own service, workload and version."""
    split = named({"service": "web", "backends": [{"service": "web-v1", "weight": 3}, {"service": "web-v2"}]})
    assert route_of(WEB, Objects(trafficsplits=(split,))).arms == (
        Arm("web-v1", 3, 1.0, "web-v1", "web-v1", "v1"),
        Arm("web-v2", 0, 0.0, "web-v2", "web-v2", "v2"),
    )


@pytest.mark.parametrize("mesh", ["istio", "linkerd"])
def test_httproute_weights(mesh: Mesh) -> None:
    """An HTTPRoute's absent weight counts 1, and both meshes follow a route whose parent is the Service."""
    rules = [{"backendRefs": [{"name": "web-v1", "weight": 3}, {"name": "web-v2"}]}]
    item = named({"parentRefs": [{"kind": "Service", "name": "web"}], "rules": rules})
    route = route_of(ServiceProfile("mesh-demo", "web", mesh, 1), Objects(httproutes=(item,)))
    assert [(arm.weight, arm.share) for arm in route.arms] == [(3, 0.75), (1, 0.25)]


def test_the_worlds_routes(world: RouteLists) -> None:
    """Each service of the demo world has the route, the arms and the weights that its table promises."""
    routes = {entry.service: route_of(entry, world.objects()) for entry in DEFAULT.services}
    assert {name: (route.kind, route.name) for name, route in routes.items()} == {
        "api": ("VirtualService", "api-vs"),
        "checkout": ("VirtualService", "checkout"),
        "web": ("TrafficSplit", "web-split"),
        "search": ("HTTPRoute", "search-route"),
    }
    arms = {name: [(arm.name, arm.weight, arm.workload) for arm in route.arms] for name, route in routes.items()}
    assert arms == {
        "api": [("v1", 90, "api-v1"), ("v2", 10, "api-v2")],
        "checkout": [("v1", 90, "checkout-v1"), ("v2", 10, "checkout-v2")],
        "web": [("web-v1", 90, "web-v1"), ("web-v2", 10, "web-v2")],
        "search": [("search-v1", 100, "search-v1"), ("search-v2", 0, "search-v2")],
    }


def test_the_checkout_keeps_matches_and_mirror_apart(world: RouteLists) -> None:
    """The header route and the mirror are known, but neither is among the weighted arms."""
    route = route_of(DEFAULT.services[1], world.objects())
    assert [arm.name for arm in route.matched] == ["v2"]
    assert route.mirror is not None
    assert (route.mirror.name, route.mirror.share) == ("v2", 1.0)
