"""The client against a stand-in API server that misbehaves on demand."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.domain.errors import Conflict, Refused, Unavailable
from playground.cluster.kubeconfig import kubeconfig_text
from playground.serving import free_port
from tests.workers.cluster.conftest import World
from tests.workers.cluster.shapes import canary, endpoint_slice, pod, virtual_service
from workers.cluster import client as module
from workers.cluster.client import KubernetesClient
from workers.cluster.faults import UnknownOutcome
from workers.cluster.resources import ENDPOINT_SLICES, PODS, Resource

ROUTES = Resource("networking.istio.io", "v1", "virtualservices", "VirtualService")
WEIGHT = "/spec/http/0/route/0/weight"
SET_50 = [{"op": "test", "path": WEIGHT, "value": 90}, {"op": "replace", "path": WEIGHT, "value": 50}]


def weight_in(world: World) -> int:
    """Read the first weight by a client of its own."""
    obj = world.client().read(ROUTES, "shop", "api-vs")
    assert obj is not None
    weight: int = obj["spec"]["http"][0]["route"][0]["weight"]
    return weight


@pytest.fixture
def routed(world: World) -> World:
    """Return a world with one canary."""
    world.load(virtual_service(canary()))
    return world


def test_objects_are_read_and_listed(routed: World) -> None:
    """By name, by namespace and by label; what is not there is None or nothing."""
    routed.load(pod("a"), pod("b", labels={"app": "web"}), endpoint_slice("s", "api"))
    client = routed.client()
    assert (client.read(ROUTES, "shop", "api-vs") or {})["kind"] == "VirtualService"
    assert client.read(ROUTES, "shop", "nope") is None
    assert client.objects(ROUTES, "elsewhere") == []
    assert [obj["metadata"]["name"] for obj in client.objects(PODS, "shop", labels="app=api,version=2.0") or []] == [
        "a"
    ]
    assert [obj["kind"] for obj in client.objects(ENDPOINT_SLICES, "shop") or []] == ["EndpointSlice"]


def test_a_kind_that_is_not_served_is_none(world: World) -> None:
    """Not the same as a kind without objects."""
    assert world.client().objects(Resource("networking.istio.io", "v9", "virtualservices", "X"), "shop") is None


def test_discovery_finds_what_is_served(world: World) -> None:
    """The newest version meshbot knows, for each kind."""
    versions = dict(world.client().discover().versions)
    assert versions[("networking.istio.io", "virtualservices")] == "v1"
    assert versions[("split.smi-spec.io", "trafficsplits")] == "v1alpha4"
    assert len(versions) == 4


def test_a_patch_is_written_under_our_name(routed: World) -> None:
    """One PATCH, with our field manager; the answer is the object as it is now."""
    obj = routed.client().patch(ROUTES, "shop", "api-vs", SET_50)
    assert obj is not None
    assert obj["spec"]["http"][0]["route"][0]["weight"] == 50
    assert obj["metadata"]["managedFields"][-1]["manager"] == "meshbot"
    assert routed.seen()[-1] == ("PATCH", ROUTES.path("shop", "api-vs"), "fieldManager=meshbot")


def test_a_failed_test_is_a_conflict(routed: World) -> None:
    """A patch whose test does not hold writes nothing; one of an object that is gone is None."""
    client = routed.client()
    client.patch(ROUTES, "shop", "api-vs", SET_50)
    with pytest.raises(Conflict, match="nothing was written"):
        client.patch(ROUTES, "shop", "api-vs", SET_50)
    assert client.patch(ROUTES, "shop", "gone", SET_50) is None


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_empty_name_never_leaves(routed: World, name: str) -> None:
    """It would address the whole collection."""
    client, before = routed.client(), len(routed.seen())
    with pytest.raises(Refused, match="not the name"):
        client.read(ROUTES, "shop", name)
    with pytest.raises(Refused, match="not the name"):
        client.patch(ROUTES, "shop", name, SET_50)
    with pytest.raises(Refused, match="No namespace"):
        client.objects(ROUTES, "")
    assert len(routed.seen()) == before


def test_slashes_stay_inside_a_name(routed: World) -> None:
    """A name cannot lead to another path."""
    assert routed.client().read(ROUTES, "shop", "../../pods") is None
    assert routed.client().read(ROUTES, "shop", "api-vs/status") is None


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Unavailable), (403, Refused), (409, Conflict), (429, Unavailable), (503, UnknownOutcome)]
)
def test_refusals_of_a_patch_are_translated(routed: World, status: int, kind: type[Exception]) -> None:
    """Each status in its type, asked exactly once."""
    routed.trouble(method="PATCH", kind="status", status=status)
    with pytest.raises(kind) as caught:
        routed.client().patch(ROUTES, "shop", "api-vs", SET_50)
    assert type(caught.value) is kind
    assert [method for method, _, _ in routed.seen()].count("PATCH") == 1


def test_a_reading_is_asked_once_too(routed: World) -> None:
    """A 503 with Retry-After does not keep the worker waiting."""
    routed.trouble(method="GET", kind="status", status=503, times=5)
    with pytest.raises(Unavailable, match="answered 503"):
        routed.client().read(ROUTES, "shop", "api-vs")
    assert len(routed.seen()) == 1


@pytest.mark.parametrize(("trouble", "weight"), [("drop_before", 90), ("drop_after", 50)])
def test_a_patch_without_an_answer_is_unknown(routed: World, trouble: str, weight: int) -> None:
    """A closed socket may come before or after the write: the same error, and never a second attempt."""
    routed.trouble(method="PATCH", kind=trouble)
    with pytest.raises(UnknownOutcome, match="not known"):
        routed.client().patch(ROUTES, "shop", "api-vs", SET_50)
    assert weight_in(routed) == weight


def test_a_slow_answer_is_waited_for_only_so_long(routed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading becomes unavailable, a patch unknown, and the patch may still have been written."""
    monkeypatch.setattr(module, "READ_S", 0.2)
    routed.trouble(path_contains="api-vs", kind="hang", seconds=0.6, times=2)
    with pytest.raises(Unavailable, match=r"no answer within 0\.2 s") as read:
        routed.client().read(ROUTES, "shop", "api-vs")
    assert type(read.value) is Unavailable
    begun = time.monotonic()
    with pytest.raises(UnknownOutcome, match=r"no answer within 0\.2 s"):
        routed.client().patch(ROUTES, "shop", "api-vs", SET_50)
    assert time.monotonic() - begun < 0.6


def test_a_server_that_is_away_is_not_unknown(tmp_path: Path) -> None:
    """A refused connection means that nothing was sent."""
    (tmp_path / "kubeconfig").write_text(kubeconfig_text(f"http://127.0.0.1:{free_port()}"))
    client = KubernetesClient("demo", kubeconfig=str(tmp_path / "kubeconfig"))
    with pytest.raises(Unavailable, match="the connection was refused") as caught:
        client.patch(ROUTES, "shop", "api-vs", SET_50)
    assert type(caught.value) is Unavailable


@pytest.fixture
def login_page(tmp_path: Path) -> Iterator[KubernetesClient]:
    """Return a client of something that answers every request with a page for people."""
    listener = socket.create_server(("127.0.0.1", 0))
    page = b"HTTP/1.1 404 Not Found\r\nContent-Length: 15\r\nConnection: close\r\n\r\n<html>Log in!\r\n"

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(page)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    (tmp_path / "kubeconfig").write_text(kubeconfig_text(f"http://127.0.0.1:{listener.getsockname()[1]}"))
    yield KubernetesClient("demo", kubeconfig=str(tmp_path / "kubeconfig"))
    thread.join(5)
    listener.close()


def test_a_stranger_is_not_an_empty_cluster(login_page: KubernetesClient) -> None:
    """A proxy's page with status 404 does not mean that the object is gone."""
    with pytest.raises(Unavailable, match="not a Kubernetes API server"):
        login_page.read(ROUTES, "shop", "api-vs")


@pytest.mark.parametrize("context", ["", "nope"])
def test_a_bad_configuration_says_so(tmp_path: Path, context: str) -> None:
    """A missing file, a missing context, and no pod around us."""
    path = tmp_path / "kubeconfig"
    if context:
        path.write_text(kubeconfig_text("http://127.0.0.1:1"))
    with pytest.raises(Unavailable, match="cannot be reached"):
        KubernetesClient("demo", kubeconfig=str(path), context=context).discover()
    with pytest.raises(Unavailable, match="cannot be reached"):
        KubernetesClient("demo").discover()


def test_a_fork_gets_connections_of_its_own(routed: World) -> None:
    """Parent and child share no socket: both go on after the fork."""
    client = routed.client()
    client.read(ROUTES, "shop", "api-vs")
    parents = client._connected()
    child = os.fork()
    if child == 0:
        fine = client._connected() is not parents and client.read(ROUTES, "shop", "api-vs") is not None
        os._exit(0 if fine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client._connected() is parents
    assert client.read(ROUTES, "shop", "api-vs") is not None
