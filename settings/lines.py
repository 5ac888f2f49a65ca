"""YAML with line numbers: plain data, the line of every key, and every key that is written twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Keys and list positions from the top of the file."""


@dataclass(frozen=True)
class Problem:
    """One mistake in the file."""

    line: int
    """From 1."""
    key: str
    """Dotted path such as `policy.roles.sre.users[0]`; empty for the whole file."""
    text: str

    def __str__(self) -> str:
        return f"{self.key}: {self.text}" if self.key else self.text


@dataclass
class Document:
    """A file, read; `lines` knows where each path begins."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the nearest part above it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_lines(text: str) -> Document:
    """Read YAML text; what is wrong with its form is in the document's `problems`."""
    document = Document()
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is not None:
            document.data = _Walk(loader, document).value(root, (), ())
    except yaml.MarkedYAMLError as error:
        document.problems.append(_syntax(error))
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: a scalar that looks like a date or number and is none, e.g. 2024-99-99.
        document.problems.append(Problem(1, "", f"not readable as YAML: {error}"))
    return document


def dotted(path: Path) -> str:
    """Return the path as people write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    return Problem(mark.line + 1 if mark else 1, "", f"not valid YAML: {error.problem or error.context}")


@dataclass(frozen=True)
class _Walk:
    """From nodes, which know their lines, to data."""

    loader: yaml.SafeLoader
    document: Document

    def value(self, node: yaml.Node, path: Path, above: tuple[int, ...]) -> Any:
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in above:
            # An alias may name a node that holds it; following it would never end.
            self._problem(node, path, "this alias contains itself; write the values out")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, (*above, id(node)))
        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return [self.value(item, (*path, index), (*above, id(node))) for index, item in items]
        return self.loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: Path, above: tuple[int, ...]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(key_node, path, "a key must be a word")
                continue
            # The key as written: `on:` stays "on", where YAML 1.1 would make a truth value of it.
            key = key_node.value
            below = (*path, key)
            if key in data:
                first = self.document.lines[below]
                self._problem(key_node, below, f"`{key}` is written twice (first in line {first}); keep one")
                continue
            self.document.lines[below] = key_node.start_mark.line + 1
            data[key] = self.value(value_node, below, above)
        return data

    def _problem(self, node: yaml.Node, path: Path, text: str) -> None:
        self.document.problems.append(Problem(node.start_mark.line + 1, dotted(path), text))
