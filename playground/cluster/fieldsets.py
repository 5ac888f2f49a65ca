"""Which leaves of an object belong to whom: the arithmetic behind metadata.managedFields.

A leaf is a tuple of keys. Lists are leaves of their own (atomic), as the API server treats lists of custom resources
whose schema does not say otherwise; lists of built-in kinds are treated the same here, which is simpler than the truth.
An object inside has an owner too, whoever made it first (written "." in FieldsV1); owning it is not owning its leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Leaf = tuple[str, ...]

_OWNED_METADATA = ("annotations", "finalizers", "labels", "ownerReferences")
_NOT_OWNED = ("apiVersion", "kind", "metadata")
_FINALIZERS = ("metadata", "finalizers")
_OBJECT: Any = {}


def leaves(value: Mapping[str, Any], at: Leaf = ()) -> dict[Leaf, Any]:
    """Return every leaf of `value` with what it holds; an empty object is a leaf."""
    found: dict[Leaf, Any] = {}
    for key, child in value.items():
        inside = _inside(child, (*at, key))
        if inside:
            found.update(leaves(inside, (*at, key)))
        else:
            found[(*at, key)] = child
    return found


def paths(value: Mapping[str, Any], at: Leaf = ()) -> dict[Leaf, Any]:
    """Return every leaf of `value` with what it holds, and every object inside with a mark in place of its content."""
    found: dict[Leaf, Any] = {}
    for key, child in value.items():
        inside = _inside(child, (*at, key))
        found[(*at, key)] = child if inside is None else _OBJECT
        found.update(paths(inside or {}, (*at, key)))
    return found


def _inside(value: Any, at: Leaf) -> Mapping[str, Any] | None:
    """Return what has owners of its own inside a value: fields, or the texts of a list that is a set; None for none."""
    if at == _FINALIZERS and isinstance(value, list):
        return {f"v:{json.dumps(text)}": None for text in value}
    return value if isinstance(value, Mapping) else None


def ownable(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an API object can have an owner: all but identity and what the server writes."""
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key in _OWNED_METADATA}
    rest = {key: value for key, value in obj.items() if key not in _NOT_OWNED}
    return rest | ({"metadata": metadata} if metadata else {})


def owned_leaves(obj: Mapping[str, Any]) -> dict[Leaf, Any]:
    """Return the leaves of an API object that can have an owner."""
    return leaves(ownable(obj))


def owned_paths(obj: Mapping[str, Any]) -> dict[Leaf, Any]:
    """Return the leaves and the objects inside an API object that can have an owner; `metadata` itself has none."""
    return {path: value for path, value in paths(ownable(obj)).items() if path != ("metadata",)}


def to_fields(owned: Iterable[Leaf]) -> dict[str, Any]:
    """Return `owned` in the FieldsV1 form, e.g. {"f:spec": {".": {}, "f:hosts": {}}}."""
    tree: dict[str, Any] = {}
    for path in sorted(owned):
        at = tree
        for key in path:
            at = at.setdefault(key if key.startswith("v:") else f"f:{key}", {})
        at["."] = {}
    return _without_lone_dots(tree)


def _without_lone_dots(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the tree with {} where an object owns nothing but itself, as a leaf is written."""
    return {key: {} if child.keys() == {"."} else _without_lone_dots(child) for key, child in tree.items()}


def from_fields(tree: Mapping[str, Any], at: Leaf = ()) -> set[Leaf]:
    """Return the paths of a FieldsV1 tree; keys of list items are left out."""
    found: set[Leaf] = {at} if at and (not tree or "." in tree) else set()
    for key, child in tree.items():
        if key.startswith(("f:", "v:")):
            found |= from_fields(child, (*at, key.removeprefix("f:")))
    return found


def dotted(path: Leaf) -> str:
    """Return a leaf as error messages show it, e.g. .spec.hosts."""
    return "".join(f".{key}" for key in path)
