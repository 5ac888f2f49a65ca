"""What test_stand_in.py sends to both servers: how a request is told, and about which objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.e2e.admin import Obj
from tests.e2e.objects import example

ROUTES = "/apis/networking.istio.io/v1beta1/namespaces/mesh-demo/virtualservices"
ROUTE = f"{ROUTES}/api-vs"
HTTP_ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/mesh-demo/httproutes"
HTTP_ROUTE = f"{HTTP_ROUTES}/api-route"
GRPC_ROUTES = HTTP_ROUTES.replace("httproutes", "grpcroutes")
GRPC_ROUTE = f"{GRPC_ROUTES}/api-grpc"
SPLITS = "/apis/split.smi-spec.io/v1alpha2/namespaces/mesh-demo/trafficsplits"
SPLIT = f"{SPLITS}/api-split"
DESTINATIONS = ROUTES.replace("virtualservices", "destinationrules")
CANARIES = "/apis/flagger.app/v1beta1/namespaces/mesh-demo/canaries"
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/mesh-demo/rollouts"
SERVICES = "/api/v1/namespaces/mesh-demo/services"
PODS = "/api/v1/namespaces/mesh-demo/pods"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/mesh-demo/endpointslices"
RULE = "/spec/http/0"
ARM = "/spec/rules/0/backendRefs/0"
JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True)
class Case:
    """One request to both servers."""

    what: str
    method: str
    path: str
    body: Any = None
    content_type: str = "application/json"
    words: bool = True
    """False where the message quotes the whole object or names Go's types: then it is not compared."""


def patch(what: str, *operations: Obj, path: str = ROUTE, words: bool = True) -> Case:
    """A JSON patch, tried and not written."""
    return Case(what, "PATCH", f"{path}{'&' if '?' in path else '?'}dryRun=All", list(operations), JSON_PATCH, words)


def op(name: str, pointer: str, *value: Any) -> Obj:
    """One operation of a JSON patch; without a value it has none."""
    return {"op": name, "path": pointer, **({"value": value[0]} if value else {})}


def post(what: str, path: str, obj: Obj, *, query: str = "", words: bool = True) -> Case:
    """A new object, tried and not written."""
    return Case(what, "POST", f"{path}?dryRun=All{query}", obj, words=words)


def get(what: str, path: str, *, words: bool = True) -> Case:
    """A read."""
    return Case(what, "GET", path, words=words)


def changed(obj: Obj, **metadata: Any) -> Obj:
    """Return an object with other metadata."""
    return {**obj, "metadata": {**obj["metadata"], **metadata}}


def made(api_version: str, kind: str, name: str, spec: Obj, **rest: Any) -> Obj:
    """Return an object of the namespace mesh-demo."""
    meta = {"name": name, "namespace": "mesh-demo"}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **({"spec": spec} if spec else {}), **rest}


TWIN = {**example("istio-traffic.yaml")[1], "metadata": {"name": "api-vs", "namespace": "mesh-demo"}}
FRESH = changed(TWIN, name="fresh")
BACKENDS = [{"name": "api-v1", "port": 80}, {"name": "api-v2", "port": 80, "weight": 3}]
GRPC = made(
    "gateway.networking.k8s.io/v1",
    "GRPCRoute",
    "api-grpc",
    {
        "parentRefs": [{"name": "public"}],
        "rules": [{"matches": [{"method": {"service": "shop.Api"}}], "backendRefs": BACKENDS}],
    },
)
CANARY = made(
    "flagger.app/v1beta1",
    "Canary",
    "api",
    {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
        "service": {"port": 80, "hosts": ["api"]},
        "analysis": {"interval": "1m", "threshold": 5, "stepWeight": 10},
    },
)
ROLLOUT = made(
    "argoproj.io/v1alpha1",
    "Rollout",
    "api",
    {"replicas": 2, "strategy": {"canary": {"steps": [{"setWeight": 20}]}}},
)
TCP = made(
    "networking.istio.io/v1beta1",
    "VirtualService",
    "api-tcp",
    {
        "hosts": ["api"],
        "tcp": [
            {"route": [{"destination": {"host": "api", "subset": "v1"}, "weight": 2}, {"destination": {"host": "b"}}]}
        ],
        "tls": [
            {
                "match": [{"sniHosts": ["api"], "port": 443}],
                "route": [{"destination": {"host": "a"}, "weight": 1}, {"destination": {"host": "b"}, "weight": 2}],
            }
        ],
    },
)
QUANTITIES = made(
    "split.smi-spec.io/v1alpha1",
    "TrafficSplit",
    "quantities",
    {"service": "api", "backends": [{"service": "a", "weight": "900m"}, {"service": "b", "weight": 1}]},
)
MATCHES = made(
    "split.smi-spec.io/v1alpha4",
    "TrafficSplit",
    "matches",
    {
        "service": "api",
        "matches": [{"kind": "HTTPRouteGroup", "name": "g"}],
        "backends": [{"service": "a", "weight": 9}, {"service": "b", "weight": 0}],
    },
)
SLICE = made(
    "discovery.k8s.io/v1",
    "EndpointSlice",
    "api-v1-x",
    {},
    addressType="IPv4",
    endpoints=[{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
    ports=[{"name": "http", "port": 80, "protocol": "TCP"}],
)
SLICE["metadata"]["labels"] = {"kubernetes.io/service-name": "api-v1"}
STORED = (GRPC, CANARY, ROLLOUT, TCP, QUANTITIES, SLICE)
"""What both servers have beside the examples."""
