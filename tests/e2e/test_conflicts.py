"""Other writers, and what a real API server refuses: nothing of either side is lost."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from mesh.domain.errors import Conflict, Refused
from mesh.domain.plans import PatchOp, Plan, Roles, plan
from mesh.domain.routes import STAMP_OPERATION, Route, Weights
from tests.e2e.admin import MERGE, Admin, Obj
from tests.e2e.conftest import DEMO
from tests.e2e.objects import apply_example
from tests.world.town import bare
from workers.cluster.adapter import KubernetesCluster

ROLES = Roles("v1", "v2")
KINDS = [
    ("istio-traffic.yaml", "VirtualService"),
    ("linkerd-split.yaml", "TrafficSplit"),
    ("httproute.yaml", "HTTPRoute"),
]
WRITES = 60


def half(route: Route) -> Plan:
    """Plan equal weights for both arms."""
    return plan(route, {arm.name: 50 for arm in route.arms}, ROLES, stamps={STAMP_OPERATION: "op-1"})


def unguarded(change: Plan) -> Plan:
    """The same plan without its test of the version, so that the other tests must hold."""
    return replace(change, patch=tuple(one for one in change.patch if one.path != "/metadata/resourceVersion"))


def merge(admin: Admin, obj: Obj, change: Any) -> Obj:
    """Write as somebody else does."""
    return admin.must("PATCH", f"{admin.path(obj)}/{obj['metadata']['name']}", change, MERGE)


def moved(obj: Obj) -> Obj:
    """A merge patch that gives the object 70/30."""
    spec: Obj = obj["spec"]
    both = (70, 30)
    if "backends" in spec:
        arms = [one | {"weight": weight} for one, weight in zip(spec["backends"], both, strict=True)]
        return {"spec": {"backends": arms}}
    key, inner = ("http", "route") if "http" in spec else ("rules", "backendRefs")
    [rule] = spec[key]
    arms = [one | {"weight": weight} for one, weight in zip(rule[inner], both, strict=True)]
    return {"spec": {key: [rule | {inner: arms}]}}


@pytest.mark.parametrize(("file", "kind"), KINDS)
def test_a_write_between_read_and_patch_is_a_conflict(
    admin: Admin, cluster: KubernetesCluster, demo: str, file: str, kind: str
) -> None:
    """Even one that touched nothing of ours; nothing is written over it."""
    before = apply_example(admin, file)[kind]
    [route] = cluster.routes(DEMO)
    theirs = merge(admin, before, {"metadata": {"labels": {"team": "payments"}}})
    with pytest.raises(Conflict, match="changed"):
        cluster.patch(half(route), DEMO)
    assert admin.get(before) == theirs


@pytest.mark.parametrize(("file", "kind"), KINDS)
def test_moved_weights_are_a_conflict_of_their_own(
    admin: Admin, cluster: KubernetesCluster, demo: str, file: str, kind: str
) -> None:
    """The tests of the weights hold without that of the version."""
    before = apply_example(admin, file)[kind]
    [route] = cluster.routes(DEMO)
    theirs = merge(admin, before, moved(before))
    with pytest.raises(Conflict, match="changed"):
        cluster.patch(unguarded(half(route)), DEMO)
    assert admin.get(before) == theirs


@pytest.mark.parametrize(("file", "kind"), KINDS)
def test_a_list_that_grew_shorter_is_a_conflict(
    admin: Admin, cluster: KubernetesCluster, demo: str, file: str, kind: str
) -> None:
    """A pointer into nowhere is not taken for an object that is not valid."""
    before = apply_example(admin, file)[kind]
    [route] = cluster.routes(DEMO)
    change = moved(before)
    for value in change["spec"].values():
        (value[0].get("route") or value[0].get("backendRefs") or value).pop()
    merge(admin, before, change)
    with pytest.raises(Conflict, match="changed"):
        cluster.patch(unguarded(half(route)), DEMO)


@pytest.mark.parametrize(("file", "kind"), KINDS)
def test_an_object_that_is_gone_is_a_conflict(
    admin: Admin, cluster: KubernetesCluster, demo: str, file: str, kind: str
) -> None:
    """And reading it again says None; made anew it is another object."""
    before = apply_example(admin, file)[kind]
    [route] = cluster.routes(DEMO)
    admin.must("DELETE", f"{admin.path(before)}/{before['metadata']['name']}")
    with pytest.raises(Conflict, match="is gone"):
        cluster.patch(half(route), DEMO)
    assert cluster.reread(half(route), DEMO) is None
    apply_example(admin, file)
    with pytest.raises(Conflict, match="changed"):
        cluster.patch(half(route), DEMO)
    again = cluster.reread(half(route), DEMO)
    assert again is not None
    assert again.uid != route.uid


@pytest.mark.parametrize(
    ("file", "value", "field"),
    [
        ("httproute.yaml", -1, "spec.rules[0].backendRefs[0].weight"),
        ("httproute.yaml", 1_000_001, "spec.rules[0].backendRefs[0].weight"),
        ("httproute.yaml", "half", "spec.rules[0].backendRefs[0].weight"),
        ("istio-traffic.yaml", 1.5, "spec.http[0].route[0].weight"),
        ("istio-traffic.yaml", "half", "spec.http[0].route[0].weight"),
        ("linkerd-split.yaml", "half", "spec.backends[0].weight"),
    ],
)
@pytest.mark.usefixtures("demo")
def test_what_the_definition_forbids_is_refused(
    admin: Admin, cluster: KubernetesCluster, file: str, value: Any, field: str
) -> None:
    """The server's own words name the field; it is no conflict, and nothing is written."""
    before = next(iter(apply_example(admin, file).values()))
    [route] = cluster.routes(DEMO)
    change = half(route)
    first = next(one for one in change.patch if one.op == "replace")
    wrong = replace(
        change, patch=tuple(PatchOp("replace", one.path, value) if one is first else one for one in change.patch)
    )
    with pytest.raises(Refused, match="refused") as caught:
        cluster.patch(wrong, DEMO)
    assert field in caught.value.message
    assert bare(admin.get(before)) == bare(before)


@pytest.mark.parametrize(("file", "kind"), KINDS)
def test_two_writers_in_a_loop_lose_nothing(
    admin: Admin, cluster: KubernetesCluster, demo: str, file: str, kind: str
) -> None:
    """Somebody writes a label a time while we move weights to and fro: every label and every move arrives."""
    before = apply_example(admin, file)[kind]
    somebody = threading.Thread(target=_label, args=(Admin(admin.kubeconfig), before))
    somebody.start()
    try:
        moves, conflicts = _move_until(cluster, lambda: not somebody.is_alive())
    finally:
        somebody.join()
    after = admin.get(before)
    labels = after["metadata"]["labels"]
    assert labels == {f"n{number}": "written" for number in range(WRITES)}
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + moves
    assert conflicts, "the two never met"
    [route] = cluster.routes(DEMO)
    assert sorted(route.weights.values(), key=str) == ([50, 50] if moves % 2 else [10, 90])
    assert route.annotation(STAMP_OPERATION) == f"op-{moves}"


def _label(admin: Admin, obj: Obj) -> None:
    for number in range(WRITES):
        merge(admin, obj, {"metadata": {"labels": {f"n{number}": "written"}}})


def _move_until(cluster: KubernetesCluster, over: Any) -> tuple[int, int]:
    """Move weights until told to stop, at least twice; return how often that worked and how often not."""
    moves = conflicts = 0
    while moves < 2 or not over():
        [route] = cluster.routes(DEMO)
        wanted: Weights = dict(zip(route.weights, (90, 10) if moves % 2 else (50, 50), strict=True))
        try:
            cluster.patch(plan(route, wanted, ROLES, stamps={STAMP_OPERATION: f"op-{moves + 1}"}), DEMO)
            moves += 1
        except Conflict:
            conflicts += 1
    return moves, conflicts
