"""The simulator and the stand-in cluster together, on the demo world's own file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import requests

from playground.cluster.api import make_app as make_cluster
from playground.cluster.manifests import documents
from playground.cluster.objects import Cluster
from playground.serving import ServerThread
from playground.traffic.app import make_app
from playground.traffic.profile import DEFAULT
from tests.playground.traffic.conftest import WORLD
from tests.playground.traffic.test_app import arm, eventually
from tests.quickest import quickly

ROUTES = {
    "api": ("networking.istio.io/v1beta1", "virtualservices/api-vs", "/spec/http/0/route/{}/weight", "v2"),
    "checkout": ("networking.istio.io/v1", "virtualservices/checkout", "/spec/http/1/route/{}/weight", "v2"),
    "web": ("split.smi-spec.io/v1alpha2", "trafficsplits/web-split", "/spec/backends/{}/weight", "web-v2"),
    "search": (
        "gateway.networking.k8s.io/v1",
        "httproutes/search-route",
        "/spec/rules/0/backendRefs/{}/weight",
        "search-v2",
    ),
}


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[str]:
    """Yield the address of a stand-in cluster that holds the demo world."""
    cluster = Cluster()
    cluster.load(documents(WORLD.read_text()))
    with ServerThread(make_cluster(cluster)) as server:
        yield server.url


@pytest.fixture(scope="module")
def simulator(kubernetes: str) -> Iterator[str]:
    """Yield the address of a simulator that follows that cluster."""
    with ServerThread(make_app(kubernetes, DEFAULT, seed=5)) as server:
        yield server.url


@pytest.mark.parametrize("service", ROUTES)
def test_a_patch_moves_the_traffic(kubernetes: str, simulator: str, service: str) -> None:
    """A JSON patch of two weights, through any served version, is followed for each kind of route within 2 s."""
    version, path, pointer, canary = ROUTES[service]
    plural, name = path.split("/")
    pairs = itertools.cycle([(50, 50), (20, 80)])

    def move() -> None:
        weights = next(pairs)
        patch = [{"op": "replace", "path": pointer.format(at), "value": value} for at, value in enumerate(weights)]
        answer = requests.patch(
            f"{kubernetes}/apis/{version}/namespaces/mesh-demo/{plural}/{name}",
            json=patch,
            headers={"Content-Type": "application/json-patch+json"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        eventually(lambda: arm(simulator, service, canary).get("share") in weights)

    quickly(move, within_s=2)
    eventually(lambda: arm(simulator, service, canary)["success"] is not None)


def test_every_object_of_the_world_is_served(kubernetes: str) -> None:
    """The cluster has the pods, ready, behind the endpoint slices that name them."""
    core, slices = (
        f"{kubernetes}/api/v1/namespaces/mesh-demo",
        f"{kubernetes}/apis/discovery.k8s.io/v1/namespaces/mesh-demo",
    )
    pods = {pod["metadata"]["name"]: pod for pod in requests.get(f"{core}/pods", timeout=60).json()["items"]}
    services = {item["metadata"]["name"] for item in requests.get(f"{core}/services", timeout=60).json()["items"]}
    found = requests.get(f"{slices}/endpointslices", timeout=60).json()["items"]
    assert {item["metadata"]["labels"]["kubernetes.io/service-name"] for item in found} == services
    assert services >= {"api", "checkout", "web", "web-v1", "web-v2", "search", "search-v1", "search-v2"}
    for endpoint in (endpoint for item in found for endpoint in item["endpoints"]):
        pod = pods[endpoint["targetRef"]["name"]]
        assert endpoint["addresses"] == [pod["status"]["podIP"]]
        assert {"type": "Ready", "status": "True"} in pod["status"]["conditions"]
