"""The client against a stand-in API server that misbehaves on demand."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import certifi
import pytest
from kubernetes.client import ApiClient

from mesh.domain.catalog import Cluster
from mesh.domain.errors import Conflict, Refused, Unavailable
from playground.cluster.kubeconfig import kubeconfig_text
from playground.serving import free_port
from tests.workers.cluster.conftest import World
from tests.workers.cluster.shapes import canary, endpoint_slice, pod, virtual_service
from workers.cluster import client as module
from workers.cluster.client import KubernetesClient
from workers.cluster.faults import UnknownOutcome
from workers.cluster.resources import ENDPOINT_SLICES, PODS, Resource
from workers.cluster.served import WANTED
from workers.cluster.together import together

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
    assert versions.keys() <= {(wanted.group, wanted.plural) for wanted in WANTED}


def test_a_patch_is_written_under_our_name(routed: World) -> None:
    """One PATCH, with our field manager; the answer is the object as it is now."""
    obj = routed.client().patch(ROUTES, "shop", "api-vs", SET_50)
    assert obj is not None
    assert obj["spec"]["http"][0]["route"][0]["weight"] == 50
    assert [entry["manager"] for entry in obj["metadata"]["managedFields"]].count("meshbot") == 1
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
    reader, writer = routed.client(), routed.client()
    # What each asks once, it has been told in good time.
    for client in (reader, writer):
        assert client.read(ROUTES, "shop", "api-vs")
    monkeypatch.setattr(module, "READ_S", 0.2)
    routed.trouble(path_contains="api-vs", kind="hang", seconds=30, times=2)
    begun = time.monotonic()
    with pytest.raises(Unavailable, match=r"no answer within 0\.2 s") as read:
        reader.read(ROUTES, "shop", "api-vs")
    assert type(read.value) is Unavailable
    with pytest.raises(UnknownOutcome, match=r"no answer within 0\.2 s"):
        writer.patch(ROUTES, "shop", "api-vs", SET_50)
    assert time.monotonic() - begun < 20


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


def test_a_server_that_is_away_is_named_with_its_address(tmp_path: Path) -> None:
    """With what is wrong with it, and without a password that stands in the address."""
    port = free_port()
    (tmp_path / "kubeconfig").write_text(kubeconfig_text(f"http://user:secret@127.0.0.1:{port}"))
    with pytest.raises(Unavailable) as caught:
        KubernetesClient("edge", kubeconfig=str(tmp_path / "kubeconfig")).discover()
    assert caught.value.message == (
        f"Cluster edge did not answer at http://127.0.0.1:{port}: the connection was refused."
    )


def test_a_name_that_nobody_knows_is_said(tmp_path: Path) -> None:
    """Not "refused", which would send people to look at the wrong end."""
    (tmp_path / "kubeconfig").write_text(kubeconfig_text("http://nowhere.invalid:6443"))
    with pytest.raises(Unavailable, match=r"at http://nowhere\.invalid:6443: no such host name is known"):
        KubernetesClient("edge", kubeconfig=str(tmp_path / "kubeconfig")).discover()


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[tuple[KubernetesClient, list[str]]]:
    """Return a client of a server that closes each connection after one answer without saying so, and what it heard."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[str] = []
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    held: list[socket.socket] = []

    def serve() -> None:
        # The fixture's end takes both kinds of socket away.
        with suppress(OSError):
            while True:
                held.append(listener.accept()[0])
                with held[-1] as connection:
                    heard.append(connection.recv(65536).split()[0].decode())
                    connection.sendall(answer)
                    # Waits for the next request and hangs up on it, as a server whose patience ends at that moment.
                    request = connection.recv(65536)
                    heard.extend(f"unanswered {request.split()[0].decode()}" for _ in request[:1])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    (tmp_path / "kubeconfig").write_text(kubeconfig_text(f"http://127.0.0.1:{listener.getsockname()[1]}"))
    yield KubernetesClient("demo", kubeconfig=str(tmp_path / "kubeconfig")), heard
    listener.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        held[-1].shutdown(socket.SHUT_RDWR)
    thread.join(5)
    listener.close()


def test_a_reading_on_a_closed_connection_is_asked_again(impatient: tuple[KubernetesClient, list[str]]) -> None:
    """Nobody sees that a kept connection was closed in the moment it was used."""
    client, heard = impatient
    client.read(ROUTES, "shop", "api-vs")
    assert client.read(ROUTES, "shop", "api-vs") == {}
    assert heard == ["GET", "unanswered GET", "GET"]


def test_a_patch_on_a_closed_connection_is_not_sent_again(impatient: tuple[KubernetesClient, list[str]]) -> None:
    """It may have been written before the connection went."""
    client, heard = impatient
    client.read(ROUTES, "shop", "api-vs")
    with pytest.raises(UnknownOutcome):
        client.patch(ROUTES, "shop", "api-vs", SET_50)
    assert heard == ["GET", "unanswered PATCH"]


@pytest.mark.parametrize("context", ["", "nope"])
def test_a_bad_configuration_says_so(tmp_path: Path, context: str) -> None:
    """A missing file, a missing context, and no pod around us."""
    path = tmp_path / "kubeconfig"
    if context:
        path.write_text(kubeconfig_text("http://127.0.0.1:1"))
    with pytest.raises(Unavailable, match="Cluster demo cannot be reached"):
        KubernetesClient("demo", kubeconfig=str(path), context=context).discover()
    with pytest.raises(Unavailable, match="Cluster demo cannot be reached"):
        KubernetesClient("demo").discover()


GARBLED = {
    "no YAML": "clusters: [",
    "text": "just words",
    "a list": "- a\n- b\n",
    "no clusters": "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: []\n",
    "no Base64": kubeconfig_text("https://127.0.0.1:1").replace(
        "server:", "certificate-authority-data: 'S3CRET!'\n      server:"
    ),
}


@pytest.mark.parametrize("text", GARBLED.values(), ids=list(GARBLED))
def test_a_garbled_kubeconfig_is_a_cluster_that_cannot_be_reached(tmp_path: Path, text: str) -> None:
    """It is no bug of ours, it does not keep other clusters from working, and what it holds is not repeated."""
    (tmp_path / "kubeconfig").write_text(text)
    with pytest.raises(Unavailable, match="Cluster demo cannot be reached") as caught:
        KubernetesClient("demo", kubeconfig=str(tmp_path / "kubeconfig")).discover()
    assert "S3CRET" not in caught.value.message


def test_each_cluster_is_reached_as_the_configuration_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own kubeconfig, by a context of the environment's, or by the pod's own account."""
    for name, port in (("own", 1), ("environment", 2)):
        (tmp_path / name).write_text(kubeconfig_text(f"http://127.0.0.1:{port}"))
    in_pod(tmp_path, monkeypatch)
    given = str(tmp_path / "environment")
    clusters = (
        Cluster("edge", kubeconfig=str(tmp_path / "own")),
        Cluster("prod"),
        Cluster("here", in_cluster=True),
    )
    hosts = [KubernetesClient.of(one, kubeconfig=given)._connected().configuration.host for one in clusters]
    assert hosts == ["http://127.0.0.1:1", "http://127.0.0.1:2", "https://10.96.0.1:443"]
    assert KubernetesClient.of(Cluster("prod"))._connected().configuration.host == "https://10.96.0.1:443"
    with pytest.raises(Unavailable, match="Cluster west cannot be reached"):
        KubernetesClient.of(Cluster("west", context="west"), kubeconfig=given).discover()
    # The pod's own account leads to one cluster, which need not be the one that is meant.
    with pytest.raises(Unavailable, match="it is the context west of a kubeconfig, and none is given"):
        KubernetesClient.of(Cluster("west", context="west")).discover()


def in_pod(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay out a pod's service account and address of the API server."""
    token, authority = directory / "token", directory / "ca.crt"
    token.write_text("sometoken")
    authority.write_text(Path(certifi.where()).read_text())
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")


def test_first_questions_at_the_same_time_share_one_client(routed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would open connections of its own otherwise, and shake hands for them."""
    client, built = routed.client(), []
    build = client._build

    def slowly() -> ApiClient:
        built.append(threading.get_ident())
        time.sleep(0.05)
        return build()

    monkeypatch.setattr(client, "_build", slowly)
    found = together([lambda: client.read(ROUTES, "shop", "api-vs")] * 8)
    assert all(found)
    assert len(built) == 1


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


LOGIN = """
apiVersion: v1
kind: Config
current-context: a
clusters: [{name: a, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: a, context: {cluster: a, user: a}}, {name: b, context: {cluster: a, user: b}}]
users:
  - {name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: %s, interactiveMode: Never}}}
  - {name: b, user: {token: given}}
"""


@pytest.mark.parametrize("program", ["gke-gcloud-auth-plugin-that-is-not-there", "/bin/false"])
def test_a_login_that_brings_nothing_is_named(tmp_path: Path, program: str) -> None:
    """A program of a cloud's that the image lacks, or that fails, is named to people; other contexts do not mind."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(LOGIN % program)
    with pytest.raises(Unavailable, match=f"logs in by the program {program}"):
        KubernetesClient("edge", kubeconfig=str(kubeconfig)).discover()
    with pytest.raises(Unavailable, match="did not answer at http"):
        KubernetesClient("edge", kubeconfig=str(kubeconfig), context="b").discover()


def test_a_login_that_brings_a_token_is_used(tmp_path: Path, world: World) -> None:
    """On a machine that has the program, it is run as kubectl would run it."""
    program, kubeconfig = tmp_path / "login", tmp_path / "kubeconfig-with-login"
    said = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t"}}'
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o700)
    kubeconfig.write_text((LOGIN % program).replace("http://127.0.0.1:1", world.url))
    assert KubernetesClient("edge", kubeconfig=str(kubeconfig)).discover().versions
