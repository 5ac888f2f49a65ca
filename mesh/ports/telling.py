"""How people are told: cards and whispers, and the outbox through which all of it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mesh.domain.letters import Letter, Row
from mesh.domain.operations import Card, Operation
from mesh.domain.points import Point
from mesh.domain.stepups import Proof
from mesh.ports.turns import Lease


class Cards(Protocol):
    """Telling people. Nothing is sent here: what returns is written down, and reaches people by the outbox."""

    def show(self, operation: Operation) -> Operation:
        """Let the operation's card be posted or edited; returns the operation with the card's place, once it has one.

        Raises Unavailable when that may not have been written down.
        """

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:
        """Draw the chart of a rollout and put it on its card; returns the operation with the picture. Never raises."""

    def announce(self, operation: Operation, entry: str) -> None:
        """Put one line about a finished change into the audit channel, once. `entry` is number and hash.

        Raises Unavailable when that may not have been written down.
        """


class Whispers(Protocol):
    """What one person alone is told while a worker is at it."""

    def proof_wanted(self, operation: Operation, proof: Proof) -> bool:
        """Let whoever asked for `operation` be told why not, and where to prove who they are; whether they will be.

        Never raises: False where there is no place to tell it, or it may not be on record.
        """


class Outbox(Protocol):
    """Messages on their way to people: each is a durable row, sent within the limits of where it goes."""

    def put(self, letter: Letter) -> Card | None:
        """Write what a message says from now on: it will be posted, or edited where it is; returns where it is.

        Fast and durable: nothing is sent here. The same letter again changes nothing, an older `version` neither, and
        with `once` nothing that was written before. Drawings that nobody saw yet are replaced, so only the newest is
        sent. Raises Unavailable when it may not have been written.
        """

    def find(self, key: str) -> Row | None:
        """Return how far a message came; None for a key that was never written, or long ago."""

    def revive(self, key: str, channel: str) -> bool:
        """Let a message of that channel be tried again that reached nobody; tells whether it was one. Unavailable."""


@dataclass(frozen=True)
class Pace:
    """How often something may be asked of a service that counts."""

    name: str
    """What is counted together."""
    every_s: float
    """Seconds between two, in the long run."""
    burst: int = 1
    """How many may come at once after a pause; what is asked with a larger burst may go on for longer."""
    most: int = 0
    """The largest burst that anything of this name has; 0 for `burst`."""


@dataclass(frozen=True)
class Lane:
    """The head of what waits for one channel."""

    rows: tuple[Row, ...]
    """In the order in which they should be sent: the most urgent first, then by age."""
    whole: bool
    """True when there are no more than these."""
    seen: int
    """Counts everything ever written to the lane."""


class Lanes(Outbox, Protocol):
    """The sender's side of the outbox. Each channel is a lane, and who holds its lease sends from it."""

    def look(self, channel: str, most: int) -> Lane:
        """Return at most so many of the rows that wait."""

    def begin(self, row: Row, lease: Lease, pace: Pace, *, now: float) -> tuple[Row, float]:
        """Write down that the row is sent now; returns it so, and 0, or as it was, and when the pace allows it.

        Raises LostLease when the lease is gone, Conflict when somebody else touched the row.
        """

    def settle(self, row: Row, *, waits: bool = False) -> None:
        """Write down what came of it; with `waits` it stays in its lane, and so it does when it was drawn anew."""

    def spend(self, pace: Pace, *, now: float) -> float:
        """Count one of this pace, and return 0; else when it allows one: Unix time."""

    def slow(self, pace: Pace, *, until: float) -> None:
        """Let nothing of this pace be sent before `until` (Unix time)."""

    def rest(self, channel: str, *, seen: int, due: float | None) -> None:
        """Leave the lane until `due` (Unix time), or until something is put into it; at once if that happened since."""
