"""Holds objects against their schemas; the complaints are worded as kube-apiserver words them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from playground.cluster.rules import RULES
from playground.cluster.schemas import Schema
from playground.cluster.statuses import Cause

_BLOCKING = ("TypeInvalid", "Required", "NotSupported", "TooLong", "TooMany")
_SKIPPED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)
_NOWHERE = "<nil>"


@dataclass(frozen=True)
class _Place:
    """Where a value stands."""

    path: str
    """As the cause names it, e.g. spec.http[0].weight."""
    hidden: str = ""
    """What messages leave out at its beginning: `status.` where only the status is looked at."""

    def inner(self, key: str) -> _Place:
        return _Place(f"{self.path}.{key}" if self.path else key, self.hidden)

    def item(self, place: int) -> _Place:
        return _Place(f"{self.path}[{place}]", self.hidden)

    def invalid(self, shown: Any, why: str, reason: str = "Invalid") -> Cause:
        """Return the complaint that a keyword makes."""
        body = f"{self.path.removeprefix(self.hidden)} in body {why}"
        return Cause(self.path, f"Invalid value: {_shown(shown)}: {body}", reason)


def complaints(new: Mapping[str, Any], old: Mapping[str, Any] | None, schema: Schema, *, status: bool) -> list[Cause]:
    """Return what is wrong with `new`; of `status` only that part is looked at, else all but that.

    What `old` already had is not held against `new`: validation ratchets (kube-apiserver does since 1.33), by
    property; the items of a list that changed are looked at again. Rules are left out where the shape is wrong.
    """
    names = ("status",) if status else tuple(name for name in schema.properties if name != "status")
    hidden = "status." if status else ""
    part = Schema(("object",), {name: schema.properties[name] for name in names if name in schema.properties})
    wanted = tuple(name for name in schema.required if name in names)
    found = [Cause(name, "Required value", "Required") for name in wanted if name not in new]
    found += _shape(new, old, part, _Place("", hidden))
    if any(cause.reason in _BLOCKING for cause in found):
        return [*found, skipped()] if schema.has_rules() else found
    return [*found, *_broken(new, old, part, _Place("", hidden))]


def skipped() -> Cause:
    """Return the complaint that stands for all rules when the shape is wrong."""
    return Cause(_NOWHERE, f"Invalid value: null: {_SKIPPED}", "Invalid")


def _shape(value: Any, old: Any, schema: Schema, place: _Place) -> Iterator[Cause]:
    if _unchanged(value, old) or (value is None and schema.nullable):
        return
    if schema.types and not any(_is(value, word) for word in schema.types):
        yield from _mistyped(value, schema, place)
        return
    if schema.enum and value not in schema.enum:
        supported = ", ".join(json.dumps(one) for one in schema.enum)
        yield Cause(place.path, f"Unsupported value: {_shown(value)}: supported values: {supported}", "NotSupported")
    if isinstance(value, Mapping):
        yield from _object(value, old, schema, place)
    else:
        check = _text if isinstance(value, str) else _list if isinstance(value, list) else _range
        yield from check(value, schema, place)


def _mistyped(value: Any, schema: Schema, place: _Place) -> Iterator[Cause]:
    found, wanted = kind_of(value), ",".join(schema.types)
    yield place.invalid(found, f'must be of type {wanted}: "{found}"', "TypeInvalid")
    yield from _range(value, schema, place)
    if schema.one_of:
        # What is no object lacks nothing, so every set but "none of them" holds.
        yield _not_one(len([names for names in schema.one_of if names]), place)


def _range(value: Any, schema: Schema, place: _Place) -> Iterator[Cause]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    if schema.minimum is not None and value < schema.minimum:
        yield place.invalid(value, f"should be greater than or equal to {schema.minimum}")
    if schema.maximum is not None and value > schema.maximum:
        yield place.invalid(value, f"should be less than or equal to {schema.maximum}")


def _text(value: str, schema: Schema, place: _Place) -> Iterator[Cause]:
    if schema.max_length is not None and len(value) > schema.max_length:
        yield Cause(place.path, f"Too long: may not be more than {schema.max_length} bytes", "TooLong")
    if len(value) < schema.min_length:
        yield place.invalid(value, f"should be at least {schema.min_length} chars long")
    elif schema.pattern and not re.search(schema.pattern, value):
        yield place.invalid(value, f"should match '{schema.pattern}'")
    if schema.form == "date-time" and not _is_time(value):
        yield place.invalid(value, f'must be of type date-time: "{value}"', "TypeInvalid")


def _list(value: Sequence[Any], schema: Schema, place: _Place) -> Iterator[Cause]:
    if schema.max_items is not None and len(value) > schema.max_items:
        much = f"Too many: {len(value)}: must have at most {schema.max_items} items"
        yield Cause(place.path, much, "TooMany")
    if len(value) < schema.min_items:
        yield place.invalid(len(value), f"should have at least {schema.min_items} items")
    if schema.items:
        for at, item in enumerate(value):
            yield from _shape(item, None, schema.items, place.item(at))
    yield from _repeated(value, schema, place)


def _repeated(value: Sequence[Any], schema: Schema, place: _Place) -> Iterator[Cause]:
    if not schema.keys and not schema.unique:
        return
    seen: set[str] = set()
    for at, item in enumerate(value):
        known = {key: item.get(key) for key in schema.keys} if schema.keys and isinstance(item, Mapping) else item
        text = json.dumps(known, separators=(",", ":"))
        if text in seen:
            yield Cause(place.item(at).path, f"Duplicate value: {text}", "Duplicate")
        seen.add(text)


def _object(value: Mapping[str, Any], old: Any, schema: Schema, place: _Place) -> Iterator[Cause]:
    for key in sorted(value):
        child = schema.properties.get(key, schema.values)
        if child is not None:
            before = old.get(key) if isinstance(old, Mapping) else None
            yield from _shape(value[key], before, child, place.inner(key))
    yield from (
        Cause(place.inner(key).path, "Required value", "Required") for key in schema.required if key not in value
    )
    if schema.one_of:
        yield from _choice(value, schema.one_of, place)


def _choice(value: Mapping[str, Any], sets: Sequence[Sequence[str]], place: _Place) -> Iterator[Cause]:
    none = not any(all(key in value for key in names) for names in sets if names)
    whole = sum(all(key in value for key in names) if names else none for names in sets)
    if whole == 1:
        return
    yield _not_one(whole, place)
    if not whole:
        missing = min(([key for key in names if key not in value] for names in sets), key=len)
        yield from (Cause(place.inner(key).path, "Required value", "Required") for key in missing)


def _not_one(whole: int, place: _Place) -> Cause:
    found = f"Found {whole} valid alternatives" if whole else "Found none valid"
    why = f'"{place.path}" must validate one and only one schema (oneOf). {found}'
    return Cause(_NOWHERE, f'Invalid value: "": {why}', "Invalid")


def _broken(value: Any, old: Any, schema: Schema, place: _Place) -> Iterator[Cause]:
    if _unchanged(value, old):
        return
    for name in schema.rules:
        for why in RULES[name](value):
            yield Cause(place.path, f"Invalid value: {_told(value, why)}", "Invalid")
    for child, inner, before, where in _inside(value, old, schema, place):
        yield from _broken(inner, before, child, where)


def _inside(value: Any, old: Any, schema: Schema, place: _Place) -> Iterable[tuple[Schema, Any, Any, _Place]]:
    if isinstance(value, list) and schema.items:
        for at, item in enumerate(value):
            yield schema.items, item, None, place.item(at)
    if isinstance(value, Mapping):
        for key in sorted(value):
            child = schema.properties.get(key, schema.values)
            if child is not None:
                yield child, value[key], old.get(key) if isinstance(old, Mapping) else None, place.inner(key)


def _told(value: Any, why: str) -> str:
    """Return a rule's words: objects and lists are not shown, and a rule that failed itself shows the type."""
    if isinstance(value, (Mapping, list)):
        return why
    return f"{_shown('string' if 'evaluating rule' in why else value)}: {why}"


def _unchanged(value: Any, old: Any) -> bool:
    """Tell whether a value was there before: as JSON writes it, where true is not 1."""
    return (
        old is not None and bool(value == old) and json.dumps(value, sort_keys=True) == json.dumps(old, sort_keys=True)
    )


def kind_of(value: Any) -> str:
    """Return what the API calls the type of a JSON value."""
    if value is None:
        return "null"
    words = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return words.get(type(value), "object")


def _is(value: Any, word: str) -> bool:
    found = kind_of(value)
    return found == word or (word, found) == ("number", "integer")


def _is_time(value: str) -> bool:
    try:
        return "T" in value and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _shown(value: Any) -> str:
    return json.dumps(value)
