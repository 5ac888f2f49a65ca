"""What the documents show in blocks and in code spans, and what can be said of it without a cluster."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import Any

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
PROGRAMS = {
    *(
        "make",
        "meshbot",
        "pytest",
        "python",
        "python3",
        "pip",
        "uv",
        "pre-commit",
        "git",
        "cd",
        "tools/setup",
        ".ci/run",
    ),
    *("kubectl", "helm", "docker", "kind", "curl", "redis-cli", "redis-server", "ssh-keygen", "ssh-keyscan", "apt-get"),
}
"""Where a line begins with one of these, a shell is spoken to."""
BEFORE = re.compile(r"\$|sudo|env|time|[A-Z_][A-Z0-9_]*=.*", re.DOTALL)
"""What may stand before a program."""
OTHER_BLOCK = re.compile(r"[\s>]*(?:`{3,}|~{3,}|<pre|<code)")
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
    """Return the commands of a shell script, each as words; pipes and lists are taken apart, redirections are left.

    What goes before a program is taken off: see `bare`.
    """
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
    return [words for words in map(bare, found) if words]


def bare(words: Sequence[str]) -> list[str]:
    """Return a command from its program on: without a prompt, variables for it, `sudo`, and where it was installed."""
    rest = list(dropwhile(BEFORE.fullmatch, words))
    return [rest[0].removeprefix(".venv/bin/"), *rest[1:]] if rest else []


def hidden(page: str) -> list[str]:
    """Return what of a page no test of blocks would see: a fence of another kind, HTML, a block by its indent."""
    outside = SPAN.sub("", BLOCK.sub("", page)).splitlines()
    return [line for line in outside if OTHER_BLOCK.match(line) or (line.startswith("    ") and speaks(line))]


def speaks(line: str) -> bool:
    """Tell whether a line tells a shell something, anywhere in it."""
    parts = [bare(part.split()) for part in re.split(r"[|&;()]+", line)]
    return any(part and part[0] in PROGRAMS for part in parts)


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
