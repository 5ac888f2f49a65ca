"""Remembers the last changes of the whole cluster, so that a watch can resume where it stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playground.cluster.kinds import Kind
from playground.cluster.selectors import Test
from playground.cluster.statuses import expired

Obj = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One stored change; its objects are never changed afterwards."""

    version: int
    """The resourceVersion the change got."""
    kind: Kind
    """Which kind of object changed."""
    before: Obj | None
    """The object until then; None when it was created."""
    after: Obj | None
    """The object since then; None when it was deleted."""

    def event(self, test: Test) -> tuple[str, Obj] | None:
        """Return (type, object) as a watcher that selects by `test` sees it, or None when it sees nothing.

        An object that stops matching is DELETED for that watcher, one that starts matching is ADDED.
        """
        was = self.before if self.before is not None and test(self.before) else None
        now = self.after if self.after is not None and test(self.after) else None
        if now is not None:
            return ("MODIFIED" if was is not None else "ADDED", now)
        return None if was is None else ("DELETED", at_version(was, self.version))


def at_version(obj: Mapping[str, Any], version: int) -> Obj:
    """Return a copy of `obj` that carries another resourceVersion."""
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}


class History:
    """The last `kept` changes of all kinds together, oldest first."""

    def __init__(self, kept: int) -> None:
        self._changes: deque[Change] = deque(maxlen=kept)
        self._floor = 0
        self._listeners: set[Callable[[], None]] = set()

    def append(self, change: Change) -> None:
        """Remember a change and wake every listener."""
        if len(self._changes) == self._changes.maxlen:
            self._floor = self._changes[0].version
        self._changes.append(change)
        self.wake()

    def wake(self) -> None:
        """Call every listener, as a change does; also used when the server closes."""
        for listener in tuple(self._listeners):
            listener()

    def since(self, version: int) -> list[Change]:
        """Return the changes after `version`, oldest first; ApiError 410 when some of them are no longer kept."""
        if version < self._floor:
            raise expired(version, self._floor)
        newer: list[Change] = []
        for change in reversed(self._changes):
            if change.version <= version:
                break
            newer.append(change)
        return newer[::-1]

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each change; the answer is the function that stops it."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)
