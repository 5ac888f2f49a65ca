"""The documents that lead to a running bot, walked on a real API server: each command of each of them is run.

No kubelet and no controllers are there, so what waits for pods is left out, and what needs Docker or another's chart.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.admin import Admin
from tests.e2e.binaries import build
from tests.helm.chart import CHART, HOME

HOUSE = CHART.parents[1]
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


def commands(page: str) -> list[str]:
    """Every command of a document's `sh` blocks, in its order."""
    text = (HOUSE / page).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    return [line for line in blocks.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def to_run(page: str) -> list[str]:
    """Those that are run."""
    return [one for one in commands(page) if not any(re.fullmatch(pattern, one) for pattern in LEFT_OUT)]


@pytest.fixture
def house(admin: Admin, tmp_path: Path) -> Path:
    """This repository as a walker has it; only the version of Kubernetes that the chart asks for is not said.

    A server that is built from its module calls itself v0.0.0.
    """
    for name in ("docs", "manifests"):
        (tmp_path / name).symlink_to(HOUSE / name)
    shutil.copytree(CHART, tmp_path / "helm/meshbot")
    about = tmp_path / "helm/meshbot/Chart.yaml"
    lines = about.read_text().splitlines(keepends=True)
    about.write_text("".join(line for line in lines if not line.startswith("kubeVersion:")))
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "helm").symlink_to(build(names=("helm",), home=HOME) / "helm")
    kubectl = shutil.which("kubectl") or build(names=("kubectl",)) / "kubectl"
    (tools / "kubectl").symlink_to(kubectl)
    return tmp_path


@pytest.fixture
def walk(admin: Admin, house: Path) -> Iterator[Callable[[str], str]]:
    """A way to run one command as a walker would; namespaces that a walk makes are taken for its own."""
    environment = {**os.environ, "KUBECONFIG": str(admin.kubeconfig), "HOME": str(house)}
    environment["PATH"] = f"{house / 'bin'}:{environment['PATH']}"

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=house, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

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
def test_the_walks_with_helm_lead_to_the_three_processes(
    admin: Admin, demo: str, walk: Callable[[str], str], page: str
) -> None:
    """Each command does what it should in its turn; before the last ones the release is there, with its Secret."""
    for command in to_run(page):
        if command.startswith("helm uninstall"):
            assert deployed(admin, WALKS) == PROCESSES
        walk(elsewhere(command))
    assert deployed(admin, WALKS) == (set() if page == "docs/kind.md" else PROCESSES)
    assert admin.do("GET", f"/api/v1/namespaces/{WALKS}/secrets/meshbot").status == 200


def test_the_walk_with_kubectl_leads_to_the_three_processes(admin: Admin, walk: Callable[[str], str]) -> None:
    """All is in the namespace `meshbot` at its end, and the configuration stays when files are applied anew."""
    admin.namespace("meshbot")
    for command in to_run("manifests/README.md"):
        walk(command)
    walk("kubectl apply -f manifests/rbac.yaml -f manifests/meshbot-socket.yaml")
    assert deployed(admin, "meshbot") == PROCESSES
    config = admin.must("GET", "/api/v1/namespaces/meshbot/configmaps/meshbot-config")["data"]
    assert config == {"meshbot.yaml": (HOUSE / "docs/examples/kind.yaml").read_text()}


def test_nothing_is_left_out_in_vain() -> None:
    """Every pattern of what is not run still stands for a command of some walk."""
    every = [
        one for page in ("docs/kind.md", "helm/meshbot/README.md", "manifests/README.md") for one in commands(page)
    ]
    assert [pattern for pattern in LEFT_OUT if not any(re.fullmatch(pattern, one) for one in every)] == []
