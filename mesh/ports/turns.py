"""Whose turn it is, and when: leases, buckets, the clock."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Lease:
    """The right to work on one service for a while. `token` grows with each lease ever given (a fencing token)."""

    key: str
    token: int


class Locks(Protocol):
    """One worker at a time on one service."""

    def hold(self, key: str, *, wait_s: float) -> AbstractContextManager[Lease | None]:
        """Hold the lock in a `with` block, renewed in the background; None when somebody else has it after `wait_s`."""

    def held(self) -> Mapping[str, int]:
        """Return the token of every lock that somebody holds now, by its key; raise Unavailable."""


@dataclass(frozen=True)
class Bucket:
    """How many of something may happen: `most` at once, and as many again in a minute."""

    name: str
    most: int


class Buckets(Protocol):
    """Token buckets: how much was asked for lately."""

    def take(self, bucket: Bucket) -> float:
        """Take one token and return 0, or take none and return how long to wait for one, in seconds.

        Raises Unavailable.
        """


class Time(Protocol):
    """The wall clock."""

    def now(self) -> float:
        """Return Unix time in seconds."""
