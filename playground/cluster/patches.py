"""The merging patches of the API, as functions from an object to a new one; nothing given is changed in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from playground.cluster.fieldsets import Leaf

Obj = dict[str, Any]

_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "conditions": "type",
    "ownerReferences": "uid",
    "hostAliases": "ip",
}


def merge_patch(doc: Any, patch: Any) -> Any:
    """Return `doc` after an RFC 7386 merge patch: null removes a key, a list replaces a list."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(doc) if isinstance(doc, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def strategic_merge(doc: Any, patch: Any) -> Any:
    """Return `doc` after a strategic merge patch.

    Known lists (containers, ports, conditions …) merge item by item on their key; `$patch: delete` and
    `$patch: replace` are followed, other lists replace. Not done, unlike the real server: `$setElementOrder` (order
    is kept as it was), `$deleteFromPrimitiveList`, `$retainKeys`, and merging lists of plain strings.
    """
    if not isinstance(patch, Mapping):
        return patch
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged = dict(doc) if isinstance(doc, Mapping) else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _strategic_value(key, merged.get(key), value)
    return merged


def _strategic_value(key: str, old: Any, value: Any) -> Any:
    if not isinstance(value, list):
        return strategic_merge(old, value)
    merge_key = _merge_key(key, value)
    if merge_key is None:
        return value
    return _merge_items(old or [], value, merge_key)


def _merge_key(key: str, items: Sequence[Any]) -> str | None:
    if not all(isinstance(item, Mapping) for item in items):
        return None
    if key == "ports":
        return "containerPort" if any("containerPort" in item for item in items) else "port"
    return _MERGE_KEYS.get(key)


def _merge_items(old: Sequence[Any], new: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    merged = {item.get(key): item for item in old}
    for item in new:
        if item.get("$patch") == "delete":
            merged.pop(item.get(key), None)
        else:
            merged[item.get(key)] = strategic_merge(merged.get(item.get(key)), item)
    return list(merged.values())


def without(doc: Obj, path: Leaf) -> Obj:
    """Return `doc` without one leaf; objects that become empty go too. A path that is not there changes nothing."""
    head, rest = path[0], path[1:]
    if head not in doc:
        return doc
    others = {key: value for key, value in doc.items() if key != head}
    if not rest:
        return others
    child = doc[head]
    if not isinstance(child, dict):
        return doc
    left = without(child, rest)
    return doc | {head: left} if left else others
