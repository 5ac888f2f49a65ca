"""Following a document: its commands in their order, said as a reader would say them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

HOUSE = Path(__file__).parents[2]
Walk = Callable[[str], str]
"""Runs one command and returns what it prints; AssertionError with all that it says when it fails."""


def commands(page: str) -> list[str]:
    """Every command of a document's `sh` blocks, in its order."""
    text = (HOUSE / page).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    return [line for line in blocks.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def to_run(page: str, left_out: Mapping[str, str]) -> list[str]:
    """The commands of a page, but for those that fit a pattern of `left_out`."""
    return [one for one in commands(page) if not any(re.fullmatch(pattern, one) for pattern in left_out)]


def in_vain(left_out: Mapping[str, str], pages: Iterable[str]) -> list[str]:
    """The patterns of `left_out` that fit no command of these pages."""
    every = [one for page in pages for one in commands(page)]
    return [pattern for pattern in left_out if not any(re.fullmatch(pattern, one) for one in every)]


def walker(house: Path, kubeconfig: Path, *, timeout_s: float) -> Walk:
    """Return a way to run commands in `house`, with the programs of its `bin` before all others."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(house)}
    environment["PATH"] = f"{house / 'bin'}:{environment['PATH']}"

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=house, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run
