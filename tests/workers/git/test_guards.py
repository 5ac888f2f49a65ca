"""What a repository, its server or whoever writes to it could try, and what comes of it: nothing."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.errors import MeshbotError, Refused, Unavailable
from mesh.domain.operations import State
from mesh.domain.repositories import Repository
from mesh.operations.running import run
from tests.workers.git.bench import MANIFEST, PATH, GitBench
from tests.workers.git.server import TOKEN, GitServer, git
from workers.git import budget
from workers.git.repository import Remote
from workers.jobs import install, run_operation


def remote(server: GitServer, directory: Path, **told: Any) -> Remote:
    """The repository, as a worker reads it."""
    secret = directory / "token"
    secret.write_text(TOKEN)
    return Remote(Repository("apps", server.url, **{"token_file": str(secret), **told}))


def test_a_symbolic_link_is_refused(server: GitServer, tmp_path: Path) -> None:
    """A link, or a directory that is one, could lead to another file than the one that was configured."""
    server.push({"real/vs.yaml": MANIFEST})
    os.symlink("real", server.clone / "linked")
    os.symlink("vs.yaml", server.clone / "real" / "link.yaml")
    server.push({})
    one = remote(server, tmp_path)
    head = one.fetch()
    for path in ("linked/vs.yaml", "real/link.yaml"):
        with pytest.raises(Refused, match="symbolic link or a submodule"):
            one.find(head, path)


def test_a_submodule_and_a_directory_and_nothing_are_refused(server: GitServer, tmp_path: Path) -> None:
    """Only an ordinary file is edited."""
    head = server.push({"dir/vs.yaml": MANIFEST})
    git(server.clone, "update-index", "--add", "--cacheinfo", f"160000,{head},module")
    git(server.clone, "commit", "--quiet", "--message", "A submodule")
    git(server.clone, "push", "--quiet", "origin", "HEAD:main")
    one = remote(server, tmp_path)
    newest = one.fetch()
    for path, said in (("module/vs.yaml", "submodule"), ("dir", "no ordinary file"), ("dir/no.yaml", "not there")):
        with pytest.raises(Refused, match=said):
            one.find(newest, path)


@pytest.mark.parametrize(
    "path", ["../apps.git/config", "dir/../dir/vs.yaml", "/etc/passwd", "dir//vs.yaml", ".git/config"]
)
def test_a_path_leads_nowhere_but_into_the_tree(path: str, server: GitServer, tmp_path: Path) -> None:
    """There are no directories but those of the commit: what is not an entry of its trees is not there."""
    server.push({"dir/vs.yaml": MANIFEST})
    one = remote(server, tmp_path)
    with pytest.raises(Refused, match="is not there"):
        one.find(one.fetch(), path)


def test_hooks_and_filters_of_a_repository_are_never_run(server: GitServer, tmp_path: Path) -> None:
    """A file of attributes that asks for a filter changes nothing: bytes are written as they are read."""
    bench = GitBench(server, tmp_path)
    server.push({".gitattributes": "*.yaml text eol=crlf filter=evil\n"})
    bench.do("promote api 50")
    assert b"\r" not in server.read(PATH)
    assert bench.in_git_now() == [50, 50]


def test_a_repository_that_is_too_large_is_not_fetched(server: GitServer, tmp_path: Path) -> None:
    """The limit is the administrators'; what was half fetched is thrown away."""
    server.push({"noise": os.urandom(300_000)})
    one = remote(server, tmp_path, max_bytes=100_000)
    with pytest.raises(Refused, match="larger than 100000 bytes") as refused:
        one.fetch()
    assert "max_mb" in refused.value.hint


def test_a_slow_server_costs_no_more_than_its_time(server: GitServer, tmp_path: Path) -> None:
    """No answer within the time for one exchange: unavailable, in words."""
    release = threading.Event()

    def slow(_path: str) -> None:
        release.wait(20)

    server.before = slow
    one = remote(server, tmp_path, timeout_s=0.3)
    with pytest.raises(Unavailable, match="does not answer"):
        one.fetch()
    release.set()


def test_a_server_that_sends_drop_by_drop_costs_no_more_than_its_time(tmp_path: Path) -> None:
    """A byte now and then keeps a connection alive, but not for longer than one exchange may take."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"
                    b"Content-Length: 60000\r\n\r\nfff0"
                )
                # Not for ever: a client that does not look at the time must fail, and not hang.
                for _ in range(200):
                    if over.wait(0.05):
                        break
                    connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/apps.git"
        with pytest.raises(Unavailable, match="no end within 1 s"):
            Remote(Repository("apps", url, timeout_s=1.0)).fetch()
        over.set()
        thread.join()


@pytest.mark.parametrize("secret", ["wrong-very-secret", ""])
def test_a_wrong_token_is_said_and_not_shown(secret: str, server: GitServer, tmp_path: Path) -> None:
    """The words name the repository of the configuration, not its address or the token."""
    server.push({PATH: MANIFEST})
    one = remote(server, tmp_path)
    (tmp_path / "token").write_text(secret)
    with pytest.raises(Refused, match="does not let us in to apps") as refused:
        one.fetch()
    assert "very-secret" not in str(refused.value) + refused.value.hint


def test_a_new_token_is_used_at_once(server: GitServer, tmp_path: Path) -> None:
    """Secrets are rotated while workers run."""
    server.push({PATH: MANIFEST})
    one = remote(server, tmp_path)
    (tmp_path / "token").write_text("old")
    with pytest.raises(Refused):
        one.fetch()
    (tmp_path / "token").write_text(TOKEN)
    assert one.fetch() == server.head()


def test_a_redirect_is_not_followed(server: GitServer, tmp_path: Path) -> None:
    """Whoever answers at the configured address cannot send us, and the token, elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    elsewhere = GitServer(tmp_path / "elsewhere")
    server.push({PATH: MANIFEST})
    server.redirect = f"{elsewhere.url}/info/refs?service=git-upload-pack"
    with pytest.raises(Refused, match="HTTP 302"):
        remote(server, tmp_path).fetch()
    assert elsewhere.requests == []
    elsewhere.close()


def test_a_branch_that_is_not_there_is_named(server: GitServer, tmp_path: Path) -> None:
    """A slip of the configuration is told as one."""
    server.push({PATH: MANIFEST})
    with pytest.raises(Refused, match="no branch production"):
        remote(server, tmp_path, branch="production").fetch()


def test_a_protected_branch_refuses_in_the_servers_words(server: GitServer, tmp_path: Path) -> None:
    """A hook of the server turns the push away: refused, nothing written, and what to do."""
    bench = GitBench(server, tmp_path)
    hook = server.bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    hook.chmod(0o755)
    head = server.head()
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert "did not take the commit: pre-receive hook declined" in refused.outcome
    assert "merge requests" in refused.hint
    assert server.head() == head


@pytest.mark.parametrize("answer", [b"", b"0000", b"zzzz", b"001e# service=git-upload-pack\n0000", b"<html>"])
def test_a_server_that_talks_nonsense_is_unavailable(answer: bytes, server: GitServer, tmp_path: Path) -> None:
    """Whatever comes back, people get words and no bug."""
    server.push({PATH: MANIFEST})
    server.nonsense = answer
    with pytest.raises(MeshbotError) as told:
        remote(server, tmp_path).fetch()
    assert isinstance(told.value, (Refused, Unavailable))


def test_trailers_of_others_are_nothing(server: GitServer, tmp_path: Path) -> None:
    """A commit of another person with our trailers in a wrong form: not believed, and no bug."""
    bench = GitBench(server, tmp_path)
    said = f"Hello\n\nMeshbot-Operation: op-1\nMeshbot-Object: VirtualService mesh-demo/api-vs in {PATH}\n"
    server.push({}, f"{said}Meshbot-Stamps: [1, {{")
    assert bench.done("promote api 50").state is State.SUCCEEDED


def test_a_server_that_hangs_is_waited_for_once(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waited in vain has waited for the whole process: the next ones hear that at once."""
    monkeypatch.setattr("workers.git.patience.SLOW_S", 0.5)
    bench = GitBench(server, tmp_path, repository={"timeout_s": 1.0})
    over, asked = threading.Event(), []

    def hang(path: str) -> None:
        asked.append(path)
        over.wait(60)

    server.before = hang
    first = bench.do("promote api 50")
    heard = len(asked)
    ends = [first, *(bench.do(text) for text in ("rollback api", "promote api 20"))]
    # What goes back is tried again until its time is over.
    assert [end.state for end in ends] == [State.FAILED, State.RUNNING, State.FAILED]
    assert all("does not answer" in ends[number].outcome for number in (0, 2))
    assert len(asked) == heard
    over.set()
    server.before = lambda _path: None
    bench.another_worker()
    assert run(ends[1].id, bench.stage).commit


def test_what_goes_back_ends_with_the_reason_before_its_time_is_over(server: GitServer, tmp_path: Path) -> None:
    """Tried again for two minutes, a rollback is not told as expired: people hear what was in its way."""
    bench = GitBench(server, tmp_path)

    def broken(_path: str) -> None:
        raise ConnectionResetError

    server.before = broken
    going = bench.do("rollback api")
    assert going.state is State.RUNNING
    bench.time.at = going.deadline - 5
    ended = run(going.id, bench.stage)
    assert (ended.state, "does not answer" in ended.outcome) == (State.FAILED, True)


def test_a_server_that_turns_us_away_at_once_is_asked_again(server: GitServer, tmp_path: Path) -> None:
    """A broken connection keeps nobody waiting, so nobody is kept from trying again."""
    bench = GitBench(server, tmp_path)

    def broken(_path: str) -> None:
        raise ConnectionResetError

    server.before = broken
    assert bench.do("promote api 50").state is State.FAILED
    server.before = lambda _path: None
    assert bench.do("promote api 50").commit


def test_what_goes_back_in_git_is_in_nobodys_way(server: GitServer, tmp_path: Path) -> None:
    """Only a service that the cluster alone keeps is urgent; in Git, a rollback comes first among the ordinary."""
    bench = GitBench(server, tmp_path)
    kept, other = bench.ask("rollback api"), bench.ask("rollback web")
    assert (kept.urgent, kept.ahead, kept.in_git) == (False, True, True)
    assert (other.urgent, other.ahead, other.in_git) == (True, False, False)


def test_all_exchanges_of_a_job_share_its_time(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is used up nothing more is asked, and what is known is written down instead of the job being killed."""
    bench = GitBench(server, tmp_path)
    install(bench.stage)
    asked, seen = bench.ask("promote api 50"), len(server.requests)
    with monkeypatch.context() as patching:
        patching.setattr(budget, "GIT_S", -1.0)
        assert run_operation(asked.id) == State.FAILED
    assert "too slow for all that had to be asked" in bench.operations.get(asked.id).outcome
    assert len(server.requests) == seen
    assert run_operation(bench.ask("promote api 50").id) == State.RUNNING


def test_a_server_that_is_too_slow_after_a_push_is_given_up(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job ends by itself and not by its time limit, so a minute after the push people hear that nobody knows."""
    bench = GitBench(server, tmp_path)
    install(bench.stage)

    def slow(path: str) -> None:
        if path.endswith("/git-receive-pack"):
            raise ConnectionResetError

    server.before = slow
    asked = bench.ask("promote api 50")
    states = [run_operation(asked.id)]
    server.before = lambda _path: None
    monkeypatch.setattr(budget, "GIT_S", -1.0)
    for _ in range(2):
        bench.time.at += 31
        states.append(run_operation(asked.id))
    assert states == [State.RUNNING, State.RUNNING, State.FAILED]
    assert "outcome is not known" in bench.operations.get(asked.id).outcome
