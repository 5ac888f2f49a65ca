"""What looks remember of active rollouts, in Redis: rewritten every few seconds, all of a cluster in one step."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis

from mesh.domain.errors import Conflict, Unavailable
from mesh.domain.operations import Operation
from mesh.domain.points import MOST, Point, thinned
from mesh.ports import Watch
from store import keys, records, scripts
from store.connection import translated
from store.operations import RETENTION_S

log = logging.getLogger(__name__)

WATCH_S = 24 * 3600
"""How long a watch is kept that no look renews: its rollout has ended, or nothing is looked at."""
HURRY_S = 2.5
"""How long looks come more often, unless that is asked for again, in seconds."""
THIN_AT_ONCE = 50
"""How many charts one look thins out at most: of rollouts that began together all are full at once."""


class RedisWatches:
    """See `mesh.ports.Watches` for the contract; `active` is for one thread.

    Costs per look, whatever the number of rollouts: two round trips for `active` when nothing changed and one more when
    something did, one each for `looked_until`, `load` and `save`.
    """

    def __init__(self, redis: redis.Redis) -> None:
        self._redis = redis
        self._save = redis.register_script(scripts.SAVE)
        self._thin = redis.register_script(scripts.THIN)
        self._known: dict[str, dict[str, tuple[bytes, Operation]]] = {}
        self._written: dict[str, dict[str, tuple[bytes, Watch]]] = {}
        """By cluster, what the last look saved: whoever finds the same bytes need not read them."""

    def active(self, cluster: str) -> list[Operation]:
        """Return every rollout of the cluster that has not ended; Unavailable when Redis does not answer.

        A record is read again only when its revision is another. One that a newer meshbot wrote is left to that one.
        """
        with translated():
            ids: Any = self._redis.hvals(keys.rollouts(cluster))
        known = self._known.get(cluster, {})
        revisions = self._fields([raw.decode() for raw in ids], "revision")
        current = {one: known[one] for one, row in revisions.items() if one in known and known[one][0] == row[0]}
        changed = self._fields([one for one in revisions if one not in current], "revision", "schema", "record")
        self._known[cluster] = current | dict(_readable(changed))
        return [operation for _, operation in self._known[cluster].values() if operation.active_rollout]

    def looked_until(self, cluster: str) -> float:
        """Return until when the last look of the cluster counted; 0 before the first. Unavailable without Redis."""
        with translated():
            stored: Any = self._redis.get(keys.looked(cluster))
        return float(stored.split()[0]) if stored else 0.0

    def load(self, operation_ids: Sequence[str]) -> dict[str, Watch]:
        """Return the watches there are; Unavailable when Redis does not answer."""
        if not operation_ids:
            return {}
        with translated():
            found: Any = self._redis.mget([keys.watch(operation_id) for operation_id in operation_ids])
        pairs = ((one, self._read(one, raw)) for one, raw in zip(operation_ids, found, strict=True) if raw)
        return {one: watch for one, watch in pairs if watch is not None}

    def _read(self, operation_id: str, raw: bytes) -> Watch | None:
        for written in self._written.values():
            if operation_id in written and written[operation_id][0] == raw:
                return written[operation_id][1]
        return records.load_watch(raw)

    def save(
        self, cluster: str, span: tuple[float, float], watches: Mapping[str, Watch], points: Mapping[str, Point]
    ) -> None:
        """Keep what a look found, all or nothing; Conflict when another was saved since the one it went on from.

        The same call may reach Redis twice (a client that repeats itself): the second one changes nothing.
        """
        names = [keys.looked(cluster), *map(keys.watch, watches), *map(keys.points, points)]
        looks = [repr(float(span[0])), f"{float(span[1])!r} {uuid.uuid4().hex}"]
        written = {one: (records.dump_watch(watch), watch) for one, watch in watches.items()}
        values = [*(raw for raw, _ in written.values()), *map(records.dump_point, points.values())]
        with translated("it is not known whether the look was saved"):
            answer: Any = self._save(keys=names, args=[*looks, WATCH_S, RETENTION_S, MOST, len(watches), *values])
        if answer[0] != b"saved":
            raise Conflict(
                f"Another look at {cluster} was saved meanwhile, until {answer[1].decode().split()[0]}.",
                hint="Nothing to do: the next look goes on from there.",
            )
        self._written[cluster] = written
        try:
            self._thin_out([raw.decode() for raw in answer[1:]])
        except Unavailable as error:
            # The look is saved; charts that stay full are thinned out by the next one.
            log.warning("charts were not thinned out: %s", error.message)

    def hurry(self, cluster: str) -> None:
        """Ask for the next looks of the cluster to come soon; Unavailable when Redis does not answer."""
        with translated():
            self._redis.set(keys.hurry(cluster), 1, px=round(1000 * HURRY_S))

    def points(self, operation_id: str) -> list[Point]:
        """Return the points of a rollout's chart, oldest first; Unavailable when Redis does not answer."""
        with translated():
            lines: Any = self._redis.lrange(keys.points(operation_id), 0, -1)
        return thinned([records.load_point(line) for line in lines])

    def _thin_out(self, names: Sequence[str]) -> None:
        """Make full charts smaller. One that grows meanwhile, or more of them than fit, is left to the next look."""
        if not names:
            return
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for name in names[:THIN_AT_ONCE]:
                pipeline.lrange(name, 0, -1)
            charts = pipeline.execute()
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for name, lines in zip(names, charts, strict=False):
                fewer = map(records.dump_point, thinned([records.load_point(line) for line in lines]))
                self._thin(keys=[name], args=[len(lines), RETENTION_S, *fewer], client=pipeline)
            pipeline.execute()

    def _fields(self, ids: Sequence[str], *names: str) -> dict[str, list[bytes]]:
        """Return the fields of those of the operations that still exist, in one round trip."""
        if not ids:
            return {}
        with translated(), self._redis.pipeline(transaction=False) as pipeline:
            for operation_id in ids:
                pipeline.hmget(keys.operation(operation_id), list(names))
            rows = pipeline.execute()
        return {one: row for one, row in zip(ids, rows, strict=True) if row[0] is not None}


def _readable(rows: Mapping[str, list[bytes]]) -> Iterator[tuple[str, tuple[bytes, Operation]]]:
    """Yield what this version can read, with its revision."""
    for operation_id, (revision, schema, record) in rows.items():
        try:
            yield operation_id, (revision, records.load_operation(operation_id, schema, record))
        except Unavailable as error:
            log.warning("a rollout is not looked at here: %s", error.message)
