"""Routes that Flagger and Argo Rollouts own, by their official definitions: shown with their state, and left alone."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.domain.operations import State
from mesh.domain.routes import Owner
from tests.e2e.admin import Admin, Obj
from tests.e2e.bench import RealBench
from tests.e2e.objects import apply_example, theirs
from tests.e2e.workloads import apply_workload
from tests.e2e.writing import merge

HERE = "mesh-demo"
TEMPLATE: Obj = {
    "metadata": {"labels": {"app": "api"}},
    "spec": {"containers": [{"name": "app", "image": "none.invalid/app"}]},
}
FILES = ("istio-traffic.yaml", "httproute.yaml", "linkerd-split.yaml")


def canary(name: str, provider: str) -> Obj:
    """A Canary of Flagger that makes the routes of the service `name`, half-way through its analysis."""
    spec = {
        "provider": provider,
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
        "service": {"name": name, "port": 80},
        "analysis": {"interval": "1m", "threshold": 5, "stepWeight": 10, "maxWeight": 50},
    }
    status = {"phase": "Progressing", "canaryWeight": 20, "failedChecks": 1}
    return _object("flagger.app/v1beta1", "Canary", "api", spec, status)


def rollout(routing: Obj, **status: Any) -> Obj:
    """A Rollout of Argo that moves the weights of an object, paused at its second step."""
    canary = {"stableService": "api-v1", "canaryService": "api-v2", "trafficRouting": routing}
    steps = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}]
    spec = {"selector": {"matchLabels": {"app": "api"}}, "template": TEMPLATE}
    spec["strategy"] = {"canary": {**canary, "steps": steps}}
    said = {"phase": "Paused", "currentStepIndex": 1, "message": "CanaryPauseStep", **status}
    return _object("argoproj.io/v1alpha1", "Rollout", "api", spec, said)


def _object(version: str, kind: str, name: str, spec: Obj, status: Obj) -> Obj:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": HERE},
        "spec": spec,
        "status": status,
    }


CONTROLLED = [
    ("istio-traffic.yaml", "VirtualService", rollout({"istio": {"virtualService": {"name": "api-vs"}}})),
    ("linkerd-split.yaml", "TrafficSplit", rollout({"smi": {"trafficSplitName": "api-split"}})),
    (
        "httproute.yaml",
        "HTTPRoute",
        rollout({"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "api-route", "namespace": HERE}}}),
    ),
    ("istio-traffic.yaml", "VirtualService", canary("api-vs", "istio")),
    ("linkerd-split.yaml", "TrafficSplit", canary("api-split", "linkerd")),
    ("httproute.yaml", "HTTPRoute", canary("api-route", "gatewayapi:v1")),
]


@pytest.fixture
def owned(admin: Admin, demo: str, file: str, kind: str, controller: Obj) -> Obj:
    """An example's route beside the object of the controller that moves its weights."""
    apply_workload(admin)
    admin.apply(controller)
    return apply_example(admin, file)[kind]


def owner(bench: RealBench) -> Owner:
    """What `status` says of the weighted route's owner."""
    [found] = [one.owner for one in bench.succeed("status api").statuses if len(one.arms) == 2]
    assert found is not None
    return found


every_owner = pytest.mark.parametrize(
    ("file", "kind", "controller"), CONTROLLED, ids=[f"{one[2]['kind']}-{one[1]}" for one in CONTROLLED]
)


@every_owner
def test_status_shows_how_far_they_are(bench: RealBench, owned: Obj, controller: Obj) -> None:
    """Who it is, the name of its object, and its own words."""
    found = owner(bench)
    flagger = controller["kind"] == "Canary"
    assert found.controller == ("Flagger" if flagger else "Argo Rollouts")
    assert found.name == f"{controller['kind']} {HERE}/api"
    for word in ("Progressing", "20", "failed checks 1") if flagger else ("Paused", "step 2 of 3", "CanaryPauseStep"):
        assert word in found.state
    assert found.advice


@every_owner
@pytest.mark.parametrize(
    "command", ["promote api 50", "set api v1=50 v2=50", "rollback api", 'promote api 50 --force --reason "now"']
)
def test_their_weights_are_not_written(
    admin: Admin, bench: RealBench, owned: Obj, controller: Obj, command: str
) -> None:
    """Refused with who owns them, how far that is, and that controller's own commands; the object is untouched."""
    before = admin.get(owned)
    refused = bench.do(command)
    assert refused.state is State.REFUSED
    assert f"{controller['kind']} {HERE}/api" in refused.outcome
    assert refused.choices == owner(bench).advice
    after = admin.get(owned)
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert "annotations" not in after["metadata"]
    assert theirs(after) == theirs(before)


@pytest.mark.parametrize("file", ["istio-traffic.yaml"])
def test_a_mark_on_the_object_is_enough(admin: Admin, bench: RealBench, demo: str, file: str) -> None:
    """Flagger's owner reference counts also where no Canary of that name is there any more."""
    apply_workload(admin)
    made = apply_example(admin, file)["VirtualService"]
    reference = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "api", "uid": "1"}
    merge(admin, made, {"metadata": {"ownerReferences": [reference]}})
    assert owner(bench).controller == "Flagger"
    assert bench.do("promote api 50").state is State.REFUSED


@pytest.mark.parametrize("file", FILES)
def test_a_controller_of_something_else_is_no_owner(admin: Admin, bench: RealBench, demo: str, file: str) -> None:
    """A Canary and a Rollout of another service in the namespace hold nobody up."""
    apply_workload(admin)
    apply_example(admin, file)
    admin.apply(canary("web", "istio"))
    admin.apply(rollout({"istio": {"virtualService": {"name": "web"}}}))
    bench.succeed("promote api 50")


def test_the_examples_are_nobodys(admin: Admin, bench: RealBench, demo: str) -> None:
    """Without a controller there is no owner to be shown."""
    apply_workload(admin)
    apply_example(admin, "istio-traffic.yaml")
    assert [one.owner for one in bench.succeed("status api").statuses] == [None]
