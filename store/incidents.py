"""Incidents in Redis: every change and its audit entries are one script, and the clock's index of those to be shown."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import redis

from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, MeshbotError, NotFound, Unavailable, Unreadable
from mesh.domain.incidents import Incident
from mesh.ports import Open, Time
from store import keys, records, scripts
from store.auditlog import GENESIS_HEAD, Batch, chained
from store.connection import translated
from store.copies import Copied
from store.operations import RETENTION_S

log = logging.getLogger(__name__)

UNCOPIED = "No replica of Redis has the incident yet: a failover now would forget it."
AGAIN_S = 5.0
"""After how many seconds the clock looks again at an incident that it handed out, unless a worker says when."""


class EnqueueIncident(Protocol):
    """How an incident gets to the workers; see `store.jobs.JobQueue.incident`."""

    def __call__(self, incident_id: str, attempt: str) -> None:
        """Hand it over, once for each attempt; raises Unavailable, which the clock makes good."""


class RedisIncidents:
    """See `mesh.ports.Incidents` for the contract."""

    def __init__(self, redis: redis.Redis, time: Time, *, enqueue: EnqueueIncident) -> None:
        self._redis = redis
        self._time = time
        self._enqueue = enqueue
        self._commit = Copied(redis, scripts.INCIDENT)
        self._later = redis.register_script(scripts.INCIDENT_LATER)

    def newest(self, target: Target) -> Incident | None:
        """Return the newest incident of a service, open or not; None where there was none. Raises Unavailable."""
        with translated():
            found: Any = self._redis.hget(keys.INCIDENTS, str(target))
        return next(iter(self._load([found.decode()] if found else [])), None)

    def open(self) -> Open:
        """Return every incident that is open; one round trip more than none. Raises Unavailable."""
        with translated():
            ids: Any = self._redis.zrange(keys.INCIDENTS_DUE, 0, -1)
        known, unread = [], {}
        for one, row in self._rows([raw.decode() for raw in ids]):
            try:
                known.append(records.load_incident(one, *row))
            except Unreadable as error:
                unread[one] = error.message
        known.sort(key=lambda one: (one.opened_at, one.id))
        return Open(tuple(one for one in known if one.open), self._services(unread) if unread else {})

    def get(self, incident_id: str) -> Incident:
        """Return the incident; raise NotFound, or Unavailable."""
        found = self._load([incident_id])
        if not found:
            raise NotFound(f"There is no incident {incident_id}.", hint="/mesh incidents lists what is open.")
        return found[0]

    def commit(self, incident: Incident, entries: Sequence[dict[str, Any]] = ()) -> Incident:
        """Write the incident and its audit entries, then enqueue it where people were not told yet.

        Raises Conflict as the port says, Unavailable (unknown outcome). The same call may reach Redis twice: the
        second one changes nothing.
        """
        after = replace(incident, revision=incident.revision + 1)
        names = [keys.incident(after.id), keys.INCIDENTS, keys.INCIDENTS_DUE, keys.AUDIT, keys.AUDIT_HEAD]
        fixed: list[Any] = [
            after.id,
            str(after.target),
            incident.revision,
            records.WRITES,
            records.dump_incident(after),
        ]
        fixed += [uuid.uuid4().hex, int(after.settled), self._time.now() + AGAIN_S, RETENTION_S, after.former]
        fixed += [keys.INCIDENT]

        copied = True

        def write(batch: Batch) -> list[Any]:
            nonlocal copied
            argv = [*fixed, batch.expected, batch.head, GENESIS_HEAD, *batch.lines]
            answer, copied = self._commit(keys=names, args=argv)
            return list(answer)

        with translated("it is not known whether the incident was written down"):
            facts = [{"at": self._time.now(), **entry} for entry in entries]
            answer, _ = chained(self._redis, facts, write)
        if answer[0] == b"conflict":
            raise Conflict(f"The incidents of {after.target} were changed by somebody else.", hint="Read them again.")
        if entries and not after.settled:
            self._hand_over(after)
        if entries and not copied:
            raise Unavailable(UNCOPIED, hint="Bring the replicas back: docs/redis.md.")
        return after

    def later(self, incident_id: str, *, seconds: float) -> None:
        """Let the clock look at the incident after `seconds`; does nothing for one that is settled."""
        with translated():
            self._later(keys=[keys.INCIDENTS_DUE], args=[incident_id, self._time.now() + seconds])

    def _hand_over(self, incident: Incident) -> None:
        try:
            self._enqueue(incident.id, f"r{incident.revision}")
        except MeshbotError as error:
            log.warning("%s was not enqueued (%s); the clock will do it in %g s", incident.id, error, AGAIN_S)

    def _services(self, unread: Mapping[str, str]) -> dict[Target, str]:
        """Return whose incidents these are, where each is its service's newest: no other one can be open."""
        with translated():
            newest: Any = self._redis.hgetall(keys.INCIDENTS)
        named = ((Target(*service.decode().split("/")), found.decode()) for service, found in newest.items())
        return {target: unread[one] for target, one in named if one in unread}

    def _load(self, ids: Sequence[str]) -> list[Incident]:
        return [records.load_incident(one, *row) for one, row in self._rows(ids)]

    def _rows(self, ids: Sequence[str]) -> list[tuple[str, list[Any]]]:
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for incident_id in ids:
                pipeline.hmget(keys.incident(incident_id), ["schema", "record"])
            rows = pipeline.execute()
        return [(one, row) for one, row in zip(ids, rows, strict=True) if row[1] is not None]


class IncidentsDue:
    """What the clock does: incidents whose cards are due go to a worker, again and again until they are settled."""

    def __init__(self, redis: redis.Redis, *, enqueue: EnqueueIncident) -> None:
        self._redis = redis
        self._enqueue = enqueue
        self._claim = redis.register_script(scripts.INCIDENT_CLAIM)

    def begin(self, now: float) -> None:
        """Hand every incident that is due at `now` (Unix time) to a worker, once whatever the number of clocks.

        Raises Unavailable.
        """
        with translated():
            ids: Any = self._redis.zrange(keys.INCIDENTS_DUE, "-inf", str(now), byscore=True, offset=0, num=100)
        for raw in ids:
            with translated():
                args = [raw, now, now + AGAIN_S]
                answer = self._claim(keys=[keys.INCIDENTS_DUE, keys.incident(raw.decode())], args=args)
            if answer[0] == b"enqueue":
                self._enqueue(raw.decode(), str(answer[1]))
