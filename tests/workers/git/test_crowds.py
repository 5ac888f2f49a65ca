"""Many pushes, long histories, several workers: each change is committed once, and on top of the others."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.commands import Target
from mesh.domain.operations import State
from mesh.domain.plans import Plan, Roles, plan
from mesh.domain.repositories import InGit, Repository
from mesh.domain.routes import STAMP_OPERATION
from tests.mesh.operations.bench import surroundings
from tests.workers.git.bench import MANIFEST, PATH, GitBench
from tests.workers.git.server import TOKEN, GitServer, git
from workers.git import adapter
from workers.git.adapter import GitCluster
from workers.git.repository import DEPTH
from workers.memory import MemoryCluster

WORKERS = 4


def test_a_long_history_is_not_fetched_whole(server: GitServer, tmp_path: Path) -> None:
    """Only the newest commits are known, and promoting, undoing and looking for ours works on top of them."""
    stream = "".join(
        f"commit refs/heads/main\ncommitter Lee <lee@example.com> {1_700_000_000 + number} +0000\ndata 2\nNo\n"
        f"M 644 inline old-{number}\ndata 1\nx\n"
        for number in range(3 * DEPTH)
    )
    (tmp_path / "stream").write_text(stream)
    with (tmp_path / "stream").open() as file:
        git(server.bare, "fast-import", "--quiet", stdin=file)
    bench = GitBench(server, tmp_path)
    first = bench.done("promote api 50")
    assert first.state is State.SUCCEEDED
    bench.another_worker()
    assert bench.done(f"undo {first.id}").state is State.SUCCEEDED
    oldest = git(server.bare, "rev-list", "--max-parents=0", "main").strip()
    assert not bench.git.remotes["apps"].same("old-0", oldest, server.head())
    assert bench.git.remotes["apps"].same("old-0", server.head(), server.head())
    assert server.read(PATH).decode() == MANIFEST


def test_workers_beside_each_other_lose_nothing(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four workers commit to four files of one repository at the same time: four commits, one after the other."""
    monkeypatch.setattr(adapter, "PUSHES", 50)
    (tmp_path / "token").write_text(TOKEN)
    server.push({f"{number}.yaml": MANIFEST for number in range(WORKERS)})
    start, failures = threading.Barrier(WORKERS), []

    def work(number: int) -> None:
        try:
            cluster, made, target = prepared(server, tmp_path, number)
            start.wait(60)
            cluster.patch(made, target)
            cluster.patch(made, target)
        except Exception as error:  # noqa: BLE001 (told below, in the test's own thread)
            failures.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    assert failures == []
    said = "".join(server.messages())
    assert [said.count(f"Meshbot-Operation: op-{number}\n") for number in range(WORKERS)] == [1] * WORKERS
    assert all(b"weight: 50  " in server.read(f"{number}.yaml") for number in range(WORKERS))
    assert len(server.messages()) == 1 + WORKERS


def prepared(server: GitServer, directory: Path, number: int) -> tuple[GitCluster, Plan, Target]:
    """A worker of its own, with a plan for the file of that number."""
    repository = Repository("apps", server.url, token_file=str(directory / "token"))
    service = Service("api", in_git=InGit("apps", f"{number}.yaml"))
    memory, target = MemoryCluster(surroundings()), Target("demo", "mesh-demo", "api")
    catalog = Catalog((Cluster("demo"),), (service,), repositories=(repository,))
    cluster = GitCluster(memory, catalog)
    memory.client.put(GitBench.manifest_object())
    route = cluster.routes(target)[0]
    stamps = {STAMP_OPERATION: f"op-{number}"}
    return cluster, plan(route, {"v1": 50, "v2": 50}, Roles("v1", "v2"), stamps=stamps), target
