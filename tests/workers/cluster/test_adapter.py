"""The adapter's own habits: discovery, rights, faults on the way."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mesh.domain.catalog import Cluster
from mesh.domain.commands import Target
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.plans import Roles, plan
from playground.cluster.api import make_app
from playground.cluster.kinds import KINDS, serving
from playground.cluster.kubeconfig import kubeconfig_text
from playground.cluster.objects import Cluster as Standin
from playground.serving import ServerThread
from tests.workers.cluster.conftest import World
from tests.workers.cluster.shapes import (
    TARGET,
    Obj,
    canary,
    destination_rule,
    http_route,
    pod,
    service,
    traffic_split,
    virtual_service,
)
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.cluster.faults import UnknownOutcome
from workers.cluster.resources import Resource
from workers.cluster.rights import RIGHTS
from workers.cluster.served import WANTED, Served
from workers.memory import MemoryClient, MemoryCluster

EXAMPLES = Path(__file__).parents[3] / "manifests" / "examples"
_PATH = re.compile(r"/apis?/(?:(?P<group>[^/]+\.[^/]+|)/?)(?:v\w+)/namespaces/[^/]+/(?P<plural>\w+)(?P<name>/.+)?")


def test_discovery_is_asked_once(world: World) -> None:
    """The second look at the routes lists only: each kind that is served once, in the service's namespace."""
    world.load(virtual_service(canary()))
    client = world.client()
    cluster = KubernetesCluster({"demo": client})
    cluster.routes(TARGET)
    before = len(world.seen())
    cluster.routes(TARGET)
    asked = [path for _, path, _ in world.seen()[before:]]
    served = (client.discover().resource(wanted) for wanted in WANTED)
    assert sorted(asked) == sorted(resource.path("shop") for resource in served if resource)


def test_without_destination_rules_the_routes_are_still_good(world: World) -> None:
    """A missing right for DestinationRules must not keep traffic from going back; it is a warning."""
    world.load(virtual_service(canary()), destination_rule())
    world.trouble(path_contains="destinationrules", kind="status", status=403)
    [route] = KubernetesCluster({"demo": world.client()}).routes(TARGET)
    assert [(arm.weight, arm.version) for arm in route.arms] == [(90, ""), (10, "")]
    assert "may not list destinationrules" in route.warnings[0]
    assert 'resources: ["destinationrules"]' in route.warnings[0]


@pytest.mark.parametrize(("plural", "status"), [("rollouts", 403), ("canaries", 403), ("rollouts", 503)])
def test_without_owners_the_routes_are_still_good(world: World, plural: str, status: int) -> None:
    """Who rolls back must not wait for a right that only tells whether somebody else owns the weights."""
    world.load(virtual_service(canary()))
    client = world.client()
    if plural not in {kind for _, kind in client.discover().versions}:
        pytest.skip(f"the stand-in does not serve {plural}")
    world.trouble(path_contains=plural, kind="status", status=status)
    [route] = KubernetesCluster({"demo": client}).routes(TARGET)
    assert route.owner is None
    [warning] = [one for one in route.warnings if plural in one]
    assert warning.startswith("Whether it has an owner")


def test_a_missing_right_in_an_added_namespace_is_said(world: World) -> None:
    """A route that might be there must not be taken for one that is not."""
    world.load(virtual_service(canary()))
    world.trouble(path_contains="namespaces/ingress/virtualservices", kind="status", status=403)
    cluster = KubernetesCluster({"demo": world.client()}, route_namespaces={"demo": ["ingress"]})
    with pytest.raises(Refused, match="may not list virtualservices in namespace ingress"):
        cluster.routes(TARGET)


class Meeting(MemoryClient):
    """A client that answers a reading only once all the others of the same question are under way."""

    def __init__(self, *objects: Obj) -> None:
        super().__init__(objects)
        self.barrier: threading.Barrier | None = None

    def expect(self, parties: int) -> None:
        """Wait for so many readings from now on; with fewer the test fails in 5 s."""
        self.barrier = threading.Barrier(parties, timeout=5)

    def objects(self, resource: Resource, namespace: str, *, labels: str = "") -> list[Obj] | None:
        """Wait for the others, then list."""
        self._meet()
        return super().objects(resource, namespace, labels=labels)

    def read(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """Wait for the others, then read."""
        self._meet()
        return super().read(resource, namespace, name)

    def _meet(self) -> None:
        if self.barrier is not None:
            self.barrier.wait()


def test_the_reads_of_one_question_go_out_together() -> None:
    """Each question costs one round trip, however many kinds a cluster serves; a subset's endpoints cost two."""
    client = Meeting(virtual_service(canary()), destination_rule(), service(), service("api-v2"))
    cluster = KubernetesCluster({"demo": client})
    client.expect(len(WANTED))
    [route] = cluster.routes(TARGET)
    client.expect(4)  # the object, its DestinationRules, Rollouts and Canaries
    assert cluster.reread(plan(route, {"v1": 5}, Roles(), stamps={}), TARGET) == route
    client.expect(2)  # the Service and its slices
    assert cluster.ready(replace(route.arms[0], service="api-v2", subset=""), TARGET).count == 0


def test_connections_are_kept(world: World) -> None:
    """A second look opens no connection that the first one did not."""
    world.load(virtual_service(canary()), destination_rule())
    client = world.client()
    cluster = KubernetesCluster({"demo": client})
    cluster.routes(TARGET)
    opened = connections(client)
    for _ in range(5):
        cluster.routes(TARGET)
    assert connections(client) <= max(opened, len(WANTED))


def connections(client: KubernetesClient) -> int:
    """Return how many connections a client has opened so far."""
    pools = client._connected().rest_client.pool_manager.pools
    return sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118 (this container is no dict)


def test_one_cluster_of_two_that_is_away_is_named(tmp_path: Path) -> None:
    """Two API servers by two kubeconfigs; when one stops, it is named with its address, and the other still answers."""
    with ServerThread(make_app(Standin())) as here:
        with ServerThread(make_app(Standin())) as there:
            files = {name: tmp_path / name for name in ("prod", "edge")}
            for file, server in zip(files.values(), (here, there), strict=True):
                file.write_text(kubeconfig_text(server.url))
                World(server.url, file).load(virtual_service(canary()))
            clusters = [Cluster(name, kubeconfig=str(file)) for name, file in files.items()]
            both = KubernetesCluster({one.name: KubernetesClient.of(one) for one in clusters})
            assert all(len(both.routes(Target(name, "shop", "api"))) == 1 for name in files)
            address = there.url
        with pytest.raises(Unavailable, match="the connection was refused") as away:
            both.routes(Target("edge", "shop", "api"))
        assert "Cluster edge" in away.value.message
        assert address in away.value.message
        assert len(both.routes(Target("prod", "shop", "api"))) == 1
        assert both.routes(Target("prod", "shop", "nobody")) == []


def test_discovery_learns_what_it_can() -> None:
    """One cluster that is away does not keep the others from being known."""
    away, here = MemoryCluster().client, MemoryCluster([virtual_service(canary())]).client
    away.broken = Unavailable("away")
    cluster = KubernetesCluster({"away": away, "demo": here})
    with pytest.raises(Unavailable):
        cluster.discover()
    here.discover = never  # type: ignore[method-assign]  # it must not be asked again
    assert len(cluster.routes(TARGET)) == 1


def never() -> Served:
    """Fail: this was asked once already."""
    raise AssertionError("asked again")


def test_a_kind_installed_later_is_found() -> None:
    """Finding nothing is a reason to ask again what is served."""
    cluster = MemoryCluster([virtual_service(canary())])
    discover = cluster.client.discover
    cluster.client.discover = Served  # type: ignore[method-assign]  # a cluster that serves nothing yet
    assert cluster.routes(TARGET) == []
    cluster.client.discover = discover  # type: ignore[method-assign]  # and then all
    assert len(cluster.routes(TARGET)) == 1


def test_a_version_that_is_served_no_longer_is_looked_up_again(tmp_path: Path) -> None:
    """A list that answers 404 is asked in the version of today."""
    kinds = serving(KINDS, {"virtualservices.networking.istio.io": ["v1beta1"]})
    with ServerThread(make_app(Standin(kinds))) as server:
        path = tmp_path / "kubeconfig"
        path.write_text(kubeconfig_text(server.url))
        World(server.url, path).load(virtual_service(canary()) | {"apiVersion": "networking.istio.io/v1beta1"})
        cluster = KubernetesCluster({"demo": KubernetesClient("demo", kubeconfig=str(path))})
        cluster.discover()
        [route] = cluster.routes(TARGET)
        client = KubernetesClient("demo", kubeconfig=str(path))
        stale = Served({**client.discover().versions, ("networking.istio.io", "virtualservices"): "v1"})
        answers = iter([stale, client.discover()])
        client.discover = lambda: next(answers)  # type: ignore[method-assign]  # first what was, then what is
        assert KubernetesCluster({"demo": client}).routes(TARGET) == [route]
        assert route.version == "v1beta1"


def test_the_rights_are_exactly_what_is_asked_for(world: World) -> None:
    """Every request of the adapter is covered by RIGHTS, and every right is used."""
    split = {"service": "api-v1", "weight": 1}
    versions = {"backendRefs": [{"name": name, "port": 80, "weight": 1} for name in ("api-v1", "api-v2")]}
    grpc_route = http_route(versions) | {"kind": "GRPCRoute"}
    world.load(virtual_service(canary()), destination_rule(), service(), service("api-v1"), pod("a"))
    world.load(pod("b", labels={"app": "api", "version": "1.0"}))
    world.load(traffic_split(split, split | {"service": "api-v2"}), http_route(versions), grpc_route)
    cluster = KubernetesCluster({"demo": world.client()})
    for route in cluster.routes(TARGET):
        change = plan(route, {route.arms[0].name: 5}, Roles(), stamps={})
        cluster.ready(route.arms[0], TARGET)
        cluster.reread(change, TARGET)
        cluster.patch(change, TARGET)
    used = {_right(method, path) for method, path, _ in world.seen() if "/namespaces/" in path}
    served = {kind for _, kind in world.client().discover().versions} | {"services", "pods", "endpointslices"}
    assert used == {(group, plural, verb) for group, plural, verbs in RIGHTS for verb in verbs if plural in served}


def _right(method: str, path: str) -> tuple[str, str, str]:
    found = _PATH.fullmatch(path)
    assert found is not None, path
    verb = "patch" if method == "PATCH" else "get" if found["name"] else "list"
    return found["group"], found["plural"], verb


def test_a_patch_of_unknown_outcome_can_be_read_back(world: World) -> None:
    """The write may have happened: the stamp in the route tells."""
    world.load(virtual_service(canary()))
    cluster = KubernetesCluster({"demo": world.client()})
    [route] = cluster.routes(TARGET)
    change = plan(route, {"v1": 50, "v2": 50}, Roles(), stamps={"meshbot.dev/operation": "op-9"})
    world.trouble(method="PATCH", kind="drop_after")
    with pytest.raises(UnknownOutcome):
        cluster.patch(change, TARGET)
    after = cluster.reread(change, TARGET)
    assert after is not None
    assert after.annotation("meshbot.dev/operation") == "op-9"


def test_a_cluster_that_is_away_is_unavailable_for_every_question() -> None:
    """In memory too, so that verbs can be tested against it."""
    cluster = MemoryCluster([virtual_service(canary())])
    [route] = cluster.routes(TARGET)
    cluster.client.broken = Unavailable("away")
    for ask in (
        lambda: cluster.routes(TARGET),
        lambda: cluster.services(TARGET),
        lambda: cluster.ready(route.arms[0], TARGET),
        lambda: cluster.patch(plan(route, {"v1": 1}, Roles(), stamps={}), TARGET),
        cluster.discover,
    ):
        with pytest.raises(Unavailable):
            ask()


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_can_be_read(file: Path) -> None:
    """Every example manifest with weights gives `api` a route whose shares add up."""
    objects = [obj for obj in yaml.safe_load_all(file.read_text(encoding="utf-8")) if obj]
    carries_weights = any("weight" in str(obj.get("spec")) for obj in objects)
    routes = MemoryCluster(objects).routes(Target("demo", "mesh-demo", "api"))
    assert any(len(route.arms) > 1 for route in routes) is carries_weights
    for route in routes:
        assert sum(route.share(arm) for arm in route.arms) == pytest.approx(100)
