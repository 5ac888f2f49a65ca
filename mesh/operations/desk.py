"""The desk: every port that hearing a request needs, wired once per process of the bot."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.domain.catalog import Catalog
from mesh.ports import Almanac, Buckets, Directory, Freezes, Incidents, Operations, Outbox, Rounds, Time


@dataclass(frozen=True)
class Desk:
    """What receiving needs."""

    catalog: Catalog
    operations: Operations
    directory: Directory
    time: Time
    incidents: Incidents
    freezes: Freezes
    buckets: Buckets
    almanac: Almanac | None = None
    """Says when digests come next; None where nobody asks."""
    outbox: Outbox | None = None
    """Knows which messages are an operation's card before the operation does; None where only the latter counts."""
    rounds: Rounds | None = None
    """Knows what Flagger asks about; None where it is not answered."""
    locale: str = ""
    """Language of whoever is served, as Slack names it; empty where it is not known."""
