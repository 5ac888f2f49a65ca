"""The cluster itself: objects, their versions and their history. No HTTP; one event loop (or one thread) uses it.

Objects are never changed after they are stored: each write stores a new one, so whoever reads may keep what it read.

Not done, unlike a real cluster: schemas (no validation, no defaults), conversion between versions, admission webhooks,
controllers, garbage collection by owner, and graceful deletion (finalizers are honoured).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from playground.cluster import metadata
from playground.cluster.history import Change, History, at_version
from playground.cluster.kinds import KINDS, Kind
from playground.cluster.metadata import Ref
from playground.cluster.ownership import Author, Entry, after_apply, after_update, dropped, entries_of, same_owners
from playground.cluster.patches import merge_patch, without
from playground.cluster.selectors import Test
from playground.cluster.statuses import already_exists, bad_request, conflict, not_found

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
        metadata.check_shape(kind, obj, kind.api_version(write.version))
        if namespace:
            self.get(Ref(self._namespaces, "", namespace))
        stripped = {key: value for key, value in obj.items() if key != "status" or not kind.status}
        return self._insert(kind, namespace, stripped, write=write)

    def replace(self, ref: Ref, obj: Obj, *, write: Write) -> Obj:
        """Store a new state of an object; 409 when its resourceVersion is not the current one."""
        old = self.get(ref)
        if write.version:
            metadata.check_shape(ref.kind, obj, ref.kind.api_version(write.version))
        metadata.check_update(ref, old, obj)
        new = metadata.with_status_of(ref.kind, old, metadata.adopt(old, obj), status=write.status)
        return self._update(ref, old, new, write=write)

    def patch(self, ref: Ref, edit: Callable[[Obj], Obj], *, write: Write) -> Obj:
        """Store what `edit` makes of the current object, as seen in the version the caller speaks."""
        old = self.get(ref)
        spoken = ref.kind.api_version(write.version) if write.version else old["apiVersion"]
        return self.replace(ref, edit({**old, "apiVersion": spoken}), write=write)

    def apply(self, ref: Ref, applied: Obj, *, write: Write, force: bool) -> tuple[Obj, bool]:
        """Server-side apply; return (object, whether it was created).

        Merges `applied` into the object, removes leaves this manager applied before and no longer lists (unless
        others own them too), and refuses with 409 to overwrite what another manager owns unless `force`. Lists are
        atomic for every kind, so two managers cannot share the containers of one Deployment; the real server can.
        """
        metadata.check_shape(ref.kind, applied, ref.kind.api_version(write.version))
        applied = metadata.applied_part(ref, applied, status=write.status)
        metadata.check_name(ref, applied)
        old = self._objects[ref.kind.qualified].get((ref.namespace, ref.name))
        if old is None:
            return self._apply_new(ref, applied, write), True
        author = write.author(ref.kind, applied)
        entries = after_apply(old, applied, author, force=force)
        pruned = reduce(without, dropped(old, applied, author), old)
        new = merge_patch(pruned, {**applied, "apiVersion": old["apiVersion"]})
        metadata.check_update(ref, old, new)
        new = metadata.with_status_of(ref.kind, old, metadata.adopt(old, new), status=write.status)
        return self._commit(ref, old, new, entries, dry_run=write.dry_run), False

    def delete(self, ref: Ref, *, uid: str = "", version: str = "", dry_run: bool = False) -> Obj:
        """Remove an object, or mark it while it has finalizers, and return it as it was (or as marked).

        `uid` and `version` are preconditions (409). A namespace takes its content with it.
        """
        old = self.get(ref)
        live = old["metadata"]
        if (uid and uid != live["uid"]) or (version and version != live["resourceVersion"]):
            raise conflict(ref.kind, ref.name, "Precondition failed: the object is not the one named")
        if dry_run or "deletionTimestamp" in live:
            return old
        if ref.kind.qualified == "namespaces":
            self._empty_namespace(ref.name)
        if live.get("finalizers"):
            marked = {**live, "deletionTimestamp": metadata.now(), "deletionGracePeriodSeconds": 0}
            return self._put(ref, old, {**old, "metadata": marked})
        self._put(ref, old, None)
        return old

    def load(self, objects: Sequence[Obj]) -> None:
        """Add objects, or overwrite those of the same name, with their status; missing namespaces are made.

        Nothing is stored when one of them is of an unknown kind or has no name (400, 422).
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

    def _insert(self, kind: Kind, namespace: str, obj: Obj, *, write: Write) -> Obj:
        new = _with_namespace_defaults(kind, metadata.born(kind, namespace, obj))
        ref = Ref(kind, namespace, new["metadata"]["name"])
        if (namespace, ref.name) in self._objects[kind.qualified]:
            raise already_exists(kind, ref.name)
        new["metadata"]["managedFields"] = after_update({}, new, write.author(kind, new))
        return new if write.dry_run else self._put(ref, None, new)

    def _apply_new(self, ref: Ref, applied: Obj, write: Write) -> Obj:
        created = self.create(ref.kind, ref.namespace, applied, write=Write(write.manager, write.version, dry_run=True))
        author = write.author(ref.kind, applied)
        owned = {**created, "metadata": {**created["metadata"], "managedFields": []}}
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
            self._insert(self._namespaces, "", made, write=Write())

    def _place(self, obj: Obj) -> tuple[Kind, str, Obj]:
        group, _, version = str(obj.get("apiVersion", "")).rpartition("/")
        wanted = (group, obj.get("kind"))
        kind = next(
            (kind for kind in self.kinds if wanted == (kind.group, kind.kind) and version in kind.versions), None
        )
        if kind is None:
            shown = f"{obj.get('kind')} of {obj.get('apiVersion')}"
            raise bad_request(f"cannot load {shown}: the stand-in serves no such kind; add a row to its table of kinds")
        metadata.born(kind, "", {**obj, "metadata": _unversioned(obj)})
        return kind, _unversioned(obj).get("namespace", "default") if kind.namespaced else "", obj

    def _overwrite(self, kind: Kind, namespace: str, obj: Obj) -> None:
        given = {**obj, "metadata": _unversioned(obj)}
        old = self._objects[kind.qualified].get((namespace, given["metadata"].get("name", "")))
        if old is None:
            self._insert(kind, namespace, given, write=Write())
        else:
            self._update(Ref(kind, namespace, old["metadata"]["name"]), old, metadata.adopt(old, given), write=Write())


def _unversioned(obj: Mapping[str, Any]) -> Obj:
    return {key: value for key, value in (obj.get("metadata") or {}).items() if key != "resourceVersion"}


def _with_namespace_defaults(kind: Kind, obj: Obj) -> Obj:
    if kind.qualified != "namespaces":
        return obj
    name = obj["metadata"]["name"]
    labels = {**(obj["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": name}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}, "status": {"phase": "Active"}}
