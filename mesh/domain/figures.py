"""How much there is of what: the state of everything in Redis, as numbers for whoever watches over meshbot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figures:
    """Taken at one moment; all durations in seconds."""

    queues: Mapping[str, int] = field(default_factory=dict)
    """Jobs that wait, by queue: `urgent`, `normal`, `watch`, `post`."""
    rollouts: Mapping[str, int] = field(default_factory=dict)
    """Rollouts that have not ended, by phase."""
    unsettled: int = 0
    """Operations that are not done, told and measured."""
    approvals: int = 0
    """Operations that wait for people."""
    incidents: int = 0
    """Incidents that are open."""
    lanes: int = 0
    """Channels in which a message waits."""
    work_late: float = 0.0
    """How long the operation that is most overdue has been due: the clock hands out what is due at once."""
    post_late: float = 0.0
    """The same of the channel in which a message waits."""
    audited: int = 0
    """Entries of the audit log."""
