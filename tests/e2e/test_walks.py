"""The documents that lead to a running bot, walked on a real API server: each command of each of them is run.

No kubelet and no controllers are there, so what waits for pods is left out, and what needs an engine; tests/cluster
does that, too.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.admin import Admin
from tests.e2e.binaries import build
from tests.e2e.walking import HOUSE, Walk, in_vain, to_run, walker
from tests.helm.chart import HOME

WALKS = "chart-walks"
"""Stands for the namespace `meshbot` where a walk makes it: other tests have accounts in that one."""
PAGES = ("docs/kind.md", "helm/meshbot/README.md", "manifests/README.md")
LEFT_OUT = {
    r"kind (create|delete|load) .*": "there is no Docker engine",
    r"docker build .*": "the same; the image has tests of its own",
    r"helm repo add .*": "charts of others, from the internet",
    r"helm install (istio-base|istiod|prometheus) .*": "the same; the meshes' definitions are installed already",
    r"kubectl .* rollout status .*": "no pod ever runs",
    r"helm test .*": "the same",
    r"kubectl delete namespace .*": "nobody takes a namespace away, so it would stay half deleted",
}
"""Pattern of a command → why it is not run."""


@pytest.fixture
def house(admin: Admin, tmp_path: Path) -> Path:
    """This repository as a walker has it, with helm and kubectl at hand."""
    for name in ("docs", "manifests", "helm"):
        (tmp_path / name).symlink_to(HOUSE / name)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "helm").symlink_to(build(names=("helm",), home=HOME) / "helm")
    kubectl = shutil.which("kubectl") or build(names=("kubectl",)) / "kubectl"
    (tools / "kubectl").symlink_to(kubectl)
    return tmp_path


@pytest.fixture
def walk(admin: Admin, house: Path) -> Iterator[Walk]:
    """A way to run one command as a walker would; namespaces that a walk makes are taken for its own."""
    run = walker(house, admin.kubeconfig, timeout_s=60)
    yield run
    run(f"helm uninstall meshbot --namespace {WALKS} --ignore-not-found")
    for file in ("meshbot-socket.yaml", "redis.yaml"):
        run(f"kubectl delete --ignore-not-found --wait=false -f manifests/{file}")
    for namespace in ("meshbot", WALKS):
        run(f"kubectl --namespace {namespace} delete secret --ignore-not-found meshbot meshbot-redis")


def elsewhere(command: str) -> str:
    """The command, in a namespace of the walk's own; that may be there from the walk before."""
    if command == "kubectl create namespace meshbot":
        return f"kubectl create namespace {WALKS} --dry-run=client --output yaml | kubectl apply -f -"
    return command.replace("--namespace meshbot", f"--namespace {WALKS}")


def deployed(admin: Admin, namespace: str) -> set[str]:
    """The names of the Deployments that are not on their way out."""
    found = admin.must("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments")["items"]
    return {one["metadata"]["name"] for one in found if "deletionTimestamp" not in one["metadata"]}


PROCESSES = {"meshbot-bot", "meshbot-worker", "meshbot-clock"}


@pytest.mark.parametrize("page", ["docs/kind.md", "helm/meshbot/README.md"])
def test_the_walks_with_helm_lead_to_the_three_processes(admin: Admin, demo: str, walk: Walk, page: str) -> None:
    """Each command does what it should in its turn; before the last ones the release is there, with its Secret."""
    for command in to_run(page, LEFT_OUT):
        if command.startswith("helm uninstall"):
            assert deployed(admin, WALKS) == PROCESSES
        walk(elsewhere(command))
    assert deployed(admin, WALKS) == (set() if page == "docs/kind.md" else PROCESSES)
    assert admin.do("GET", f"/api/v1/namespaces/{WALKS}/secrets/meshbot").status == 200


def test_the_walk_with_kubectl_leads_to_the_three_processes(admin: Admin, walk: Walk) -> None:
    """All is in the namespace `meshbot` at its end, and the configuration stays when files are applied anew."""
    admin.namespace("meshbot")
    for command in to_run("manifests/README.md", LEFT_OUT):
        walk(command)
    walk("kubectl apply -f manifests/rbac.yaml -f manifests/meshbot-socket.yaml")
    assert deployed(admin, "meshbot") == PROCESSES
    config = admin.must("GET", "/api/v1/namespaces/meshbot/configmaps/meshbot-config")["data"]
    assert config == {"meshbot.yaml": (HOUSE / "docs/examples/kind.yaml").read_text()}


def test_nothing_is_left_out_in_vain() -> None:
    """Every pattern of what is not run still stands for a command of some walk."""
    assert in_vain(LEFT_OUT, PAGES) == []
