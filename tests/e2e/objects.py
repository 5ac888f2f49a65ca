"""Objects for a real server: what it insists on and shapes leave out, and the shipped examples."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

from playground.cluster.manifests import documents
from tests.e2e.admin import Admin, Obj
from tests.world.town import bare

EXAMPLES = Path(__file__).parents[2] / "manifests/examples"
COLLECTIONS = (
    "apis/networking.istio.io/v1/virtualservices",
    "apis/networking.istio.io/v1/destinationrules",
    "apis/networking.istio.io/v1/gateways",
    "apis/security.istio.io/v1/authorizationpolicies",
    "apis/security.istio.io/v1/peerauthentications",
    "apis/split.smi-spec.io/v1alpha4/trafficsplits",
    "apis/gateway.networking.k8s.io/v1/httproutes",
    "apis/gateway.networking.k8s.io/v1/grpcroutes",
    "apis/flagger.app/v1beta1/canaries",
    "apis/argoproj.io/v1alpha1/rollouts",
    "apis/linkerd.io/v1alpha2/serviceprofiles",
    "apis/apps/v1/deployments",
    "apis/discovery.k8s.io/v1/endpointslices",
    "api/v1/services",
    "api/v1/pods",
)
"""Everything that tests make in their namespaces."""

GRPC_ROUTE: Obj = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "GRPCRoute",
    "metadata": {"name": "api-grpc", "namespace": "mesh-demo"},
    "spec": {
        "parentRefs": [{"group": "", "kind": "Service", "name": "api", "port": 80}],
        "rules": [
            {
                "backendRefs": [
                    {"name": "api-v1", "port": 80, "weight": 90},
                    {"name": "api-v2", "port": 80, "weight": 10},
                ]
            }
        ],
    },
}
"""What httproute.yaml says, for gRPC; nothing of it is shipped."""


def example(name: str) -> list[Obj]:
    """Return the objects of one shipped example file."""
    return documents((EXAMPLES / name).read_text(encoding="utf-8"))


def apply_example(admin: Admin, name: str) -> dict[str, Obj]:
    """Apply one example file as it is; kind -> object as the server has it."""
    return {obj["kind"]: admin.apply(obj) for obj in example(name)}


def theirs(obj: Obj) -> Obj:
    """Return what people wrote of an object: without what each write changes, our annotations and the status."""
    return {key: value for key, value in bare(obj).items() if key != "status"}


def filled(obj: Obj) -> Obj:
    """Return one of the stand-in's shapes with what a real API server insists on, without what only it writes."""
    made = deepcopy(obj)
    for key in ("uid", "resourceVersion", "generation"):
        made["metadata"].pop(key, None)
    fill = _FILLERS.get(made["kind"])
    if fill:
        fill(made)
    return made


def _fill_service(made: Obj) -> None:
    made["spec"].setdefault("ports", [{"port": 80}])


def _fill_pod(made: Obj) -> None:
    made["spec"].setdefault("containers", [{"name": "app", "image": "none.invalid/app"}])
    # On a cluster with kubelets nobody must start it and say how it is.
    made["spec"].setdefault("schedulerName", "nobody")


def _fill_slice(made: Obj) -> None:
    made.pop("spec")
    made.setdefault("addressType", "IPv4")


def _fill_http_route(made: Obj) -> None:
    for rule in made["spec"]["rules"]:
        for ref in rule.get("backendRefs") or []:
            ref.setdefault("port", 80)


_FILLERS = {
    "Service": _fill_service,
    "Pod": _fill_pod,
    "EndpointSlice": _fill_slice,
    "HTTPRoute": _fill_http_route,
}
