"""The changes of the last days in Redis: a small index by time, so that nobody goes through the audit log for them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import redis

from mesh.domain.commands import Target
from mesh.domain.weeks import Deed, Outcome
from store import keys
from store.connection import translated

log = logging.getLogger(__name__)

KEPT_S = 8 * 24 * 3600
"""How long a deed is remembered: a week by the calendar of any time zone."""
MOST = 20_000
"""Most deeds that are remembered, some 4 MB; the oldest are forgotten first."""


class RedisDeeds:
    """Implements `mesh.ports.Deeds`; they are written with the operation's end, in one script."""

    def __init__(self, redis: redis.Redis) -> None:
        self._redis = redis

    def since(self, at: float) -> Sequence[Deed]:
        """Return what ended at `at` (Unix time) or later, oldest first; raise Unavailable."""
        with translated():
            lines: list[Any] = self._redis.zrange(keys.DEEDS, repr(at), "+inf", byscore=True)
        return [deed for line in lines if (deed := load_deed(line)) is not None]


def dump_deed(deed: Deed) -> str:
    """Return the deed as a short JSON list."""
    target = deed.target
    parts = [deed.operation, deed.at, target.cluster, target.namespace, target.service, deed.outcome]
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)


def load_deed(raw: bytes) -> Deed | None:
    """Return the deed; None for one of a newer meshbot, which this one cannot count: it must not spoil the others."""
    operation, at, cluster, namespace, service, outcome, *_ = json.loads(raw)
    try:
        return Deed(operation, at, Target(cluster, namespace, service), Outcome(outcome))
    except ValueError:
        log.warning("%s ended as a newer meshbot says it (%r), and is left out of a digest", operation, outcome)
        return None
