"""The cluster itself: objects, their versions and their history. No HTTP; one event loop (or one thread) uses it.

Objects are never changed after they are stored: each write stores a new one, so whoever reads may keep what it read.

Not done, unlike a real cluster: schemas of built-in kinds (no validation, no defaults), conversion between versions,
admission webhooks, controllers, garbage collection by owner, and graceful deletion (finalizers are honoured).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from playground.cluster import metadata
from playground.cluster.entry import check_applied, check_change, check_new, decoded, stored
from playground.cluster.history import Change, History, at_version
from playground.cluster.kinds import KINDS, Kind
from playground.cluster.metadata import Ref
from playground.cluster.ownership import Author, Entry, after_apply, after_update, dropped, entries_of, same_owners
from playground.cluster.patches import merge_patch, without
from playground.cluster.selectors import Test
from playground.cluster.statuses import already_exists, bad_request, not_found, precondition_failed, server_error

Obj = dict[str, Any]
_BASE_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


@dataclass(frozen=True)
class Write:
    """How a write is done."""

    manager: str = "playground"
    """Who writes, for managedFields."""
    version: str = ""
    """API version spoken, without the group; "" takes whatever the object says."""
    dry_run: bool = False
    """Check and answer, but store nothing."""
    status: bool = False
    """Write through /status."""
    strict: bool = False
    """Refuse unknown fields instead of dropping them."""

    def author(self, kind: Kind, obj: Mapping[str, Any]) -> Author:
        """Return the author of this write, now."""
        spoken = kind.api_version(self.version) if self.version else obj["apiVersion"]
        return Author(self.manager, spoken, metadata.now(), "status" if self.status else "")


class Cluster:
    """A world of API objects with one resourceVersion counter.

    `kinds` are the kinds served, namespaces among them; `history` is how many changes (of all kinds together) a watch
    can look back on. Methods raise ApiError.
    """

    def __init__(self, kinds: Sequence[Kind] = KINDS, *, history: int = 2000) -> None:
        self.kinds = tuple(kinds)
        self.history = History(history)
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {kind.qualified: {} for kind in self.kinds}
        self._namespaces = next(kind for kind in self.kinds if kind.qualified == "namespaces")
        self._version = 0
        self.load([])

    @property
    def version(self) -> int:
        """The resourceVersion of the last change."""
        return self._version

    def get(self, ref: Ref) -> Obj:
        """Return one object as stored; 404 when it is not there."""
        found = self._objects[ref.kind.qualified].get((ref.namespace, ref.name))
        if found is None:
            raise not_found(ref.kind, ref.name)
        return found

    def list(self, kind: Kind, namespace: str, test: Test) -> list[Obj]:
        """Return the objects that pass `test`, sorted by namespace and name; "" lists all namespaces."""
        held = self._objects[kind.qualified]
        return [held[key] for key in sorted(held) if namespace in ("", key[0]) and test(held[key])]

    def create(self, kind: Kind, namespace: str, obj: Obj, *, write: Write) -> Obj:
        """Store a new object; 404 without its namespace, 409 when the name is taken, 400/422 when it is malformed."""
        spoken = kind.api_version(write.version)
        metadata.check_identity(kind, obj, spoken)
        taken = decoded(kind, obj, write.version, strict=write.strict)
        metadata.check_namespace(namespace, taken)
        if namespace:
            self.get(Ref(self._namespaces, "", namespace))
        if taken["metadata"].get("resourceVersion") and not write.dry_run:
            raise server_error("resourceVersion should not be set on objects to be created")
        stripped = {key: value for key, value in taken.items() if key != "status" or not kind.status}
        new = metadata.born(kind, namespace, stripped)
        check_new(kind, new, write.version)
        return self._insert(kind, namespace, new, write=write)

    def replace(self, ref: Ref, obj: Obj, *, write: Write) -> Obj:
        """Store a new state of an object; 409 when its resourceVersion is not the current one."""
        metadata.check_identity(ref.kind, obj, ref.kind.api_version(write.version))
        new = decoded(ref.kind, obj, write.version, strict=write.strict)
        metadata.check_name(ref, new)
        old = self.get(ref)
        metadata.check_uid(ref, old, new)
        return self._rewrite(ref, old, new, write=write)

    def patch(self, ref: Ref, edit: Callable[[Obj], Obj], *, write: Write) -> Obj:
        """Store what `edit` makes of the current object, as seen in the version the caller speaks."""
        old = self.get(ref)
        edited = edit({**old, "apiVersion": ref.kind.api_version(write.version)})
        new = decoded(ref.kind, edited, write.version, strict=write.strict, patched=True)
        metadata.check_name(ref, new)
        return self._rewrite(ref, old, new, write=write)

    def apply(self, ref: Ref, applied: Obj, *, write: Write, force: bool) -> tuple[Obj, bool]:
        """Server-side apply; return (object, whether it was created).

        Merges `applied` into the object, removes leaves this manager applied before and no longer lists (unless
        others own them too), and refuses with 409 to overwrite what another manager owns unless `force`. Lists are
        atomic for every kind, so two managers cannot share the containers of one Deployment; the real server can.
        """
        check_applied(ref, applied, write.version)
        applied = metadata.applied_part(ref, applied, status=write.status)
        old = self._objects[ref.kind.qualified].get((ref.namespace, ref.name))
        if old is None:
            return self._apply_new(ref, applied, write), True
        author = write.author(ref.kind, applied)
        entries = after_apply(old, applied, author, force=force)
        pruned = reduce(without, dropped(old, applied, author), old)
        merged = merge_patch(pruned, {**applied, "apiVersion": ref.kind.api_version(write.version)})
        new = self._checked(ref, old, decoded(ref.kind, merged, write.version), write=write)
        return self._commit(ref, old, new, entries, dry_run=write.dry_run), False

    def delete(self, ref: Ref, *, uid: str = "", version: str = "", dry_run: bool = False) -> Obj:
        """Remove an object, or mark it while it has finalizers, and return it as it was (or as marked).

        `uid` and `version` are preconditions (409). A namespace takes its content with it.
        """
        old = self.get(ref)
        live = old["metadata"]
        self._check_precondition(ref, "UID", uid, live["uid"])
        self._check_precondition(ref, "ResourceVersion", version, live["resourceVersion"])
        if dry_run or "deletionTimestamp" in live:
            return old
        if ref.kind.qualified == "namespaces":
            self._empty_namespace(ref.name)
        if live.get("finalizers"):
            marked = {**live, "deletionTimestamp": metadata.now(), "deletionGracePeriodSeconds": 0}
            if "generation" in marked:
                marked["generation"] += 1
            return self._put(ref, old, {**old, "metadata": marked})
        self._put(ref, old, None)
        return old

    def load(self, objects: Sequence[Obj]) -> None:
        """Add objects, or overwrite those of the same name, with their status; missing namespaces are made.

        This is how a world is made, not a request: definitions fill in and drop fields, as they do whenever an object
        is read, but nothing is held against them. Nothing is stored when one object is of an unknown kind or has no
        proper name (400, 422).
        """
        placed = [self._place(obj) for obj in objects]
        for namespace in (*_BASE_NAMESPACES, *(namespace for _, namespace, _ in placed if namespace)):
            self._ensure_namespace(namespace)
        for kind, namespace, obj in placed:
            self._overwrite(kind, namespace, obj)

    def reset(self, objects: Sequence[Obj]) -> None:
        """Replace the world: everything goes (watchers see it deleted), then `objects` are loaded.

        The resourceVersion goes on counting, so nothing read before the reset can be mistaken for current.
        """
        for obj in objects:
            self._place(obj)
        for kind in self.kinds:
            for (namespace, name), obj in tuple(self._objects[kind.qualified].items()):
                self._put(Ref(kind, namespace, name), obj, None)
        self.load(objects)

    def _rewrite(self, ref: Ref, old: Obj, new: Obj, *, write: Write) -> Obj:
        return self._update(ref, old, self._checked(ref, old, new, write=write), write=write)

    def _checked(self, ref: Ref, old: Obj, new: Obj, *, write: Write) -> Obj:
        """Return what is stored when `new` replaces `old`; ApiError when it may not."""
        metadata.check_version(ref, old, new)
        merged = metadata.with_status_of(ref.kind, old, new, status=write.status)
        check_change(ref, old, merged, version=write.version, status=write.status)
        return metadata.adopt(old, merged)

    def _check_precondition(self, ref: Ref, what: str, given: str, live: str) -> None:
        if given and given != live:
            why = "deleted and then recreated" if what == "UID" else "modified"
            seen = f"the {what} in the precondition ({given}) does not match the {what} in record ({live})"
            raise precondition_failed(ref.kind, ref.name, f"{seen}. The object might have been {why}")

    def _insert(self, kind: Kind, namespace: str, born: Obj, *, write: Write) -> Obj:
        new = _with_namespace_defaults(kind, born)
        ref = Ref(kind, namespace, new["metadata"]["name"])
        if (namespace, ref.name) in self._objects[kind.qualified]:
            raise already_exists(kind, ref.name)
        new["metadata"]["managedFields"] = after_update({}, new, write.author(kind, new))
        return new if write.dry_run else self._put(ref, None, new)

    def _apply_new(self, ref: Ref, applied: Obj, write: Write) -> Obj:
        created = self.create(ref.kind, ref.namespace, applied, write=replace(write, dry_run=True, status=False))
        author = write.author(ref.kind, applied)
        owned = {**applied, "metadata": {**applied["metadata"], "managedFields": []}}
        created["metadata"]["managedFields"] = after_apply(owned, owned, author, force=True)
        return created if write.dry_run else self._put(ref, None, created)

    def _update(self, ref: Ref, old: Obj, new: Obj, *, write: Write) -> Obj:
        if metadata.same_content(old, new):
            return old
        entries = after_update(old, new, write.author(ref.kind, new))
        return self._commit(ref, old, new, entries, dry_run=write.dry_run)

    def _commit(self, ref: Ref, old: Obj, new: Obj, entries: Sequence[Entry], *, dry_run: bool) -> Obj:
        if metadata.same_content(old, new) and same_owners(entries_of(old), entries):
            return old
        owned: Obj = {**new["metadata"], "managedFields": list(entries)}
        if not entries:
            del owned["managedFields"]
        if "generation" in owned and not metadata.same_spec(old, new):
            owned["generation"] += 1
        made = {**new, "metadata": owned}
        if dry_run:
            return made
        finished = "deletionTimestamp" in owned and not owned.get("finalizers")
        if finished:
            self._put(ref, old, None)
            return made
        return self._put(ref, old, made)

    def _put(self, ref: Ref, old: Obj | None, new: Obj | None) -> Obj:
        self._version += 1
        held = self._objects[ref.kind.qualified]
        if new is None:
            held.pop((ref.namespace, ref.name))
        else:
            new = held[(ref.namespace, ref.name)] = at_version(new, self._version)
        self.history.append(Change(self._version, ref.kind, old, new))
        return new or {}

    def _empty_namespace(self, namespace: str) -> None:
        for kind in self.kinds:
            for key, obj in tuple(self._objects[kind.qualified].items()):
                if kind.namespaced and key[0] == namespace:
                    self._put(Ref(kind, *key), obj, None)

    def _ensure_namespace(self, name: str) -> None:
        if ("", name) not in self._objects["namespaces"]:
            made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self._insert(self._namespaces, "", metadata.born(self._namespaces, "", made), write=Write())

    def _place(self, obj: Obj) -> tuple[Kind, str, Obj]:
        group, _, version = str(obj.get("apiVersion", "")).rpartition("/")
        wanted = (group, obj.get("kind"))
        kind = next(
            (kind for kind in self.kinds if wanted == (kind.group, kind.kind) and version in kind.versions), None
        )
        if kind is None:
            shown = f"{obj.get('kind')} of {obj.get('apiVersion')}"
            raise bad_request(f"cannot load {shown}: the stand-in serves no such kind; add a row to its table of kinds")
        return (
            kind,
            str((obj.get("metadata") or {}).get("namespace") or "default") if kind.namespaced else "",
            stored(kind, obj, version),
        )

    def _overwrite(self, kind: Kind, namespace: str, given: Obj) -> None:
        old = self._objects[kind.qualified].get((namespace, given["metadata"]["name"]))
        if old is None:
            self._insert(kind, namespace, metadata.born(kind, namespace, given), write=Write())
        else:
            self._update(Ref(kind, namespace, old["metadata"]["name"]), old, metadata.adopt(old, given), write=Write())


def _with_namespace_defaults(kind: Kind, obj: Obj) -> Obj:
    if kind.qualified != "namespaces":
        return obj
    name = obj["metadata"]["name"]
    labels = {**(obj["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": name}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}, "status": {"phase": "Active"}}
