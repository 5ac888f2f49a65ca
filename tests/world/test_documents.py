"""The page of commands, played from its first line to its last on real parts; and the documents' shell commands."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from playground.parts import World
from playground.processes import Child
from playground.serving import free_port
from tests.tools.blocks import HOUSE, blocks, commands, spans
from tests.tools.complaints import meshbot_complaint
from tools.tour import PAGE, Tour, calm_world

pytestmark = pytest.mark.world
PROCESSES = {"bot", "worker", "clock"}
"""Commands that do not end."""
A_WORLD = {"demo"}
"""A world of its own: what `make demo` is given is played in one by tests/playground/test_demo.py."""


def shown() -> list[list[str]]:
    """Return what `meshbot` is told anywhere in the documents, each once: in blocks, in pods, and in sentences.

    What a sentence only calls by its name, without what it must be given, is left out.
    """
    scripts = [block.text for block in blocks("sh")] + [span for _, span in spans("meshbot")]
    said = [words for script in scripts for words in commands(script)]
    inside = [words[words.index("--") + 1 :] if "--" in words else words for words in said]
    lines = {shlex.join(words[1:]) for words in inside if words[0] == "meshbot" and words[1:]}
    every = [shlex.split(line) for line in sorted(lines)]
    return [words for words in every if words[0] not in A_WORLD and not meshbot_complaint(words)]


LINES = shown()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world of `make demo`."""
    with calm_world(tmp_path_factory.mktemp("documents")) as running:
        yield running


def test_every_command_of_the_page_does_what_it_says(world: World) -> None:
    """Each gives a card or an answer and comes to a good end, or to a refusal where the page says so."""
    tour = Tour(world)
    tour.begin()
    results = [result for _, result in tour.walk(PAGE.read_text())]
    assert {result.command: result.complaint for result in results if result.complaint} == {}
    assert len(results) > 40
    assert all(result.text.strip() for result in results)


@pytest.fixture(scope="module")
def walker(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader stands: the documents and examples are there, and what is written is not in the repository."""
    here = tmp_path_factory.mktemp("walker")
    (here / "docs").symlink_to(HOUSE / "docs")
    return here


@pytest.mark.parametrize("words", [one for one in LINES if one[0] not in PROCESSES], ids=shlex.join)
def test_every_command_that_ends_ends_well(world: World, walker: Path, words: list[str]) -> None:
    """With the world's own environment; the doctor does so as soon as the world's workers have said that they live."""
    deadline = time.monotonic() + 60
    while True:
        done = subprocess.run(
            [sys.executable, "-m", "meshbot", *words],
            cwd=walker, env=os.environ | world.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if words[0] != "doctor" or done.returncode == 0 or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    assert done.stdout.strip() or words[:2] == ["audit", "export"]  # into a file, or of an empty log


def test_every_process_gets_ready_and_ends_when_told(world: World) -> None:
    """Beside those of the world, with what the documents tell it; only its ports are others, for those may be taken."""
    started: dict[str, tuple[Child, int]] = {}
    for words in (one for one in LINES if one[0] in PROCESSES):
        name, port = "-".join(words).replace("--", ""), free_port()
        given = ["--port", str(port)] if words[0] == "bot" else []  # the last one counts
        world.metrics_ports[name] = free_port() if given else port
        started[name] = world.start_meshbot(name, *words, *given), port
    assert len(started) >= 4
    for process, port in started.values():
        process.wait_ready(partial(is_ready, port), 60)
    for process, _ in started.values():
        process.stop(grace_s=60)
    assert {name: process.returncode for name, (process, _) in started.items()} == dict.fromkeys(started, 0)


def is_ready(port: int) -> bool:
    """Tell whether a process says that it can do its work."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def test_there_is_something_to_run() -> None:
    """The documents are found: each process, and each kind of what ends."""
    assert {words[0] for words in LINES} == {*PROCESSES, "doctor", "config", "audit"}
