"""The outbox in Redis: a row for each message, a lane for each channel, and when each lane is due."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import redis
from pydantic import TypeAdapter

from mesh.domain.errors import Conflict, LostLease, MeshbotError, Unreadable
from mesh.domain.letters import Fate, Letter, Row
from mesh.domain.operations import Card
from mesh.ports import Lane, Lease, Pace, Time
from store import keys, outbox_scripts
from store.connection import translated
from store.copies import Copied
from store.jobs import POST, send_id

RETENTION_S = 90 * 24 * 3600
"""How long a message can be edited after its last edit: as long as an operation can be looked at."""
ONCE_S = 8 * 24 * 3600
"""How long what was said once is known as said."""
AGAIN_S = 4.0
"""When the clock hands out a lane again that somebody took and nobody left; a turn ends before, as a rule."""

log = logging.getLogger(__name__)

_letters: TypeAdapter[Letter] = TypeAdapter(Letter)


class EnqueueLane(Protocol):
    """How a lane gets to whoever sends; see `store.jobs.JobQueue.send`."""

    def __call__(self, channel: str, number: int) -> None:
        """Enqueue it, once for each number; raises Unavailable."""


class RedisOutbox:
    """Implements `ports.Outbox` and `ports.Lanes`, and what the clock needs of the lanes."""

    def __init__(self, redis: redis.Redis, time: Time, *, enqueue: EnqueueLane | None = None) -> None:
        """Without `enqueue` nothing is handed to whoever sends; the clock's own instance does that, a moment later."""
        self._redis = redis
        self._time = time
        self._enqueue = enqueue
        self._put = redis.register_script(outbox_scripts.PUT)
        self._revive = redis.register_script(outbox_scripts.REVIVE)
        self._begin = Copied(redis, outbox_scripts.BEGIN)
        self._settle = redis.register_script(outbox_scripts.SETTLE)
        self._spend = redis.register_script(outbox_scripts.SPEND)
        self._slow = redis.register_script(outbox_scripts.SLOW)
        self._rest = redis.register_script(outbox_scripts.REST)
        self._hand_out = redis.register_script(outbox_scripts.HAND_OUT)

    def put(self, letter: Letter) -> Card | None:
        """Write what the message says from now on, and let it be sent soon; Unavailable: perhaps it was not written."""
        names = [keys.letter(letter.key), keys.lane(letter.channel), keys.LANES, keys.LANE_COUNTS, keys.thread(letter)]
        flags = [letter.version, int(letter.once), int(letter.must), int(letter.urgency)]
        now = self._time.now()
        what: list[Any] = [letter.key, _letters.dump_json(letter), _digest(letter), *flags]
        where: list[Any] = [letter.channel, now, letter.ts, int(bool(letter.under)), keys.LETTER]
        with translated("it is not known whether a message was written down"):
            answer: Any = self._put(keys=names, args=[*what, *where])
        if answer[0] == b"written":
            self._hurry(letter.channel, now)
        return Card(answer[2].decode() or letter.channel, answer[1].decode()) if answer[1] else None

    def find(self, key: str) -> Row | None:
        """Return how far a message came; Unavailable when Redis does not answer."""
        with translated():
            fields: Any = self._redis.hgetall(keys.letter(key))
        return _row(fields) if fields else None

    def revive(self, key: str, channel: str) -> bool:
        """Let a lost message of that channel be tried again; Unavailable when Redis does not answer."""
        row = self.find(key)
        if row is None or row.letter.channel != channel:
            return False
        names, now = [keys.letter(key), keys.lane(channel), keys.LANES, keys.LANE_COUNTS], self._time.now()
        with translated():
            answer: Any = self._revive(keys=names, args=[key, channel, now])
        if answer[0] != b"written":
            return False
        self._hurry(channel, now)
        return True

    def due(self, now: float, limit: int = 100) -> list[str]:
        """Return at most `limit` channels whose lane is due at `now` (Unix time), longest due first."""
        with translated():
            found: list[Any] = self._redis.zrange(keys.LANES, "-inf", str(now), byscore=True, offset=0, num=limit)
        return [raw.decode() for raw in found]

    def hand_out(self, channel: str, now: float) -> bool:
        """Enqueue a lane that is due, unless its last job still waits; however many do this, one job comes of it."""
        names = [keys.LANES, keys.LANE_JOBS, f"rq:queue:{POST}"]
        with translated():
            answer: Any = self._hand_out(keys=names, args=[channel, now, now + AGAIN_S, send_id(channel, "")])
        if answer[0] != b"enqueue" or self._enqueue is None:
            return False
        self._enqueue(channel, int(answer[1]))
        return True

    def look(self, channel: str, most: int) -> Lane:
        """Return the head of a lane; Unavailable when Redis does not answer."""
        with translated(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hget(keys.LANE_COUNTS, channel)
            pipeline.zrange(keys.lane(channel), 0, most)
            count, names = pipeline.execute()
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for name in names[:most]:
                pipeline.hgetall(keys.letter(name.decode()))
            rows = pipeline.execute()
        gone = [name for name, row in zip(names, rows, strict=False) if not row]
        if gone:
            with translated():
                self._redis.zrem(keys.lane(channel), *gone)
        return Lane(tuple(_readable(rows)), len(names) <= most, int(count or 0))

    def begin(self, row: Row, lease: Lease, pace: Pace, *, now: float) -> tuple[Row, float]:
        """Write down that the row is sent now, if the pace allows; LostLease, Conflict, Unavailable."""
        fate = row.fate if row.fate is Fate.POSTED else Fate.SENDING
        names = [keys.letter(row.letter.key), keys.lock(lease.key), keys.PACES]
        what: list[Any] = [lease.token, row.attempts, now, str(fate), row.client, uuid.uuid4().hex]
        with translated():
            args = [*what, pace.name, pace.every_s, pace.burst, row.drawing]
            answer, copied = self._begin(keys=names, args=args)
        if not copied:
            # People must hear of things also then; a failover in this moment could have them hear twice.
            log.warning("%s is sent while no replica of Redis knows", row.letter.key)
        match answer[0]:
            case b"begun":
                return replace(row, fate=fate, attempts=row.attempts + 1, since=now, sending=row.drawing), 0.0
            case b"wait":
                return row, float(answer[1])
            case b"lease":
                raise LostLease(f"The lease {lease.key} was lost.", hint="Somebody else sends now; nothing to do.")
        raise Conflict(f"{row.letter.key} was sent by somebody else.", hint="Read it again.")

    def settle(self, row: Row, *, waits: bool = False) -> None:
        """Write down what came of it; nothing where somebody else went on with it. Unavailable without an answer."""
        letter = row.letter
        head: list[Any] = [letter.key, row.attempts, row.drawing, int(waits), ONCE_S if letter.once else RETENTION_S]
        fields = {name: _plain(getattr(row, name)) for name in _SETTLED}
        pairs = [part for pair in fields.items() for part in pair]
        names = [keys.letter(letter.key), keys.lane(letter.channel)]
        with translated("it is not known whether it is on record what became of a message"):
            self._settle(keys=names, args=[*head, str(row.fate), *pairs])

    def spend(self, pace: Pace, *, now: float) -> float:
        """Count one of this pace, and return 0, or when it allows one; Unavailable when Redis does not answer."""
        with translated():
            answer: Any = self._spend(keys=[keys.PACES], args=[pace.name, pace.every_s, pace.burst, now])
        return float(answer[1]) if answer[0] == b"wait" else 0.0

    def slow(self, pace: Pace, *, until: float) -> None:
        """Let nothing of this pace be sent before `until`; Unavailable when Redis does not answer."""
        with translated():
            self._slow(keys=[keys.PACES], args=[pace.name, until + (max(pace.burst, pace.most) - 1) * pace.every_s])

    def rest(self, channel: str, *, seen: int, due: float | None) -> None:
        """Leave the lane until `due`; at once if something was put into it since `seen`. Unavailable."""
        names = [keys.lane(channel), keys.LANES, keys.LANE_COUNTS]
        with translated():
            self._rest(keys=names, args=[channel, seen, "" if due is None else due])

    def _hurry(self, channel: str, now: float) -> None:
        """Have it sent at once; what fails here the clock makes good."""
        if self._enqueue is None:
            return
        try:
            self.hand_out(channel, now)
        except MeshbotError as error:
            log.warning("a lane was not enqueued (%s); the clock will do it", error.message)


_SETTLED = (
    *("ts", "posted_in", "sent", "client", "failures", "not_before"),
    *("answered", "told", "again", "why", "continues"),
)


def _digest(letter: Letter) -> str:
    """Return what tells two drawings apart; the version and how urgent it is make no difference to who reads it."""
    return hashlib.sha256(letter.body.encode()).hexdigest()


def _plain(value: object) -> str | int | float:
    return int(value) if isinstance(value, bool) else value  # type: ignore[return-value]  # fields of Row are plain


def _readable(rows: Sequence[Mapping[bytes, bytes]]) -> Iterator[Row]:
    """Yield what this version can read; the rest waits in its lane for the version that wrote it."""
    for row in rows:
        try:
            if row:
                yield _row(row)
        except Unreadable as error:
            log.warning("a message is not sent from here: %s", error.message)


def _row(fields: Mapping[bytes, bytes]) -> Row:
    found = {name.decode(): value.decode() for name, value in fields.items()}
    try:
        letter, fate = _letters.validate_json(found["letter"]), Fate(found["fate"])
    except ValueError as error:
        raise Unreadable("A message was written by a newer meshbot.", hint="Finish the roll-out.") from error
    return Row(
        letter=letter,
        drawing=int(found["drawing"]),
        fate=fate,
        sending=int(found.get("sending", 0)),
        sent=int(found.get("sent", 0)),
        ts=found.get("ts", ""),
        posted_in=found.get("posted_in", ""),
        client=found.get("client", ""),
        attempts=int(found.get("attempts", 0)),
        failures=int(found.get("failures", 0)),
        since=float(found.get("since", 0)),
        not_before=float(found.get("not_before", 0)),
        answered=int(found.get("answered", 0)),
        told=int(found.get("told", 0)),
        again=found.get("again", "0") == "1",
        why=found.get("why", ""),
        continues=found.get("continues", ""),
    )


class LanesDue:
    """What the clock does: whatever waits in a channel that is due goes to whoever sends."""

    def __init__(self, outbox: RedisOutbox) -> None:
        self._outbox = outbox

    def begin(self, now: float) -> None:
        """Hand out every lane that is due at `now` (Unix time); raise Unavailable."""
        for channel in self._outbox.due(now):
            self._outbox.hand_out(channel, now)
