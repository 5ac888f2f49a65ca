"""What the verbs need of the world. Adapters live in `store`, `chat` and `workers`; each has an in-memory twin.

One module for each part of the world that is asked; who needs a port takes it from here.
"""

from mesh.ports.cluster import Cluster, Ready, Surveyed
from mesh.ports.configuration import InForce
from mesh.ports.digests import Almanac, Deeds, Newsroom, Noticeboard, Slots
from mesh.ports.incidents import IncidentCards, Incidents, Open
from mesh.ports.metrics import Metrics
from mesh.ports.people import Changes, Directory, People, Place, Proofs, Prover
from mesh.ports.records import AuditLog, Freezes, Operations, Receipt, Round, Rounds
from mesh.ports.telling import Cards, Lane, Lanes, Outbox, Pace, Whispers
from mesh.ports.turns import Bucket, Buckets, Lease, Locks, Time
from mesh.ports.watches import Watch, Watches

__all__ = [
    "Almanac",
    "AuditLog",
    "Bucket",
    "Buckets",
    "Cards",
    "Changes",
    "Cluster",
    "Deeds",
    "Directory",
    "Freezes",
    "InForce",
    "IncidentCards",
    "Incidents",
    "Lane",
    "Lanes",
    "Lease",
    "Locks",
    "Metrics",
    "Newsroom",
    "Noticeboard",
    "Open",
    "Operations",
    "Outbox",
    "Pace",
    "People",
    "Place",
    "Proofs",
    "Prover",
    "Ready",
    "Receipt",
    "Round",
    "Rounds",
    "Slots",
    "Surveyed",
    "Time",
    "Watch",
    "Watches",
    "Whispers",
]
