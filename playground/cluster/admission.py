"""What becomes of an object on its way in: unknown fields and needless nulls go, defaults come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playground.cluster.schemas import ABSENT, Schema

Obj = dict[str, Any]
_EXACT = 2**53  # a whole number above it may have lost digits as a float, and stays what it was
_INT64 = 2**63


def pruned(value: Any, schema: Schema, gone: list[str], at: str = "") -> Any:
    """Return `value` without the fields nobody knows; their paths, like spec.http[0].wait, are added to `gone`."""
    if isinstance(value, list) and schema.items:
        return [pruned(item, schema.items, gone, f"{at}[{place}]") for place, item in enumerate(value)]
    if not isinstance(value, Mapping) or (schema.types and "object" not in schema.types):
        return value
    kept: Obj = {}
    for key, inner in value.items():
        child = schema.properties.get(key, schema.values)
        path = f"{at}.{key}" if at else key
        if child is not None:
            kept[key] = pruned(inner, child, gone, path)
        elif schema.preserve:
            kept[key] = inner
        else:
            gone.append(path)
    return kept


def defaulted(value: Any, schema: Schema) -> Any:
    """Return `value`, as a copy, with its defaults, and without nulls where the definition knows none.

    That is also done when an object is read, so that what was stored before a definition has its defaults too.
    """
    if isinstance(value, list) and schema.items:
        return [defaulted(item, schema.items) for item in value]
    if not isinstance(value, Mapping):
        return value
    kept = {key: inner for key, inner in value.items() if inner is not None or _keeps_null(schema, key)}
    for key, child in schema.properties.items():
        if key not in kept and child.default is not ABSENT:
            kept[key] = child.default
    return {key: _inside(schema, key, inner) for key, inner in kept.items()}


def _keeps_null(schema: Schema, key: str) -> bool:
    child = schema.properties.get(key, schema.values)
    return child is None or child.nullable or not child.types


def _inside(schema: Schema, key: str, inner: Any) -> Any:
    child = schema.properties.get(key, schema.values)
    return inner if child is None else defaulted(inner, child)


def numbers(value: Any) -> Any:
    """Return `value` with its numbers as the server keeps them: 2.0 is 2, and beyond 64 bits they are floats."""
    if isinstance(value, Mapping):
        return {key: numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and not -_INT64 <= value < _INT64:
        return float(value)
    return value
