"""From a command to a commit on a real Git server, and to the cluster that follows it."""

from __future__ import annotations

from pathlib import Path

from mesh.domain.operations import State
from tests.workers.git.bench import MANIFEST, PATH, GitBench
from tests.workers.git.server import GitServer


def test_a_promotion_becomes_one_commit_of_two_integers(server: GitServer, tmp_path: Path) -> None:
    """Two numbers differ and not one other byte; the operation waits for the cluster, and then it is done."""
    bench = GitBench(server, tmp_path)
    before = server.head()
    asked = bench.do("promote api 50")
    assert asked.outcome == ""
    assert asked.state is State.RUNNING
    wanted = MANIFEST.replace("weight: 90  ", "weight: 50  ").replace("weight:   10", "weight:   50")
    assert server.read(PATH).decode() == wanted
    assert server.read(PATH, f"{server.head()}^") == MANIFEST.encode()
    assert bench.weights() == [90, 10]
    bench.sync()
    done = bench.later(asked)
    assert done.state is State.SUCCEEDED
    assert bench.audit_steps(done) == ["queued", "checking", "patching", "patched", "awaiting", "verified"]
    assert done.commit is not None
    assert done.commit.id == server.head() != before
