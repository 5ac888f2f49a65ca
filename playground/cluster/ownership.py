"""Keeps metadata.managedFields: who wrote which leaves, through updates and through server-side apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from playground.cluster.fieldsets import Leaf, dotted, from_fields, owned_leaves, owned_paths, to_fields
from playground.cluster.statuses import apply_conflict

Entry = dict[str, Any]
Obj = dict[str, Any]


@dataclass(frozen=True)
class Author:
    """Whose write this is, as managedFields records it."""

    manager: str
    """The fieldManager parameter, or the first word of the User-Agent."""
    api_version: str
    """The version the request spoke."""
    time: str
    """RFC 3339, whole seconds, UTC."""
    subresource: str = ""
    """"status" for a write through /status."""

    def entry(self, operation: str, paths: Set[Leaf]) -> Entry:
        """Return the managedFields entry for these leaves; `operation` is Update or Apply."""
        made: Entry = {
            "manager": self.manager,
            "operation": operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields(paths),
        }
        return made | ({"subresource": self.subresource} if self.subresource else {})

    def wrote(self, entry: Mapping[str, Any], operation: str) -> bool:
        """Return whether `entry` is this author's own for that operation.

        Updates are kept apart by API version; an apply goes on with what the manager applied in any version.
        """
        mine = (self.manager, operation, self.subresource)
        same = mine == (entry.get("manager"), entry.get("operation"), entry.get("subresource", ""))
        return same and (operation == "Apply" or entry.get("apiVersion") == self.api_version)


def entries_of(obj: Mapping[str, Any]) -> list[Entry]:
    """Return an object's managedFields, oldest first."""
    return list(obj.get("metadata", {}).get("managedFields", ()))


def after_update(old: Mapping[str, Any], new: Mapping[str, Any], author: Author) -> list[Entry]:
    """Return managedFields after `author` turned `old` into `new`: who changes a leaf owns it, the others lose it."""
    before, after = owned_paths(old), owned_paths(new)
    missing = object()
    touched = {path for path, value in after.items() if before.get(path, missing) != value}
    lost = touched | (before.keys() - after.keys())
    return _give(entries_of(old), touched, author, operation="Update", lost=lost)


def after_apply(old: Mapping[str, Any], applied: Mapping[str, Any], author: Author, *, force: bool) -> list[Entry]:
    """Return managedFields after a server-side apply; a contested leaf is taken only with `force`.

    Raises ApiError 409 when another manager owns a leaf with another value and `force` is False.
    """
    contested = contests(old, applied, author)
    if contested and not force:
        raise apply_conflict([(entry["manager"], entry["apiVersion"], dotted(path)) for entry, path in contested])
    taken = {path for _, path in contested}
    others = [entry for entry in entries_of(old) if not author.wrote(entry, "Apply")]
    return _give(others, set(owned_leaves(applied)), author, operation="Apply", lost=taken)


def contests(old: Mapping[str, Any], applied: Mapping[str, Any], author: Author) -> list[tuple[Entry, Leaf]]:
    """Return each (entry of another manager, leaf) where `applied` wants another value than the live one."""
    live, missing = owned_paths(old), object()
    differing = {path for path, value in owned_leaves(applied).items() if live.get(path, missing) != value}
    others = [entry for entry in entries_of(old) if not author.wrote(entry, "Apply")]
    return [(entry, path) for entry in others for path in sorted(from_fields(entry["fieldsV1"]) & differing)]


def dropped(old: Mapping[str, Any], applied: Mapping[str, Any], author: Author) -> set[Leaf]:
    """Return the leaves to remove: applied by this author before, not any more, and owned by nobody else."""
    mine: set[Leaf] = set()
    theirs: set[Leaf] = set()
    for entry in entries_of(old):
        paths = from_fields(entry["fieldsV1"])
        if author.wrote(entry, "Apply"):
            mine |= paths
        else:
            theirs |= paths
    return mine - theirs - owned_leaves(applied).keys()


def same_owners(left: Sequence[Entry], right: Sequence[Entry]) -> bool:
    """Return whether two managedFields say the same, whatever the order and the times."""
    return _timeless(left) == _timeless(right)


def _timeless(entries: Sequence[Entry]) -> dict[tuple[str, ...], Any]:
    keys = ("manager", "operation", "apiVersion", "subresource")
    return {tuple(entry.get(key, "") for key in keys): entry["fieldsV1"] for entry in entries}


def _give(
    entries: Sequence[Entry], paths: Set[Leaf], author: Author, *, operation: str, lost: Set[Leaf]
) -> list[Entry]:
    kept: list[Entry] = []
    mine = set(paths)
    for entry in entries:
        has = from_fields(entry["fieldsV1"])
        if author.wrote(entry, operation):
            mine |= has - lost
        elif not has & lost:
            kept.append(entry)
        elif has - lost:
            kept.append(entry | {"fieldsV1": to_fields(has - lost)})
    return sorted([*kept, author.entry(operation, mine)] if mine else kept, key=_order)


def _order(entry: Entry) -> tuple[str, ...]:
    """Return what managedFields are sorted by: applies first, then by time, which has whole seconds."""
    return tuple(entry.get(key, "") for key in ("operation", "time", "manager", "apiVersion", "subresource"))
