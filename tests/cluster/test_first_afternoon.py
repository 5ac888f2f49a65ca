"""A reader with a fresh cluster and the documents: every command in its order, to a bot that moves traffic and away."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.cluster import shims
from tests.cluster.surroundings import BOT, metrics, slack
from tests.e2e.admin import Admin
from tests.e2e.binaries import build
from tests.e2e.walking import HOUSE, Walk, commands, walker
from tests.helm.chart import HOME

JIN, PROD = "U0JIN", "C0PROD"
ROUTE = "/apis/networking.istio.io/v1/namespaces/mesh-demo/virtualservices/api-vs"
LEFT_OUT = {
    r"helm repo add .*": "charts of others, from the internet",
    r"helm install (istio-base|istiod|prometheus) .*": "the same; their definitions and their Service are there",
}
"""Pattern of a command → why it is not run."""
OWN = {
    "xoxb-example": BOT.bot_token,
    "xapp-example": BOT.app_token,
    "slack-signing-secret=example": f"slack-signing-secret={BOT.signing_secret}",
}
"""What the documents tell the reader to put in, and what this reader has."""


def yours(command: str) -> str:
    """The command with the reader's own in it."""
    for made_up, own in OWN.items():
        command = command.replace(made_up, own)
    return command


def to_run(page: str) -> list[str]:
    """The commands of a page, but for those of others."""
    return [yours(one) for one in commands(page) if not any(re.fullmatch(pattern, one) for pattern in LEFT_OUT)]


@pytest.fixture
def house(admin: Admin, tmp_path: Path) -> Path:
    """The repository as the reader has it, after writing their own Slack id into the configuration."""
    for name in ("manifests", "helm"):
        (tmp_path / name).symlink_to(HOUSE / name)
    shutil.copytree(HOUSE / "docs", tmp_path / "docs")
    for file in ("kind.yaml", "cluster.yaml"):
        path = tmp_path / "docs/examples" / file
        path.write_text(path.read_text().replace("U012AB3CD", JIN).replace("S012AB3CD", "S0SRE"))
    tools = tmp_path / "bin"
    tools.mkdir()
    shims.put(tools, admin.kubeconfig.parents[1] / "containerd")
    (tools / "helm").symlink_to(build(names=("helm",), home=HOME) / "helm")
    (tools / "kubectl").symlink_to(build(names=("kubectl",)) / "kubectl")
    return tmp_path


@pytest.fixture
def walk(admin: Admin, house: Path) -> Walk:
    """A way to run one command as the reader would."""
    return walker(house, admin.kubeconfig, timeout_s=300)


def weights(admin: Admin) -> list[int]:
    """The weights of the one route, stable first."""
    return [arm["weight"] for arm in admin.must("GET", ROUTE)["spec"]["http"][-1]["route"]]


def test_the_walk_with_helm(admin: Admin, walk: Walk, tmp_path: Path) -> None:
    """docs/kind.md: the pods are ready, the doctor is content, `/mesh promote` moves traffic, nothing is left."""
    every = to_run("docs/kind.md")
    checked = next(place for place, one in enumerate(every) if one.startswith("helm test"))
    with slack(tmp_path) as chat, metrics(tmp_path / "metrics", admin):
        for command in every[: checked + 1]:
            walk(command)
        chat.send(JIN, PROD, "/mesh status api")
        chat.wait_for_text("Status of api")
        chat.send(JIN, PROD, "/mesh promote api 50 --dry-run")
        chat.wait_for_text("It would go ahead now.")
        chat.send(JIN, PROD, '/mesh promote api 50 --force --reason "trying it out"')
        chat.wait_for_text("Promoted api: v2 at 50 %")
        assert weights(admin) == [50, 50]
        for command in every[checked + 1 :]:
            walk(command)
