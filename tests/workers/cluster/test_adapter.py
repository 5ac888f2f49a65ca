"""The adapter's own habits: discovery, rights, faults on the way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from mesh.domain.commands import Target
from mesh.domain.errors import Unavailable
from mesh.domain.plans import Roles, plan
from playground.cluster.api import make_app
from playground.cluster.kinds import KINDS, serving
from playground.cluster.kubeconfig import kubeconfig_text
from playground.cluster.objects import Cluster as Standin
from playground.serving import ServerThread
from tests.workers.cluster.conftest import World
from tests.workers.cluster.shapes import (
    TARGET,
    backends,
    canary,
    destination_rule,
    http_route,
    service,
    traffic_split,
    virtual_service,
)
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.cluster.faults import UnknownOutcome
from workers.cluster.rights import RIGHTS
from workers.cluster.served import Served
from workers.memory import MemoryCluster

EXAMPLES = Path(__file__).parents[3] / "manifests" / "examples"
_PATH = re.compile(r"/apis?/(?:(?P<group>[^/]+\.[^/]+|)/?)(?:v\w+)/namespaces/[^/]+/(?P<plural>\w+)(?P<name>/.+)?")


def test_discovery_is_asked_once(world: World) -> None:
    """The second look at the routes lists only."""
    world.load(virtual_service(canary()))
    cluster = KubernetesCluster({"demo": world.client()})
    cluster.routes(TARGET)
    before = len(world.seen())
    cluster.routes(TARGET)
    # Three routing APIs and, for the versions of subsets, the DestinationRules.
    assert len(world.seen()) - before == 4


def test_without_destination_rules_the_routes_are_still_good(world: World) -> None:
    """A missing right for DestinationRules must not keep traffic from going back; it is a warning."""
    world.load(virtual_service(canary()), destination_rule())
    world.trouble(path_contains="destinationrules", kind="status", status=403)
    [route] = KubernetesCluster({"demo": world.client()}).routes(TARGET)
    assert [(arm.weight, arm.version) for arm in route.arms] == [(90, ""), (10, "")]
    assert "may not list destinationrules" in route.warnings[0]


def test_discovery_learns_what_it_can() -> None:
    """One cluster that is away does not keep the others from being known."""
    away = MemoryCluster().client
    away.broken = Unavailable("away")
    cluster = KubernetesCluster({"away": away, "demo": MemoryCluster().client})
    with pytest.raises(Unavailable):
        cluster.discover()
    assert set(cluster._served) == {"demo"}


def test_a_kind_installed_later_is_found() -> None:
    """Finding nothing is a reason to ask again what is served."""
    cluster = MemoryCluster([virtual_service(canary())])
    cluster._served["demo"] = Served()
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
        versions = dict(cluster._served["demo"].versions)
        cluster._served["demo"] = Served(versions | {("networking.istio.io", "virtualservices"): "v1"})
        assert cluster.routes(TARGET) == [route]
        assert route.version == "v1beta1"


def test_the_rights_are_exactly_what_is_asked_for(world: World) -> None:
    """Every request of the adapter is covered by RIGHTS, and every right is used."""
    split = {"service": "api-v1", "weight": 1}
    world.load(virtual_service(canary()), destination_rule(), service())
    world.load(traffic_split(split, split | {"service": "api-v2"}), http_route(backends(("api-v1", 1), ("api-v2", 1))))
    cluster = KubernetesCluster({"demo": world.client()})
    for route in cluster.routes(TARGET):
        change = plan(route, {route.arms[0].name: 5}, Roles(), stamps={})
        cluster.ready(route.arms[0], TARGET)
        cluster.reread(change, TARGET)
        cluster.patch(change, TARGET)
    used = {_right(method, path) for method, path, _ in world.seen() if "/namespaces/" in path}
    assert used == {(group, plural, verb) for group, plural, verbs in RIGHTS for verb in verbs}


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
