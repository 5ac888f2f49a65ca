"""GRPCRoutes: what differs from HTTPRoutes, and that the rest does not."""

from __future__ import annotations

import pytest

from mesh.domain.routes import Acceptance
from tests.workers.cluster.edits import changed, edited, undone, written
from tests.workers.cluster.shapes import GATEWAY_PARENT, MESH_PARENT, TARGET, Obj, backends, made
from workers.cluster.grpcroute import GRPC_ROUTE

SPLIT = backends(("api-v1", 90), ("api-v2", 10))
OTHER = SPLIT | {"matches": [{"method": {"service": "other.Api"}}]}


def grpc_route(*rules: Obj, parent: Obj = MESH_PARENT, version: str = "v1") -> Obj:
    """Return a GRPCRoute."""
    spec = {"parentRefs": [parent], "rules": list(rules)}
    return made(f"gateway.networking.k8s.io/{version}", "GRPCRoute", "api-grpc", spec)


@pytest.mark.parametrize("version", ["v1", "v1alpha2"])
def test_backend_refs_are_arms(version: str) -> None:
    """As in an HTTPRoute, in both versions; an absent weight is 1."""
    [route] = GRPC_ROUTE.read(grpc_route(backends(("api-v1", 3), ("api-v2", None)), version=version))
    assert (route.kind, route.plural, route.version) == ("GRPCRoute", "grpcroutes", version)
    assert [route.share(arm) for arm in route.arms] == [75.0, 25.0]
    assert route.arms[1].pointer == "/spec/rules/0/backendRefs/1/weight"


@pytest.mark.parametrize(
    ("match", "label"),
    [
        ({"method": {"service": "shop.Api"}}, "rules service:shop.Api"),
        ({"method": {"service": "shop.Api", "method": "Get"}}, "rules method:shop.Api/Get"),
        ({"method": {"method": "Get", "type": "Exact"}}, "rules method:*/Get"),
        ({"method": {"service": "shop..*", "type": "RegularExpression"}}, "rules service:~shop..*"),
        (
            {"headers": [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}], "method": {"method": "Get"}},
            "rules method:*/Get header:a=1 header:b=2",
        ),
        ({}, "rules default"),
        ({"method": {"type": "Exact"}}, "rules default"),
    ],
)
def test_a_rule_is_named_by_what_it_matches(match: Obj, label: str) -> None:
    """Service, method and headers, wherever the rule stands."""
    one = SPLIT | {"matches": [match]}
    assert GRPC_ROUTE.read(grpc_route(one, OTHER))[0].rule == label
    assert GRPC_ROUTE.read(grpc_route(OTHER, one))[1].rule == label


def test_parents_claim_and_gateways_by_the_names_of_backends() -> None:
    """A Service parent claims all; under a Gateway the backends must be the service's versions."""
    assert len(GRPC_ROUTE.speaking(grpc_route(backends(("web", 1))), TARGET)) == 1
    assert len(GRPC_ROUTE.speaking(grpc_route(SPLIT, parent=GATEWAY_PARENT), TARGET)) == 1
    strangers = backends(("api-gateway", 1), ("api-orders", 1))
    assert GRPC_ROUTE.speaking(grpc_route(strangers, parent=GATEWAY_PARENT), TARGET) == []
    assert GRPC_ROUTE.names(grpc_route(SPLIT, parent=GATEWAY_PARENT)) == {"api"}


def test_the_status_of_its_parents_is_read() -> None:
    """Accepted at the new generation, or not yet."""
    condition = {"type": "Accepted", "status": "True", "observedGeneration": 3}
    obj = grpc_route(SPLIT) | {"status": {"parents": [{"parentRef": MESH_PARENT, "conditions": [condition]}]}}
    assert GRPC_ROUTE.read(obj)[0].acceptance is Acceptance.ACCEPTED
    assert GRPC_ROUTE.read(grpc_route(SPLIT))[0].acceptance is Acceptance.PENDING


def test_an_edit_touches_its_weights_only_and_can_be_taken_back() -> None:
    """An absent weight is absent again after the undo."""
    obj = grpc_route(OTHER, backends(("api-v1", 3), ("api-v2", None)) | {"filters": [{"type": "RequestMirror"}]})
    route = GRPC_ROUTE.read(obj)[1]
    after = edited(obj, route, {"api-v1": 50, "api-v2": 50})
    assert changed(obj, after) == {f"/spec/rules/1/backendRefs/{index}/weight" for index in (0, 1)}
    assert written(undone(GRPC_ROUTE, after, route.rule)) == written(obj)
