"""What the definitions of custom kinds say about their fields: a small structural schema, written in a short notation.

Notation of `definitions/*.yaml`, where each file has `words` and `kinds` (plural.group, `/version` where one differs):

- `{a: x, b!: y}` is an object with the properties a and b, b required; `[x]` is a list of x;
- a name is a word: one of the file's own, or string, integer, number, boolean, time, `int or string`, `anything`;
- keys that begin with `$` speak of the value itself, in OpenAPI's words (`$minimum`, `$default`, …), and as `$of`
  (starts from a word), `$items`, `$values` (of a map), `$preserve` (unknown fields stay), `$keys` and `$set` (what
  makes a list's items differ), `$oneOf` (exactly one of these sets of properties is there; `[]` stands for none of
  them), `$rules` (see rules.py), `$checked` (the real definition has rules that are not told here).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

_HERE = Path(__file__).parent / "definitions"
ABSENT: Final = object()


@dataclass(frozen=True)
class Schema:
    """What one value must be."""

    types: tuple[str, ...] = ()
    """object, array, string, integer, number or boolean; empty for anything."""
    properties: Mapping[str, Schema] = field(default_factory=dict)
    """Of an object."""
    required: tuple[str, ...] = ()
    """Names of properties that must be there."""
    values: Schema | None = None
    """Of the values of a map, whose keys are free."""
    items: Schema | None = None
    """Of a list's items."""
    default: Any = ABSENT
    """What an absent value becomes."""
    enum: tuple[Any, ...] = ()
    """The values allowed; empty for all."""
    minimum: int | None = None
    maximum: int | None = None
    min_length: int = 0
    max_length: int | None = None
    min_items: int = 0
    max_items: int | None = None
    pattern: str = ""
    """Regular expression that is found in the text."""
    form: str = ""
    """`date-time` or nothing."""
    keys: tuple[str, ...] = ()
    """Of a list whose items differ in these."""
    unique: bool = False
    """Of a list whose items differ."""
    nullable: bool = False
    """True keeps null; otherwise null is as good as absent."""
    preserve: bool = False
    """True keeps unknown fields."""
    one_of: tuple[tuple[str, ...], ...] = ()
    """Sets of properties of which exactly one is whole; () is the set that is whole when all others have nothing."""
    rules: tuple[str, ...] = ()
    """Names of rules in rules.py."""
    checked: bool = False
    """True when the real definition has rules here."""

    def children(self) -> Iterator[Schema]:
        """Yield the schemas of what is inside."""
        yield from self.properties.values()
        yield from (inner for inner in (self.values, self.items) if inner)

    def has_rules(self) -> bool:
        """Tell whether a rule stands here or further in."""
        return self.checked or bool(self.rules) or any(child.has_rules() for child in self.children())


_BUILT_IN: Mapping[str, Schema] = {
    **{name: Schema((name,)) for name in ("string", "integer", "number", "boolean")},
    "time": Schema(("string",), form="date-time"),
    "int or string": Schema(("integer", "string")),
    "anything": Schema(preserve=True),
}
_TUPLES = ("enum", "keys", "rules")
_NAMES = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_items",
    "maxItems": "max_items",
    "oneOf": "one_of",
    "set": "unique",
}


def schema_of(qualified: str, version: str) -> Schema | None:
    """Return what is said about a kind in a version, or None for a kind without a definition: anything goes."""
    known = _definitions()
    return known.get(f"{qualified}/{version}") or known.get(qualified)


@cache
def _definitions() -> Mapping[str, Schema]:
    found: dict[str, Schema] = {}
    for path in sorted(_HERE.glob("*.yaml")):
        found |= read(path.read_text(encoding="utf-8"))
    return found


def read(text: str) -> dict[str, Schema]:
    """Return the kinds of one file; KeyError for a word that is none, TypeError for a `$` key that is none."""
    document = yaml.safe_load(text)
    words: dict[str, Schema] = dict(_BUILT_IN)

    def look_up(name: str) -> Schema:
        if name not in words:
            words[name] = _node(document["words"][name], look_up)
        return words[name]

    return {name: _root(_node(node, look_up)) for name, node in document["kinds"].items()}


def _root(schema: Schema) -> Schema:
    identity = {"apiVersion": Schema(("string",)), "kind": Schema(("string",)), "metadata": Schema(preserve=True)}
    return replace(schema, properties={**identity, **schema.properties})


def _node(node: Any, look_up: Callable[[str], Schema]) -> Schema:
    if isinstance(node, str):
        return look_up(node)
    if isinstance(node, list):
        return Schema(("array",), items=_node(node[0], look_up))
    said = {key[1:]: value for key, value in node.items() if key.startswith("$")}
    base = look_up(said.pop("of")) if "of" in said else Schema(("array",) if "items" in said else ("object",))
    inner: dict[str, Any] = {key: _node(said.pop(key), look_up) for key in ("items", "values") if key in said}
    named = {key.rstrip("!"): _node(value, look_up) for key, value in node.items() if not key.startswith("$")}
    required = tuple(key[:-1] for key in node if key.endswith("!"))
    keywords = {_NAMES.get(key, key): _keyword(key, value) for key, value in said.items()}
    made: Schema = replace(base, **inner, **keywords)
    return replace(made, properties=named, required=required) if named else made


def _keyword(key: str, value: Any) -> Any:
    if key == "oneOf":
        return tuple(tuple(names) for names in value)
    return tuple(value) if key in _TUPLES else value
