"""Routes elsewhere than in the service's namespace, and clusters besides the first, wired as workers are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mesh.domain.catalog import Catalog, Cluster
from mesh.domain.operations import State
from playground.serving import free_port
from settings.environment import Environment
from tests.e2e.admin import Admin, Obj
from tests.e2e.bench import RealBench
from tests.e2e.objects import apply_example, example, theirs
from tests.e2e.workloads import apply_workload
from tests.e2e.writing import split, with_split
from workers.wiring import make_workshop

GATEWAYS = "mesh-gateways"
HERE = Cluster("demo", namespace="mesh-demo")


def wired(*clusters: Cluster, kubeconfig: Path) -> RealBench:
    """The verbs over clusters as a worker process wires them."""
    workshop = make_workshop(Environment(kubeconfig=str(kubeconfig)), Catalog(clusters))
    return RealBench(real=workshop.cluster, clusters=clusters)


@pytest.fixture
def away(admin: Admin, demo: str, emptied: Callable[[str], None]) -> Obj:
    """The example's VirtualService in the gateways' namespace; DestinationRule and pods are with the service."""
    emptied(GATEWAYS)
    apply_workload(admin)
    rule, route = example("istio-traffic.yaml")
    admin.apply(rule)
    return admin.apply(route | {"metadata": {**route["metadata"], "namespace": GATEWAYS}})


def test_a_route_of_another_namespace_is_moved(admin: Admin, worker_kubeconfig: Path, away: Obj) -> None:
    """Where the configuration says that routes are kept; there and back, to the last field."""
    bench = wired(replace(HERE, route_namespaces=(GATEWAYS,)), kubeconfig=worker_kubeconfig)
    [status] = bench.succeed("status api").statuses
    assert f"{GATEWAYS}/api-vs" in status.label
    bench.succeed("promote api 50")
    assert theirs(admin.get(away)) == with_split(theirs(away), 50, 50)
    bench.succeed("undo api")
    assert theirs(admin.get(away)) == theirs(away)


def test_it_is_not_found_unless_configured(admin: Admin, worker_kubeconfig: Path, away: Obj) -> None:
    """Nobody searches a whole cluster unasked."""
    refused = wired(HERE, kubeconfig=worker_kubeconfig).do("promote api 50")
    assert refused.state is State.REFUSED
    assert "No route names the service api" in refused.outcome
    assert split(admin.get(away)) == [90, 10]


def test_a_missing_right_there_is_said(admin: Admin, away: Obj) -> None:
    """An account that may read the service's namespace only does not take the other one for empty."""
    kubeconfig = _bound_to(admin, "mesh-demo")
    bench = wired(replace(HERE, route_namespaces=(GATEWAYS,)), kubeconfig=kubeconfig)
    refused = bench.do("status api")
    assert refused.state is State.REFUSED
    assert f"in namespace {GATEWAYS}" in refused.outcome


def test_an_unreachable_cluster_is_not_an_empty_one(
    admin: Admin, worker_kubeconfig: Path, demo: str, tmp_path: Path
) -> None:
    """It is named, with its trouble, and the other one goes on working."""
    apply_workload(admin)
    made = apply_example(admin, "istio-traffic.yaml")["VirtualService"]
    far = Cluster("far", kubeconfig=str(_nowhere(worker_kubeconfig, tmp_path)), namespace="mesh-demo")
    bench = wired(HERE, far, kubeconfig=worker_kubeconfig)
    for command in ("status api -c far", "promote api 50 -c far"):
        failed = bench.do(command)
        assert failed.state is State.FAILED
        assert "far" in failed.outcome
        assert "No route" not in failed.outcome
    bench.succeed("promote api 50")
    assert split(admin.get(made)) == [50, 50]
    assert bench.do("status nobody").state is State.REFUSED


def test_each_cluster_has_its_own_kubeconfig(admin: Admin, worker_kubeconfig: Path, demo: str) -> None:
    """A second name for the same server, by a file of its own, while the environment names none."""
    apply_workload(admin)
    made = apply_example(admin, "istio-traffic.yaml")["VirtualService"]
    near = replace(HERE, kubeconfig=str(worker_kubeconfig))
    bench = wired(near, replace(near, name="twin"), kubeconfig=Path("/nowhere"))
    bench.succeed("promote api 50 -c twin")
    assert split(admin.get(made)) == [50, 50]
    bench.succeed("status api")


def _nowhere(kubeconfig: Path, directory: Path) -> Path:
    """A kubeconfig whose server is a port that nobody listens on."""
    settings = yaml.safe_load(kubeconfig.read_text())
    settings["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(settings))
    return path


def _bound_to(admin: Admin, namespace: str) -> Path:
    """The kubeconfig of an account that has the shipped role in one namespace only."""
    subject = {"kind": "ServiceAccount", "name": "narrow", "namespace": "meshbot"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "meshbot-worker"}
    kubeconfig = admin.account("narrow", [])
    admin.shipped()
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "roleRef": role}
    admin.apply({**binding, "metadata": {"name": "narrow", "namespace": namespace}, "subjects": [subject]})
    return kubeconfig
