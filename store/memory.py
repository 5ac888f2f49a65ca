"""The same memory without Redis: for tests of the verbs, and for whoever wants to read the contract as plain Python."""

from __future__ import annotations

import itertools
import threading
import time as stopwatch
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mesh.domain.audit import GENESIS, AuditEntry, chain
from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, LostLease, NotFound
from mesh.domain.freezes import Freeze, lifted
from mesh.domain.operations import Operation
from mesh.domain.points import Point, thinned
from mesh.domain.stepups import Question, StepUp
from mesh.ports import Bucket, Lease, Receipt, Round, Time, Watch
from store.operations import DEDUPE_S, FIRST_LOOK_S, HISTORY_LENGTH, INTENT_S, NEXT_LOOK_S, Enqueue, of_person


class MemoryAuditLog:
    """The audit log as a list."""

    def __init__(self) -> None:
        self._entries: list[AuditEntry] = []
        self._lock = threading.Lock()

    def entries(self) -> Iterator[AuditEntry]:
        """Yield every entry there is at the time of the call, oldest first."""
        return iter(tuple(self._entries))

    def head(self) -> tuple[int, str]:
        """Return (count of entries, hash of the last one)."""
        return len(self._entries), self._entries[-1].hash if self._entries else GENESIS

    def latest(self, operation_id: str) -> AuditEntry | None:
        """Return the operation's newest entry."""
        mine = (entry for entry in reversed(self._entries) if entry.facts.get("operation") == operation_id)
        return next(mine, None)

    def append(self, facts: dict[str, Any]) -> AuditEntry:
        """Chain one more entry to the log."""
        with self._lock:
            count, last = self.head()
            self._entries.append(chain(last, count + 1, facts))
            return self._entries[-1]


class MemoryLocks:
    """Locks of one process; a lease lasts until its block ends, or until `take_away`."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._fence = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, key: str, *, wait_s: float) -> Iterator[Lease | None]:
        """Hold `key` in a `with` block; None when somebody else has it after `wait_s` seconds."""
        lease = self._obtain(key, wait_s)
        try:
            yield lease
        finally:
            if lease is not None and self.holds(lease):
                self.take_away(key)

    def holds(self, lease: Lease) -> bool:
        """Tell whether the lease is still the current one."""
        return self._held.get(lease.key) == lease.token

    def held(self) -> dict[str, int]:
        """Return the token of every lock that somebody holds now, by its key."""
        return dict(self._held)

    def take_away(self, key: str) -> None:
        """End the lease of `key`, as its time limit would."""
        with self._changed:
            self._held.pop(key, None)
            self._changed.notify_all()

    def _obtain(self, key: str, wait_s: float) -> Lease | None:
        give_up = stopwatch.monotonic() + wait_s
        with self._changed:
            if not self._changed.wait_for(lambda: key not in self._held, max(0.0, give_up - stopwatch.monotonic())):
                return None
            self._fence += 1
            self._held[key] = self._fence
            return Lease(key, self._fence)


class MemoryOperations:
    """Operations in dictionaries, one lock around everything.

    `enqueue` is called for each new operation; without one nothing is. `open` maps the id of each operation that is
    not done to the Unix time at which a clock would look at it.
    """

    def __init__(
        self,
        time: Time,
        *,
        enqueue: Enqueue | None = None,
        log: MemoryAuditLog | None = None,
        locks: MemoryLocks | None = None,
    ) -> None:
        self.log = log or MemoryAuditLog()
        self.locks = locks or MemoryLocks()
        self.open: dict[str, float] = {}
        self._time = time
        self._enqueue = enqueue
        self._stored: dict[str, Operation] = {}
        self._known: dict[tuple[str, str], tuple[str, float]] = {}
        self._changing: list[str] = []
        self._rollouts: dict[Target, str] = {}
        self._lock = threading.RLock()

    def receive(self, operation: Operation, *, dedupe: str, intent: str, facts: dict[str, Any]) -> Receipt:
        """Write a new operation, or give back the one of the same delivery or of the same wish still under way."""
        operation, now = replace(operation, revision=0), self._time.now()
        with self._lock:
            known = self._remembered("dedupe", dedupe)
            wished = self._remembered("intent", intent)
            if known is None and wished is not None and not wished.done:
                self._known["dedupe", dedupe] = (wished.id, now + DEDUPE_S)
                known = wished
            if known is not None:
                return Receipt(known, created=False)
            self._known["dedupe", dedupe] = (operation.id, now + DEDUPE_S)
            self._known["intent", intent] = (operation.id, now + INTENT_S)
            self._write(operation, [facts], now + FIRST_LOOK_S)
            if operation.command.changes_traffic:
                self._changing.insert(0, operation.id)
        if self._enqueue is not None:
            self._enqueue(operation.id, urgent=operation.urgent, attempt=0)
        return Receipt(operation, created=True)

    def get(self, operation_id: str) -> Operation:
        """Return the operation; raise NotFound."""
        try:
            return self._stored[operation_id]
        except KeyError:
            raise NotFound(f"There is no operation {operation_id}.", hint="See `history`.") from None

    def commit(
        self, operation: Operation, entries: Sequence[dict[str, Any]] = (), *, lease: Lease | None = None
    ) -> Operation:
        """Write the operation and append audit entries; raise LostLease or Conflict."""
        with self._lock:
            stored = self.get(operation.id)
            if lease is not None and not self.locks.holds(lease):
                raise LostLease(f"The lease {lease.key} was lost.", hint="Another worker has taken over.")
            if stored.revision != operation.revision:
                raise Conflict(f"{operation.id} is at revision {stored.revision}, not {operation.revision}.")
            if operation.active_rollout and self._rollouts.get(operation.target, operation.id) != operation.id:
                raise Conflict(f"{operation.target.service} has a rollout already.", hint="End that one first.")
            after = replace(operation, revision=operation.revision + 1)
            self._write(after, entries, self._time.now() + NEXT_LOOK_S)
            return after

    def delivered(self, dedupe: str) -> Operation | None:
        """Return the operation that a delivery was given; None where nobody knows it any more."""
        with self._lock:
            return self._remembered("dedupe", dedupe)

    def audit(self, facts: dict[str, Any]) -> AuditEntry:
        """Append one audit entry that belongs to no operation."""
        return self.log.append({"at": self._time.now(), **facts})

    def recent(
        self,
        *,
        target: Target | None = None,
        channel: str = "",
        count: int = 10,
        whole: bool = False,  # noqa: ARG002 (nothing is ever unreadable here)
    ) -> list[Operation]:
        """Return the newest changing operations, newest first: of a service, of a channel, or those of both."""
        found = (
            [] if target is None and not channel else [self._stored[operation_id] for operation_id in self._changing]
        )
        if target is not None:
            found = [operation for operation in found if operation.target == target]
        if channel:
            found = [operation for operation in found if operation.origin.channel == channel]
        return found[: min(count, HISTORY_LENGTH)]

    def running(self, user: str) -> list[Operation]:
        """Return the person's operations that are not done, newest first, steps of rollouts and previews left out."""
        return of_person([self._stored[one] for one in self.open], user)

    def since(self, operation: Operation, *, whole: bool = True) -> list[Operation]:  # noqa: ARG002 (as above)
        """Return the changes of its service that were received after it, newest first."""
        found = self.recent(target=operation.target, count=HISTORY_LENGTH)
        return list(itertools.takewhile(lambda one: one.id != operation.id, found))

    def beside(self, operation: Operation, *, whole: bool = True) -> list[Operation]:  # noqa: ARG002 (as above)
        """Return the other changes of its service that are not done, and those received after it, newest first."""
        found, newer = self.recent(target=operation.target, count=HISTORY_LENGTH), self.since(operation)
        return newer + [one for one in found[len(newer) + 1 :] if not one.done]

    def rollout(self, target: Target) -> Operation | None:
        """Return the rollout of a service that has not ended; None where there is none."""
        operation_id = self._rollouts.get(target)
        return self._stored[operation_id] if operation_id else None

    def rollouts(self, cluster: str) -> list[Operation]:
        """Return every rollout of the cluster that has not ended."""
        with self._lock:
            return [self._stored[one] for target, one in self._rollouts.items() if target.cluster == cluster]

    def all(self) -> list[Operation]:
        """Return every operation there is, in no order."""
        with self._lock:
            return list(self._stored.values())

    def undone(self, target: Target) -> int:
        """Return how many changes of a service are waiting or running."""
        return sum(not one.done for one in self.recent(target=target, count=HISTORY_LENGTH))

    def waiting(self) -> list[Operation]:
        """Return every operation that waits for approval, the one whose time is over first, first."""
        with self._lock:
            found = [one for one in self._stored.values() if one.waits_until]
        return sorted(found, key=lambda one: (one.waits_until, one.id))

    def later(self, operation_id: str, *, seconds: float) -> None:
        """Set the time at which a clock would look at the operation; does nothing for one that is settled."""
        with self._lock:
            if operation_id in self.open:
                self.open[operation_id] = self._time.now() + seconds

    def _remembered(self, kind: str, key: str) -> Operation | None:
        operation_id, until = self._known.get((kind, key), ("", 0.0))
        return self._stored.get(operation_id) if until > self._time.now() else None

    def _write(self, operation: Operation, entries: Sequence[dict[str, Any]], due: float) -> None:
        for facts in entries:
            self.log.append({"at": self._time.now(), "operation": operation.id, **facts})
        self._stored[operation.id] = operation
        self.open[operation.id] = due
        if operation.settled:
            del self.open[operation.id]
        if operation.active_rollout:
            self._rollouts[operation.target] = operation.id
        elif self._rollouts.get(operation.target) == operation.id:
            del self._rollouts[operation.target]


class MemoryFreezes:
    """Freezes in a dictionary; nothing is forgotten. `broken` is raised by every call while it is set."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self._kept: dict[str, Freeze] = {}
        self.broken: Exception | None = None

    def standing(self) -> list[Freeze]:
        """Return every freeze that is not over, oldest first."""
        self._answer()
        found = [one for one in self._kept.values() if one.until > self._time.now()]
        return sorted(found, key=lambda one: (one.since, one.id))

    def put(self, freeze: Freeze) -> None:
        """Keep the freeze unless its id is known."""
        self._answer()
        self._kept.setdefault(freeze.id, freeze)

    def lift(self, freeze_id: str) -> None:
        """End the freeze now."""
        self._answer()
        if freeze_id in self._kept:
            self._kept[freeze_id] = lifted(self._kept[freeze_id], self._time.now())

    def _answer(self) -> None:
        if self.broken is not None:
            raise self.broken


class MemoryChanges:
    """Marks in a dictionary."""

    def __init__(self) -> None:
        self._marks: dict[str, int] = {}

    def note(self, what: str) -> None:
        """Give it another mark."""
        self._marks[what] = self._marks.get(what, 0) + 1

    def mark(self, what: str) -> str:
        """Return its mark, empty where nothing changed."""
        return str(self._marks.get(what, ""))


class MemoryRounds:
    """Rounds in a dictionary."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, dict[str, Round]]] = {}

    def last(self, canary: str, revision: str, hook: str) -> Round | None:
        """Return what was noted of this hook of this revision."""
        known, rounds = self._known.get(canary, ("", {}))
        return rounds.get(hook) if known == revision else None

    def note(self, canary: str, revision: str, hook: str, found: Round) -> None:
        """Remember it, and nothing of other revisions."""
        known, rounds = self._known.get(canary, ("", {}))
        self._known[canary] = revision, {**(rounds if known == revision else {}), hook: found}

    def forget(self, canary: str) -> None:
        """Forget all of this canary."""
        self._known.pop(canary, None)


class MemoryBuckets:
    """Token buckets in a dictionary."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self._kept: dict[str, tuple[float, float]] = {}

    def take(self, bucket: Bucket) -> float:
        """Take a token, or say how many seconds to wait for one."""
        now = self._time.now()
        tokens, at = self._kept.get(bucket.name, (float(bucket.most), now))
        tokens = min(float(bucket.most), tokens + max(0.0, now - at) * bucket.most / 60)
        taken = tokens >= 1
        self._kept[bucket.name] = (tokens - taken, now)
        return 0.0 if taken else (1 - tokens) * 60 / bucket.most


class MemoryWatches:
    """What looks remember, in dictionaries; nothing is ever dropped."""

    def __init__(self, operations: MemoryOperations) -> None:
        """Watch the rollouts among `operations`."""
        self._operations = operations
        self._kept: dict[str, Watch] = {}
        self._points: dict[str, list[Point]] = {}
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()
        self.hurried: list[str] = []
        """The clusters for which a look was asked to come soon, each time."""

    def active(self, cluster: str) -> list[Operation]:
        """Return every rollout of the cluster that has not ended."""
        return self._operations.rollouts(cluster)

    def looked_until(self, cluster: str) -> float:
        """Return until when the last look of the cluster counted; 0 before the first."""
        return self._until.get(cluster, 0.0)

    def load(self, operation_ids: Sequence[str]) -> dict[str, Watch]:
        """Return the watches there are."""
        return {one: self._kept[one] for one in operation_ids if one in self._kept}

    def save(
        self, cluster: str, span: tuple[float, float], watches: Mapping[str, Watch], points: Mapping[str, Point]
    ) -> None:
        """Keep what a look found; raise Conflict when another was saved since the one it went on from."""
        with self._lock:
            if self.looked_until(cluster) != span[0]:
                raise Conflict(f"Another look at {cluster} was saved meanwhile.", hint="Look again.")
            self._until[cluster] = span[1]
            self._kept.update(watches)
            for operation_id, point in points.items():
                self._points[operation_id] = thinned([*self._points.get(operation_id, ()), point])

    def hurry(self, cluster: str) -> None:
        """Note that the next look should come soon."""
        self.hurried.append(cluster)

    def points(self, operation_id: str) -> list[Point]:
        """Return the points of a rollout's chart, oldest first."""
        return list(self._points.get(operation_id, ()))


class MemoryProofs:
    """Implements `ports.Proofs` in a dictionary."""

    def __init__(self) -> None:
        self._until: dict[tuple[StepUp, Question], float] = {}

    def stands(self, rule: StepUp, question: Question) -> bool:
        """Tell whether a yes to this still counts."""
        return self._until.get((rule, question), 0.0) > stopwatch.monotonic()

    def keep(self, rule: StepUp, question: Question) -> None:
        """Remember a yes as long as it counts."""
        self._until[rule, question] = stopwatch.monotonic() + rule.valid_for_s
