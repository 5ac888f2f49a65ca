"""Slack's figures, in one place, so that a test can turn one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

# docs.slack.dev /apis/events-api: retries nearly at once, after one minute and after five.
FULL_RETRY_DELAYS_S = (0.0, 60.0, 300.0)
# docs.slack.dev /apis/web-api/rate-limits; tier 1 is documented as "1+", reconnecting Socket Mode apps get more.
TIERS_PER_MINUTE: Mapping[int, int] = MappingProxyType({1: 10, 2: 20, 3: 50, 4: 100})


@dataclass(frozen=True)
class Rules:
    """The limits this stand-in keeps; the defaults are Slack's, but only the immediate retry of events."""

    ack_deadline_s: float = 3.0
    """Seconds the app has to answer a delivery before people see `operation_timeout`."""
    retry_delays_s: tuple[float, ...] = FULL_RETRY_DELAYS_S[:1]
    """Seconds before each retry of an event, counted from the failed attempt; at most three."""
    post_per_s: float = 1.0
    """Messages per second and channel in the long run."""
    post_burst: int = 10
    """Messages a quiet channel takes at once."""
    tiers_per_minute: Mapping[int, int] = field(default_factory=lambda: TIERS_PER_MINUTE)
    """Calls per minute and method of each tier; twice as many are tolerated in one burst."""
    response_url_uses: int = 5
    """Posts one response_url takes."""
    response_url_life_s: float = 1800.0
    """Seconds one response_url lives."""
    file_scan_s: float = 0.3
    """Seconds after its completion before a file may be shown in a block; Slack takes about one."""
    trigger_life_s: float = 3.0
    """Seconds one trigger_id lives."""
    socket_limit: int = 10
    """Open websockets of one app."""
    socket_warning_s: float = 10.0
    """Seconds between a `warning` disconnect and the close."""
