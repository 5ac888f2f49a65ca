"""What is remembered of one kind of object between two questions, in the order in which the server wrote it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from typing import Any

from workers.cluster.resources import Resource
from workers.cluster.routing import Object, namespace_of

SILENT_S = 70.0
"""What nobody has spoken of for longer is not believed."""

Event = dict[str, Any]
"""One line of a watch: {"type": "ADDED", "MODIFIED", "DELETED" or "BOOKMARK", "object": …}."""


class Remembered:
    """The objects of one kind in all namespaces, as a list and then a watch told them.

    One thread tells, any number of threads ask. While what is known may be wrong it says so and gives no answer, which
    is not the same as "there is none". Resource versions of one kind are compared as numbers, as Kubernetes allows
    since 1.35 (KEP-5504) and etcd's revisions always were; of those that are no numbers the last one told counts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resource: Resource | None = None
        self._objects: dict[str, dict[str, Object]] = {}
        self._written: dict[tuple[str, str], Object] = {}
        self._version = ""
        self._heard_at = -math.inf

    def objects(self, resource: Resource, namespace: str) -> tuple[Object, ...] | None:
        """Return the objects of a namespace by name; None when they are not known for certain just now."""
        with self._lock:
            if self._resource != resource or time.monotonic() - self._heard_at > SILENT_S:
                return None
            here = self._objects.get(namespace, {})
            return tuple(here[name] for name in sorted(here))

    def everywhere(self, resource: Resource) -> tuple[Object, ...] | None:
        """Return the objects of all namespaces; None when they are not known for certain just now."""
        with self._lock:
            if self._resource != resource or time.monotonic() - self._heard_at > SILENT_S:
                return None
            return tuple(here[name] for _, here in sorted(self._objects.items()) for name in sorted(here))

    @property
    def version(self) -> str:
        """The resource version up to which everything was told."""
        return self._version

    # --- told by a list and a watch ------------------------------------------------------------------------------

    def forget(self) -> None:
        """Know nothing from now on: neither that there are objects nor that there are none."""
        with self._lock:
            self._heard_at = -math.inf
            self._objects = {}
            self._written = {}

    def replace(self, resource: Resource, objects: Sequence[Object], version: str) -> None:
        """Know these objects and no others, but for what was written since `forget`: the list may be older."""
        with self._lock:
            self._resource, self._version, self._objects = resource, version, {}
            for obj in objects:
                self._put(obj)
            for obj in self._written.values():
                self._put_written(obj)
            self._heard_at = time.monotonic()

    def hear(self) -> None:
        """Note that the server spoke just now: nothing else has happened since."""
        self._heard_at = time.monotonic()

    def learn(self, event: Event) -> None:
        """Take in one line of the watch; older ones than what is known change nothing."""
        obj = event["object"]
        with self._lock:
            self._heard_at = time.monotonic()
            self._version = _version_of(obj) or self._version
            if event["type"] == "BOOKMARK":
                return
            here = self._objects.setdefault(namespace_of(obj), {})
            held = here.get(obj["metadata"]["name"])
            if held is not None and _is_past(_version_of(held), _version_of(obj)):
                return
            if event["type"] == "DELETED":
                here.pop(obj["metadata"]["name"], None)
            else:
                self._put(obj)

    # --- told by our own writes ----------------------------------------------------------------------------------

    def wrote(self, resource: Resource, obj: Object) -> None:
        """Take in the server's answer to our own write, before the watch speaks of it."""
        with self._lock:
            if self._resource in (None, resource):
                self._written[namespace_of(obj), obj["metadata"]["name"]] = obj
                self._put_written(obj)

    def _put_written(self, obj: Object) -> None:
        # What the watch has passed it has told: the object may be newer there, or gone.
        if self._version != _version_of(obj) and not _is_past(self._version, _version_of(obj)):
            self._put(obj)

    def _put(self, obj: Object) -> None:
        # Nobody asks memory who wrote which field, and that is half of most objects.
        metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
        self._objects.setdefault(namespace_of(obj), {})[metadata["name"]] = {**obj, "metadata": metadata}


def _version_of(obj: Object) -> str:
    return str(obj["metadata"].get("resourceVersion", ""))


def _is_past(version: str, other: str) -> bool:
    """Tell whether `version` came after `other`; False when they cannot be compared."""
    return version.isdecimal() and other.isdecimal() and int(version) > int(other)
