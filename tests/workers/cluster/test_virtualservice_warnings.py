"""Whose callers follow a VirtualService, and what is said of it."""

from __future__ import annotations

import pytest

from mesh.domain.commands import Target
from tests.workers.cluster.shapes import Obj, arm, canary, virtual_service
from workers.cluster.virtualservice import VIRTUAL_SERVICE, read
from workers.memory import MemoryCluster


def warnings(obj: Obj) -> str:
    """Return the warnings of the object's first route as one text."""
    return " ".join(read(obj)[0].warnings)


def aged(name: str, created: str, **spec: object) -> Obj:
    """Return a VirtualService of `api` with an age."""
    obj = virtual_service(canary(), name=name, **spec)
    obj["metadata"]["creationTimestamp"] = created
    return obj


def test_an_ordinary_object_has_none() -> None:
    """Nothing is said where there is nothing to know."""
    assert warnings(virtual_service(canary(), hosts=["api", "api.shop.svc.cluster.local"], exportTo=["*"])) == ""
    assert warnings(virtual_service(canary(), gateways=["mesh", "public"])) == ""


def test_a_gateway_alone_leaves_the_mesh_out() -> None:
    """Without `mesh` among its gateways, calls between services do not follow it."""
    assert "gateway infra/public, www follows" in warnings(virtual_service(canary(), gateways=["infra/public", "www"]))


@pytest.mark.parametrize(
    ("exported", "said"), [(["."], "shop."), (["web", "."], "shop, web."), (["web"], ": web."), (["~"], ": none.")]
)
def test_an_export_names_who_follows(exported: list[str], said: str) -> None:
    """Only the namespaces it is exported to follow it; a dot is its own."""
    assert f"spec.exportTo){said if said[0] == ':' else ': ' + said}" in warnings(
        virtual_service(canary(), exportTo=exported)
    )


@pytest.mark.parametrize(
    "above",
    [
        None,
        [],
        [{}],
        [{"name": "all"}],
        [{"uri": {"prefix": "/"}}],
        [{"uri": {"regex": ".*"}}],
        [{"uri": {"prefix": "/v2"}}, {"headers": {"x-test": {"exact": "on"}}}, {"uri": {"prefix": "/v1"}}],
    ],
)
def test_a_rule_that_gets_nothing_is_told_of(above: list[Obj] | None) -> None:
    """Istio follows the first rule that matches, so one whose matches are all taken above moves nothing."""
    first = canary() if above is None else canary() | {"match": above}
    second = canary() | {"match": [{"uri": {"prefix": "/v1"}}, {"uri": {"prefix": "/v2"}}]}
    said = [" ".join(route.warnings) for route in read(virtual_service(first, second))]
    assert ["gets no request" in one for one in said] == [False, True]


@pytest.mark.parametrize(
    "above",
    [
        canary() | {"match": [{"uri": {"prefix": "/v2"}}]},
        canary() | {"match": [{"uri": {"prefix": "/"}, "port": 8080}]},
        canary() | {"match": [{"gateways": ["public"]}]},
        {"delegate": {"name": "other"}},
    ],
)
def test_a_rule_that_gets_what_is_left_is_an_ordinary_one(above: Obj) -> None:
    """A rule for some requests, some callers or one gateway leaves the rest; what a delegate takes is not known."""
    second = canary() | {"match": [{"uri": {"prefix": "/v1"}}, {"uri": {"prefix": "/v2"}}]}
    assert "gets no request" not in " ".join(read(virtual_service(above, second))[-1].warnings)


def test_several_services_move_together() -> None:
    """One object for two Services changes both."""
    assert "several services: api.shop, web.other." in warnings(virtual_service(canary(), hosts=["web.other", "api"]))


@pytest.mark.parametrize("host", ["api.shop", "api.shop.svc"])
def test_half_names_are_pointed_out(host: str) -> None:
    """Istio completes names without dots only; other half names reach no Service."""
    said = f"Istio does not complete the host {host}: as a Service it is api.shop.svc.cluster.local."
    assert said in warnings(virtual_service(canary(), hosts=[host]))
    assert said in warnings(virtual_service({"route": [arm(host)]}))


def test_hosts_of_the_world_are_left_in_peace() -> None:
    """A domain with one dot is not taken for half a name."""
    assert warnings(virtual_service({"route": [arm("example.com", weight=1), arm("api", weight=1)]})) == ""


def test_the_younger_of_two_in_the_mesh_is_warned_of() -> None:
    """Sidecars follow the older one only; it needs no warning itself."""
    old = aged("z", "2024-01-01T00:00:00Z")
    young = aged("a", "2025-01-01T00:00:00Z", hosts=["api.shop.svc.cluster.local"])
    [said] = VIRTUAL_SERVICE.beside(young, [old])
    assert said.startswith("VirtualService shop/z is older and has the same host")
    assert VIRTUAL_SERVICE.beside(old, [young]) == ()


def test_gateways_merge_and_other_hosts_do_not_meet() -> None:
    """Two objects for gateways, or for different hosts, both count."""
    old, young = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
    for spec in ({"gateways": ["public"]}, {"hosts": ["web"]}):
        assert VIRTUAL_SERVICE.beside(aged("a", young), [aged("z", old, **spec)]) == ()
        assert VIRTUAL_SERVICE.beside(aged("a", young, **spec), [aged("z", old)]) == ()


def test_of_one_age_the_first_name_counts() -> None:
    """One `kubectl apply` makes both within a second: then Istio goes by name, then by namespace."""
    short, long = (aged(name, "2024-01-01T00:00:00Z") for name in ("api", "api-canary"))
    assert VIRTUAL_SERVICE.beside(short, [long]) == ()
    [said] = VIRTUAL_SERVICE.beside(long, [short])
    assert said.startswith("VirtualService shop/api is older")


def test_the_warning_reaches_whoever_asks_for_routes() -> None:
    """It needs both objects, so it is made where they are found and not where one is read."""
    old, young = aged("z", "2024-01-01T00:00:00Z"), aged("a", "2025-01-01T00:00:00Z")
    found = MemoryCluster([old, young]).routes(Target("demo", "shop", "api"))
    warned = {route.name for route in found if "is older and has the same host" in " ".join(route.warnings)}
    assert warned == {"a"}
