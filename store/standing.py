"""How a Redis stands that is there and takes no writes: reading does not show it, and nothing can be done with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import redis

from store import keys
from store.links import DemotedError


@dataclass(frozen=True)
class Refusal:
    """Why a server takes no writes."""

    code: str
    """The word with which its errors begin; before Redis 7 it stands further behind in those of scripts."""
    why: str
    """What is wrong with this Redis."""
    hint: str


FULL = Refusal(
    "OOM",
    "is full",
    "Tell whoever runs Redis: it needs more memory, or the audit log must be trimmed: docs/redis.md.",
)
LONELY = Refusal(
    "NOREPLICAS",
    "lacks replicas",
    "Tell whoever runs Redis: bring replicas back, or set min-replicas-to-write to 0 for as long.",
)
REPLICA = Refusal(
    "READONLY",
    "is a replica here",
    "Try again in a minute: a failover is over by then; if it stays, REDIS_URL must name the master, or Sentinel.",
)
DISK = Refusal(
    "MISCONF",
    "cannot write to its disk",
    "Tell whoever runs Redis: its log says what is wrong, and its disk may be full.",
)
REFUSALS = (FULL, LONELY, REPLICA, DISK)
_CODE = re.compile(rf"\b({'|'.join(one.code for one in REFUSALS)})\b")


@dataclass(frozen=True)
class Standing:
    """What one try to write told."""

    answers: bool
    """False for a Redis that is away."""
    trouble: str = ""
    """Why it takes no writes, to be read after `redis: `; empty where it took one."""

    @property
    def writes(self) -> bool:
        """True where it took one."""
        return not self.trouble

    @property
    def ours(self) -> bool:
        """True where this is the Redis that is meant: it takes writes, or would if it had room or replicas."""
        return self.writes or self.trouble in _LATER


def refusal_of(error: Exception) -> Refusal | None:
    """Return why a server that answered takes no writes; None for any other trouble."""
    if isinstance(error, DemotedError):
        return REPLICA
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return FULL
    found = _CODE.search(str(error)) if isinstance(error, redis.ResponseError) else None
    return next((one for one in REFUSALS if found and one.code == found[1]), None)


def standing(client: redis.Redis) -> Standing:
    """Try to write one small key that is gone a second later; never raises."""
    try:
        client.set(keys.TRIED, b"", px=1000)
    except redis.RedisError as error:
        return _troubled(error)
    return Standing(answers=True)


def _troubled(error: redis.RedisError) -> Standing:
    if refusal := refusal_of(error):
        return Standing(answers=True, trouble=_fact(refusal))
    if isinstance(error, redis.ResponseError):
        return Standing(answers=True, trouble=f"refuses a write ({type(error).__name__})")
    return Standing(answers=False, trouble="does not answer")


def _fact(refusal: Refusal) -> str:
    return f"{refusal.why} and takes no writes"


_LATER = frozenset({_fact(FULL), _fact(LONELY), _fact(DISK)})
"""What is this Redis's own trouble, the same for whoever uses it."""
