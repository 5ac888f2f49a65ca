"""The stage: every port that a running operation needs, wired once per worker process."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.digest_ports import Newsroom
from mesh.domain.catalog import Catalog
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
    Operations,
    Time,
    Watches,
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
    newsroom: Newsroom | None = None
    """What digests are made with; None where none are made."""
