"""Who wrote to the weights, as the API server remembers it in `metadata.managedFields`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mesh.domain.routes import Writer

OURS = "meshbot"
"""Field manager of our own writes, as `kubectl get --show-managed-fields` shows it."""

_MISSING = object()


def writer_of(obj: dict[str, Any], pointer: str) -> Writer | None:
    """Return who, besides meshbot, last wrote to the field that holds `pointer` (a weight leaf); None when nobody did.

    The API server takes a field from its former managers when another one changes it, so after our own patch nobody
    else is left. `pointer` may name an absent key: a list that is owned as a whole covers it all the same.
    """
    segments = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    found = [
        Writer(str(entry.get("manager", "")), str(entry.get("time", "")))
        for entry in others(obj)
        if entry.get("fieldsV1") and _covers(entry["fieldsV1"], obj, segments)
    ]
    return max(found, key=lambda writer: writer.at, default=None)


def others(obj: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the entries of `managedFields` that are not ours and speak of more than a subresource."""
    for entry in obj["metadata"].get("managedFields") or []:
        if entry.get("manager") != OURS and not entry.get("subresource"):
            yield entry


def _covers(fields: Any, value: Any, segments: list[str]) -> bool:
    """Tell whether a FieldsV1 set owns the field at `segments` of `value`, or a whole that it is part of.

    FieldsV1: `f:` names a key, `k:` an element by its key fields, `v:` one by its value, `i:` one by its place; an
    empty set ends at what is owned whole (a leaf, or an atomic list or map); `.` is the thing without its contents.
    """
    for segment in segments:
        if not isinstance(fields, dict):
            return False
        if not fields:
            return True
        fields = _step(fields, value, segment)
        value = _inner(value, segment)
    return isinstance(fields, dict)


def _step(fields: dict[str, Any], value: Any, segment: str) -> Any:
    if not isinstance(value, list):
        return fields.get(f"f:{segment}", _MISSING)
    element = _inner(value, segment)
    for key, inner in fields.items():
        kind, _, what = key.partition(":")
        if (kind == "i" and what == segment) or (kind in ("k", "v") and _is_meant(kind, what, element)):
            return inner
    return _MISSING


def _is_meant(kind: str, what: str, element: Any) -> bool:
    """Tell whether the JSON of a `k:` or `v:` key means this element of a list."""
    try:
        said = json.loads(what)
    except ValueError:
        return False
    if kind == "v":
        return bool(said == element)
    return isinstance(said, dict) and isinstance(element, dict) and said.items() <= element.items()


def _inner(value: Any, segment: str) -> Any:
    if isinstance(value, dict):
        return value.get(segment, _MISSING)
    if isinstance(value, list) and segment.isdecimal() and int(segment) < len(value):
        return value[int(segment)]
    return _MISSING
