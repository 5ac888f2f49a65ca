"""Editing a file of YAML: whole numbers are replaced where they stand, and not one other byte is.

A document is parsed to find the place of each weight, never written out again: comments, order, quotes and line ends
stay. What cannot be placed for certain is refused, with what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import yaml

from mesh.domain.errors import Refused

MOST_BYTES = 4_194_304
"""Larger files are no manifests."""
MOST_PARSED = 65_536
"""How much of a file is parsed at most, in characters: what is between two lines of `---` and may be the object."""

_BETWEEN = re.compile(r"^---(?=\s|$)", re.MULTILINE)
"""Such a line ends a document wherever it stands, also within a block of text (YAML 1.2.2, 9.1.2)."""
_MERGE = "tag:yaml.org,2002:merge"
_WHOLE = re.compile(r"0|[1-9][0-9]{0,9}")
_LFS = "version https://git-lfs.github.com/spec/"
_ELSEWHERE = "Name the file that has the whole object in `in_git.path`, or set `git: patch` for this service."


@dataclass(frozen=True)
class Named:
    """Which object of a file is meant."""

    kind: str
    group: str
    namespace: str
    name: str

    @property
    def label(self) -> str:
        """Name for people."""
        return f"{self.kind} {self.namespace}/{self.name}"

    def fits(self, document: Any) -> bool:
        """Tell whether a document is this object; its namespace may be left to whoever applies it."""
        if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
            return False
        metadata, group = document["metadata"], str(document.get("apiVersion", "")).partition("/")[0]
        same = (document.get("kind"), group, metadata.get("name")) == (self.kind, self.group, self.name)
        return same and metadata.get("namespace", self.namespace) == self.namespace


@dataclass(frozen=True)
class Located:
    """One object within the text of a file."""

    before: str
    text: str
    """The part of the file that holds the object; `before` and `behind` are never looked into."""
    behind: str
    documents: tuple[Any, ...]
    """Every document of `text`, as data: one, unless they are parted in another way than by `---`."""
    number: int
    """Which of them is the object."""
    node: yaml.MappingNode

    @property
    def obj(self) -> dict[str, Any]:
        """The object as data; a copy."""
        found: dict[str, Any] = deepcopy(self.documents[self.number])
        return found

    def written(self, weights: Mapping[str, tuple[int, int]]) -> str:
        """Return the text with other numbers: by JSON pointer, what stands there now and what shall.

        Raises Refused where another number stands there, or none that can be replaced byte for byte.
        """
        splices = sorted((self._splice(pointer, *numbers) for pointer, numbers in weights.items()), reverse=True)
        text = self.text
        for start, end, number in splices:
            text = f"{text[:start]}{number}{text[end:]}"
        self._check(text, {pointer: after for pointer, (_, after) in weights.items()})
        return f"{self.before}{text}{self.behind}"

    def _splice(self, pointer: str, before: int, after: int) -> tuple[int, int, int]:
        node: yaml.Node = self.node
        for part in pointer.split("/")[1:]:
            node = _child(node, part, pointer)
        start, end = node.start_mark.index, node.end_mark.index
        plain = isinstance(node, yaml.ScalarNode) and node.style is None and bool(_WHOLE.fullmatch(node.value))
        if not plain or self.text[start:end] != node.value or node.value != str(before):
            said = node.value if isinstance(node, yaml.ScalarNode) else "no number"
            raise Refused(
                f"{pointer} is {said!r} in Git, and not the plain number {before}.",
                hint="Write it as a whole number, without quotes or a tag.",
            )
        return start, end, after

    def _check(self, text: str, weights: Mapping[str, int]) -> None:
        """Raise Refused unless the new text says what the old one says, but for these numbers."""
        wanted = list(deepcopy(self.documents))
        for pointer, number in weights.items():
            *way, last = pointer.split("/")[1:]
            place: Any = wanted[self.number]
            for part in way:
                place = place[int(part) if isinstance(place, list) else part]
            place[last] = number
        if _documents(text) != wanted:
            raise Refused("The edited file would say something else as well.", hint=_ELSEWHERE)


def locate(content: bytes, named: Named, *, where: str) -> Located:
    """Find the one object in the content of a file; raise Refused where it cannot be edited for certain."""
    text = _text(content, where)
    try:
        found = [located for span in _spans(text, named, where) for located in _in(text, span, named, where)]
        if len(found) != 1:
            raise _not_one(len(found), named, where)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Refused(f"{where} is not readable as YAML.", hint=f"Mend it. {_ELSEWHERE}") from error
    return found[0]


def _spans(text: str, named: Named, where: str) -> list[tuple[int, int]]:
    """Return from where to where the documents stand that may be the object: what cannot be is not parsed."""
    starts = [0, *(match.start() for match in _BETWEEN.finditer(text)), len(text)]
    spans = [(start, end) for start, end in pairwise(starts) if named.kind in text[start:end]]
    spans = [(start, end) for start, end in spans if named.name in text[start:end]]
    if sum(end - start for start, end in spans) > MOST_PARSED:
        raise Refused(f"{where} has too much in it that may be {named.label}.", hint=f"Split it. {_ELSEWHERE}")
    return spans


def _in(text: str, span: tuple[int, int], named: Named, where: str) -> Iterator[Located]:
    """Yield the object where the span has it. What could be it must be plain before it becomes data."""
    start, end = span
    part = text[start:end]
    try:
        nodes = list(yaml.compose_all(part, yaml.SafeLoader))
    except yaml.YAMLError:
        if "{{" in part:
            raise _template(where) from None
        raise
    if all(_is_another(node, named) for node in nodes):
        return
    _check_plain(part, nodes, where, lines=text.count("\n", 0, start))
    documents = tuple(_documents(part))
    for number, (node, document) in enumerate(zip(nodes, documents, strict=True)):
        if named.fits(document) and isinstance(node, yaml.MappingNode):
            yield Located(text[:start], part, text[end:], documents, number, node)


def _is_another(node: yaml.Node, named: Named) -> bool:
    """Tell whether a document is another object for certain, whatever its aliases and merge keys stand for."""
    return _says_other(node, ("kind",), named.kind) or _says_other(node, ("metadata", "name"), named.name)


def _says_other(node: yaml.Node, way: Sequence[str], wanted: str) -> bool:
    """Tell whether a document has no `wanted` at the end of the way; False where merges or doubles could bring it."""
    for part in way:
        if not isinstance(node, yaml.MappingNode):
            return True
        found = [value for key, value in node.value if key.tag == _MERGE or key.value == part]
        if not found:
            return True
        if len(found) > 1 or any(key.tag == _MERGE for key, _ in node.value):
            return False
        node = found[0]
    return not (isinstance(node, yaml.ScalarNode) and node.value == wanted)


def _text(content: bytes, where: str) -> str:
    if len(content) > MOST_BYTES:
        raise Refused(f"{where} is larger than {MOST_BYTES} bytes.", hint=_ELSEWHERE)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{where} is not UTF-8 text.", hint=_ELSEWHERE) from error
    if text.startswith(_LFS):
        raise Refused(f"{where} is kept by Git LFS.", hint="Keep it in the repository itself.")
    return text


def _documents(text: str) -> list[Any]:
    return list(yaml.safe_load_all(text))


def _not_one(count: int, named: Named, where: str) -> Refused:
    if count:
        return Refused(f"{where} has {named.label} {count} times.", hint="Leave one of them.")
    return Refused(f"{where} does not have {named.label}.", hint=f"A patch or a chart cannot be edited. {_ELSEWHERE}")


def _template(where: str) -> Refused:
    return Refused(
        f"{where} has a template ({{{{ … }}}}) where the object may be.",
        hint="Keep the route in a file of its own, without a template, or set `git: patch` for this service.",
    )


def _check_plain(text: str, nodes: Sequence[yaml.Node], where: str, *, lines: int) -> None:
    """Raise Refused where one place may stand for another: templates, anchors, merges, keys that come twice.

    Looked for before the text becomes data: few merge keys can stand for more than the memory holds. `lines`: how many
    stand before the text.
    """
    for event in yaml.parse(text, yaml.SafeLoader):
        if named := getattr(event, "anchor", None):
            raise Refused(f"{where} uses the anchor or alias `{named}`.", hint="Write out what it stands for.")
        # Not in a comment, which is no event. A map in a map begins with two brackets, too.
        if isinstance(event, (yaml.ScalarEvent, yaml.MappingStartEvent)) and "{{" in _source(text, event):
            raise _template(where)
    for mapping in (mapping for node in nodes for mapping in _mappings(node)):
        keys = [key.value for key, _ in mapping.value if isinstance(key, yaml.ScalarNode)]
        merges = any(key.tag == _MERGE for key, _ in mapping.value)
        if merges or len(set(keys)) < len(mapping.value):
            line = lines + mapping.start_mark.line + 1
            raise Refused(f"{where}, line {line}: a key comes twice, or is none.", hint="Leave one of them.")


def _source(text: str, event: yaml.Event) -> str:
    """Return what an event was read from, and one character more."""
    start, end = event.start_mark, event.end_mark
    return text[start.index : end.index + 1] if start and end else ""


def _mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    nodes: Sequence[yaml.Node] = ()
    if isinstance(node, yaml.MappingNode):
        yield node
        nodes = [value for _, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        nodes = node.value
    for each in nodes:
        yield from _mappings(each)


def _child(node: yaml.Node, part: str, pointer: str) -> yaml.Node:
    if isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        return node.value[int(part)]  # type: ignore[no-any-return]  # nodes, though PyYAML does not say so
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value  # type: ignore[no-any-return]  # as above
    raise Refused(f"Git has no {pointer}.", hint="Write the weight of every arm out in Git first.")
