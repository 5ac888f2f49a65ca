"""Without a replica of Redis nothing is pushed, and nothing is pushed to shut out what never was."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.domain.operations import State
from mesh.operations.running import run
from store.locks import RedisLocks
from tests.store import test_copies
from tests.store.test_copies import Pair
from tests.workers.git.bench import GitBench
from tests.workers.git.server import GitServer

pytestmark = pytest.mark.redis
pair = test_copies.pair


def test_the_branch_gets_nothing_while_no_replica_has_the_plan(server: GitServer, tmp_path: Path, pair: Pair) -> None:
    """However often it is tried without a replica, people's branch stays as it was; then it gets the one commit."""
    directory = tmp_path / "bench"
    directory.mkdir()
    bench = GitBench(server, directory)
    bench.operations, bench.locks = pair.operations, RedisLocks(pair.client)  # type: ignore[assignment]  # the same ports
    asked = bench.ask("promote api 50")
    pair.cut_off()
    for _ in range(4):
        run(asked.id, bench.stage)
    assert len(server.messages()) == 1
    pair.join()
    assert run(asked.id, bench.stage).state is State.RUNNING
    assert [f"Meshbot-Operation: {asked.id}" in said for said in server.messages()] == [True, False]
    assert "void an attempt" not in server.messages()[0]
