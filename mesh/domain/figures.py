"""How much there is of what: the state of everything in Redis, as numbers for whoever watches over meshbot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figures:
    """Taken at one moment; all durations in seconds."""

    queues: Mapping[str, int] = field(default_factory=dict)
    """Jobs that wait, by queue: `urgent`, `normal`, `watch`, `post`, `git`."""
    oldest: Mapping[str, float] = field(default_factory=dict)
    """How long the job that has waited longest waits, by queue; 0 where none does."""
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
    look_late: float = 0.0
    """How long no look at a rollout was had, in the cluster where that is longest; 0 where there is none."""
    work_late: float = 0.0
    """How long ago the operation was due on which nobody has worked since for longest, whoever was handed it."""
    post_late: float = 0.0
    """How long the message that has waited longest waits, or the drawing of it that people have not seen."""
    audited: int = 0
    """Entries of the audit log."""
    memory: float | None = None
    """How much of the memory that it may use Redis uses, from 0 to 1 and beyond; None where it has no bound."""
