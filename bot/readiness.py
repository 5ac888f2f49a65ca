"""What /readyz of a bot says: whether requests should come here, and how the parts stand that it needs."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis import Redis

from bot.hooks import Hooks
from mesh.ports import InForce
from store.standing import standing


class Once:
    """Something that happens once, in any of the processes that are forked from this one."""

    def __init__(self) -> None:
        """Make one that has not happened yet."""
        # Anonymous memory is shared with children, and needs no lock for one byte that only ever becomes 1.
        self._shared = mmap.mmap(-1, 1)

    @property
    def happened(self) -> bool:
        """True from then on."""
        return bool(self._shared[0])

    def happen(self) -> None:
        """Let it happen now."""
        self._shared[0] = 1


@dataclass(frozen=True)
class Readiness:
    """Ready, from the first time on that Redis was reached since the pod started, whatever becomes of Redis then.

    All bots share that Redis. Were they unready without it, nobody would be left to tell people that nothing was
    started; but one that never reached it is set up wrongly perhaps, and must not take a good one's place. What is
    wrong with the token, the policy or the configuration is told, not judged: a bot that denies every change still
    reads, one that goes on by the last good file still rolls back, and a token is the same for all.
    """

    redis: Redis
    configuration: Callable[[], InForce]
    hooks: Hooks
    slack: Callable[[], str]
    """Says what is wrong with the token; empty for nothing that is known."""
    reached: Once
    """Shared by the processes of a pod: one that takes another's place during an outage is as good as that was."""

    def __call__(self) -> tuple[bool, dict[str, Any]]:
        """Look now; never raises."""
        config, redis = self.configuration(), standing(self.redis)
        policy = ", ".join(role.name for role in config.catalog.policy.roles) or "none: reading only"
        kept = "the last good one is in force" if config.good else "nobody may change traffic"
        if redis.ours:
            self.reached.happen()
        ready = self.reached.happened
        return ready, {
            "ready": ready,
            "redis": redis.trouble or "ok",
            "slack": self.slack() or "ok",
            "policy": policy,
            "hooks": self.hooks.counts(),
            "configuration": f"{kept}: {config.trouble}" if config.trouble else "ok",
        }
