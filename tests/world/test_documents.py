"""The page of commands, played from its first line to its last on real parts; and the documents' shell commands."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from playground.parts import World
from tests.tools.blocks import HOUSE, blocks, commands
from tools.tour import PAGE, Tour, calm_world

pytestmark = [pytest.mark.world, pytest.mark.timeout(300)]
PROCESSES = {"bot", "worker", "clock"}
"""Commands that do not end: they are what the world consists of, and their options are looked at elsewhere."""
MAY_WARN = {"doctor"}
"""Ends with 1 where something fails, as it does without a real Slack."""


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


def test_every_shell_command_that_ends_is_run(world: World) -> None:
    """What `meshbot` is told in the documents, and comes to an end, does so with the world's own environment."""
    shown = [words for block in blocks("sh") for words in commands(block.text) if words[0] == "meshbot"]
    ending = sorted({shlex.join(words[1:]) for words in shown if words[1] not in PROCESSES})
    assert len(ending) >= 2
    for line in ending:
        argv = [sys.executable, "-m", "meshbot", *shlex.split(line)]
        environment = {**os.environ, **world.environment}
        done = subprocess.run(
            argv, cwd=HOUSE, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        allowed = {0, 1} if line.split()[0] in MAY_WARN else {0}
        assert done.returncode in allowed, f"{line}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, line
