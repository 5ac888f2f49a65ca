"""The shipped examples on a real API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mesh.domain.plans import Roles, plan
from mesh.domain.routes import STAMP_OPERATION, Route
from tests.e2e.admin import Admin
from tests.e2e.bench import RealBench
from tests.e2e.conftest import DEMO
from tests.e2e.crds import SMI_VERSIONS
from tests.e2e.objects import EXAMPLES, apply_example, example, theirs
from tests.e2e.workloads import apply_workload
from tests.world.town import with_weights
from workers.cluster.adapter import KubernetesCluster

ROLES = Roles("v1", "v2")
WEIGHTED = [
    ("istio-traffic.yaml", "VirtualService"),
    ("istio-bundle.yaml", "VirtualService"),
    ("linkerd-split.yaml", "TrafficSplit"),
    ("linkerd-bundle.yaml", "TrafficSplit"),
    ("httproute.yaml", "HTTPRoute"),
]


def contains(seen: Any, given: Any) -> bool:
    """Whether everything that was given is there; a server may add, and never change."""
    if isinstance(given, dict):
        return isinstance(seen, dict) and all(key in seen and contains(seen[key], given[key]) for key in given)
    if isinstance(given, list):
        return len(seen) == len(given) and all(map(contains, seen, given))
    return bool(seen == given)


def weighted(cluster: KubernetesCluster, kind: str) -> Route:
    """The one route of a kind that splits traffic."""
    [route] = [one for one in cluster.routes(DEMO) if one.kind == kind and len(one.arms) == 2]
    return route


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_example_applies_unchanged(admin: Admin, demo: str, file: Path) -> None:
    """No field is unknown to the official definitions, and what was written is what is read."""
    for given in example(file.name):
        assert contains(admin.apply(given), given)
        assert contains(admin.get(given), given)


@pytest.mark.parametrize("file", ["linkerd-profile.yaml", "linkerd-bundle.yaml"])
def test_profiles_keep_their_retry_budget(file: str) -> None:
    """A ServiceProfile has one retry budget for all routes; within a route Linkerd's definition drops it."""
    [profile] = [obj for obj in example(file) if obj["kind"] == "ServiceProfile"]
    assert "retryBudget" in profile["spec"]


@pytest.mark.parametrize(("file", "kind"), WEIGHTED)
def test_weights_move_and_come_back(admin: Admin, cluster: KubernetesCluster, demo: str, file: str, kind: str) -> None:
    """With the shipped rights: 90/10 becomes 50/50 and 90/10 again, and nothing else of the object ever differs."""
    before = apply_example(admin, file)[kind]
    route = weighted(cluster, kind)
    v1, v2 = (arm.name for arm in route.arms)
    there = plan(route, {v1: 50, v2: 50}, ROLES, stamps={STAMP_OPERATION: "op-1"})
    after = cluster.patch(there, DEMO)
    middle = admin.get(before)
    assert (after.weights, after.annotation(STAMP_OPERATION)) == ({v1: 50, v2: 50}, "op-1")
    assert theirs(middle) == with_weights(theirs(before), {v1: 50, v2: 50}) != theirs(before)
    back = plan(after, there.former, ROLES, stamps={STAMP_OPERATION: "op-2"})
    assert cluster.patch(back, DEMO).weights == {v1: 90, v2: 10}
    assert theirs(admin.get(before)) == theirs(before)


@pytest.mark.parametrize(("file", "kind"), WEIGHTED)
def test_a_write_is_seen_as_ours(admin: Admin, cluster: KubernetesCluster, demo: str, file: str, kind: str) -> None:
    """The generation rises by one, and the field owners show meshbot beside whoever applied the object."""
    before = apply_example(admin, file)[kind]
    route = weighted(cluster, kind)
    change = plan(route, {route.arms[0].name: 50}, ROLES, stamps={STAMP_OPERATION: "op-1"})
    assert cluster.patch(change, DEMO).generation == before["metadata"]["generation"] + 1
    owners = {(one["manager"], one["operation"]) for one in admin.get(before)["metadata"]["managedFields"]}
    assert owners == {("e2e", "Apply"), ("meshbot", "Update")}


def test_a_subset_carries_the_version_of_its_pods(admin: Admin, cluster: KubernetesCluster, demo: str) -> None:
    """DestinationRules are read with the shipped rights."""
    apply_example(admin, "istio-traffic.yaml")
    route = weighted(cluster, "VirtualService")
    assert [arm.version for arm in route.arms] == ["v1", "v2"]
    assert not [warning for warning in route.warnings if "versions" in warning]


def test_services_of_a_namespace_are_listed(admin: Admin, cluster: KubernetesCluster, demo: str) -> None:
    """Whatever the API they are routed with."""
    for file, _ in WEIGHTED:
        apply_example(admin, file)
    assert cluster.services(DEMO) == ["api"]


@pytest.mark.parametrize("version", SMI_VERSIONS)
def test_a_split_of_every_version_is_moved(admin: Admin, cluster: KubernetesCluster, demo: str, version: str) -> None:
    """Whatever version it was written in, the newest one is patched and its author sees only the weights differ."""
    given = example("linkerd-split.yaml")[0] | {"apiVersion": f"split.smi-spec.io/{version}"}
    before = admin.apply(given)
    route = weighted(cluster, "TrafficSplit")
    assert route.version == "v1alpha4"
    half = {arm.name: 50 for arm in route.arms}
    cluster.patch(plan(route, dict(half), ROLES, stamps={STAMP_OPERATION: "op-1"}), DEMO)
    assert theirs(admin.get(given)) == with_weights(theirs(before), half)


@pytest.mark.usefixtures("demo")
def test_quantities_of_an_old_split_are_moved_as_quantities(admin: Admin, bench: RealBench) -> None:
    """v1alpha1 writes `900m`; it stays a quantity there and back, whatever version the API server reads it under."""
    given = example("linkerd-split.yaml")[0] | {"apiVersion": "split.smi-spec.io/v1alpha1"}
    for backend, weight in zip(given["spec"]["backends"], ("900m", "100m"), strict=True):
        backend["weight"] = weight
    apply_workload(admin)
    before = admin.apply(given)
    bench.succeed("promote api 50")
    assert [one["weight"] for one in admin.get(given)["spec"]["backends"]] == ["500m", "500m"]
    bench.succeed("undo api")
    assert theirs(admin.get(given)) == theirs(before)


@pytest.mark.usefixtures("demo")
def test_an_absent_weight_is_there_on_a_real_server(admin: Admin, cluster: KubernetesCluster) -> None:
    """The Gateway API's definition fills in 1, so an undo has a number to put back."""
    given = example("httproute.yaml")[0]
    for ref in given["spec"]["rules"][0]["backendRefs"]:
        del ref["weight"]
    before = admin.apply(given)
    route = weighted(cluster, "HTTPRoute")
    assert route.weights == {"api-v1": 1, "api-v2": 1}
    there = plan(route, {"api-v1": 90, "api-v2": 10}, ROLES, stamps={STAMP_OPERATION: "op-1"})
    after = cluster.patch(there, DEMO)
    cluster.patch(plan(after, there.former, ROLES, stamps={STAMP_OPERATION: "op-2"}), DEMO)
    assert theirs(admin.get(given)) == theirs(before)
