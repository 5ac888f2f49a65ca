"""What was fetched lies in directories that die with their process, also with one that is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dulwich.objects import ObjectID

from mesh.domain.errors import Unavailable
from mesh.domain.operations import State
from mesh.domain.repositories import Repository
from tests.workers.git.bench import MANIFEST, PATH, GitBench
from tests.workers.git.server import TOKEN, GitServer, git
from workers.git.clones import Clone, sweep
from workers.git.repository import Remote

FETCHING = """\
import sys, time
from mesh.domain.repositories import Repository
from workers.git.repository import Remote
one = Remote(Repository("apps", sys.argv[1], token_file=sys.argv[2]))
one.fetch()
print("fetched", flush=True)
time.sleep(600)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory of the test's own."""
    made = tmp_path / "tmp"
    made.mkdir()
    monkeypatch.setenv("TMPDIR", str(made))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield made
    tempfile.tempdir = None


def clones(temporary: Path) -> set[Path]:
    """The directories with what was fetched."""
    return set(temporary.glob("meshbot-git-*"))


def test_a_killed_workers_clone_goes_and_a_living_ones_stays(
    server: GitServer, temporary: Path, tmp_path: Path
) -> None:
    """After `kill -9` of one of two workers a third one that starts removes the dead one's directory alone."""
    server.push({PATH: MANIFEST})
    (tmp_path / "token").write_text(TOKEN)
    argv = [sys.executable, "-c", FETCHING, server.url, str(tmp_path / "token")]
    living = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert living.stdout is not None
        assert living.stdout.readline() == "fetched\n"
        [of_living] = clones(temporary)
        dying = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert dying.stdout is not None
        assert dying.stdout.readline() == "fetched\n"
        [of_dying] = clones(temporary) - {of_living}
        dying.send_signal(signal.SIGKILL)
        assert dying.wait() == -signal.SIGKILL
        dying.stdout.close()
        assert of_dying.exists()
        third = Remote(Repository("apps", server.url, token_file=str(tmp_path / "token")))
        assert third.fetch() == server.head()
        assert not of_dying.exists()
        assert (of_living / "objects").exists()
        assert len(clones(temporary)) == 2
        third.close()
        assert clones(temporary) == {of_living}
    finally:
        living.kill()
        living.wait()
        assert living.stdout is not None
        living.stdout.close()


def test_only_what_is_ours_goes(temporary: Path, tmp_path: Path) -> None:
    """A link, a file and other directories of that place stay, and so does what a link leads to."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("kept")
    (temporary / "meshbot-git-link").symlink_to(tmp_path / "precious")
    (temporary / "meshbot-git-file").write_text("a file")
    (temporary / "another").mkdir()
    (temporary / "meshbot-git-left").mkdir()
    (temporary / "meshbot-git-left" / "link").symlink_to(tmp_path / "precious")
    sweep()
    assert sorted(one.name for one in temporary.iterdir()) == ["another", "meshbot-git-file", "meshbot-git-link"]
    assert (tmp_path / "precious" / "file").read_text() == "kept"


def test_a_directory_that_goes_before_it_is_held_is_made_anew(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between making and holding it another worker may sweep; who makes one ends with one that is there, and held."""
    real, made = tempfile.mkdtemp, []

    def swept(**told: str) -> str:
        made.append(real(**told))
        if len(made) == 1:
            sweep()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", swept)
    clone = Clone()
    sweep()
    assert (clone.path, Path(clone.path).exists(), len(made)) == (made[1], True, 2)
    clone.remove()
    clone.remove()
    assert clones(temporary) == set()


def test_removing_twice_closes_nothing_of_others(temporary: Path) -> None:
    """The number of a file that was closed is given out again at once; the second time must not close that one."""
    clone = Clone()
    clone.remove()
    with (temporary / "other").open("w") as other:
        clone.remove()
        assert os.fstat(other.fileno())


def test_a_directory_that_goes_while_it_is_opened_is_made_anew(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on what is no longer there holds nothing: it is noticed, and another one is made."""
    real, opened = os.open, []

    def swept(path: Any, *told: Any, **more: Any) -> int:
        held = real(path, *told, **more)
        if str(path).startswith(f"{temporary}/meshbot-git-"):
            opened.append(path)
            if len(opened) == 1:
                Path(path).rmdir()
        return held

    monkeypatch.setattr(os, "open", swept)
    clone = Clone()
    monkeypatch.undo()
    assert (Path(clone.path).exists(), len(opened)) == (True, 2)
    clone.remove()


def test_a_cleared_directory_costs_one_more_fetch_and_no_rollback(
    server: GitServer, temporary: Path, tmp_path: Path
) -> None:
    """Whatever removes old files from temporary directories: the next change finds that out and fetches anew."""
    bench = GitBench(server, tmp_path)
    assert bench.done("promote api 50").state is State.SUCCEEDED
    [cleared] = clones(temporary)
    shutil.rmtree(cleared)
    assert bench.done("rollback api").state is State.SUCCEEDED
    assert bench.in_git_now() == [100, 0]
    assert len(clones(temporary)) == 1


def test_a_cleared_pack_spoils_one_look_at_most(server: GitServer, temporary: Path, tmp_path: Path) -> None:
    """The directory may stand while what was in it is gone: no later than the second time all is there again."""
    bench = GitBench(server, tmp_path)
    bench.git.remotes["apps"].fetch()
    [cleared] = clones(temporary)
    for pack in (cleared / "objects" / "pack").iterdir():
        pack.unlink()
    bench.done("promote api 50")
    assert bench.done("rollback api").state is State.SUCCEEDED
    assert bench.in_git_now() == [100, 0]


def test_a_directory_that_goes_during_a_push_does_not_spoil_it(
    server: GitServer, temporary: Path, tmp_path: Path
) -> None:
    """The commit is on the branch: that our own copy cannot take it, too, is no trouble with the push."""
    bench = GitBench(server, tmp_path)

    def clear(path: str) -> None:
        if path.endswith("/git-receive-pack"):
            for clone in clones(temporary):
                shutil.rmtree(clone)

    server.after = clear
    assert bench.done("promote api 50").state is State.SUCCEEDED
    assert len(server.pushes) == 1


def test_no_room_of_our_own_is_not_said_to_be_the_servers_fault(
    server: GitServer, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a temporary directory nothing can be fetched; people are told where to look."""
    server.push({PATH: MANIFEST})
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "gone"))
    with pytest.raises(Unavailable, match=r"cannot keep its own copy of apps \(FileNotFoundError\)") as told:
        Remote(Repository("apps", server.url, token_file=str(tmp_path / "token"))).fetch()
    assert "temporary directory" in told.value.hint


def test_a_clone_that_has_grown_is_made_anew(server: GitServer, temporary: Path, tmp_path: Path) -> None:
    """What many fetches bring together is bounded, too: past twice the size of one it is thrown away."""
    root = server.push({PATH: MANIFEST})
    (tmp_path / "token").write_text(TOKEN)
    one = Remote(Repository("apps", server.url, token_file=str(tmp_path / "token"), max_bytes=100_000))
    made: list[Path] = []
    for _ in range(6):
        git(server.bare, "update-ref", "refs/heads/main", root)
        server.push({"noise": os.urandom(60_000)})
        one.fetch()
        made += [clone for clone in clones(temporary) if clone not in made]
    assert len(made) == 2
    assert sum(file.stat().st_size for file in made[1].rglob("*") if file.is_file()) < 300_000


def test_after_a_fetch_that_failed_no_more_is_asked_for(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look takes the newest commits alone, also where it takes two tries: never the whole history."""
    monkeypatch.setattr("workers.git.repository.DEPTH", 2)
    for number in range(4):
        server.push({PATH: MANIFEST}, f"Number {number}")
    (tmp_path / "token").write_text(TOKEN)
    one = Remote(Repository("apps", server.url, token_file=str(tmp_path / "token")))
    drops = iter([True])

    def drop(path: str) -> None:
        if path.endswith("/git-upload-pack") and next(drops, False):
            raise ConnectionError

    server.before = drop
    with pytest.raises(Unavailable):
        one.fetch()
    head = one.fetch()
    known = one._repo().object_store
    assert [ObjectID(commit.encode()) in known for commit in git(server.bare, "rev-list", head).split()] == [
        *(True, True),
        *(False, False),
    ]
