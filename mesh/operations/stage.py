"""The stage: every port that a running operation needs, wired once per worker process."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.errors import NeedsGit
from mesh.ports import (
    AuditLog,
    Cards,
    Cluster,
    Directory,
    Freezes,
    IncidentCards,
    Incidents,
    Locks,
    Metrics,
    Newsroom,
    Operations,
    Prover,
    Time,
    Watches,
    Whispers,
)


@dataclass(frozen=True)
class Stage:
    """Everything a running operation needs of the world."""

    catalog: Catalog
    operations: Operations
    locks: Locks
    cluster: Cluster
    metrics: Metrics
    watches: Watches
    freezes: Freezes
    auditlog: AuditLog
    cards: Cards
    directory: Directory
    time: Time
    incidents: Incidents
    incident_cards: IncidentCards
    prover: Prover | None = None
    """Asks the step-up check; where the configuration wants one and this is None, the answer is no."""
    whispers: Whispers | None = None
    """Tells people what the step-up check says; None where nobody can."""
    newsroom: Newsroom | None = None
    """What digests are made with; None where none are made."""
    asks_git: bool = True
    """False in a process that must never wait for a Git server: what needs one ends with NeedsGit there."""

    def check_may_ask(self, target: Target, *, ahead: bool = False) -> None:
        """Raise NeedsGit where the target is a service that Git keeps, and this process must not wait for that."""
        if target.service and not self.asks_git and self.catalog.in_git(target) is not None:
            raise NeedsGit(ahead=ahead)
