"""Which leaves of an object belong to whom: the arithmetic behind metadata.managedFields.

A leaf is a tuple of keys. Lists are leaves of their own (atomic), as the API server treats lists of custom resources
whose schema does not say otherwise; lists of built-in kinds are treated the same here, which is simpler than the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Leaf = tuple[str, ...]

_OWNED_METADATA = ("annotations", "finalizers", "labels", "ownerReferences")
_NOT_OWNED = ("apiVersion", "kind", "metadata")


def leaves(value: Mapping[str, Any], at: Leaf = ()) -> dict[Leaf, Any]:
    """Return every leaf of `value` with what it holds; an empty object is a leaf."""
    found: dict[Leaf, Any] = {}
    for key, child in value.items():
        if isinstance(child, Mapping) and child:
            found.update(leaves(child, (*at, key)))
        else:
            found[(*at, key)] = child
    return found


def owned_leaves(obj: Mapping[str, Any]) -> dict[Leaf, Any]:
    """Return the leaves of an API object that can have an owner: all but identity and what the server writes."""
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key in _OWNED_METADATA}
    rest = {key: value for key, value in obj.items() if key not in _NOT_OWNED}
    return leaves(rest | ({"metadata": metadata} if metadata else {}))


def to_fields(paths: Iterable[Leaf]) -> dict[str, Any]:
    """Return `paths` in the FieldsV1 form, e.g. {"f:spec": {"f:hosts": {}}}."""
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        at = tree
        for key in path:
            at = at.setdefault(f"f:{key}", {})
    return tree


def from_fields(tree: Mapping[str, Any], at: Leaf = ()) -> set[Leaf]:
    """Return the leaves of a FieldsV1 tree; keys that are not `f:` (list items) are left out."""
    found: set[Leaf] = set()
    for key, child in tree.items():
        if key.startswith("f:"):
            path = (*at, key[2:])
            found |= from_fields(child, path) or {path}
    return found


def dotted(path: Leaf) -> str:
    """Return a leaf as error messages show it, e.g. .spec.hosts."""
    return "".join(f".{key}" for key in path)
