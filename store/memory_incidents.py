"""The memory of incidents without Redis: the twin of `store.incidents`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, NotFound, Unreadable
from mesh.domain.incidents import Incident
from mesh.ports import Open, Time
from store.incidents import AGAIN_S, EnqueueIncident
from store.memory import MemoryAuditLog


def _nobody(incident_id: str, attempt: str) -> None:
    """Enqueue nothing."""


class MemoryIncidents:
    """See `mesh.ports.Incidents` for the contract."""

    def __init__(self, time: Time, *, log: MemoryAuditLog | None = None, enqueue: EnqueueIncident = _nobody) -> None:
        self._time = time
        self._enqueue = enqueue
        self._stored: dict[str, Incident] = {}
        self._newest: dict[Target, str] = {}
        self._lock = threading.Lock()
        self.log = log or MemoryAuditLog()
        self.due: dict[str, float] = {}
        """When a clock would look at those that are not settled."""
        self.broken: Exception | None = None
        """Raised by every call while set, as a Redis that is away would."""
        self.unread: dict[Target, str] = {}
        """Services whose newest incident a newer meshbot wrote, and what is said of it."""

    def newest(self, target: Target) -> Incident | None:
        """Return the newest incident of a service, open or not; None where there was none."""
        self._answer()
        if target in self.unread:
            raise Unreadable(self.unread[target])
        found = self._newest.get(target)
        return self._stored[found] if found else None

    def open(self) -> Open:
        """Return every incident that is open, the oldest first."""
        self._answer()
        found = [one for one in self._stored.values() if one.open and one.target not in self.unread]
        return Open(tuple(sorted(found, key=lambda one: (one.opened_at, one.id))), dict(self.unread))

    def get(self, incident_id: str) -> Incident:
        """Return the incident; raise NotFound."""
        self._answer()
        if incident_id not in self._stored:
            raise NotFound(f"There is no incident {incident_id}.", hint="/mesh incidents lists what is open.")
        return self._stored[incident_id]

    def commit(self, incident: Incident, entries: Sequence[dict[str, Any]] = ()) -> Incident:
        """Write the incident and append audit entries, all or nothing."""
        self._answer()
        with self._lock:
            after = self._write(incident)
            for entry in entries:
                self.log.append({"at": self._time.now(), **entry})
        if entries and not after.settled:
            self._enqueue(after.id, f"r{after.revision}")
        return after

    def later(self, incident_id: str, *, seconds: float) -> None:
        """Set the time at which a clock would look at the incident; does nothing for one that is settled."""
        self._answer()
        if incident_id in self.due:
            self.due[incident_id] = self._time.now() + seconds

    def _write(self, incident: Incident) -> Incident:
        stored = self._stored.get(incident.id)
        newest = self._newest.get(incident.target, "")
        if (stored.revision if stored else 0) != incident.revision or (not stored and newest != incident.former):
            who = f"The incidents of {incident.target}"
            raise Conflict(f"{who} were changed by somebody else.", hint="Read them again.")
        after = replace(incident, revision=incident.revision + 1)
        self._stored[after.id] = after
        if not stored:
            self._newest[after.target] = after.id
        self.due[after.id] = self._time.now() + AGAIN_S
        if after.settled:
            del self.due[after.id]
        return after

    def _answer(self) -> None:
        if self.broken is not None:
            raise self.broken
