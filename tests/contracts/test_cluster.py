"""The port `Cluster`: one suite for the adapter over a stand-in API server and for its twin in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, NotFound, Refused
from mesh.domain.plans import Plan, Roles, plan
from mesh.domain.routes import STAMP_OPERATION, Arm, Route
from mesh.ports import Cluster
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
    pod,
    service,
    traffic_split,
    virtual_service,
)
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.memory import MemoryCluster

Make = Callable[..., Cluster]


@pytest.fixture(params=["memory", "kubernetes"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Return a maker of clusters that hold given objects."""
    if request.param == "memory":
        yield lambda *objects: MemoryCluster(objects)
        return
    with ServerThread(make_app(Standin())) as server:
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig_text(server.url))

        def real(*objects: Obj) -> Cluster:
            World(server.url, path).load(*objects)
            return KubernetesCluster({"demo": KubernetesClient("demo", kubeconfig=str(path))})

        yield real


def planned(route: Route, **wanted: int | None) -> Plan:
    """Plan new weights for v1 and v2."""
    return plan(route, dict(wanted), Roles("v1", "v2"), stamps={STAMP_OPERATION: "op-1"})


def weights(route: Route | None) -> list[int | None]:
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
    """Only ready pods that carry the Service's and the subset's labels."""
    older = pod("older", labels={"app": "api", "version": "1.0"})
    other = pod("other", labels={"app": "web", "version": "2.0"})
    cluster = make(
        virtual_service(canary()), destination_rule(), service(), pod("a"), pod("b", ready="False"), older, other
    )
    [route] = cluster.routes(TARGET)
    assert [cluster.ready(one, TARGET) for one in route.arms] == [1, 1]


def test_endpoints_of_a_backend_are_counted(make: Make) -> None:
    """A Service without endpoints has none ready."""
    ready: Any = {"addresses": ["10.0.0.1"], "conditions": {"ready": True}}
    cluster = make(http_route(backends(("api-v1", 1), ("api-v2", 1))), endpoint_slice("s", "api-v1", ready))
    [route] = cluster.routes(TARGET)
    assert [cluster.ready(one, TARGET) for one in route.arms] == [1, 0]


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ([service()], "Subset v2 is not defined by any DestinationRule"),
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
