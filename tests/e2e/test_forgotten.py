"""The store was emptied: what the object itself remembers is enough, for each rule of each kind of object."""

from __future__ import annotations

import pytest

from mesh.domain.operations import State
from tests.e2e.admin import Admin, Obj
from tests.e2e.bench import RealBench
from tests.e2e.objects import theirs
from tests.e2e.workloads import apply_workload

HOST = "api.mesh-demo.svc.cluster.local"
RULES = ("canary", "default")
SUBSETS = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
RULED: Obj = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "DestinationRule",
    "metadata": {"name": "api", "namespace": "mesh-demo"},
    "spec": {"host": HOST, "subsets": SUBSETS},
}


def _object(version: str, kind: str, spec: Obj) -> Obj:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "api", "namespace": "mesh-demo"}, "spec": spec}


def _subsets(v1: int, v2: int) -> list[Obj]:
    weights = (("v1", v1), ("v2", v2))
    return [{"destination": {"host": HOST, "subset": arm}, "weight": weight} for arm, weight in weights]


def _backends(v1: int, v2: int) -> list[Obj]:
    return [{"name": f"api-{arm}", "port": 80, "weight": weight} for arm, weight in (("v1", v1), ("v2", v2))]


PARENT = {"group": "", "kind": "Service", "name": "api", "port": 80}
VIRTUAL_SERVICE = _object(
    "networking.istio.io/v1beta1",
    "VirtualService",
    {
        "hosts": [HOST],
        "http": [
            {"name": "canary", "match": [{"headers": {"x-canary": {"exact": "yes"}}}], "route": _subsets(20, 80)},
            {"name": "default", "route": _subsets(90, 10), "timeout": "3s"},
        ],
    },
)
HTTP_ROUTE = _object(
    "gateway.networking.k8s.io/v1",
    "HTTPRoute",
    {
        "parentRefs": [PARENT],
        "rules": [
            {"matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}], "backendRefs": _backends(20, 80)},
            {"backendRefs": _backends(90, 10)},
        ],
    },
)
GRPC_ROUTE = _object(
    "gateway.networking.k8s.io/v1",
    "GRPCRoute",
    {
        "parentRefs": [PARENT],
        "rules": [
            {"matches": [{"method": {"service": "shop.Api", "method": "Get"}}], "backendRefs": _backends(20, 80)},
            {"backendRefs": _backends(90, 10)},
        ],
    },
)
OBJECTS = [VIRTUAL_SERVICE, HTTP_ROUTE, GRPC_ROUTE]


@pytest.fixture
def before(admin: Admin, demo: str, obj: Obj) -> Obj:
    """An object with two weighted rules, 20/80 and 90/10."""
    apply_workload(admin)
    admin.apply(RULED)
    return admin.apply(obj)


def weights(admin: Admin, obj: Obj) -> list[list[int]]:
    """The weights of all rules as they are now."""
    spec = admin.get(obj)["spec"]
    rules = spec.get("http") or spec["rules"]
    return [[arm["weight"] for arm in rule.get("route") or rule["backendRefs"]] for rule in rules]


def keys(bench: RealBench) -> list[str]:
    """How commands name the rules, in their order."""
    return [status.key for status in bench.succeed("status api").statuses]


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj["kind"])
def test_each_rule_remembers_its_own(admin: Admin, bench: RealBench, before: Obj) -> None:
    """Both rules are moved; without a store each is undone by itself, in either order, and then all is as it was."""
    first, second = keys(bench)
    bench.succeed(f"set api v1=30 v2=70 --route '{first}'")
    bench.succeed(f"set api v1=60 v2=40 --route '{second}'")
    assert weights(admin, before) == [[30, 70], [60, 40]]
    bench.forget()
    bench.succeed(f"undo api --route '{first}'")
    assert weights(admin, before) == [[20, 80], [60, 40]]
    bench.forget()
    bench.succeed(f"undo api --route '{second}'")
    assert theirs(admin.get(before)) == theirs(before)


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj["kind"])
def test_rollback_needs_no_store(admin: Admin, bench: RealBench, before: Obj) -> None:
    """The object says who is stable, whatever the weights look like by now; the other rule is left alone."""
    _, second = keys(bench)
    bench.succeed(f"set api v1=30 v2=70 --route '{second}'")
    bench.forget()
    bench.succeed(f"rollback api --route '{second}'")
    assert weights(admin, before) == [[20, 80], [100, 0]]


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj["kind"])
def test_which_rule_is_meant_must_be_said(admin: Admin, bench: RealBench, before: Obj) -> None:
    """Two rules carry weights: refused with a command for each, and each of these is understood."""
    refused = bench.do("rollback api")
    assert refused.state is State.REFUSED
    assert len(refused.choices) == 2
    assert theirs(admin.get(before)) == theirs(before)
    bench.succeed(refused.choices[1])
    assert weights(admin, before) == [[20, 80], [100, 0]]
