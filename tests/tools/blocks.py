"""What the documents show in blocks and in code spans, and what can be said of it without a cluster."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import yaml

from meshbot.cli import meshbot
from settings.schema import ConfigFile

HOUSE = Path(__file__).parents[2]
PAGES = (
    HOUSE / "README.md",
    HOUSE / "CONTRIBUTING.md",
    *sorted((HOUSE / "docs").glob("*.md")),
    *sorted((HOUSE / "manifests").glob("README.md")),
    *sorted((HOUSE / "helm").glob("*/README.md")),
)
BLOCK = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
SHORTENED = re.compile(r"…|\.\.\.|[<>\[\]|]|\b[A-Z]{4,}\b")
"""What no one would type as it stands: a placeholder, a choice, something left out."""
OUTSIDE = {
    "docker": "needs an engine",
    "kind": "needs an engine",
    "curl": "asks a server of the reader's",
    "redis-cli": "asks a Redis of the reader's",
    "ssh-keygen": "asks the reader, and reads what ssh-keyscan wrote",
    "ssh-keyscan": "asks a Git server of the reader's",
}
"""Programs that are not ours and that no test runs for the documents, and why; their files must be there."""
CLUSTERED = {"kubectl", "helm"}
"""Programs that need a cluster: what they are given is held against the files of the repository."""
PLAIN = {"printf", "echo", "cut", "sha256sum", "cat", "grep", "base64"}
"""Small tools that are run as they stand."""
FOREIGN = {
    "analysis": "Flagger's Canary",
    "route": "Alertmanager's configuration",
    "apiVersion": "an object of Kubernetes",
}
"""Top-level keys of YAML that is not meshbot's, and whose it is."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(HOUSE)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages in these languages, all blocks without any."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in BLOCK.finditer(text):
            language = match[2].strip()
            if not languages or language in languages:
                found.append(Block(page, text.count("\n", 0, match.start()) + 1, language, match[3]))
    return found


def spans(program: str) -> Iterator[tuple[Path, str]]:
    """Return each code span that begins with a program and could be typed as it stands."""
    for page in PAGES:
        for span in SPAN.findall(BLOCK.sub("", page.read_text())):
            if span.split()[:1] == [program] and not SHORTENED.search(span):
                yield page, span


def typed(block: Block) -> list[str]:
    """Return the lines of a block that begin with `/mesh`, without what explains them after three spaces."""
    return [re.split(r" {3,}", line)[0] for line in block.text.splitlines() if line.startswith("/mesh")]


def commands(script: str) -> list[list[str]]:
    """Return the commands of a shell script, each as words; pipes and lists are taken apart, redirections are left."""
    found: list[list[str]] = []
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if set(word) <= set("|&;"):
                found.append(words)
                words = []
            else:
                words.append(word)
        found.append(words)
    return [words for words in found if words]


def complaint(words: list[str]) -> str:
    """Say what is wrong with one command of a script; empty where nothing is."""
    program = words[0]
    if program == "make":
        return "; ".join(f"no target {word}" for word in words[1:] if "=" not in word and word not in targets())
    if program == "meshbot":
        return meshbot_complaint(words[1:])
    if program in CLUSTERED:
        inner = complaint(words[words.index("--") + 1 :]) if "--" in words else ""
        return "; ".join(filter(None, [*_clustered(words), inner]))
    if program in OUTSIDE:
        return "; ".join(f"no file {word}" for word in words if _is_ours(word) and not (HOUSE / word).exists())
    return "" if program in PLAIN else f"nobody knows how to check {program}"


def targets() -> set[str]:
    """Return the words of the Makefile."""
    return set(re.findall(r"^([a-z0-9-]+):", (HOUSE / "Makefile").read_text(), re.MULTILINE))


def meshbot_complaint(words: list[str]) -> str:
    """Say which command or option of `meshbot` there is not."""
    if words == ["--help"]:
        return ""
    command: click.Command = meshbot
    rest = list(words)
    try:
        while isinstance(command, click.Group) and rest:
            _, found, rest = command.resolve_command(click.Context(command), rest)
            assert found is not None
            command = found
        command.make_parser(click.Context(command)).parse_args(rest)
    except click.UsageError as error:
        return error.format_message()
    return ""


def _is_ours(word: str) -> bool:
    """Tell whether a word names something below one of the repository's directories."""
    first, slash, _ = word.partition("/")
    return bool(slash) and first in {"manifests", "docs", "helm", "tools", "tests"}


def _clustered(words: list[str]) -> Iterator[str]:
    values = [word.rpartition("=")[2] if word.startswith("--") or "=" in word else word for word in words]
    for word in values:
        if _is_ours(word) and not (HOUSE / word).exists():
            yield f"no file {word}"
    if words[0] == "helm" and any(value.startswith("helm/") for value in values):
        yield from _unknown_values(words)


def _unknown_values(words: list[str]) -> Iterator[str]:
    """Hold each `--set a.b=…` against the chart's values."""
    chart = yaml.safe_load((HOUSE / "helm/meshbot/values.yaml").read_text())
    for option, given in pairwise(words):
        if option not in ("--set", "--set-file", "--set-string"):
            continue
        for pair in given.split(","):
            if not _has(chart, pair.partition("=")[0].split(".")):
                yield f"the chart has no value {pair}"


def _has(values: Any, path: list[str]) -> bool:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def merged(base: Mapping[str, Any], fragment: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration in which the entries of a fragment take the place of those of the same name.

    Its services take the place of all: two entries may not speak of one service.
    """
    whole = dict(base)
    for key, value in fragment.items():
        both = key != "services" and isinstance(value, Mapping) and isinstance(whole.get(key), Mapping)
        whole[key] = {**whole[key], **value} if both else value
    return whole


def is_configuration(document: Mapping[str, Any]) -> bool:
    """Tell a fragment of meshbot's configuration from YAML that is somebody else's.

    Raises AssertionError where it is neither.
    """
    if set(document) <= set(ConfigFile.model_fields):
        return True
    assert set(document) & set(FOREIGN), f"{sorted(document)}: neither meshbot's configuration nor {sorted(FOREIGN)}"
    return False
