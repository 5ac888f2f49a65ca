"""The adapter's own habits: discovery, rights, faults on the way."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mesh.domain.catalog import Cluster
from mesh.domain.commands import Target
from mesh.domain.errors import NotFound, Refused, Unavailable
from mesh.domain.plans import Plan, Roles, plan
from mesh.domain.routes import Weights
from playground.cluster.api import make_app
from playground.cluster.kinds import KINDS, serving
from playground.cluster.kubeconfig import kubeconfig_text
from playground.cluster.objects import Cluster as Standin
from playground.serving import ServerThread
from tests.quickest import quickest
from tests.workers.cluster.conftest import World, until
from tests.workers.cluster.shapes import (
    TARGET,
    Obj,
    canary,
    destination_rule,
    endpoint_slice,
    http_route,
    pod,
    service,
    traffic_split,
    virtual_service,
)
from workers.cluster import adapter
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.cluster.faults import UnknownOutcome
from workers.cluster.looking import version_of
from workers.cluster.resources import Resource
from workers.cluster.rights import RIGHTS
from workers.cluster.served import WANTED, Served
from workers.cluster.subsets import DESTINATION_RULE
from workers.cluster.virtualservice import VIRTUAL_SERVICE
from workers.memory import MemoryClient, MemoryCluster

EXAMPLES = Path(__file__).parents[3] / "manifests" / "examples"
_PATH = re.compile(r"/apis?/(?:(?P<group>[^/]+\.[^/]+|)/?)(?:v\w+)/(?:namespaces/[^/]+/)?(?P<plural>\w+)(?P<name>/.+)?")


def test_discovery_is_asked_once(world: World) -> None:
    """The second look lists each kind that is served once, in the service's namespace, and reads the object found."""
    world.load(virtual_service(canary()))
    client = world.client()
    cluster = KubernetesCluster({"demo": client})
    cluster.routes(TARGET)
    before = len(world.seen())
    cluster.routes(TARGET)
    *lists, last = [(path, query) for _, path, query in world.seen()[before:]]
    served = (client.discover().resource(wanted) for wanted in WANTED)
    # What the server has in memory will do to find out what to read; the object itself is read as it is.
    assert sorted(lists) == sorted((resource.path("shop"), "resourceVersion=0") for resource in served if resource)
    assert last == ("/apis/networking.istio.io/v1/namespaces/shop/virtualservices/api-vs", "")


def test_nobody_is_unknown_by_hearsay(world: World) -> None:
    """That a service has no route is said after lists that the server made sure of, and after asking what is served."""
    world.load(virtual_service(canary()))
    cluster = KubernetesCluster({"demo": world.client()})
    cluster.routes(TARGET)
    before = len(world.seen())
    assert cluster.routes(replace(TARGET, service="nobody")) == []
    asked = [(path, query) for _, path, query in world.seen()[before:] if path.endswith("/virtualservices")]
    assert [query for _, query in asked] == ["resourceVersion=0", "", ""]


class Hearsay(MemoryClient):
    """A client whose server remembers the lists of one moment for ever."""

    def __init__(self, *objects: Obj) -> None:
        super().__init__(objects)
        self.then: dict[str, list[Obj] | None] = {}

    def objects(
        self, resource: Resource, namespace: str, *, labels: str = "", cached: bool = False
    ) -> list[Obj] | None:
        """List what was, or what is."""
        now = super().objects(resource, namespace, labels=labels)
        return self.then.setdefault(f"{resource.plural} {namespace} {labels}", now) if cached else now


def test_what_is_planned_with_is_read_by_name() -> None:
    """A list that is old tells where to look; weights and version are those of now."""
    client = Hearsay(virtual_service(canary()), destination_rule())
    cluster = KubernetesCluster({"demo": client})
    cluster.routes(TARGET)
    made = client.put(virtual_service(canary(30, 70)))
    [route] = cluster.routes(TARGET)
    assert route.weights == {"v1": 30, "v2": 70}
    assert route.resource_version == made["metadata"]["resourceVersion"]


@pytest.mark.parametrize("now", ["gone", "for another service"])
def test_what_is_no_longer_so_is_listed_truly(now: str) -> None:
    """The object found by an old list is gone or speaks for others; the one that took its place is found."""
    client = Hearsay(virtual_service(canary()))
    cluster = KubernetesCluster({"demo": client})
    cluster.routes(TARGET)
    if now == "gone":
        client.remove("VirtualService", "shop", "api-vs")
    else:
        client.put(virtual_service(canary(), hosts=["web"]))
    client.put(virtual_service(canary(50, 50), name="new-vs"))
    assert [(route.name, route.weights) for route in cluster.routes(TARGET)] == [("new-vs", {"v1": 50, "v2": 50})]


def test_one_of_two_that_is_gone_means_a_true_list() -> None:
    """What came instead of it may speak for the service as well, and then two do."""
    client = Hearsay(virtual_service(canary()), virtual_service(canary(), name="old"))
    cluster = KubernetesCluster({"demo": client})
    cluster.routes(TARGET)
    client.remove("VirtualService", "shop", "old")
    client.put(virtual_service(canary(), name="new"))
    assert sorted(route.name for route in cluster.routes(TARGET)) == ["api-vs", "new"]


def test_a_delegate_that_is_missing_hides_no_new_route() -> None:
    """There is one, which the old list did not show: it is found, with a warning of the other."""
    client = Hearsay(virtual_service({"delegate": {"name": "gone"}}, name="root"))
    cluster = KubernetesCluster({"demo": client})
    with pytest.raises(NotFound):
        cluster.routes(TARGET)
    client.put(virtual_service(canary()))
    [route] = cluster.routes(TARGET)
    assert route.name == "api-vs"
    assert any("delegates to VirtualService shop/gone" in warning for warning in route.warnings)


def test_a_delegate_is_read_by_name_too() -> None:
    """Its weights are planned with, so they are those of now; and one that was just made is found."""
    root = virtual_service({"delegate": {"name": "split"}}, name="root")
    client = Hearsay(root)
    cluster = KubernetesCluster({"demo": client})
    with pytest.raises(NotFound, match="delegates to VirtualService shop/split, and there is none"):
        cluster.routes(TARGET)
    for weights in ((90, 10), (40, 60)):
        client.put(virtual_service(canary(*weights), name="split", hosts=[]))
        assert [tuple(route.weights.values()) for route in cluster.routes(TARGET)] == [weights]


def test_nobody_ready_is_not_hearsay() -> None:
    """Pods that came up a moment ago, and a DestinationRule made a moment ago, count before anything is refused."""
    early = Hearsay(virtual_service(canary()), service())
    cluster = KubernetesCluster({"demo": early})
    [route] = cluster.routes(TARGET)
    with pytest.raises(Refused, match="No DestinationRule speaks for host"):
        cluster.ready(route.arms[1], TARGET)
    early.put(destination_rule())
    assert cluster.ready(route.arms[1], TARGET).count == 0

    client = Hearsay(virtual_service(canary()), service(), destination_rule())
    cluster = KubernetesCluster({"demo": client})
    assert cluster.ready(route.arms[1], TARGET).count == 0
    client.put(pod("a"))
    client.put(endpoint_slice("s", "api", {"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "a"}}))
    assert cluster.ready(route.arms[1], TARGET).count == 1


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

    def expect(self, parties: int, *, then: int | None = None) -> None:
        """Wait for so many readings from now on, or once and `then` for others; with fewer the test fails."""

        def change() -> None:
            if then is not None:
                self.expect(then)

        self.barrier = threading.Barrier(parties, change, timeout=60)

    def objects(
        self, resource: Resource, namespace: str, *, labels: str = "", cached: bool = False
    ) -> list[Obj] | None:
        """Wait for the others, then list."""
        self._meet()
        return super().objects(resource, namespace, labels=labels, cached=cached)

    def read(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """Wait for the others, then read."""
        self._meet()
        return super().read(resource, namespace, name)

    def _meet(self) -> None:
        if self.barrier is not None:
            self.barrier.wait()


def test_the_reads_of_one_question_go_out_together() -> None:
    """All lists at once, then the objects that were found; a route is read again with all that belongs to it."""
    client = Meeting(virtual_service(canary()), destination_rule(), service(), service("api-v2"))
    cluster = KubernetesCluster({"demo": client})
    client.expect(len(WANTED), then=1)
    [route] = cluster.routes(TARGET)
    client.expect(4)  # the object, its DestinationRules, Rollouts and Canaries
    assert cluster.reread(plan(route, {"v1": 5}, Roles(), stamps={}), TARGET) == route
    client.expect(2)  # the Service and its slices
    assert cluster.ready(replace(route.arms[0], service="api-v2", subset=""), TARGET).count == 0


def test_the_endpoints_of_a_known_subset_are_asked_for_together() -> None:
    """Its labels are remembered, and what its Service selects was read before: one round trip, Service and all."""
    listed = endpoint_slice("s", "api", {"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "a"}})
    client = Meeting(virtual_service(canary()), destination_rule(), service(), pod("a"), listed)
    cluster = KubernetesCluster({"demo": client})
    [route] = cluster.routes(TARGET)
    site = cluster._sites["demo"]
    rules = site.resource(DESTINATION_RULE)
    assert rules is not None
    site.remembered[rules.group, rules.plural].replace(rules, [destination_rule()], "1")
    assert cluster.ready(route.arms[1], TARGET).count == 1
    client.expect(3)
    assert cluster.ready(route.arms[1], TARGET).count == 1


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
    client = world.client()
    cluster = KubernetesCluster({"demo": client})
    cluster.watch({"demo": client})
    for route in cluster.routes(TARGET):
        change = plan(route, {route.arms[0].name: 5}, Roles(), stamps={})
        cluster.ready(route.arms[0], TARGET)
        cluster.reread(change, TARGET)
        cluster.patch(change, TARGET)
    served = {kind for _, kind in client.discover().versions} | {"services", "pods", "endpointslices"}
    wanted = {(group, plural, verb) for group, plural, verbs in RIGHTS for verb in verbs if plural in served}
    [watching] = cluster._watching
    until(lambda: all(one._open for one in watching._watchers if one._wanted.plural in served), "not watched")
    # The stand-in notes a watch when it ends.
    cluster.close()
    until(lambda: _used(world) >= wanted, "a right that nobody uses")
    assert _used(world) == wanted


def _used(world: World) -> set[tuple[str, str, str]]:
    return {right for asked in world.seen() if (right := _right(*asked))}


def _right(method: str, path: str, query: str) -> tuple[str, str, str] | None:
    found = _PATH.fullmatch(path)
    if found is None:
        return None  # what is served
    listing = "watch" if "watch=1" in query else "list"
    return found["group"], found["plural"], "patch" if method == "PATCH" else "get" if found["name"] else listing


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


def _many(count: int, *namespaces: str) -> list[Obj]:
    """Return as many routes, spread over the namespaces."""
    made = [virtual_service(canary(), name=f"vs-{number}", hosts=[f"svc-{number}"]) for number in range(count)]
    places = [namespaces[number % len(namespaces)] for number in range(count)]
    return [obj | {"metadata": obj["metadata"] | {"namespace": place}} for obj, place in zip(made, places, strict=True)]


def _plans(objs: list[Obj]) -> list[tuple[Plan, Target]]:
    """Return a plan for each of these routes."""
    routes = [VIRTUAL_SERVICE.read(obj)[0] for obj in objs]
    made = [plan(route, {"v1": 50, "v2": 50}, Roles("v1", "v2"), stamps={}) for route in routes]
    return [(one, Target("demo", one.namespace, "api")) for one in made]


def test_a_glance_asks_for_one_list_of_each_namespace(world: World) -> None:
    """However many routes lie there; nothing is read by name."""
    objs = _many(12, "shop", "blog")
    world.load(*objs)
    cluster = KubernetesCluster({"demo": world.client()})
    cluster.discover()
    before = len(world.seen())
    assert cluster.glance(_plans(objs)) == [{"v1": 90, "v2": 10}] * 12
    path = "/apis/networking.istio.io/v1/namespaces/{}/virtualservices"
    asked = sorted((path, query) for _, path, query in world.seen()[before:])
    assert asked == [(path.format(place), "resourceVersion=0") for place in ("blog", "shop")]


def test_a_glance_asks_nothing_where_routes_are_watched(world: World) -> None:
    """It sees what the watch told, and what was changed meanwhile, without a request."""
    objs = _many(3, "shop")
    world.load(*objs)
    client = world.client()
    cluster = KubernetesCluster({"demo": client})
    cluster.discover()
    cluster.watch({"demo": client})
    try:
        kept = cluster._sites["demo"].remembered[VIRTUAL_SERVICE.group, VIRTUAL_SERVICE.plural]
        resource = Resource(VIRTUAL_SERVICE.group, "v1", VIRTUAL_SERVICE.plural, VIRTUAL_SERVICE.kind)
        until(lambda: kept.objects(resource, "shop"), "nothing is remembered")
        plans = _plans([obj | {"apiVersion": "networking.istio.io/v1"} for obj in objs])
        before = len([path for _, path, _ in world.seen() if "/namespaces/" in path])
        assert cluster.glance(plans) == [{"v1": 90, "v2": 10}] * 3
        world.load(virtual_service(canary(v1=1, v2=99), name="vs-1", hosts=["svc-1"]))
        until(lambda: cluster.glance(plans)[1] == {"v1": 1, "v2": 99}, "a change was not seen")
        assert len([path for _, path, _ in world.seen() if "/namespaces/" in path]) == before
    finally:
        cluster.close()


def test_a_glance_at_a_cluster_that_is_away_sees_nothing() -> None:
    """It is a hint: whoever needs to know asks again, and hears why there is no answer."""
    objs = _many(2, "shop")
    cluster = MemoryCluster(objs)
    cluster.client.broken = Unavailable("The API server is away.")
    assert cluster.glance(_plans(objs)) == [None, None]
    cluster.client.broken = None
    assert None not in cluster.glance(_plans(objs))


def test_a_glance_reads_anew_only_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object with the uid and version of the last glance is not read; one with another version, or none, is."""
    objs = _many(3, "shop")
    cluster, plans = MemoryCluster(objs), _plans(objs)
    assert cluster.glance(plans) == [{"v1": 90, "v2": 10}] * 3
    read: list[str] = []

    def noted(obj: Obj, plan: Plan) -> Weights | None:
        read.append(plan.name)
        return seen(obj, plan)

    seen = adapter._seen
    monkeypatch.setattr(adapter, "_seen", noted)
    cluster.glance(plans)
    assert read == []
    cluster.client.put(virtual_service(canary(v1=1, v2=99), name="vs-1", hosts=["svc-1"]))
    cluster.client.remove("VirtualService", "shop", "vs-2")
    assert cluster.glance(plans) == [{"v1": 90, "v2": 10}, {"v1": 1, "v2": 99}, None]
    assert read == ["vs-1"]
    cluster.client._held["VirtualService", "shop", "vs-0"]["metadata"]["resourceVersion"] = ""
    cluster.glance(plans)
    cluster.glance(plans)
    assert read == ["vs-1", "vs-0", "vs-0"]


def test_a_route_made_anew_is_another() -> None:
    """The same version under another uid is not what was seen; an object that tells neither is never the same."""
    names = [{"uid": "a", "resourceVersion": "1"}, {"uid": "b", "resourceVersion": "1"}, {"resourceVersion": "1"}]
    assert [version_of({"metadata": one}) for one in names] == [("a", "1"), ("b", "1"), None]


def test_a_thousand_routes_are_seen_in_a_glance() -> None:
    """Well within half a second, in one namespace or in fifty."""
    for namespaces in (["shop"], [f"ns-{number}" for number in range(50)]):
        objs = _many(1000, *namespaces)
        cluster, plans = MemoryCluster(objs), _plans(objs)
        cluster.glance(plans[:1])

        def glance(cluster: MemoryCluster = cluster, plans: list[tuple[Plan, Target]] = plans) -> float:
            started = time.process_time()
            assert len(cluster.glance(plans)) == 1000
            return time.process_time() - started

        # Who shares a core with others has less of its caches.
        quickest(glance, within_s=0.5)


def test_a_survey_tells_what_it_cannot_read() -> None:
    """One faulty object is the trouble of its service alone; a real API server with the definition stores none."""
    faulty = virtual_service(canary(v1="many"), name="cart-vs", hosts=["cart"])
    cluster = MemoryCluster([virtual_service(canary()), faulty])
    found = {one.target.service: one for one in cluster.survey("demo")}
    assert len(found["api"].routes) == 1
    assert "'many'" in found["cart"].problem
    assert found["cart"].routes == ()
