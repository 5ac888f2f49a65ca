"""The `helm` lines of the documents, as far as they speak of our chart: each renders with what it sets."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from tests.e2e.binaries import build
from tests.helm.chart import HOME
from tests.tools.blocks import HOUSE, blocks, commands

FLAGS = ("--reuse-values", "--wait")
"""Options of an installation that mean nothing when it is only rendered."""


def shown() -> list[str]:
    """Return each line of the documents that installs or upgrades our chart, once."""
    found = [words for block in blocks("sh") for words in commands(block.text) if words[0] == "helm"]
    return sorted({shlex.join(words) for words in found if "helm/meshbot" in words})


@pytest.mark.parametrize("line", shown())
def test_what_helm_is_told_renders(line: str, helm: None) -> None:
    """Bot, worker and clock come out of it, by the same release, values and files."""
    _, verb, *rest = shlex.split(line)
    assert verb in ("install", "upgrade")
    argv = [str(build(names=("helm",), home=HOME) / "helm"), "template", *(one for one in rest if one not in FLAGS)]
    done = subprocess.run(argv, cwd=HOUSE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for process in ("bot", "worker", "clock"):
        assert f"name: meshbot-{process}\n" in done.stdout


def test_there_is_something_to_render() -> None:
    """The documents are found."""
    assert len(shown()) >= 2
