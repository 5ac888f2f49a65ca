"""kubectl against the stand-in cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.cluster.kubeconfig import kubeconfig_text
from playground.serving import ServerThread
from tests.playground.cluster.conftest import EXAMPLES

Kubectl = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed on this machine")


@pytest.fixture
def environment(server: ServerThread, tmp_path: Path) -> dict[str, str]:
    """Return an environment in which kubectl knows only the stand-in."""
    config = tmp_path / "kubeconfig"
    config.write_text(kubeconfig_text(server.url), encoding="utf-8")
    return {**os.environ, "KUBECONFIG": str(config), "HOME": str(tmp_path)}


@pytest.fixture
def kubectl(environment: dict[str, str]) -> Kubectl:
    """Return a function that runs kubectl in the namespace mesh-demo."""

    def run(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = ["kubectl", "-n", "mesh-demo", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == code, done.stderr
        return done

    return run


def test_apply_examples_and_read_them(kubectl: Kubectl) -> None:
    """`kubectl apply` of every example works twice, and get finds them by short name, name, label and version."""
    kubectl("apply", "-f", EXAMPLES)
    assert "virtualservice.networking.istio.io/api-vs unchanged" in kubectl("apply", "-f", EXAMPLES).stdout
    assert "api-vs" in kubectl("get", "vs", "-A").stdout
    assert "weight: 90" in kubectl("get", "vs", "api-vs", "-o", "yaml").stdout
    named = (
        "deployment.apps/api-v1",
        "trafficsplit.split.smi-spec.io/api",
        "httproute.gateway.networking.k8s.io/api-route",
    )
    listed = kubectl("get", "deploy,ts,httproute,dr,sp", "-o", "name").stdout.split()
    assert set(named) < set(listed)
    old = kubectl("get", "virtualservices.v1alpha3.networking.istio.io", "api-vs", "-o", "jsonpath={.apiVersion}")
    assert old.stdout == "networking.istio.io/v1alpha3"
    kubectl("label", "vs", "api-vs", "team=a")
    assert kubectl("get", "vs", "-l", "team in (a,b)", "-o", "name").stdout.split() == [
        "virtualservice.networking.istio.io/api-vs"
    ]


def test_patch_and_its_refusals(kubectl: Kubectl) -> None:
    """A guarded JSON patch works once, its repetition is refused, and strategic merge is not for custom resources."""
    kubectl("apply", "-f", EXAMPLES / "istio-traffic.yaml")
    where = "/spec/http/0/route/0/weight"
    patch = f'[{{"op":"test","path":"{where}","value":90}},{{"op":"replace","path":"{where}","value":50}}]'
    kubectl("patch", "vs", "api-vs", "--type=json", "-p", patch)
    again = kubectl("patch", "vs", "api-vs", "--type=json", "-p", patch, code=1)
    assert "the server rejected our request due to an error in our request" in again.stderr
    strategic = kubectl("patch", "vs", "api-vs", "--type=strategic", "-p", "{}", code=1)
    assert "application/strategic-merge-patch+json is not supported" in strategic.stderr
    weight = kubectl("get", "vs", "api-vs", "-o", "jsonpath={.spec.http[0].route[0].weight}")
    assert weight.stdout == "50"


def test_server_side_apply_conflicts(kubectl: Kubectl) -> None:
    """Server-side apply refuses to take a field that a patch owns, and takes it when forced."""
    file = EXAMPLES / "istio-traffic.yaml"
    kubectl("apply", "--server-side", "-f", file)
    kubectl("patch", "vs", "api-vs", "--type=merge", "-p", '{"spec":{"http":[]}}')
    assert '"kubectl-patch"' in kubectl("apply", "--server-side", "-f", file, code=1).stderr
    kubectl("apply", "--server-side", "--force-conflicts", "-f", file)


def test_namespaces_are_made_and_removed(kubectl: Kubectl) -> None:
    """`create ns` (which speaks protobuf), labels, and deletion with content."""
    kubectl("create", "ns", "lab")
    kubectl("label", "ns", "lab", "istio-injection=enabled")
    assert "lab" in kubectl("get", "ns", "-l", "istio-injection=enabled", "-o", "name").stdout
    kubectl("delete", "ns", "lab", "--timeout=60s")
    assert "NotFound" in kubectl("get", "ns", "lab", code=1).stderr


def test_errors_read_as_from_a_real_server(kubectl: Kubectl) -> None:
    """Missing objects, missing kinds and taken names are told in kubectl's own words."""
    assert 'virtualservices.networking.istio.io "x" not found' in kubectl("get", "vs", "x", code=1).stderr
    assert "doesn't have a resource type" in kubectl("get", "unicorns", code=1).stderr
    kubectl("create", "-f", EXAMPLES / "istio-mtls.yaml")
    assert "AlreadyExists" in kubectl("create", "-f", EXAMPLES / "istio-mtls.yaml", code=1).stderr


def test_watch_prints_changes(kubectl: Kubectl, environment: dict[str, str]) -> None:
    """`get -w` prints the object, then a line when it changes."""
    kubectl("apply", "-f", EXAMPLES / "istio-traffic.yaml")
    command = ["kubectl", "-n", "mesh-demo", "get", "vs", "-w", "-o", "jsonpath={.metadata.labels.step};"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        assert watch.stdout.read(1) == b";"
        kubectl("label", "vs", "api-vs", "step=two")
        assert watch.stdout.read(4) == b"two;"
        watch.terminate()
