"""A worker dies, or a server is silent, at every place between the plan and the record: each change happens once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mesh.domain.operations import Operation, State
from mesh.operations.running import run
from tests.builders import healthy
from tests.workers.git.bench import PATH, GitBench
from tests.workers.git.server import GitServer, git
from workers.git.repository import Remote
from workers.git.trees import Made


class Killed(BaseException):
    """What a process that is killed does not outlive."""


def killed_at(bench: GitBench, monkeypatch: pytest.MonkeyPatch, *, pushed: bool) -> Operation:
    """Ask for a promotion whose worker dies when its commit is made, or when it is pushed and not yet on record."""
    real = Remote.push

    def dying(remote: Remote, made: Made, **told: Any) -> None:
        if pushed:
            real(remote, made, **told)
        raise Killed

    asked = bench.ask("promote api 50")
    with monkeypatch.context() as patching:
        patching.setattr(Remote, "push", dying)
        with pytest.raises(Killed):
            run(asked.id, bench.stage)
    bench.another_worker()
    return bench.operations.get(asked.id)


def test_killed_between_commit_and_push_commits_once(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next worker finds no trailer on the branch, shuts the old push out, and commits."""
    bench = GitBench(server, tmp_path)
    left = killed_at(bench, monkeypatch, pushed=False)
    assert bench.audit_steps(left)[-1] == "patching"
    assert bench.later(left).state is State.RUNNING
    bench.sync()
    assert bench.later(left).state is State.SUCCEEDED
    assert [f"Meshbot-Operation: {left.id}" in said for said in server.messages()] == [True, False, False]
    assert "void an attempt" in server.messages()[1]
    assert git(server.bare, "diff", "--stat", "main~2", "main~1") == ""


def test_killed_after_the_push_commits_nothing_more(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next worker finds the trailer on the branch, with more pushes of others on top, and only waits."""
    bench = GitBench(server, tmp_path)
    left = killed_at(bench, monkeypatch, pushed=True)
    ours = server.head()
    server.push({"apps/other.yaml": "kind: Other\n"})
    waiting = bench.later(left)
    assert waiting.state is State.RUNNING
    assert waiting.commit is not None
    assert waiting.commit.id == ours
    bench.sync()
    assert bench.later(left).state is State.SUCCEEDED
    assert sum(f"Meshbot-Operation: {left.id}" in said for said in server.messages()) == 1
    assert len(server.messages()) == 3


def test_killed_after_the_push_and_overwritten_is_told(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our commit is on the branch and somebody put the old weights back on top: nothing is committed again."""
    bench = GitBench(server, tmp_path)
    first = server.read(PATH)
    left = killed_at(bench, monkeypatch, pushed=True)
    head = server.push({PATH: first})
    ended = bench.later(left)
    assert ended.state is State.FAILED
    assert "somebody changed it since" in ended.outcome
    assert server.head() == head


def test_a_push_whose_answer_is_lost_is_found_on_the_branch(server: GitServer, tmp_path: Path) -> None:
    """The server wrote it and the connection broke: looked for, found, and not written twice."""
    bench = GitBench(server, tmp_path)

    def broken(path: str) -> None:
        if path.endswith("/git-receive-pack"):
            server.after = lambda _path: None
            raise ConnectionResetError

    server.after = broken
    asked = bench.do("promote api 50")
    assert bench.in_git_now() == [50, 50]
    assert len(server.messages()) == 2
    bench.sync()
    assert bench.later(asked).state is State.SUCCEEDED
    assert len(server.messages()) == 2


def test_a_push_that_hung_can_no_longer_arrive(server: GitServer, tmp_path: Path) -> None:
    """No answer, nothing on the branch: an empty commit comes first, so the late push of the old one is refused."""
    bench = GitBench(server, tmp_path)
    first = server.head()

    def lost(path: str) -> None:
        if path.endswith("/git-receive-pack"):
            server.before = lambda _path: None
            raise ConnectionResetError

    server.before = lost
    asked = bench.do("promote api 50")
    assert "unwritten" in bench.audit_steps(asked)
    assert bench.in_git_now() == [50, 50]
    assert git(server.bare, "rev-list", "--count", f"{first}..main").strip() == "2"
    assert git(server.bare, "diff", "--stat", first, "main~1") == ""
    head = server.head()
    assert b"ng refs/heads/main" in server.replay(server.pushes[0])
    assert server.head() == head


def test_what_is_refused_after_a_hung_push_stays_refused(server: GitServer, tmp_path: Path) -> None:
    """The gates fail before the second try: refused, and the first push that arrives later moves nothing."""
    bench = GitBench(server, tmp_path)

    def lost(path: str) -> None:
        if path.endswith("/git-receive-pack"):
            server.before = lambda _path: None
            bench.metrics.readings["v2"] = healthy(success=50.0)
            raise ConnectionResetError

    server.before = lost
    assert bench.do("promote api 50").state is State.REFUSED
    assert b"ng refs/heads/main" in server.replay(server.pushes[0])
    assert bench.in_git_now() == [90, 10]


def test_a_server_that_stays_silent_is_told_as_unknown(server: GitServer, tmp_path: Path) -> None:
    """A push without an answer and then no server: after a minute people hear that nobody knows."""
    bench = GitBench(server, tmp_path)

    def gone(path: str) -> None:
        if path.endswith("/git-receive-pack"):
            server.before = broken
            raise ConnectionResetError

    def broken(_path: str) -> None:
        raise ConnectionResetError

    server.before = gone
    asked = bench.do("promote api 50")
    assert asked.state is State.RUNNING
    ended = bench.later(asked, 61)
    assert ended.state is State.FAILED
    assert "outcome is not known" in ended.outcome


def test_a_server_that_is_away_after_the_commit_is_asked_less_and_less(server: GitServer, tmp_path: Path) -> None:
    """For an hour the commit is looked for, every 15 s at last; then people hear that nobody knows what came of it."""
    bench = GitBench(server, tmp_path, repository={"sync_s": 600.0})
    asked = bench.do("promote api 50")
    assert asked.commit, asked.outcome

    def gone(_path: str) -> None:
        raise ConnectionResetError

    server.before = gone
    began, pauses = bench.time.at, []
    while not asked.done:
        pauses.append(bench.operations.open[asked.id] - bench.time.at)
        asked = bench.later(asked, pauses[-1])
    assert (pauses[1], pauses[-1], len(pauses) < 300) == (2.0, 15.0, True)
    assert asked.state is State.FAILED
    assert "outcome is not known" in asked.outcome
    assert 3600 < bench.time.at - began < 3620


@pytest.mark.parametrize("fresh", [False, True])
def test_a_commit_that_somebody_took_out_of_the_branch_is_not_made_again(
    fresh: bool, server: GitServer, tmp_path: Path
) -> None:
    """While the sync is waited for somebody rewrites the branch without our commit: told, and left so."""
    bench = GitBench(server, tmp_path)
    first = server.head()
    asked = bench.do("promote api 50")
    git(server.bare, "update-ref", "refs/heads/main", first)
    if fresh:
        bench.another_worker()
    ended = bench.later(asked)
    assert ended.state is State.FAILED
    assert "is no longer on the branch" in ended.outcome
    assert server.head() == first
