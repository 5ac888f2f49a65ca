"""A service that Git keeps, in the whole world: Slack to a real Git server, a stand-in for Argo CD, and kill -9."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import yaml

from mesh.domain.audit import verify
from mesh.domain.operations import State
from store.auditlog import RedisAuditLog
from store.connection import patient
from tests.workers.git.server import TOKEN, GitServer
from tests.world.town import EXAMPLES, PATHS, Town, call, make_world, until

pytestmark = pytest.mark.world

PATH = "apps/api/istio.yaml"
PATIENCE_S = 60
"""A worker that was killed holds its lease, and its successor needs to start."""


class Syncing:
    """Applies what is in Git to the stand-in cluster every half second, as Argo CD would in its own time."""

    def __init__(self, server: GitServer, cluster_url: str) -> None:
        self._server, self._url = server, f"{cluster_url}{PATHS['VirtualService']}/api-vs"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Syncing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.5):
            wanted = next(one for one in yaml.safe_load_all(self._server.read(PATH)) if one["kind"] == "VirtualService")
            held = call("GET", self._url)
            if held["spec"] != wanted["spec"]:
                synced = json.dumps({**held, "spec": wanted["spec"]}).encode()
                put(f"{self._url}?fieldManager=argocd-controller", synced)


def put(url: str, body: bytes) -> None:
    """Replace an object; what somebody changed meanwhile is synced the next time."""
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="PUT")
    with suppress(urllib.error.HTTPError), urllib.request.urlopen(asked, timeout=60):
        return


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A Git server whose repository has the seed's route."""
    serving = GitServer(tmp_path_factory.mktemp("git"))
    serving.push({PATH: (EXAMPLES / "istio-traffic.yaml").read_bytes()})
    yield serving
    serving.close()


@pytest.fixture(scope="module")
def town(server: GitServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A world whose service `api` is kept there."""
    directory = tmp_path_factory.mktemp("gitops")
    world = make_world(directory, mesh="istio")
    (directory / "token").write_text(TOKEN)
    configured: dict[str, Any] = yaml.safe_load(world.configuration.read_text())
    at = {"url": server.url, "token_file": str(directory / "token"), "email": "meshbot@example.com"}
    configured["repositories"] = {"apps": at}
    configured["services"]["api"]["in_git"] = {"repository": "apps", "path": PATH}
    world.configuration.write_text(yaml.safe_dump(configured))
    with world:
        yield Town(world)


@pytest.fixture
def begun(town: Town, server: GitServer) -> Iterator[None]:
    """The seed in Git and in the cluster, and the sync running."""
    server.before = server.after = lambda _path: None
    server.push({PATH: (EXAMPLES / "istio-traffic.yaml").read_bytes()})
    town.reset("istio-traffic.yaml")
    with Syncing(server, town.world.cluster_url):
        yield


@pytest.mark.usefixtures("begun")
def test_from_slack_to_git_to_the_cluster_and_back(town: Town, server: GitServer) -> None:
    """Promote and undo by slash command: two commits, the cluster follows, nothing is patched, the token is nowhere."""
    town.await_gates("v2")
    before, patched = server.read(PATH), len(town.patch_statuses())
    done = town.settled(town.ask("/mesh promote api 50"), PATIENCE_S)
    assert done.state is State.SUCCEEDED, done.outcome
    assert done.commit is not None
    assert done.commit.id == server.head()
    assert server.read(PATH) == before.replace(b"weight: 90", b"weight: 50").replace(b"weight: 10", b"weight: 50")
    assert town.world.weights()["api"] == {"v1": 50, "v2": 50}
    assert f"Commit {done.commit.short} in apps" in town.card(done)
    undone = town.settled(town.ask("/mesh undo api"), PATIENCE_S)
    assert undone.state is State.SUCCEEDED, undone.outcome
    assert server.read(PATH) == before
    assert len(town.patch_statuses()) == patched
    logs = "".join(path.read_text() for path in town.world.directory.glob("*.log"))
    assert TOKEN not in logs


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.usefixtures("begun")
def test_a_worker_killed_while_it_pushes_leaves_one_commit(moment: str, town: Town, server: GitServer) -> None:
    """`kill -9` when the push arrives, or when git has written it: the next worker finishes it, once."""
    killed = threading.Event()

    def kill(path: str) -> None:
        if path.endswith("/git-receive-pack") and not killed.is_set():
            town.kill_worker()
            killed.set()
            if moment == "before":
                raise ConnectionResetError

    setattr(server, moment, kill)
    operation = town.ask("/mesh rollback api")
    until(killed.is_set, "nothing was pushed", timeout_s=PATIENCE_S)
    town.world.start_meshbot("worker")
    done = town.settled(operation, PATIENCE_S)
    assert done.state is State.SUCCEEDED, done.outcome
    assert town.world.weights()["api"] == {"v1": 100, "v2": 0}
    said = [message for message in server.messages() if f"Meshbot-Operation: {operation}" in message]
    assert len(said) == 1
    log = RedisAuditLog(patient(town.world.redis.url))
    assert verify(log.entries(), log.head()) is None
