"""A reader with a fresh cluster and the documents: every command in its order, to a bot that moves traffic and away."""

from __future__ import annotations

from pathlib import Path

from playground.slack.driver import SlackDriver
from tests.cluster.reader import JIN, LEFT_OUT, PROD, to_run
from tests.cluster.surroundings import EXAMPLES, slack, weights
from tests.e2e.admin import Admin
from tests.e2e.walking import Walk, in_vain

CLOSED = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "closed", "namespace": "meshbot"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}
"""Nothing goes in or out but what the chart's own policies allow, as in many companies' clusters."""
PAGES = ("docs/kind.md", "manifests/README.md")


def test_the_walk_with_helm(admin: Admin, walk: Walk, tmp_path: Path) -> None:
    """docs/kind.md: the pods are ready, the doctor is content, `/mesh promote` moves traffic, nothing is left."""
    every = to_run("docs/kind.md")
    closed = every.index("kubectl create namespace meshbot")
    checked = next(place for place, one in enumerate(every) if one.startswith("helm test"))
    with slack(tmp_path) as chat:
        for command in every[: closed + 1]:
            walk(command)
        admin.apply(CLOSED)
        for command in every[closed + 1 : checked + 1]:
            walk(command)
        _use(chat, admin)
        for command in every[checked + 1 :]:
            walk(command)
    for namespace in ("meshbot", "mesh-demo"):
        assert admin.do("GET", f"/api/v1/namespaces/{namespace}").status == 404


def test_the_walk_with_kubectl(admin: Admin, walk: Walk, tmp_path: Path) -> None:
    """manifests/README.md: the same from plain manifests, with the image that the walk before made."""
    for file in EXAMPLES:
        walk(f"kubectl apply -f manifests/examples/{file}")
    with slack(tmp_path) as chat:
        for command in to_run("manifests/README.md"):
            walk(command)
        _use(chat, admin)
    walk("kubectl delete -f manifests/meshbot-socket.yaml -f manifests/redis.yaml -f manifests/rbac.yaml")
    walk("kubectl delete namespace mesh-demo")


def test_nothing_is_left_out_in_vain() -> None:
    """Every pattern of what is not run still stands for a command of some walk."""
    assert in_vain(LEFT_OUT, PAGES) == []


def _use(chat: SlackDriver, admin: Admin) -> None:
    """Do what docs/kind.md says of the channel."""
    chat.send(JIN, PROD, "/mesh status api")
    chat.wait_for_text("Status of api")
    chat.send(JIN, PROD, "/mesh promote api 50 --dry-run")
    chat.wait_for_text("Plan: promote api to v2 50 %")
    chat.send(JIN, PROD, '/mesh promote api 50 --force --reason "trying it out"')
    chat.wait_for_text("Promoted api: v2 at 50 %")
    assert weights(admin) == [50, 50]
