"""A reader of the documents: what they have of their own, and where they stand."""

from __future__ import annotations

import shutil
from pathlib import Path

from playground.servers import PASSWORD, USER
from playground.slack.world import default_world
from tests.cluster import shims
from tests.cluster.node import ADDRESS
from tests.e2e import walking
from tests.e2e.admin import Admin
from tests.e2e.binaries import build
from tests.e2e.walking import HOUSE
from tests.helm.chart import HOME

JIN, PROD = "U0JIN", "C0PROD"
BOT = default_world().bot
REDIS = f"redis://{USER}:{PASSWORD}@{ADDRESS}:6379/0"
OWN = {
    "xoxb-example": BOT.bot_token,
    "xapp-example": BOT.app_token,
    "slack-signing-secret=example": f"slack-signing-secret={BOT.signing_secret}",
    "rediss://meshbot:password@redis.example.com:6379/0": REDIS,
    "U012AB3CD": JIN,
    "S012AB3CD": "S0SRE",
    "C012AB3CD": "C0AUDIT",
    "http://prometheus.monitoring.svc:9090": "http://prometheus-server.istio-system",
}
"""What the documents make up and tell the reader to replace, and what this reader has instead."""
LEFT_OUT = {
    r"helm repo add .*": "charts of others, from the internet",
    r"helm install (istio-base|istiod|prometheus) .*": "the same; their definitions and their Service are there",
}
"""Pattern of a command → why it is not run."""


def own(text: str) -> str:
    """Put in what is the reader's."""
    for made_up, theirs in OWN.items():
        text = text.replace(made_up, theirs)
    return text


def to_run(page: str) -> list[str]:
    """The commands of a page as the reader says them."""
    return [own(one) for one in walking.to_run(page, LEFT_OUT)]


def settle(place: Path, admin: Admin) -> None:
    """Make `place` the repository as the reader has it, the programs they need at hand in its `bin`."""
    for name in ("manifests", "helm"):
        (place / name).symlink_to(HOUSE / name)
    shutil.copytree(HOUSE / "docs", place / "docs")
    for file in ("kind.yaml", "cluster.yaml"):
        path = place / "docs/examples" / file
        path.write_text(own(path.read_text()))
    tools = place / "bin"
    tools.mkdir()
    shims.put(tools, admin.kubeconfig.parents[1] / "containerd")
    (tools / "helm").symlink_to(build(names=("helm",), home=HOME) / "helm")
    (tools / "kubectl").symlink_to(build(names=("kubectl",)) / "kubectl")
