"""Rate limits: one message a second and channel, and Slack's four tiers per method."""

from __future__ import annotations

import math
from dataclasses import dataclass

from playground.slack.clock import Clock
from playground.slack.rules import Rules
from playground.slack.wire import rate_limited


@dataclass
class Bucket:
    """Tokens that refill over time; mutable, owned by `Limits` only."""

    tokens: float
    """What is left."""
    at: float
    """When `tokens` was true, seconds of the clock."""


class Limits:
    """Counts calls; `spend` raises HTTP 429 with `Retry-After` when Slack would."""

    def __init__(self, rules: Rules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def spend_post(self, channel: str) -> None:
        """Count one message into a channel, by whichever way it is posted."""
        self._spend(f"post {channel}", burst=self._rules.post_burst, per_s=self._rules.post_per_s)

    def spend_call(self, method: str, tier: int) -> None:
        """Count one call of a method in tier 1 to 4."""
        per_minute = self._rules.tiers_per_minute[tier]
        self._spend(f"call {method}", burst=2 * per_minute, per_s=per_minute / 60)

    def _spend(self, key: str, *, burst: int, per_s: float) -> None:
        now = self._clock.now()
        bucket = self._buckets.setdefault(key, Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * per_s)
        bucket.at = now
        if bucket.tokens < 1:
            raise rate_limited(max(1, math.ceil((1 - bucket.tokens) / per_s)))
        bucket.tokens -= 1
