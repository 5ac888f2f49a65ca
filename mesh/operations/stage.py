"""The stage: every port that a running operation needs, wired once per worker process."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.domain.catalog import Catalog
from mesh.ports import AuditLog, Cards, Cluster, Directory, Freezes, Locks, Metrics, Operations, Time, Watches


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
