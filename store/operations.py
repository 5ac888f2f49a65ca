"""Operations in Redis: every change and its audit entries are one Lua script, so both happen or neither."""

from __future__ import annotations

import logging
import threading
import time as stopwatch
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import redis

from mesh.domain.audit import AuditEntry
from mesh.domain.commands import Target
from mesh.domain.deeds import deed_of
from mesh.domain.errors import (
    Conflict,
    LostLease,
    MeshbotError,
    NotFound,
    Uncopied,
    Unreadable,
    Unsure,
    Unwritten,
)
from mesh.domain.operations import Operation
from mesh.ports import Lease, Receipt, Time
from store import deeds, keys, records, scripts
from store.auditlog import GENESIS_HEAD, Batch, batch_after, chained
from store.connection import HINT, last_look, translated, unavailable
from store.copies import Copied
from store.standing import refusal_of

log = logging.getLogger(__name__)

DEDUPE_S = 25 * 3600
"""Slack repeats a delivery for up to 24 hours."""
INTENT_S = 600
"""As long as a person may press the same button again because nothing seems to happen."""
RETENTION_S = 90 * 24 * 3600
"""How long a finished operation can be looked at and undone; longer than a quarter's review, and bounded in memory."""
HISTORY_LENGTH = 200
MOST_OPEN = 500
"""Operations that are looked through for those of one person."""
FIRST_LOOK_S = 2.0
"""When the clock looks at a new operation, in case the job was never enqueued; a job starts within some 10 ms."""
NEXT_LOOK_S = 7.0
"""When the clock looks after a write; a little more than the 6 s a dead worker's lock lives."""
EXECUTE_WITHIN_S = 0.35
"""How late Redis may carry out a write, by its own clock: less than the 0.4 s after which the bot gives up on it."""
START_OVER_S = 0.45
"""Until when a write that came too late is tried afresh; keeps the whole within a second."""
ANSWER_WITHIN_S = 0.9
"""When the asking person is answered at the latest; leaves a tenth of the promised second for everything else."""
LOOK_S = 0.3
"""Most seconds for finding out what became of a write whose answer was lost."""
NOTHING_STARTED = "nothing was started"
MAYBE_STARTED = "Redis did not answer in time, so your request may have been started."
MAYBE_HINT = "Look for its card before you repeat it."
NOT_COPIED = "No replica of Redis has your request yet, so a failover now would lose it; else it goes its way."
UNCOPIED_PLAN = "No replica of Redis has the plan yet, so the patch is not sent: a failover now would forget it."
TURN_S = 0.15
"""How long a thread waits for the others of its process before it writes all the same, and may have to chain anew."""


class Enqueue(Protocol):
    """How an operation gets to the workers."""

    def __call__(self, operation_id: str, *, urgent: bool, attempt: int, ahead: bool = False) -> None:
        """Hand it over, `ahead` of what waits; raises Unavailable, which the clock makes good."""


class RedisOperations:
    """The durable memory of operations; see `mesh.ports.Operations` for the contract.

    `receive` keeps its promise of one second only on a client made by `store.connection.quick`.
    """

    def __init__(self, redis: redis.Redis, time: Time, *, enqueue: Enqueue) -> None:
        self._redis = redis
        self._time = time
        self._enqueue = enqueue
        self._turn = threading.Lock()
        self._receive = Copied(redis, scripts.RECEIVE)
        self._copies = self._receive.copies
        self._commit = redis.register_script(scripts.COMMIT)
        self._announce = Copied(redis, scripts.COMMIT)
        self._append = redis.register_script(scripts.APPEND)
        self._later = redis.register_script(scripts.LATER)

    def receive(self, operation: Operation, *, dedupe: str, intent: str, facts: dict[str, Any]) -> Receipt:
        """Write a new operation and everything that goes with it, or give back the one there is, then enqueue it.

        "Nothing was started" is kept true by a deadline in Redis's own clock: a write that a hung Redis finds in its
        socket later is refused there. What remains is a write that was sent and whose answer was lost. It is
        looked up once, and when that has no answer either, Unavailable says that it may have been started. Until it is
        done, the `intent` then gives a person's second try the same operation. The same is said where Redis must have
        copies and has none: the operation goes its way, and a failover could forget it.
        """
        answer_by = stopwatch.monotonic() + ANSWER_WITHIN_S
        operation = replace(operation, revision=0)
        names = [keys.dedupe(dedupe), keys.intent(intent)]
        try:
            with self._in_turn():
                known, copied = self._write_new(operation, names, self._facts(operation.id, facts))
        except redis.RedisError as error:
            if refusal_of(error):
                # That was an answer, and there is nothing to look for.
                raise unavailable(error, NOTHING_STARTED) from error
            if not isinstance(error, redis.TimeoutError):
                # A line that broke at once: the write may still be carried out until its deadline.
                stopwatch.sleep(EXECUTE_WITHIN_S)
            known, copied = self._look(names[0], answer_by, operation), not self._copies
            if not known:
                raise unavailable(error, NOTHING_STARTED) from error
        if known == operation.id:
            self._hand_over(operation)
        if not copied:
            raise Unsure(NOT_COPIED, hint=MAYBE_HINT, operation=known)
        return Receipt(operation, created=True) if known == operation.id else Receipt(self.get(known), created=False)

    def get(self, operation_id: str) -> Operation:
        """Return the operation; NotFound, or Unavailable when Redis does not answer or a newer meshbot wrote it."""
        found = self._load([operation_id])
        if not found:
            raise NotFound(
                f"There is no operation {operation_id}.",
                hint=f"Operations are kept for {RETENTION_S // 86400} days after their end; see `history`.",
            )
        return found[0]

    def delivered(self, dedupe: str) -> Operation | None:
        """Return the operation that a delivery was given; None where nobody knows it any more."""
        with translated():
            known: Any = self._redis.get(keys.dedupe(dedupe))
        found = self._load([known.decode()]) if known else []
        return found[0] if found else None

    def commit(
        self, operation: Operation, entries: Sequence[dict[str, Any]] = (), *, lease: Lease | None = None
    ) -> Operation:
        """Write the operation and its audit entries; LostLease, Conflict, NotFound, or Unavailable (unknown outcome).

        Conflict as well where it would be the second active rollout of its service.
        The same call may reach Redis twice (a client that repeats itself): the second one changes nothing.
        What announces a patch must be on a replica too, where Redis must have copies: Uncopied while it is not.
        """
        after = replace(operation, revision=operation.revision + 1)
        facts = [self._facts(operation.id, entry) for entry in entries]
        parts, deed = self._commit_parts(operation.revision, after, lease), self._deed_parts(after)

        def write(batch: Batch) -> list[Any]:
            chained = [batch.expected, batch.head, GENESIS_HEAD, *batch.lines, *deed]
            names, argv = [*parts[0], *([keys.DEEDS] if deed else [])], [*parts[1], *chained]
            if not after.announces_patch:
                return self._ask(self._commit, names, argv)
            answer, copied = self._announce(keys=names, args=argv)
            if not copied and answer[0] == b"written":
                raise Uncopied(UNCOPIED_PLAN, hint="Bring the replicas back: docs/redis.md.")
            return list(answer)

        with translated("it is not known whether the last step was written down"):
            answer, _ = self._chained(facts, write)
        _raise_for(answer, after, lease)
        return after

    def audit(self, facts: dict[str, Any]) -> AuditEntry:
        """Append one entry that belongs to no operation; Unavailable leaves open whether it was written."""

        def write(batch: Batch) -> list[Any]:
            argv = [batch.expected, batch.head, GENESIS_HEAD, *batch.lines]
            return self._ask(self._append, [keys.AUDIT, keys.AUDIT_HEAD], argv)

        with translated("the audit log may lack a line"):
            _, batch = self._chained([{"at": self._time.now(), **facts}], write)
        return batch.entries[0]

    def recent(
        self, *, target: Target | None = None, channel: str = "", count: int = 10, whole: bool = False
    ) -> list[Operation]:
        """Return the newest changing operations, newest first: of a service, of a channel, or those of both; else none.

        At most 200 are remembered for each service and channel. What a newer meshbot wrote is left out, or Unreadable.
        """
        with translated():
            lines: list[Any] = self._redis.lrange(_history(target, channel), 0, HISTORY_LENGTH - 1)
        ids = [line.decode() for line in lines]
        if target is None or not channel:
            return self._load(ids[:count], whole=whole)
        return [found for found in self._load(ids, whole=whole) if found.origin.channel == channel][:count]

    def running(self, user: str) -> list[Operation]:
        """Return the person's operations that are not done, newest first, steps of rollouts and previews left out.

        Looked for among the 500 that the clock looks at next: more are never under way at once.
        """
        with translated():
            lines: list[Any] = self._redis.zrange(keys.OPEN, 0, MOST_OPEN - 1)
        return of_person(self._load([line.decode() for line in lines], whole=False), user)

    def since(self, operation: Operation, *, whole: bool = True) -> list[Operation]:
        """Return the changes of its service that were received after it, newest first: as Redis has them, not clocks.

        At most 200; all of them where it is none of the newest 200 itself. Unreadable, as in `beside`.
        """
        return self._load(self._around(operation)[0], whole=whole)

    def beside(self, operation: Operation, *, whole: bool = True) -> list[Operation]:
        """Return the other changes of its service that are not done, and those received after it, newest first.

        A worker asks this before every change, so finished older ones are passed over without being read. Unreadable
        for what a newer meshbot wrote, which is left out where not the `whole` is wanted.
        """
        newer, older = self._around(operation)
        return self._load([*newer, *self._undone(older)], whole=whole)

    def undone(self, target: Target) -> int:
        """Return how many changes of a service are waiting or running, of the newest 200."""
        with translated():
            lines: list[Any] = self._redis.lrange(keys.history_of_target(target), 0, HISTORY_LENGTH - 1)
        return len(self._undone([line.decode() for line in lines]))

    def rollout(self, target: Target) -> Operation | None:
        """Return the rollout of a service that has not ended; None where there is none."""
        with translated():
            found: Any = self._redis.hget(keys.rollouts(target.cluster), keys.place(target))
        operations = self._load([found.decode()]) if found else []
        return next((one for one in operations if one.active_rollout), None)

    def waiting(self) -> list[Operation]:
        """Return every operation that waits for approval, the one whose time is over first, first."""
        with translated():
            ids: list[Any] = self._redis.zrange(keys.WAITING, 0, -1)
        # Between the two reads one may have been decided.
        operations = self._load([raw.decode() for raw in ids], whole=False) if ids else []
        return [found for found in operations if found.waits_until]

    def later(self, operation_id: str, *, seconds: float) -> None:
        """Let the clock look at the operation after `seconds`; does nothing for one that is settled.

        Whoever puts it off has ended well, so this try does not count among those after which it is given up.
        """
        names = [keys.operation(operation_id), keys.OPEN, keys.attempts(operation_id)]
        with translated():
            self._ask(self._later, names, [operation_id, self._time.now() + seconds, int(seconds > 0)])

    def _facts(self, operation_id: str, facts: dict[str, Any]) -> dict[str, Any]:
        return {"at": self._time.now(), "operation": operation_id, **facts}

    def _write_new(self, operation: Operation, names: list[str], facts: dict[str, Any]) -> tuple[str, bool]:
        """Return the id of the operation that now stands for the request, and whether there are copies enough."""
        give_up = stopwatch.monotonic() + START_OVER_S
        while True:
            with translated(NOTHING_STARTED), self._redis.pipeline(transaction=False) as pipeline:
                pipeline.time()
                pipeline.get(keys.AUDIT_HEAD)
                (seconds, micros), head = pipeline.execute()
            deadline = seconds + micros / 1e6 + EXECUTE_WITHIN_S
            answer, copied = self._write_until(deadline, operation, names, (head, facts))
            if answer[0] != b"late":
                return str(answer[1].decode()), copied
            if stopwatch.monotonic() > give_up:
                raise Unwritten("Redis was too slow, so nothing was started.", hint=HINT)

    def _write_until(
        self, deadline: float, operation: Operation, names: list[str], audit: tuple[bytes | None, dict[str, Any]]
    ) -> tuple[list[Any], bool]:
        head, facts = audit
        fixed = [
            f"{deadline:.6f}",
            operation.id,
            records.WRITES,
            records.dump_operation(operation),
            _haste(operation),
        ]
        rest = [self._time.now() + FIRST_LOOK_S, DEDUPE_S, INTENT_S, HISTORY_LENGTH, keys.OPERATION, GENESIS_HEAD]
        names = [*names, keys.operation(operation.id), keys.AUDIT, keys.AUDIT_HEAD, keys.OPEN, *_histories(operation)]
        while True:
            batch = batch_after(head, [facts])
            argv = [*fixed, batch.expected, batch.head, *batch.lines, *rest]
            answer, copied = self._receive(keys=names, args=argv)
            if answer[0] != b"head":
                return answer, copied
            head = answer[1]

    def _look(self, dedupe_key: str, answer_by: float, operation: Operation) -> str:
        """After an unknown outcome: return the id of the operation that this delivery has after all, if any.

        An answer is final: who waited in vain for 0.4 s asks after the write's deadline. Unavailable without an answer.
        """
        within_s = max(0.05, min(LOOK_S, answer_by - stopwatch.monotonic()))
        try:
            with last_look(self._redis, within_s=within_s) as client:
                found: Any = client.get(dedupe_key)
        except redis.RedisError as error:
            raise Unsure(MAYBE_STARTED, hint=MAYBE_HINT, operation=operation.id) from error
        return str(found.decode()) if found else ""

    def _hand_over(self, operation: Operation) -> None:
        try:
            self._enqueue(operation.id, urgent=operation.urgent, attempt=0, ahead=operation.ahead)
        except MeshbotError as error:
            log.warning("%s was not enqueued (%s); the clock will do it in %s s", operation.id, error, FIRST_LOOK_S)

    def _commit_parts(self, revision: int, after: Operation, lease: Lease | None) -> tuple[list[str], list[Any]]:
        names = [keys.operation(after.id), keys.AUDIT, keys.AUDIT_HEAD, keys.OPEN, keys.attempts(after.id)]
        key, token = (lease.key, lease.token) if lease else ("", "")
        flags = [int(after.done), int(after.settled), _haste(after), uuid.uuid4().hex]
        argv = [after.id, revision, records.WRITES, records.dump_operation(after), *flags, token]
        times = [self._time.now() + NEXT_LOOK_S, RETENTION_S]
        rollout = [keys.place(after.target), int(after.active_rollout), keys.OPERATION]
        names += [keys.lock(key), keys.rollouts(after.target.cluster), keys.WAITING]
        return names, [*argv, *times, *rollout, after.waits_until]

    def _deed_parts(self, after: Operation) -> list[Any]:
        """Return what the week's index gets with the end of an operation; nothing where nothing is to be counted."""
        deed = None if after.reported else deed_of(after)
        return [deed.at, self._time.now() - deeds.KEPT_S, deeds.MOST, deeds.dump_deed(deed)] if deed else []

    def _chained(self, facts: Sequence[dict[str, Any]], write: Callable[[Batch], list[Any]]) -> tuple[list[Any], Batch]:
        with self._in_turn():
            return chained(self._redis, facts, write)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Spare the threads of one process the race for the audit log's end; a courtesy, correctness needs none."""
        mine = self._turn.acquire(timeout=TURN_S)
        try:
            yield
        finally:
            if mine:
                self._turn.release()

    def _around(self, operation: Operation) -> tuple[list[str], list[str]]:
        """Return the ids of what was received for its service after it, and before it, newest first."""
        with translated():
            lines: list[Any] = self._redis.lrange(keys.history_of_target(operation.target), 0, HISTORY_LENGTH - 1)
        ids = [line.decode() for line in lines]
        at = ids.index(operation.id) if operation.id in ids else len(ids)
        return ids[:at], ids[at + 1 :]

    def _undone(self, ids: Sequence[str]) -> list[str]:
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for operation_id in ids:
                pipeline.hget(keys.operation(operation_id), "done")
            flags = pipeline.execute()
        return [operation_id for operation_id, done in zip(ids, flags, strict=True) if done == b"0"]

    def _load(self, ids: Sequence[str], *, whole: bool = True) -> list[Operation]:
        """Return those of the operations that still exist, in the order of `ids`; Unreadable, unless some may lack."""
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for operation_id in ids:
                pipeline.hmget(keys.operation(operation_id), ["schema", "record"])
            rows = pipeline.execute()
        found = []
        for operation_id, (schema, record) in zip(ids, rows, strict=True):
            try:
                found += [records.load_operation(operation_id, schema, record)] if record is not None else []
            except Unreadable as error:
                if whole:
                    raise
                log.warning("it is left out of a list: %s", error.message)
        return found

    @staticmethod
    def _ask(script: Callable[..., Any], names: list[str], argv: list[Any]) -> list[Any]:
        answer: list[Any] = script(keys=names, args=argv)
        return answer


def of_person(operations: Sequence[Operation], user: str) -> list[Operation]:
    """Return those a person asked for that are not done, newest first, steps of rollouts and previews left out."""
    cards = [one for one in operations if not one.done and not one.command.rollout and not one.origin.view]
    mine = [one for one in cards if one.actor.user == user]
    return sorted(mine, key=lambda one: one.created_at, reverse=True)


def _haste(operation: Operation) -> int:
    """Return what the clock is told: 0 for ordinary work, 1 for what is urgent, 2 for what goes ahead of the ordinary.

    Older clocks take all but 1 for ordinary.
    """
    return 1 if operation.urgent else 2 * operation.ahead


def _history(target: Target | None, channel: str) -> str:
    if target is not None:
        return keys.history_of_target(target)
    return keys.history_of_channel(channel)


def _histories(operation: Operation) -> list[str]:
    if not operation.command.changes_traffic:
        return []
    channel = operation.origin.channel
    lists = [keys.history_of_target(operation.target)]
    return [*lists, keys.history_of_channel(channel)] if channel else lists


def _raise_for(answer: list[Any], after: Operation, lease: Lease | None) -> None:
    match answer[0]:
        case b"lease":
            raise LostLease(
                f"The lease {lease.key if lease else ''} of {after.id} was lost, so the step was not written.",
                hint="Another worker has taken over; nothing to do.",
            )
        case b"revision":
            raise Conflict(
                f"{after.id} was changed by somebody else: it is at revision {answer[1].decode()}, "
                f"not {after.revision - 1}.",
                hint="Read it again and decide anew.",
            )
        case b"rollout":
            raise Conflict(
                f"{after.target.service} has a rollout already, {answer[1].decode()}.",
                hint="End that one first, or wait for its end.",
            )
        case b"missing":
            raise NotFound(f"There is no operation {after.id}.", hint="It was never received, or Redis lost its data.")
