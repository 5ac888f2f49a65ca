"""Digests in Redis: who may post which slot, and what the clock starts."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import redis

from mesh.domain.digests import LATE_S, Digest, Slot, SlotState
from mesh.domain.errors import Unavailable
from mesh.ports import Almanac, Slots
from store import digest_scripts, keys
from store.connection import translated

log = logging.getLogger(__name__)

LEASE_S = 90.0
"""How long a claim counts: longer than a job may run, so that who was killed is told from who is slow."""
KEPT_S = 8 * 24 * 3600
"""How long a slot is remembered: long after it is too late for it."""
AGAIN_S = 15.0
"""When the clock asks a worker again for a slot that is not over; twice as long after each time."""
AGAIN_MOST_S = 300.0
BROKEN_S = 60.0
"""When a digest that met a bug is looked at again."""
WAITING_S = 60.0
"""How long a job may wait in its queue: the clock asks again."""


class RedisSlots:
    """Implements `mesh.ports.Slots`; a client that repeats its calls does no harm."""

    def __init__(self, redis: redis.Redis, *, lease_s: float = LEASE_S) -> None:
        self._redis = redis
        self._lease_s = lease_s
        self._claim = redis.register_script(digest_scripts.CLAIM_SLOT)
        self._move = redis.register_script(digest_scripts.MOVE_SLOT)

    def claim(self, slot: Slot) -> str:
        """Take a slot that nobody works on; return what to prove that with, else an empty string."""
        claim = uuid.uuid4().hex
        names = [keys.slot(slot), keys.newest_slot(slot.digest)]
        with translated("a digest was not begun"):
            answer = self._claim(keys=names, args=[claim, slot.at, self._lease_s, KEPT_S])
        return claim if answer[0] == b"yours" else ""

    def close(self, slot: Slot, claim: str, state: SlotState, *, note: str = "") -> bool:
        """Write down what became of it; False when the claim is lost."""
        with translated("it is not known whether a digest's step was written down"):
            answer = self._move(keys=[keys.slot(slot)], args=[claim, state, note, KEPT_S])
        return bool(answer[0] == b"moved")

    def state(self, slot: Slot) -> SlotState:
        """Return how far it has come."""
        with translated():
            stored: Any = self._redis.hget(keys.slot(slot), "state")
        return SlotState(stored.decode()) if stored else SlotState.OPEN


class EnqueueSlot(Protocol):
    """How a slot gets to the worker that posts it; see `store.jobs.JobQueue.digest`."""

    def __call__(self, slot: Slot, attempt: int, *, within_s: float) -> None:
        """Enqueue it, once for each attempt; raises Unavailable."""


@dataclass
class _Open:
    """A slot that is not over, as one clock sees it."""

    slot: Slot
    again_at: float
    pause_s: float = AGAIN_S


class DueDigests:
    """What the clock does: each slot goes to a worker, again and again until it is over, or too late.

    Of each digest only the newest slot, and none from before this configuration of it was first seen.
    """

    def __init__(
        self, redis: redis.Redis, digests: Sequence[Digest], almanac: Almanac, *, slots: Slots, enqueue: EnqueueSlot
    ) -> None:
        self._redis = redis
        self._digests = digests
        self._almanac = almanac
        self._slots = slots
        self._enqueue = enqueue
        self._next: dict[str, float] = {}
        """By digest, before when nothing new is due."""
        self._open: dict[str, _Open] = {}

    def follow(self, digests: Sequence[Digest]) -> None:
        """Hand out these from now on; whose times were changed is looked at anew."""
        if digests != self._digests:
            self._digests, self._next, self._open = digests, {}, {}

    def begin(self, now: float) -> None:
        """Enqueue what is due at `now` (Unix time); raise Unavailable. The next call makes good what that left out."""
        for digest in self._digests:
            try:
                self._begin(digest, now)
            except Unavailable:
                raise
            except Exception:
                # The clock has more important work: a bug here must not end it, nor keep other digests from coming.
                log.exception("a bug kept digest %s from being handed out", digest.name)
                self._next[digest.name] = now + BROKEN_S

    def _begin(self, digest: Digest, now: float) -> None:
        if now >= self._next.get(digest.name, 0.0):
            self._look(digest, now)
        waiting = self._open.get(digest.name)
        if waiting is not None and now >= waiting.again_at:
            self._hand_out(waiting, now)

    def _look(self, digest: Digest, now: float) -> None:
        """See whether a slot has come, and when the next one does."""
        since = max(now - LATE_S, self._known_since(digest, now))
        found = self._almanac.due(digest, since=since, until=now)
        if found:
            self._open[digest.name] = _Open(Slot(digest.name, found[-1]), now)
        upcoming = self._almanac.upcoming(digest, after=now)
        self._next[digest.name] = float("inf") if upcoming is None else upcoming

    def _known_since(self, digest: Digest, now: float) -> float:
        """Return when any clock first saw this digest with these times: what was due before was never promised."""
        name = keys.digest_known(digest)
        with translated(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.set(name, f"{now:.3f}", nx=True)
            pipeline.get(name)
            _, since = pipeline.execute()
        return float(since)

    def _hand_out(self, waiting: _Open, now: float) -> None:
        if now - waiting.slot.at > LATE_S or self._slots.state(waiting.slot).over:
            del self._open[waiting.slot.digest]
            return
        # Two clocks of one moment name the same attempt, and of one attempt there is one job.
        self._enqueue(waiting.slot, int((now - waiting.slot.at) // AGAIN_S), within_s=WAITING_S)
        waiting.again_at, waiting.pause_s = now + waiting.pause_s, min(2 * waiting.pause_s, AGAIN_MOST_S)
