"""Merge requests: what raises a canary is proposed, once; what goes back does not wait for anybody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.catalog import Service
from mesh.domain.operations import State
from mesh.operations.running import run
from tests.workers.git.bench import MANIFEST, PATH, GitBench
from tests.workers.git.forge import Forge
from tests.workers.git.server import TOKEN, GitServer, git


def bench_of(server: GitServer, forge: Forge, directory: Path, kind: str = "gitlab", **in_git: Any) -> GitBench:
    """A bench whose changes are proposed to a forge of that kind."""
    api = forge.url + ("/api/v4" if kind == "gitlab" else "")
    repository = {"forge": kind, "api": api, "project": "platform/apps"}
    return GitBench(server, directory, repository=repository, in_git={"mode": "merge-request", **in_git})


def merge(server: GitServer, branch: str) -> None:
    """Merge as a person would on the forge's page."""
    git(server.clone, "fetch", "--quiet", "origin")
    git(server.clone, "checkout", "--quiet", "-B", "main", "origin/main")
    git(server.clone, "merge", "--quiet", "--no-ff", "--message", "Merge", f"origin/{branch}")
    git(server.clone, "push", "--quiet", "origin", "main")


@pytest.mark.parametrize("kind", ["gitlab", "github"])
def test_a_promotion_is_proposed_and_moves_nothing(kind: str, server: GitServer, forge: Forge, tmp_path: Path) -> None:
    """One branch with one commit, one request with the same words; the watched branch and the cluster stay."""
    bench = bench_of(server, forge, tmp_path, kind)
    head = server.head()
    asked = bench.do("promote api 50")
    assert asked.plan is not None
    assert any("proposed by a merge request for" in note for note in asked.plan.notes)
    branch = f"meshbot/{asked.id}"
    assert asked.state is State.SUCCEEDED
    assert "Proposed as https://git.example.com/apps/requests/1" in asked.outcome
    assert asked.commit is not None
    assert (server.head(), server.head(branch)) == (head, asked.commit.id)
    assert b"weight: 50  " in server.read(PATH, branch)
    made = forge.requests[branch]
    assert made["title"] == "api: v1 90 -> 50, v2 10 -> 50"
    text = made["description" if kind == "gitlab" else "body"]
    assert f"Meshbot-Operation: {asked.id}" in text
    assert "\n\n    Gate " in text, "why, as it is written and not as markup"
    assert bench.weights() == [90, 10]
    assert bench.audit_steps(asked)[-1] == "proposed"
    assert TOKEN not in str(bench.audit()) + str(asked)


def test_a_merged_proposal_counts_and_can_be_undone(server: GitServer, forge: Forge, tmp_path: Path) -> None:
    """Once merged and synced, undo takes it back with a commit on the watched branch."""
    bench = bench_of(server, forge, tmp_path)
    asked = bench.do("promote api 50")
    refused = bench.do(f"undo {asked.id}")
    assert refused.state is State.REFUSED
    assert "only proposed its change" in refused.outcome
    merge(server, f"meshbot/{asked.id}")
    bench.sync()
    assert bench.weights() == [50, 50]
    assert bench.done(f"undo {asked.id}").state is State.SUCCEEDED
    assert server.read(PATH).decode() == MANIFEST


def test_going_back_is_committed_at_once(server: GitServer, forge: Forge, tmp_path: Path) -> None:
    """A rollback gives nobody but stable more, so nobody has to merge it."""
    bench = bench_of(server, forge, tmp_path)
    back = bench.done("rollback api")
    assert back.state is State.SUCCEEDED
    assert back.plan is not None
    assert any("written by a commit to" in note for note in back.plan.notes)
    assert bench.in_git_now() == [100, 0]
    assert forge.requests == {}


def test_what_nobody_merged_says_nothing_of_who_is_stable(server: GitServer, forge: Forge, tmp_path: Path) -> None:
    """A proposal to give the canary everything does not make the weights there are somebody else's next round."""
    bench = bench_of(server, forge, tmp_path)
    bench.services = (Service("api", in_git=bench.in_git),)
    assert bench.do("promote api v2 100").outcome.startswith("Proposed as")
    assert bench.done("rollback api").state is State.SUCCEEDED
    assert bench.in_git_now() == [100, 0]


def test_going_back_is_proposed_where_that_is_wanted(server: GitServer, forge: Forge, tmp_path: Path) -> None:
    """Who protects the branch from everybody gets a request for a rollback, too, and is told that nothing moved."""
    bench = bench_of(server, forge, tmp_path, going_back="merge-request")
    back = bench.do("rollback api")
    assert "no weight was moved" in back.outcome
    assert bench.in_git_now() == [90, 10]


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_worker_that_comes_later_finds_branch_and_request(
    lost: str, server: GitServer, forge: Forge, tmp_path: Path
) -> None:
    """The forge is silent, before or after it made the request: in the end there is one branch and one request."""
    bench = bench_of(server, forge, tmp_path)

    def broken(method: str) -> None:
        if method == "POST":
            forge.before = forge.after = lambda _method: None
            raise ConnectionResetError

    setattr(forge, lost, broken)
    asked = bench.do("promote api 50")
    assert asked.state is State.SUCCEEDED
    assert list(forge.requests) == [f"meshbot/{asked.id}"]
    assert git(server.bare, "for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main",
        f"refs/heads/meshbot/{asked.id}",
    ]
    assert len(server.messages(f"meshbot/{asked.id}")) == 2


def test_a_forge_that_refuses_is_told_in_words(server: GitServer, forge: Forge, tmp_path: Path) -> None:
    """Its token may not make requests: refused with what to do, nothing on the watched branch, and no token in it."""
    bench = bench_of(server, forge, tmp_path, "github")
    forge.denied = True
    head = server.head()
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert "does not let us in to apps (HTTP 403)" in refused.outcome
    assert server.head() == head
    assert TOKEN not in str(refused) + str(bench.audit())


def squash(server: GitServer, branch: str) -> None:
    """Squash as forges do where they keep the title alone: the two numbers are there, and no trailer."""
    git(server.clone, "fetch", "--quiet", "origin")
    git(server.clone, "checkout", "--quiet", "-B", "main", "origin/main")
    git(server.clone, "merge", "--quiet", "--squash", f"origin/{branch}")
    git(server.clone, "commit", "--quiet", "--message", "api: v1 90 -> 50, v2 10 -> 50 (#1)")
    git(server.clone, "push", "--quiet", "origin", "main")


def broken(_path: str) -> None:
    """Drop the connection, which keeps nobody waiting."""
    raise ConnectionResetError


@pytest.mark.parametrize("text", ["status api", "undo"])
def test_a_proposal_that_was_squashed_is_known_by_its_weights(
    text: str, server: GitServer, forge: Forge, tmp_path: Path
) -> None:
    """It is told as there, and as perhaps somebody else's, and can be undone by its id; before the merge it is not."""
    bench = bench_of(server, forge, tmp_path)
    asked = bench.do("promote api 50")
    maybe = f"Git has what {asked.id} proposed, and no commit says that it is that"
    assert maybe not in bench.do("status api").statuses[0].kept
    squash(server, f"meshbot/{asked.id}")
    bench.sync()
    if text == "undo":
        undone = bench.done(f"undo {asked.id}")
        assert undone.plan is not None
        assert maybe in " ".join(undone.plan.notes)
        assert server.read(PATH).decode() == MANIFEST
    assert (maybe in bench.do("status api").statuses[0].kept) == (text != "undo")


def test_weights_of_our_own_later_commit_are_no_squashed_proposal(
    server: GitServer, forge: Forge, tmp_path: Path
) -> None:
    """A later change of ours that wrote the same weights says so in its trailer: it is that one's."""
    bench = bench_of(server, forge, tmp_path)
    proposed = bench.do("promote api 50")
    bench.in_git = replace(bench.in_git, mode="commit")
    bench.services = (replace(bench.services[0], in_git=bench.in_git),)
    bench.another_worker()
    assert bench.done("promote api 50").state is State.SUCCEEDED
    assert proposed.id not in bench.do("status api").statuses[0].kept


@pytest.mark.parametrize("weights", [(50, 50), (60, 40)])
def test_a_way_back_that_waited_takes_no_squashed_proposal_back(
    weights: tuple[int, int], server: GitServer, forge: Forge, tmp_path: Path
) -> None:
    """Whoever wrote what was proposed, they wrote it later; another split is nobody's proposal, and as late."""
    bench = bench_of(server, forge, tmp_path)
    server.before = broken
    going = bench.do("rollback api")
    bench.time.at += 10
    server.before = lambda _path: None
    newer = bench.do("promote api 50")
    old = server.read(PATH)
    old = old.replace(b"weight: 90", b"weight: %d" % weights[0]).replace(b"weight:   10", b"weight:   %d" % weights[1])
    theirs = server.push({PATH: old}, "By hand")
    ended = run(going.id, bench.stage)
    assert (ended.state, newer.id in ended.outcome) == (State.REFUSED, weights == (50, 50))
    assert ("somebody else's change" if weights == (50, 50) else f"Commit {theirs[:8]} moved") in ended.outcome
    assert bench.in_git_now() == list(weights)
