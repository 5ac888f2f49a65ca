"""Argo Rollouts and Flagger, by their own objects."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.domain.routes import Owner, Route
from tests.workers.cluster.shapes import Obj, backends, canary, http_route, made, traffic_split, virtual_service
from workers.cluster.controllers import Controllers
from workers.cluster.table import ROUTING_APIS

VIRTUAL_SERVICE = virtual_service(canary())
SPLIT = traffic_split({"service": "api-v1", "weight": 1}, {"service": "api-v2", "weight": 1})
HTTP_ROUTE = http_route(backends(("api-v1", 1), ("api-v2", 1)))
GRPC_ROUTE = {**http_route(backends(("api-v1", 1), ("api-v2", 1))), "kind": "GRPCRoute"}


def rollout(routing: Any = None, *, steps: Any = (), status: Any = None, name: str = "api", **spec: Any) -> Obj:
    """Return a Rollout whose `trafficRouting` is `routing`."""
    strategy = {"canary": {"steps": list(steps), **({} if routing is None else {"trafficRouting": routing})}}
    obj = made("argoproj.io/v1alpha1", "Rollout", name, {"strategy": strategy, **spec})
    return obj | ({} if status is None else {"status": status})


def flagger(*, target: str = "api", status: Any = None, name: str = "api", **spec: Any) -> Obj:
    """Return a Canary of Flagger's for a Deployment `target`."""
    obj = made("flagger.app/v1beta1", "Canary", name, {"targetRef": {"kind": "Deployment", "name": target}, **spec})
    return obj | ({} if status is None else {"status": status})


def routes_of(obj: Obj) -> list[Route]:
    """Read an object with the reader of its kind."""
    [api] = [api for api in ROUTING_APIS if api.kind == obj["kind"]]
    return api.read(obj)


def owners(obj: Obj, *controlling: Obj) -> list[str]:
    """Return the owner's name of each route of `obj`, empty for none."""
    rollouts = tuple(one for one in controlling if one["kind"] == "Rollout")
    known = Controllers(rollouts, tuple(one for one in controlling if one["kind"] == "Canary"))
    found = (known.known(obj, route).owner for route in routes_of(obj))
    return [owner.name if owner else "" for owner in found]


def plugin(**settings: Any) -> Obj:
    """Return the traffic routing of the Gateway API plugin."""
    return {"plugins": {"argoproj-labs/gatewayAPI": settings}}


@pytest.mark.parametrize(
    ("obj", "routing"),
    [
        (VIRTUAL_SERVICE, {"istio": {"virtualService": {"name": "api-vs"}}}),
        (VIRTUAL_SERVICE, {"istio": {"virtualServices": [{"name": "other"}, {"name": "api-vs.shop"}]}}),
        (SPLIT, {"smi": {"trafficSplitName": "api-split"}}),
        (HTTP_ROUTE, plugin(httpRoute="api-route", namespace="shop")),
        (HTTP_ROUTE, plugin(httpRoutes=[{"name": "web"}, {"name": "api-route"}])),
        (HTTP_ROUTE | {"metadata": HTTP_ROUTE["metadata"] | {"labels": {"team": "a"}}},
         plugin(httpRouteSelector={"matchLabels": {"team": "a"}})),
        (GRPC_ROUTE, plugin(grpcRoute="api-route")),
        (GRPC_ROUTE, plugin(grpcRoutes=[{"name": "api-route"}])),
    ],
)  # fmt: skip
def test_a_rollout_owns_what_its_traffic_routing_names(obj: Obj, routing: Obj) -> None:
    """Argo Rollouts leaves no mark on most of what it moves."""
    assert owners(obj, rollout(), rollout(routing)) == ["Rollout shop/api"]


@pytest.mark.parametrize(
    ("obj", "routing"),
    [
        (VIRTUAL_SERVICE, {"istio": {"virtualService": {"name": "api-vs.elsewhere"}}}),
        (VIRTUAL_SERVICE, {"istio": {"virtualService": {"name": "api"}}}),
        (VIRTUAL_SERVICE, {"istio": {"destinationRule": {"name": "api-vs"}}}),
        (VIRTUAL_SERVICE, plugin(httpRoute="api-vs")),
        (SPLIT, {"smi": {}}),
        (SPLIT, {"nginx": {"stableIngress": "api-split"}}),
        (HTTP_ROUTE, plugin(httpRoute="api-route", namespace="elsewhere")),
        (HTTP_ROUTE, plugin(grpcRoute="api-route")),
        (HTTP_ROUTE, plugin(httpRouteSelector={"matchLabels": {"team": "a"}})),
        (HTTP_ROUTE, {"plugins": {"mine": "text"}}),
        (HTTP_ROUTE, None),
    ],
)
def test_a_rollout_owns_nothing_else(obj: Obj, routing: Obj | None) -> None:
    """Another name, namespace, kind or router is not this object."""
    assert owners(obj, rollout(routing)) == [""]


def test_a_split_without_a_name_is_called_like_its_rollout() -> None:
    """SMI's default in Argo Rollouts."""
    assert owners(SPLIT, rollout({"smi": {}}, name="api-split")) == ["Rollout shop/api-split"]


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ({"operator": "In", "values": ["a", "b"]}, True),
        ({"operator": "In", "values": ["b"]}, False),
        ({"operator": "NotIn", "values": ["b"]}, True),
        ({"operator": "NotIn", "values": ["a"]}, False),
        ({"operator": "Exists"}, True),
        ({"operator": "DoesNotExist"}, False),
    ],
)
def test_routes_may_be_selected_by_expressions(expression: Obj, selected: bool) -> None:
    """The plugin takes any label selector."""
    obj = HTTP_ROUTE | {"metadata": HTTP_ROUTE["metadata"] | {"labels": {"team": "a"}}}
    selector = {"matchExpressions": [{"key": "team", **expression}]}
    assert owners(obj, rollout(plugin(httpRouteSelector=selector))) == ["Rollout shop/api" if selected else ""]


def test_only_the_rules_that_a_rollout_names_are_its() -> None:
    """Weights of other rules of the same object may be moved here."""
    both = virtual_service(canary(name="primary"), canary(name="beta", match=[{"headers": {}}]))
    named = {"name": "api-vs", "routes": ["primary"]}
    assert owners(both, rollout({"istio": {"virtualService": named}})) == ["Rollout shop/api", ""]
    # Rules for connections have no names to tell them apart by.
    connections = {**named, "tlsRoutes": [{"port": 443}]}
    assert owners(both, rollout({"istio": {"virtualService": connections}})) == ["Rollout shop/api"] * 2


@pytest.mark.parametrize(
    ("spec", "obj", "owned"),
    [
        ({}, "VirtualService", True),
        ({}, "TrafficSplit", True),
        ({}, "HTTPRoute", True),
        ({}, "GRPCRoute", False),
        ({"provider": "istio"}, "VirtualService", True),
        ({"provider": "istio"}, "HTTPRoute", False),
        ({"provider": "linkerd"}, "TrafficSplit", True),
        ({"provider": "gatewayapi:v1"}, "HTTPRoute", True),
        ({"provider": "gatewayapi:v1beta1"}, "VirtualService", False),
        ({"provider": "smi:v1alpha2"}, "TrafficSplit", True),
        ({"provider": "kubernetes"}, "VirtualService", False),
        ({"provider": "nginx"}, "VirtualService", False),
        ({"service": {"name": "other"}}, "VirtualService", False),
        ({"service": {"name": "api"}, "target": "deployment-7"}, "VirtualService", True),
    ],
)
def test_flagger_owns_what_is_called_like_its_apex_service(spec: Any, obj: str, owned: bool) -> None:
    """By `service.name`, else by the target; of the kind that the provider writes."""
    one = next(one for one in (VIRTUAL_SERVICE, SPLIT, HTTP_ROUTE, GRPC_ROUTE) if one["kind"] == obj)
    one = one | {"metadata": one["metadata"] | {"name": "api"}}
    assert owners(one, flagger(**spec)) == ["Canary shop/api" if owned else ""]


def known(controlling: Obj, obj: Obj = VIRTUAL_SERVICE) -> Owner:
    """Return the owner of an object that says itself that `controlling` owns it."""
    reference = {"apiVersion": controlling["apiVersion"], "kind": controlling["kind"], "name": "api"}
    owned = obj | {"metadata": obj["metadata"] | {"ownerReferences": [reference]}}
    is_rollout = controlling["kind"] == "Rollout"
    controllers = Controllers((controlling,)) if is_rollout else Controllers((), (controlling,))
    owner = controllers.known(owned, routes_of(owned)[0]).owner
    assert owner is not None
    return owner


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (None, ""),
        ({"phase": "Healthy"}, "Healthy"),
        (
            {"phase": "Progressing", "currentStepIndex": 1, "canary": {"weights": {"canary": {"weight": 20}}}},
            "Progressing, step 2 of 3, canary weight 20",
        ),
        ({"phase": "Paused", "currentStepIndex": 0, "message": "CanaryPauseStep",
          "pauseConditions": [{"reason": "CanaryPauseStep"}]}, "Paused, step 1 of 3, CanaryPauseStep"),
        ({"phase": "Degraded", "abort": True, "currentStepIndex": 3, "message": "RolloutAborted"},
         "Degraded, aborted, step 3 of 3, RolloutAborted"),
    ],
)  # fmt: skip
def test_the_state_of_a_rollout_is_told(status: Obj | None, state: str) -> None:
    """Phase, step, weight, abort and message, as far as there are any."""
    steps = [{"setWeight": 10}, {"setWeight": 20}, {"pause": {}}]
    assert known(rollout(steps=steps, status=status)).state == state


def test_argo_rollouts_own_way_is_offered() -> None:
    """The commands of its kubectl plugin, complete with name and namespace."""
    assert known(rollout()).advice == (
        "kubectl argo rollouts promote api -n shop",
        "kubectl argo rollouts pause api -n shop",
        "kubectl argo rollouts abort api -n shop",
        "kubectl argo rollouts undo api -n shop",
    )


@pytest.mark.parametrize(
    ("status", "spec", "state"),
    [
        (None, {}, ""),
        ({"phase": "Initialized", "canaryWeight": 0, "failedChecks": 0}, {}, "Initialized, canary weight 0"),
        (
            {"phase": "Progressing", "canaryWeight": 20, "failedChecks": 2},
            {"suspend": True},
            "Progressing, suspended, canary weight 20, failed checks 2",
        ),
    ],
)
def test_the_state_of_a_canary_is_told(status: Obj | None, spec: Any, state: str) -> None:
    """Phase, weight, failed checks, and whether somebody suspended it."""
    assert known(flagger(status=status, **spec)).state == state


def test_flaggers_own_way_is_offered() -> None:
    """Flagger has no commands: its Canary is patched, and its gates are opened where it asks some."""
    hooks = [
        {"type": "rollback", "url": "http://tester.test/rollback/check"},
        {"type": "confirm-promotion", "url": "http://tester.test/gate/check"},
        {"type": "rollout", "url": "http://tester.test/"},
        {"type": "rollback", "url": "http://own.example/decide"},
    ]
    patch = "kubectl patch canary api -n shop --type merge -p"
    body = '{"name": "api", "namespace": "shop"}'
    assert known(flagger(analysis={"webhooks": hooks})).advice == (
        f'{patch} \'{{"spec": {{"skipAnalysis": true}}}}\'',
        f'{patch} \'{{"spec": {{"suspend": true}}}}\'',
        f"curl -d '{body}' http://tester.test/rollback/open",
        f"curl -d '{body}' http://tester.test/gate/open",
    )


def test_an_owner_that_cannot_be_read_stays_the_owner() -> None:
    """What the object says itself is kept without state, and the reason is told with every route."""
    reference = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "api"}
    owned = VIRTUAL_SERVICE | {"metadata": VIRTUAL_SERVICE["metadata"] | {"ownerReferences": [reference]}}
    blind = Controllers(unread=("meshbot may not list canaries.",))
    route = blind.known(owned, routes_of(owned)[0])
    assert route.owner == Owner("Flagger", "Canary shop/api")
    assert any("may not list canaries" in warning for warning in route.warnings)
    free = blind.known(VIRTUAL_SERVICE, routes_of(VIRTUAL_SERVICE)[0])
    assert free.owner is None
    assert any("may not list canaries" in warning for warning in free.warnings)
