"""Routes are watched: no lists while that works, and never a wrong answer when it does not."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from mesh.domain.errors import Conflict, Refused, Unavailable
from mesh.domain.plans import Roles, plan
from playground.cluster.api import make_app
from playground.cluster.kinds import KINDS, serving
from playground.cluster.kubeconfig import kubeconfig_text
from playground.cluster.objects import Cluster as Standin
from playground.serving import ServerThread, free_port
from tests.workers.cluster.conftest import World, until
from tests.workers.cluster.shapes import (
    TARGET,
    Obj,
    canary,
    destination_rule,
    endpoint_slice,
    pod,
    service,
    traffic_split,
    virtual_service,
)
from tests.workers.cluster.test_remembered import ROUTES, at, event
from workers.cluster import remembered, watching
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.cluster.looking import Site
from workers.cluster.resources import Resource
from workers.cluster.served import Served
from workers.cluster.table import ROUTING_APIS
from workers.memory import MemoryClient

WATCHED = re.compile(r"/apis/[^/]+/[^/]+/\w+")
"""A collection in all namespaces."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(watching, "PAUSE_S", 0.02)
    monkeypatch.setattr(watching, "LONGEST_PAUSE_S", 0.1)


class Watched:
    """A cluster that watches, and what it asked."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = world.client()
        self.cluster = KubernetesCluster({"demo": self.client})
        self.cluster.discover()
        self.cluster.watch({"demo": self.client})

    @property
    def site(self) -> Site:
        """What is remembered."""
        return self.cluster._sites["demo"]

    def knows(self, wanted: str = "virtualservices") -> bool:
        """Tell whether a kind is known without asking."""
        [kind] = [one for one in self.site.remembered if one[1] == wanted]
        resource = next(filter(None, (self.site.resource(api) for api in ROUTING_APIS if api.plural == wanted)), None)
        return resource is not None and self.site.remembered[kind].objects(resource, "shop") is not None

    def live(self) -> None:
        """Wait until every kind that is served is known."""
        served = self.site.served
        assert served is not None
        kinds = [kind for kind in self.site.remembered if kind in served.versions]
        until(lambda: all(self.site.remembered[kind]._heard_at > 0 for kind in kinds), "not watched")

    def asked(self, act: Callable[[], object]) -> list[tuple[str, str]]:
        """Return (path, query) of each request that `act` made; watches and their lists are not its doing."""
        before = len(self.world.seen())
        act()
        seen = [(path, query) for _, path, query in self.world.seen()[before:]]
        return [(path, query) for path, query in seen if not WATCHED.fullmatch(path)]


@pytest.fixture
def watched(world: World) -> Iterator[Watched]:
    """A canary that is watched."""
    world.load(virtual_service(canary()), destination_rule(), service(), pod("a"))
    world.load(endpoint_slice("s", "api", {"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "a"}}))
    made = Watched(world)
    made.live()
    yield made
    made.cluster.close()


def names(cluster: KubernetesCluster) -> list[str]:
    """Return the names of the objects that hold the target's routes."""
    return sorted({route.name for route in cluster.routes(TARGET)})


# --- what a job asks -------------------------------------------------------------------------------------------------


def test_a_look_is_one_get(watched: Watched) -> None:
    """The object itself; the version behind its subset is known without asking."""
    found = []
    asked = watched.asked(lambda: found.extend(watched.cluster.routes(TARGET)))
    assert asked == [(ROUTES.path("shop", "api-vs"), "")]
    assert [arm.version for arm in found[0].arms] == ["1.0", "2.0"]
    assert watched.asked(lambda: watched.cluster.services(TARGET)) == []


def test_a_rereading_is_one_get(watched: Watched) -> None:
    """Owners and DestinationRules are known without asking, and it is the same route."""
    [route] = watched.cluster.routes(TARGET)
    change = plan(route, {"v1": 5}, Roles(), stamps={})
    found = []
    asked = watched.asked(lambda: found.append(watched.cluster.reread(change, TARGET)))
    assert (asked, found) == ([(ROUTES.path("shop", "api-vs"), "")], [route])


def test_ready_endpoints_are_asked_for_at_once(watched: Watched) -> None:
    """Once a Service was read, the labels of its subsets' pods are known; when its selector changes, they are not."""
    [route] = watched.cluster.routes(TARGET)
    v2 = route.arms[1]
    for _ in range(2):
        asked = watched.asked(lambda: watched.cluster.ready(v2, TARGET))
        assert sorted(path.rpartition("/shop/")[2] for path, _ in asked) == ["endpointslices", "pods", "services/api"]
    assert watched.cluster.ready(v2, TARGET).count == 1
    watched.world.load(service(selector={"app": "web"}))
    assert watched.cluster.ready(v2, TARGET).count == 0
    watched.world.load(pod("a", labels={"app": "web", "version": "2.0"}))
    assert watched.cluster.ready(v2, TARGET).count == 1


def test_who_has_no_route_is_listed_for(watched: Watched) -> None:
    """Memory alone never says that there is no such service."""
    nobody = replace(TARGET, service="nobody")
    asked = watched.asked(lambda: watched.cluster.routes(nobody))
    assert (ROUTES.path("shop"), "") in asked


def test_a_gateway_that_has_no_route_for_the_service_is_not_read(watched: Watched) -> None:
    """It sends everything to one destination, as most do: there is nothing to plan with."""
    gate = virtual_service({"route": [{"destination": {"host": "api"}}]}, name="gate", hosts=["*"], gateways=["public"])
    watched.world.load(gate)
    until(
        lambda: len(watched.site.remembered[ROUTES.group, ROUTES.plural].objects(ROUTES, "shop") or ()) == 2, "unseen"
    )
    assert watched.asked(lambda: watched.cluster.routes(TARGET)) == [(ROUTES.path("shop", "api-vs"), "")]


# --- what changes ----------------------------------------------------------------------------------------------------


def test_a_second_object_for_the_host_is_seen(watched: Watched) -> None:
    """Within a moment, as is that it went away again; one of another namespace is not the service's."""
    watched.world.load(virtual_service(canary(), name="second"))
    until(lambda: names(watched.cluster) == ["api-vs", "second"], "the second was not seen")
    other = virtual_service(canary(), name="third")
    watched.world.load(other | {"metadata": other["metadata"] | {"namespace": "elsewhere"}})
    watched.world.knob("POST", "reset", "")
    until(lambda: names(watched.cluster) == [], "they are gone")


def test_an_object_of_an_added_namespace_is_seen(world: World) -> None:
    """Every namespace is watched, so what is configured to be looked through costs nothing."""
    ingress = virtual_service(canary(), hosts=["api.shop"])
    world.load(ingress | {"metadata": ingress["metadata"] | {"namespace": "ingress"}})
    client = world.client()
    cluster = KubernetesCluster({"demo": client}, route_namespaces={"demo": ["ingress"]})
    cluster.watch({"demo": client})
    try:
        until(lambda: cluster._sites["demo"].remembered[ROUTES.group, ROUTES.plural].version, "not watched")
        assert [route.namespace for route in cluster.routes(TARGET)] == ["ingress"]
    finally:
        cluster.close()


def test_an_object_made_anew_is_the_new_one(watched: Watched) -> None:
    """Its uid is read, not remembered; a plan for the old one is a conflict."""
    [old] = watched.cluster.routes(TARGET)
    watched.world.knob("POST", "reset", "")
    watched.world.load(virtual_service(canary(70, 30)))
    [new] = watched.cluster.routes(TARGET)
    assert new.uid != old.uid
    assert new.weights == {"v1": 70, "v2": 30}
    with pytest.raises(Conflict):
        watched.cluster.patch(plan(old, {"v1": 5}, Roles(), stamps={}), TARGET)


def test_a_memory_that_is_wrong_costs_a_second_look(watched: Watched) -> None:
    """The object it points to is gone: the true one is found, and planned with."""
    kept = watched.site.remembered[ROUTES.group, ROUTES.plural]
    kept.replace(ROUTES, [at("1", name="ghost")], kept.version)
    assert names(watched.cluster) == ["api-vs"]


def test_our_own_write_is_remembered(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the answer to the PATCH, even when the watch is silent."""
    kept = watched.site.remembered[ROUTES.group, ROUTES.plural]
    monkeypatch.setattr(kept, "learn", lambda _: None)
    [route] = watched.cluster.routes(TARGET)
    after = watched.cluster.patch(plan(route, {"v1": 50, "v2": 50}, Roles(), stamps={}), TARGET)
    [held] = kept.objects(ROUTES, "shop") or ()
    assert held["metadata"]["resourceVersion"] == after.resource_version


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_what_may_not_be_watched_is_listed(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With rights in some namespaces only, every answer is as good, and what is missing is logged once."""
    monkeypatch.setattr(watching, "RARELY_S", 0.02)
    world.load(virtual_service(canary()), destination_rule())
    [path] = {resource.everywhere for resource in [ROUTES]}
    world.trouble(path_contains=path, kind="status", status=403, times=1000)
    made = Watched(world)
    try:
        until(lambda: len([one for one in made.world.seen() if one[1] == path]) > 3, "not tried again")
        assert not made.knows()
        assert made.knows("trafficsplits")
        assert names(made.cluster) == ["api-vs"]
        [said] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert "meshbot may not list virtualservices in all namespaces of cluster demo" in said
    finally:
        made.cluster.close()


@pytest.fixture
def one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return the address at which every server of this test is found."""
    port = free_port()
    monkeypatch.setattr("playground.serving.free_port", lambda: port)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(kubeconfig_text(f"http://127.0.0.1:{port}"))
    return World(f"http://127.0.0.1:{port}", kubeconfig)


def test_a_cut_stream_is_taken_up_again(one_place: World) -> None:
    """The server goes away and comes back, with other objects and a version from before: what counts is what is there.

    Meanwhile the cluster is unavailable, which is never "no such service".
    """
    with ServerThread(make_app(Standin())):
        for number in range(5):
            one_place.load(virtual_service(canary(), name=f"vs-{number}"))
        made = Watched(one_place)
        made.live()
        assert len(names(made.cluster)) == 5
    try:
        until(lambda: not made.knows(), "it is still believed")
        with pytest.raises(Unavailable):
            made.cluster.routes(TARGET)
        with ServerThread(make_app(Standin())):
            one_place.load(virtual_service(canary(), name="restored"))
            until(made.knows, "not watched again")
            until(lambda: names(made.cluster) == ["restored"], "the old ones are still there")
    finally:
        made.cluster.close()


def test_a_kind_that_is_removed_is_forgotten(one_place: World) -> None:
    """With its objects; installed in another version, it is watched in that."""
    split = {"service": "api-v1", "weight": 1}
    with ServerThread(make_app(Standin())):
        one_place.load(traffic_split(split, split | {"service": "api-v2"}), virtual_service(canary()))
        made = Watched(one_place)
        made.live()
        assert names(made.cluster) == ["api-split", "api-vs"]
    try:
        older = serving(
            KINDS, {"virtualservices.networking.istio.io": ["v1beta1"], "trafficsplits.split.smi-spec.io": []}
        )
        with ServerThread(make_app(Standin(older))):
            one_place.load(virtual_service(canary()) | {"apiVersion": "networking.istio.io/v1beta1"})
            until(made.knows, "not watched in the version of now")
            [route] = made.cluster.routes(TARGET)
            assert route.version == "v1beta1"
            assert not made.knows("trafficsplits")
    finally:
        made.cluster.close()


class Scripted:
    """A source that says what it is told: a list, then streams of events; None in a stream ends it."""

    def __init__(self) -> None:
        self.objects: list[Obj] = [at("7")]
        self.lists = 0
        self.versions: list[str] = []
        self.said: SimpleQueue[Obj | Exception | None] = SimpleQueue()

    def everywhere(self, resource: Resource) -> tuple[list[Obj], str] | None:
        """List; other kinds may not be listed."""
        if resource != ROUTES:
            raise Refused("not this one")
        self.lists += 1
        return list(self.objects), "10"

    def changes(self, resource: Resource, version: str, *, seconds: float) -> watching.Changes | None:
        """Open a stream."""
        assert resource == ROUTES
        assert 0.8 * watching.STREAM_S < seconds < remembered.SILENT_S - 5, "its end must come before it is doubted"
        self.versions.append(version)
        return _Stream(self.said)


class _Stream:
    def __init__(self, said: SimpleQueue[Obj | Exception | None]) -> None:
        self._said = said
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Obj]:
        while not self._closed.is_set():
            one = self._said.get()
            if isinstance(one, Exception):
                raise one
            if one is None:
                return
            yield one

    def close(self) -> None:
        self._closed.set()
        self._said.put(None)


@pytest.fixture
def source() -> Scripted:
    """A source with one VirtualService."""
    return Scripted()


@pytest.fixture
def site(source: Scripted) -> Iterator[Site]:
    """A site that watches it."""
    made = Site(MemoryClient([]))
    started = watching.Watching(made, source, cluster="demo")
    yield made
    started.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("watch ")]


def known(site: Site) -> tuple[Obj, ...] | None:
    """Return the VirtualServices that are remembered."""
    return site.remembered[ROUTES.group, ROUTES.plural].objects(ROUTES, "shop")


def test_a_stream_that_ends_in_time_goes_on_where_it_was(
    source: Scripted, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the last version it spoke of, without a new list."""
    monkeypatch.setattr(watching, "STEADY_S", 0.0)
    source.said.put(event("ADDED", at("12", name="second")))
    source.said.put(event("BOOKMARK", {"metadata": {"resourceVersion": "20"}}))
    source.said.put(None)
    until(lambda: len(source.versions) == 2, "no second stream")
    assert (source.versions, source.lists) == (["10", "20"], 1)
    assert len(known(site) or ()) == 2


@pytest.mark.parametrize("why", [Unavailable("too old resource version"), ValueError("a bug"), None])
def test_a_stream_that_breaks_means_a_new_list(source: Scripted, site: Site, why: Exception | None) -> None:
    """Cut, too old (410), our own mistake, or ended as soon as it was opened: objects that went meanwhile are gone."""
    until(lambda: source.versions, "no stream")
    source.objects = [at("30", name="other")]
    source.said.put(why)
    until(lambda: source.lists == 2, "no second list")
    until(lambda: [obj["metadata"]["name"] for obj in known(site) or ()] == ["other"], "the old object is still there")


def test_failures_are_told_once(source: Scripted, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Not the first, which a restart of the server is, and not each of many; that it works again is told, too."""
    caplog.set_level(logging.INFO)

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if "virtualservices" in record.getMessage()]

    until(lambda: source.versions, "no stream")
    for number in range(2, 6):
        source.said.put(Unavailable("gone away"))
        until(lambda number=number: source.lists == number, "no new list")  # type: ignore[misc]  # mypy cannot infer a lambda's default
        assert len(said()) == (0 if number == 2 else 1)
    source.said.put(event("ADDED", at("12")))
    until(lambda: len(said()) == 2, "not told that it works again")
    assert "gone away" in said()[0]
    assert "watched again" in said()[1]
    assert known(site)


def test_a_stream_that_says_nothing_is_not_believed(
    source: Scripted, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks lists then, and never gets what was."""
    until(lambda: source.versions, "no stream")
    assert known(site)
    monkeypatch.setattr(remembered, "SILENT_S", 0.05)
    until(lambda: known(site) is None, "it is still believed")

    def hears() -> bool:
        source.said.put(event("BOOKMARK", {"metadata": {"resourceVersion": "20"}}))
        time.sleep(0.01)
        return bool(known(site))

    until(hears, "it is not believed again")


def test_a_version_that_is_liked_better_is_watched_instead(
    source: Scripted, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once somebody learnt that it is served, and the stream of the other one has ended."""
    monkeypatch.setattr(watching, "STEADY_S", 0.0)
    until(lambda: source.versions, "no stream")
    site.client.discover = lambda: Served({(ROUTES.group, ROUTES.plural): "v1beta1"})  # type: ignore[method-assign]  # an upgrade
    site.discover()
    source.said.put(None)
    until(lambda: known(site) is None, "the former version is still watched")
    assert len(source.versions) == 1


def test_many_who_ask_what_is_served_ask_once() -> None:
    """Each kind's thread and the jobs do; a cluster that is away must not be waited for by one after another."""
    asked, answer = [], threading.Event()

    class Slow(MemoryClient):
        def discover(self) -> Served:
            asked.append(1)
            answer.wait(60)
            raise Unavailable("away")

    site, failures = Site(Slow([])), []

    def ask() -> None:
        try:
            site.discover()
        except Unavailable as error:
            failures.append(error.message)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    until(lambda: asked, "nobody asked")
    time.sleep(0.05)
    answer.set()
    for thread in threads:
        thread.join(60)
    assert (len(asked), failures) == (1, ["away"] * 5)


# --- the client's stream ---------------------------------------------------------------------------------------------


def test_changes_are_streamed(world: World) -> None:
    """From a version on, in every namespace; the server ends it in time, and it can be closed before."""
    world.load(virtual_service(canary()))
    client = world.client()
    objects, version = client.everywhere(ROUTES) or ([], "")
    assert [obj["metadata"]["name"] for obj in objects] == ["api-vs"]
    changes = client.changes(ROUTES, version, seconds=2)
    assert changes is not None
    world.load(virtual_service(canary(50, 50)))
    assert [one["type"] for one in changes] == ["MODIFIED", "BOOKMARK"]
    endless = client.changes(ROUTES, version, seconds=60)
    assert endless is not None
    told = []
    for one in endless:
        told.append(one["type"])
        threading.Timer(0.1, endless.close).start()
    assert told == ["MODIFIED"]


def test_a_dead_server_shows_within_ten_seconds(world: World) -> None:
    """The kernel probes a connection that says nothing, so that a watch does not wait for who is gone."""
    client = world.client()
    changes = client.changes(ROUTES, "1", seconds=60)
    assert changes is not None
    held = changes._response.connection.sock  # type: ignore[union-attr]  # an open stream has a connection
    idle, interval, count = (
        held.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert held.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert idle + interval * count <= 10
    changes.close()
    assert list(changes) == []


@pytest.mark.parametrize(("status", "kind"), [(403, Refused), (503, Unavailable), (410, Unavailable)])
def test_a_watch_that_is_turned_away_says_why(world: World, status: int, kind: type[Exception]) -> None:
    """In the words of the error tree; a kind that is not served is None."""
    world.trouble(path_contains=ROUTES.everywhere, kind="status", status=status)
    with pytest.raises(kind):
        world.client().changes(ROUTES, "1", seconds=1)
    assert world.client().changes(replace(ROUTES, version="v9"), "1", seconds=1) is None
    assert world.client().everywhere(replace(ROUTES, version="v9")) is None


def test_a_version_that_is_too_old_breaks_the_stream(tmp_path: Path) -> None:
    """The server says 410 inside of a stream that began well."""
    with ServerThread(make_app(Standin(history=3))) as server:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(kubeconfig_text(server.url))
        world = World(server.url, kubeconfig)
        for number in range(8):
            world.load(virtual_service(canary(), name=f"vs-{number}"))
        changes = KubernetesClient("demo", kubeconfig=str(kubeconfig)).changes(ROUTES, "1", seconds=1)
        assert changes is not None
        with pytest.raises(Unavailable, match="ended the watch: too old resource version"):
            list(changes)


def test_an_owner_of_a_kind_that_was_just_installed_is_seen(one_place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argo Rollouts came after us: its routes are its own soon, and not minutes later."""
    assert watching.ABSENT_S <= 30
    monkeypatch.setattr(watching, "ABSENT_S", 0.2)
    with ServerThread(make_app(Standin(serving(KINDS, {"rollouts.argoproj.io": []})))):
        one_place.load(virtual_service(canary()))
        made = Watched(one_place)
        made.live()
    try:
        routing = {"istio": {"virtualService": {"name": "api-vs"}}}
        rollout: Obj = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": "api", "namespace": "shop"},
            "spec": {"strategy": {"canary": {"trafficRouting": routing}}},
        }
        with ServerThread(make_app(Standin())):
            one_place.load(virtual_service(canary()), rollout)
            until(made.knows, "not watched again")
            until(lambda: made.cluster.routes(TARGET)[0].owner, "the owner is not seen")
    finally:
        made.cluster.close()
