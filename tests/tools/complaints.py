"""What is wrong with one command of the documents, as far as it can be said without running it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import yaml

from meshbot.cli import meshbot
from tests.tools.blocks import HOUSE, commands

OUTSIDE = {
    "docker": "needs an engine: tests/cluster has one, and says these commands there",
    "kind": "the same",
    "curl": "asks a server of the reader's",
    "redis-cli": "asks a Redis of the reader's",
    "ssh-keygen": "is run by a test of its own, which answers what it asks",
    "ssh-keyscan": "asks a Git server of the reader's",
    "pre-commit": "writes into the reader's clone",
}
"""Programs that are not ours and that are not run here, and why; their files must be there."""
CLUSTERED = {"kubectl", "helm"}
"""Programs that need a cluster.

Here, what they are given is held against the files of the repository; tests/e2e and tests/helm have the programs
themselves take them.
"""
PLAIN = {"printf", "echo", "cut", "sha256sum", "cat", "grep", "base64"}
"""Small tools that are run as they stand."""
INSTALLED = {"pytest", "sphinx-build", "ruff", "mypy", "lint-imports"}
"""Programs that `make setup` puts beside ours; the files they are given must be there."""


def complaint(words: list[str]) -> str:
    """Say what is wrong with one command of a script; empty where nothing is."""
    program = words[0]
    if program in CHECKS:
        return "; ".join(filter(None, CHECKS[program](words)))
    known = program in PLAIN or (HOUSE / program).is_file()
    return "" if known else f"nobody knows how to check {program}"


def _of_recipe(words: list[str]) -> Iterable[str]:
    """Have make say what it would run, and look at that; it takes the name of any file for a target, too."""
    if lost := [word for word in words[1:] if not (word.startswith("-") or "=" in word or word in targets())]:
        return [f"no target {word}" for word in lost]
    # Called by a make itself, it would do as that one was told, and say where it goes.
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    argv = ["make", "-n", "--no-print-directory", *words[1:]]
    done = subprocess.run(argv, cwd=HOUSE, env=ours, capture_output=True, text=True, check=False)
    return [done.stderr.strip()] if done.returncode else map(complaint, commands(done.stdout))


def targets() -> set[str]:
    """Return the words of the Makefile."""
    return set(re.findall(r"^([a-z0-9-]+):", (HOUSE / "Makefile").read_text(), re.MULTILINE))


def _of_meshbot(words: list[str]) -> Iterable[str]:
    return [*_lost_files(words), meshbot_complaint(words[1:])]


def _of_python(words: list[str]) -> Iterable[str]:
    """Only modules are run; the word alone is a language."""
    if words[1:] and not (words[1] == "-m" and find_spec(words[2])):
        yield f"no module to run: {' '.join(words)}"


def meshbot_complaint(words: list[str]) -> str:
    """Say which command, option or value `meshbot` does not take, by click's own reading; nothing is run."""
    command: click.Command = meshbot
    rest, context = list(words), None
    with _elsewhere(words), contextlib.redirect_stdout(io.StringIO()):
        try:
            while rest and isinstance(command, click.Group) and not rest[0].startswith("-"):
                _, found, rest = command.resolve_command(click.Context(command), rest)
                assert found is not None
                command = found
            if words:
                context = command.make_context("meshbot", rest)
        except click.exceptions.Exit:
            return ""  # --help
        except click.UsageError as error:
            return error.format_message() or f"something is missing after {' '.join(words)}"
        finally:
            if context:
                context.close()
    return ""


@contextlib.contextmanager
def _elsewhere(words: list[str]) -> Iterator[None]:
    """Be where the files are that a reader has by then: those that a command is given and that are not ours."""
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        for word in words:
            if word.endswith(".jsonl") and os.sep not in word:
                Path(word).touch()
        yield


def _lost_files(words: list[str]) -> Iterable[str]:
    """Return a sentence for each file of ours that is not there."""
    values = [word.rpartition("=")[2] if "=" in word else word for word in words]
    return [f"no file {word}" for word in values if _is_ours(word) and not (HOUSE / word).exists()]


def _is_ours(word: str) -> bool:
    """Tell whether a word names something below one of the repository's directories."""
    first, slash, _ = word.partition("/")
    return bool(slash) and first in {"manifests", "docs", "helm", "tools", "tests"}


def _of_cluster(words: list[str]) -> Iterator[str]:
    yield from _lost_files(words)
    if "--" in words:
        yield complaint(words[words.index("--") + 1 :])
    if words[0] == "helm" and "helm/meshbot" in words:
        yield from _unknown_values(words)


def _unknown_values(words: list[str]) -> Iterator[str]:
    """Hold each `--set a.b=…` against the chart's values."""
    chart = yaml.safe_load((HOUSE / "helm/meshbot/values.yaml").read_text())
    for option, given in pairwise(words):
        if option not in ("--set", "--set-file", "--set-string"):
            continue
        for pair in re.split(r"(?<!\\),", given):
            if not _has(chart, pair.partition("=")[0].split(".")):
                yield f"the chart has no value {pair}"


def _has(values: Any, path: list[str]) -> bool:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


CHECKS: dict[str, Callable[[list[str]], Iterable[str]]] = {
    "make": _of_recipe,
    "meshbot": _of_meshbot,
    "python": _of_python,
    **dict.fromkeys(CLUSTERED, _of_cluster),
    **dict.fromkeys([*OUTSIDE, *INSTALLED], _lost_files),
}
"""Program → what finds its mistakes, of all words."""
