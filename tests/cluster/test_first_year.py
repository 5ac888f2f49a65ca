"""What happens to a release in its life: deployments anew, pods that die, neighbours who try doors."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from playground.serving import free_port
from playground.slack.driver import SlackDriver
from tests.cluster.node import ADDRESS
from tests.cluster.reader import JIN, PROD, to_run
from tests.cluster.surroundings import EXAMPLES, ROUTE, entrance, redis_outside, slack, weights
from tests.e2e.admin import Admin, until
from tests.e2e.walking import Walk

IMAGE = "registry.example.com/meshbot:0.1.0"
INSIDE = """
import os, socket, sys
def opens(host, port):
    try:
        socket.create_connection((host, int(port)), 3).close()
    except OSError:
        return False
    return True
def writes(path):
    try:
        open(path, "w").close()
    except OSError:
        return False
    return True
"""
LATE = "That took too long to reach me, so nothing was done."
DOORS = {
    "bot": {"slack.com 443", f"{ADDRESS} 6379"},
    "worker": {"slack.com 443", f"{ADDRESS} 6379", "kubernetes.default 443", "prometheus-server.istio-system 80"},
    "clock": {f"{ADDRESS} 6379"},
}
"""Process → what it may reach."""


@pytest.fixture(scope="module")
def chat(admin: Admin, walk: Walk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackDriver]:
    """Slack, of a release as helm/meshbot/README.md installs it: over HTTP, with a Redis of the reader's own."""
    place = tmp_path_factory.mktemp("release")
    port = free_port()
    for file in EXAMPLES:
        walk(f"kubectl apply -f manifests/examples/{file}")
    walk(f"docker build --tag {IMAGE} .")
    walk(f"kind load docker-image {IMAGE} --name mesh")
    with redis_outside(place / "redis"), slack(place, deliver_to=f"http://127.0.0.1:{port}/slack/events") as driver:
        for command in to_run("helm/meshbot/README.md"):
            walk(command)
        with entrance(place, admin, port):
            yield driver
        walk("helm uninstall meshbot --namespace meshbot")
        walk("kubectl delete namespace meshbot mesh-demo")


def test_a_deployment_anew_answers_every_command(chat: SlackDriver, walk: Walk, admin: Admin) -> None:
    """While all pods are replaced, each command finds a bot, and is done once or known not to be."""
    anew = "kubectl --namespace meshbot rollout restart deployment"
    done = "kubectl --namespace meshbot rollout status deployment --timeout=3m"
    rounds = 0
    with ThreadPoolExecutor() as pool:
        replaced = pool.submit(walk, f"{anew} && {done}")
        while not replaced.done():
            rounds += 1
            _insist(chat, admin, [90 - rounds, 10 + rounds])
        replaced.result()
    assert rounds > 1
    assert weights(admin) == [90 - rounds, 10 + rounds]
    written = admin.must("GET", ROUTE)["metadata"]["generation"]
    assert written == 1 + rounds


def test_a_rollout_survives_its_workers(chat: SlackDriver, walk: Walk, admin: Admin) -> None:
    """All worker pods are killed between two steps: others take it to its end, and a rollback takes all of it back."""
    chat.send(JIN, PROD, "/mesh rollback api")
    until(lambda: weights(admin) == [100, 0], "it was not rolled back")
    chat.send(JIN, PROD, "/mesh canary api 50,100 every 10s")
    until(lambda: weights(admin) == [50, 50], "the first step was not taken")
    walk("kubectl --namespace meshbot delete pod -l app.kubernetes.io/component=worker --force --grace-period=0")
    until(lambda: weights(admin) == [0, 100], "the second step was not taken", timeout_s=180)
    chat.send(JIN, PROD, "/mesh rollback api")
    until(lambda: weights(admin) == [100, 0], "it was not rolled back", timeout_s=120)


@pytest.mark.parametrize("process", DOORS)
def test_a_pod_reaches_what_it_needs_and_nothing_else(chat: SlackDriver, walk: Walk, process: str) -> None:
    """The policies are in force: the bot reaches no API server, the clock nothing but Redis."""
    doors = sorted(set().union(*DOORS.values()))
    said = inside(walk, process, f"print([door for door in {doors!r} if opens(*door.split())])")
    assert said == sorted(DOORS[process])


@pytest.mark.parametrize("process", DOORS)
def test_a_pod_is_nobody_and_writes_nowhere(chat: SlackDriver, walk: Walk, process: str) -> None:
    """No root, a file system that is read, a token of the cluster for workers alone."""
    token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    said = inside(walk, process, f"print([os.getuid(), writes('/app/x'), writes('/tmp/x'), os.path.exists({token!r})])")
    assert said == [65532, False, True, process == "worker"]


def _insist(chat: SlackDriver, admin: Admin, wanted: list[int]) -> None:
    """Set weights, again where the answer is that nothing was done: on a busy node a new pod may be slow at first."""

    def late() -> int:
        return sum(LATE in chat.render_text(one) for one in chat.transcript())

    before, (stable, canary) = late(), wanted
    chat.send(JIN, PROD, f"/mesh set api v1={stable} v2={canary} --force --reason anew")
    until(
        lambda: weights(admin) == wanted or late() > before or bool(_shut(chat)),
        f"it never came to {wanted}",
        timeout_s=90,
    )
    assert _shut(chat) == []
    if weights(admin) != wanted:
        _insist(chat, admin, wanted)


def _shut(chat: SlackDriver) -> list[dict[str, object]]:
    """The requests that found no bot. One that was only late is none: it tells how busy the node is."""
    return [one for one in chat.deliveries() if one["error"] and not one["timeout"]]


def inside(walk: Walk, process: str, line: str) -> list[object]:
    """Run a line of Python in a pod of a process and return the list that it prints."""
    script = shlex.quote(INSIDE + line)
    found = walk(f"kubectl --namespace meshbot exec deployment/meshbot-{process} -- python3 -c {script}")
    return list(ast.literal_eval(found.strip().splitlines()[-1]))
