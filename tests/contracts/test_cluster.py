"""The port `Cluster`: one suite for the adapter over a stand-in API server and for its twin in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, NotFound, Refused
from mesh.domain.plans import Plan, Roles, plan
from mesh.domain.quantities import Weight
from mesh.domain.routes import STAMP_OPERATION, Arm, Route
from mesh.ports import Cluster, Ready, Surveyed
from playground.cluster.api import make_app
from playground.cluster.kubeconfig import kubeconfig_text
from playground.cluster.objects import Cluster as Standin
from playground.serving import ServerThread
from tests.workers.cluster.conftest import World
from tests.workers.cluster.shapes import (
    GATEWAY_PARENT,
    TARGET,
    Obj,
    arm,
    backends,
    canary,
    destination_rule,
    endpoint_slice,
    http_route,
    made,
    pod,
    service,
    traffic_split,
    virtual_service,
)
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.memory import MemoryCluster

Make = Callable[..., KubernetesCluster]


@pytest.fixture(params=["memory", "kubernetes"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Return a maker of clusters that hold given objects, with routes looked for in `ingress` as well."""
    if request.param == "memory":
        yield lambda *objects: MemoryCluster(objects, route_namespaces=["ingress"])
        return
    with ServerThread(make_app(Standin())) as server:
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig_text(server.url))

        def real(*objects: Obj) -> KubernetesCluster:
            World(server.url, path).load(*objects)
            clients = {"demo": KubernetesClient("demo", kubeconfig=str(path))}
            return KubernetesCluster(clients, route_namespaces={"demo": ["ingress"]})

        yield real


def planned(route: Route, **wanted: int | None) -> Plan:
    """Plan new weights for v1 and v2."""
    return plan(route, dict(wanted), Roles("v1", "v2"), stamps={STAMP_OPERATION: "op-1"})


def sending(owner: str, *pods: str) -> Obj:
    """Return the EndpointSlice of a Service: pods that the mesh sends to."""
    ready = {"addresses": ["10.0.0.1"], "conditions": {"ready": True}}
    found = [ready | {"targetRef": {"kind": "Pod", "name": name, "namespace": "shop"}} for name in pods]
    return endpoint_slice(f"{owner}-1", owner, *found)


def kept(obj: Obj, **spec: Any) -> Obj:
    """Return an object with more in its spec."""
    return obj | {"spec": obj["spec"] | spec}


def placed(obj: Obj, namespace: str) -> Obj:
    """Return an object in another namespace."""
    return obj | {"metadata": obj["metadata"] | {"namespace": namespace}}


def weights(route: Route | None) -> list[Weight | None]:
    """Return the weights of a route that must exist."""
    assert route is not None
    return [one.weight for one in route.arms]


def test_every_api_of_the_namespace_is_found(make: Make) -> None:
    """All three kinds that name the service, and nobody else's."""
    split = backends(("api-v1", 1), ("api-v2", 1))
    others = virtual_service(canary(), name="web-vs", hosts=["web"])
    cluster = make(
        virtual_service(canary()), others, traffic_split({"service": "api-v1", "weight": 1}), http_route(split)
    )
    assert [route.kind for route in cluster.routes(TARGET)] == ["VirtualService", "TrafficSplit", "HTTPRoute"]
    assert cluster.routes(Target("demo", "shop", "nobody")) == []
    assert cluster.routes(Target("demo", "elsewhere", "api")) == []
    assert cluster.services(TARGET) == ["api", "web"]


def test_versions_come_from_the_destination_rule(make: Make) -> None:
    """Each subset's arm carries the version label of its pods; undefined subsets carry none."""
    [route] = make(virtual_service(canary()), destination_rule()).routes(TARGET)
    assert [one.version for one in route.arms] == ["1.0", "2.0"]
    bare = virtual_service({"route": [arm("web", "v1", 1), arm("web", "v2", 1)]}, name="web-vs", hosts=["web"])
    [undefined] = make(bare).routes(Target("demo", "shop", "web"))
    assert [(one.subset, one.version) for one in undefined.arms] == [("v1", ""), ("v2", "")]


def test_a_patch_answers_with_the_new_route(make: Make) -> None:
    """Weights and stamp are written together, and reading again agrees."""
    cluster = make(virtual_service({"route": [arm(subset="v1")]}, canary(name="split")))
    route = cluster.routes(TARGET)[1]
    change = planned(route, v1=50, v2=50)
    after = cluster.patch(change, TARGET)
    assert weights(after) == [50, 50]
    assert after.annotation(STAMP_OPERATION) == "op-1"
    assert after.resource_version != route.resource_version
    again = cluster.reread(change, TARGET)
    assert again is not None
    assert (again.rule, weights(again), again.resource_version) == ('http "split"', [50, 50], after.resource_version)


def test_absent_weights_are_added_and_removed_again(make: Make) -> None:
    """A key that was absent is written, and an undo takes it away."""
    cluster = make(virtual_service(canary(v1=100, v2=None)))
    [route] = cluster.routes(TARGET)
    after = cluster.patch(planned(route, v1=50, v2=50), TARGET)
    assert weights(cluster.patch(planned(after, v1=100, v2=None), TARGET)) == [100, None]


def test_a_stale_plan_is_a_conflict(make: Make) -> None:
    """What somebody changed in between is not overwritten."""
    cluster = make(virtual_service(canary()))
    [route] = cluster.routes(TARGET)
    cluster.patch(planned(route, v1=80, v2=20), TARGET)
    with pytest.raises(Conflict):
        cluster.patch(planned(route, v1=50, v2=50), TARGET)
    assert weights(cluster.routes(TARGET)[0]) == [80, 20]


def test_a_route_that_is_gone_is_none_and_a_conflict(make: Make) -> None:
    """Rereading says None; patching says that nothing was written."""
    cluster = make(virtual_service(canary()))
    [route] = cluster.routes(TARGET)
    missing = replace(planned(route, v1=50, v2=50), name="gone")
    assert cluster.reread(missing, TARGET) is None
    with pytest.raises(Conflict, match="gone"):
        cluster.patch(missing, TARGET)


def test_a_rule_that_is_gone_is_none(make: Make) -> None:
    """The object is there, but its rule is called otherwise now."""
    cluster = make(virtual_service(canary()))
    [route] = cluster.routes(TARGET)
    renamed = replace(planned(route, v1=50, v2=50), rule='http "x"')
    assert cluster.reread(renamed, TARGET) is None


def test_a_plan_that_changes_nothing_is_not_sent(make: Make) -> None:
    """Sending it would still write our stamps."""
    cluster = make(virtual_service(canary()))
    [route] = cluster.routes(TARGET)
    with pytest.raises(ValueError, match="changes nothing"):
        cluster.patch(planned(route, v1=90, v2=10), TARGET)


def test_pods_of_a_subset_are_counted(make: Make) -> None:
    """Only ready pods that carry the Service's and the subset's labels and that its slices name."""
    older = pod("older", labels={"app": "api", "version": "1.0"})
    other = pod("other", labels={"app": "web", "version": "2.0"})
    cluster = make(
        virtual_service(canary()), destination_rule(), service(), pod("a"), pod("b", ready="False"), pod("alone"),
        older, other, sending("api", "a", "b", "older", "other"),
    )  # fmt: skip
    [route] = cluster.routes(TARGET)
    assert [cluster.ready(one, TARGET).count for one in route.arms] == [1, 1]


def test_endpoints_of_a_backend_are_counted(make: Make) -> None:
    """A Service without endpoints has none ready; one without a selector has those that somebody wrote for it."""
    services = [service("api-v1", selector={}), service("api-v2")]
    cluster = make(http_route(backends(("api-v1", 1), ("api-v2", 1))), sending("api-v1", "a"), *services)
    [route] = cluster.routes(TARGET)
    assert [cluster.ready(one, TARGET).count for one in route.arms] == [1, 0]


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ([service()], "nothing defines subset v2"),
        ([destination_rule(), kept(service(), clusterIP="None")], "is headless"),
        ([destination_rule(), kept(service(), type="ExternalName", externalName="x.example")], "another name"),
        ([destination_rule()], "Service shop/api of arm v2 does not exist"),
        ([destination_rule(), service(selector={})], "selects no pods"),
        ([destination_rule(), service(selector={"version": "9"})], "contradict each other"),
    ],
)
def test_where_there_is_no_telling_it_is_refused(make: Make, objects: list[Obj], why: str) -> None:
    """Nobody mistakes a missing definition for zero pods."""
    v2 = Arm("v2", 1, 1, "/w", service="api", namespace="shop", subset="v2")
    with pytest.raises(Refused, match=why):
        make(virtual_service(canary()), *objects).ready(v2, TARGET)


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        (
            [],
            "No pod in namespace shop carries the labels of subset v2 (app=api, version=2.0): deploy that version, or "
            "mend spec.subsets[1].labels of DestinationRule shop/api.",
        ),
        (
            [pod("a", ready="False"), pod("b")],
            "2 of the pods carry the labels of subset v2 (app=api, version=2.0), and none of them is ready.",
        ),
        ([pod("a"), sending("api", "a")], ""),
    ],
)
def test_why_nobody_serves_a_subset_is_explained(make: Make, objects: list[Obj], why: str) -> None:
    """None is a number, and it comes with the field to mend."""
    v2 = Arm("v2", 1, 1, "/w", service="api", namespace="shop", subset="v2")
    cluster = make(destination_rule(), service(), *objects)
    assert cluster.ready(v2, TARGET) == Ready(0 if why else 1, why)


def test_why_nobody_serves_a_service_is_explained(make: Make) -> None:
    """By the labels that its pods must carry; one that does not exist is named."""
    arm = Arm("api-v2", 1, 1, "/w", service="api-v2", namespace="shop")
    assert make(service("api-v2")).ready(arm, TARGET).why == (
        "Service shop/api-v2 has no ready endpoint: start pods that its spec.selector means (app=api), or mend it."
    )
    with pytest.raises(NotFound, match="Service shop/gone of arm api-v2 does not exist"):
        make().ready(replace(arm, service="gone"), TARGET)
    with pytest.raises(Refused, match=r"has no spec\.selector and nobody wrote EndpointSlices"):
        make(service("bare", selector={})).ready(replace(arm, service="bare"), TARGET)


def test_an_undefined_subset_is_refused_with_the_field_to_mend(make: Make) -> None:
    """The DestinationRule of the host is named."""
    v3 = Arm("v3", 1, 1, "/w", service="api", namespace="shop", subset="v3")
    with pytest.raises(Refused, match=r"Subset v3 .* spec\.subsets of DestinationRule shop/api"):
        make(destination_rule(), service()).ready(v3, TARGET)


def test_what_is_outside_cannot_be_counted(make: Make) -> None:
    """An arm that is no Service has no endpoints here."""
    with pytest.raises(Refused, match="not a Service"):
        make().ready(Arm("www", 1, 1, "/w"), TARGET)


def test_an_unknown_cluster_is_named_with_those_there_are(make: Make) -> None:
    """The choices come with the refusal."""
    with pytest.raises(NotFound, match="mars") as caught:
        make().routes(Target("mars", "shop", "api"))
    assert caught.value.choices == ("demo",)


def test_a_right_on_api_does_not_reach_the_gateway_next_to_it(make: Make) -> None:
    """Behind a Gateway, `promote api gateway-v2 50` finds no route: api-gateway is another service, not api's arm."""
    cluster = make(http_route(backends(("api-gateway-v1", 90), ("api-gateway-v2", 10)), parents=[GATEWAY_PARENT]))
    assert cluster.routes(TARGET) == []
    assert cluster.services(TARGET) == ["api-gateway"]
    [route] = cluster.routes(Target("demo", "shop", "api-gateway"))
    assert [arm.service for arm in route.arms] == ["api-gateway-v1", "api-gateway-v2"]


GATEWAY_HOST = "api.shop.svc.cluster.local"


def test_routes_beside_the_gateway_are_found(make: Make) -> None:
    """In a namespace that the configuration adds; the same name in a namespace nobody added is not looked at."""
    beside = placed(virtual_service(canary(), name="public", hosts=[GATEWAY_HOST]), "ingress")
    unknown = placed(virtual_service(canary(), name="hidden", hosts=[GATEWAY_HOST]), "elsewhere")
    others = placed(virtual_service(canary(), name="api-vs"), "ingress")
    cluster = make(virtual_service(canary()), beside, unknown, others)
    assert [route.label for route in cluster.routes(TARGET)] == [
        "VirtualService shop/api-vs",
        "VirtualService ingress/public",
    ]
    change = planned(cluster.routes(TARGET)[1], v1=50, v2=50)
    assert weights(cluster.patch(change, TARGET)) == [50, 50]
    assert weights(cluster.reread(change, TARGET)) == [50, 50]


def delegating(name: str, *delegates: Obj, hosts: tuple[str, ...] = ("api",)) -> Obj:
    """Return a VirtualService whose rules delegate."""
    matches = ({"match": [{"uri": {"prefix": f"/{number}"}}], "delegate": one} for number, one in enumerate(delegates))
    return virtual_service(*matches, name=name, hosts=list(hosts))


def leaf(name: str, namespace: str = "shop") -> Obj:
    """Return a VirtualService without hosts, which others delegate to."""
    obj = virtual_service({"route": [arm(GATEWAY_HOST, "v1", 90), arm(GATEWAY_HOST, "v2", 10)]}, name=name)
    return placed(kept(obj, hosts=[]), namespace)


def test_delegates_are_followed_wherever_they_are(make: Make) -> None:
    """Each delegate's routes are found once, and say who delegates to them."""
    root = delegating("root", {"name": "near"}, {"name": "far", "namespace": "elsewhere"})
    cluster = make(root, leaf("near"), leaf("far", "elsewhere"), leaf("unrelated", "elsewhere"), destination_rule())
    routes = cluster.routes(TARGET)
    assert [route.label for route in routes] == ["VirtualService shop/near", "VirtualService elsewhere/far"]
    for route in routes:
        assert any("VirtualService shop/root" in warning for warning in route.warnings)
        assert [one.version for one in route.arms] == ["1.0", "2.0"]


def test_a_delegate_of_two_is_one_route_that_names_both(make: Make) -> None:
    """Its weights are there once."""
    roots = [delegating(name, {"name": "near"}) for name in ("one", "two")]
    [route] = make(*roots, leaf("near")).routes(TARGET)
    said = " ".join(route.warnings)
    assert "VirtualService shop/one" in said
    assert "VirtualService shop/two" in said
    assert len(set(route.warnings)) == len(route.warnings)


def test_a_delegate_that_is_not_there_is_said(make: Make) -> None:
    """As a warning where there are other routes; else it is why there are none."""
    missing = "VirtualService shop/root delegates to VirtualService elsewhere/gone, and there is none."
    gone = {"name": "gone", "namespace": "elsewhere"}
    [route] = make(delegating("root", {"name": "near"}, gone), leaf("near")).routes(TARGET)
    assert missing in route.warnings


def test_only_delegates_that_are_not_there_is_an_error(make: Make) -> None:
    """Which is not the same as a service without routes."""
    with pytest.raises(NotFound, match=r"delegates to VirtualService elsewhere/gone, and there is none\."):
        make(delegating("root", {"name": "gone", "namespace": "elsewhere"})).routes(TARGET)


def rollout(**status: Any) -> Obj:
    """Return a Rollout that moves the weights of shop/api-vs."""
    routing = {"istio": {"virtualService": {"name": "api-vs.shop"}}}
    spec = {"strategy": {"canary": {"trafficRouting": routing}}}
    return made("argoproj.io/v1alpha1", "Rollout", "api", spec) | {"status": status}


def test_the_rollout_that_moves_the_weights_is_found(make: Make) -> None:
    """Though the object bears no mark of it: with its state, and its own commands; when read again as well."""
    cluster = make(virtual_service(canary()), rollout(phase="Paused", message="CanaryPauseStep"))
    [route] = cluster.routes(TARGET)
    assert route.owner is not None
    assert (route.owner.controller, route.owner.name) == ("Argo Rollouts", "Rollout shop/api")
    assert route.owner.state == "Paused, CanaryPauseStep"
    assert route.owner.advice[0] == "kubectl argo rollouts promote api -n shop"
    again = cluster.reread(planned(route, v1=50, v2=50), TARGET)
    assert again is not None
    assert again == route


def test_who_wrote_last_is_known(make: Make) -> None:
    """Nobody else, once we wrote."""
    cluster = make(virtual_service(canary()))
    [route] = cluster.routes(TARGET)
    assert cluster.patch(planned(route, v1=50, v2=50), TARGET).writer is None


def test_a_glance_sees_what_routes_weigh_now(make: Make) -> None:
    """Each planned route has its weights, in the order of the plans, whatever its kind; also after a change."""
    split = backends(("api-v1", 3), ("api-v2", 1))
    cluster = make(virtual_service(canary(name="a"), canary(v1=1, v2=99, name="b")), http_route(split))
    routes = cluster.routes(TARGET)
    plans = [plan(route, route.weights, Roles(), stamps={STAMP_OPERATION: "op-1"}) for route in routes]
    seen = [{"v1": 90, "v2": 10}, {"v1": 1, "v2": 99}, {"api-v1": 3, "api-v2": 1}]
    assert cluster.glance([(one, TARGET) for one in plans]) == seen
    cluster.patch(planned(routes[1], v1=50, v2=50), TARGET)
    assert cluster.glance([]) == []
    # A glance may be a moment old.
    for _ in range(1200):
        found = cluster.glance([(plans[1], TARGET), (plans[0], TARGET)])
        if found[0] != seen[1]:
            break
        time.sleep(0.05)
    assert found == [{"v1": 50, "v2": 50}, seen[0]]


def test_a_glance_does_not_know_what_is_not_there(make: Make) -> None:
    """A route that is gone, a rule that has another name now, another cluster: None, and the others are still seen."""
    cluster = make(virtual_service(canary()))
    [route] = cluster.routes(TARGET)
    here = planned(route, v1=50, v2=50)
    gone = [replace(here, name="gone"), replace(here, namespace="elsewhere"), replace(here, rule="http[7]")]
    far = Target("far", "shop", "api")
    plans = [*((one, TARGET) for one in gone), (here, far), (here, TARGET)]
    assert cluster.glance(plans) == [None, None, None, None, {"v1": 90, "v2": 10}]


def surveyed(cluster: Cluster, *, also: Sequence[Target] = ()) -> list[Surveyed]:
    """Return what a survey finds in the namespace of these tests: a real cluster holds what others made as well."""
    return [one for one in cluster.survey("demo", also=also) if one.target.namespace == TARGET.namespace]


def test_a_survey_finds_what_asking_for_each_service_finds(make: Make) -> None:
    """Whatever the API: the same routes, with their versions, owners and warnings, for every service there is."""
    gateway = http_route(backends(("web-v1", 3), ("web-v2", 1)), parents=(GATEWAY_PARENT,))
    gateway["metadata"]["name"] = "web-route"
    others = virtual_service(canary(), name="cart-vs", hosts=["cart"])
    split = traffic_split({"service": "pay-v1", "weight": 1}, {"service": "pay-v2", "weight": 1}, service="pay")
    cluster = make(virtual_service(canary()), others, split, gateway, destination_rule(), destination_rule("all", "*"))
    found = surveyed(cluster)
    assert [str(one.target) for one in found] == [f"demo/shop/{name}" for name in ("api", "cart", "pay", "web")]
    assert all(list(one.routes) == cluster.routes(one.target) for one in found)
    assert [one.version for one in found[0].routes[0].arms] == ["1.0", "2.0"]
    assert cluster.survey("demo", namespaces=["shop"]) == found
    assert cluster.survey("demo", namespaces=["elsewhere"]) == []


def test_a_survey_knows_rules_for_many_hosts(make: Make) -> None:
    """A DestinationRule of a wildcard defines the versions of whoever has none of their own."""
    cluster = make(virtual_service(canary()), destination_rule("all", "*"))
    [api] = surveyed(cluster)
    assert [one.version for one in api.routes[0].arms] == ["1.0", "2.0"]
    assert list(api.routes) == cluster.routes(TARGET)


def test_a_survey_follows_delegates_and_looks_in_gateways_namespaces(make: Make) -> None:
    """What a root in another namespace delegates, and what a gateway's namespace says of a service that is named."""
    root = virtual_service({"delegate": {"name": "api-rules", "namespace": "shop"}}, name="root")
    rules = virtual_service(canary(), name="api-rules", hosts=())
    del rules["spec"]["hosts"]
    edge = placed(virtual_service(canary(), name="edge", hosts=["shop.example.com"]), "ingress")
    edge["spec"]["gateways"] = ["public"]
    for arm_of in edge["spec"]["http"][0]["route"]:
        arm_of["destination"]["host"] = "api.shop.svc.cluster.local"
    cluster = make(root, rules, edge)
    [api] = [one for one in cluster.survey("demo", also=[TARGET]) if one.target == TARGET]
    assert list(api.routes) == cluster.routes(TARGET)
    assert {route.name for route in api.routes} == {"api-rules", "edge"}


def test_a_survey_of_nothing_is_empty(make: Make) -> None:
    """No routes, no services; a service that is only asked about is not there."""
    assert surveyed(make(), also=[TARGET]) == []
