"""What was fetched lies in directories that die with their process, also with one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.repositories import Repository
from tests.workers.git.bench import MANIFEST, PATH
from tests.workers.git.server import TOKEN, GitServer
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
