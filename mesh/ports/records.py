"""What is asked of the store about changes: operations with their audit log, freezes, what Flagger asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mesh.domain.audit import AuditEntry
from mesh.domain.commands import Target
from mesh.domain.freezes import Freeze
from mesh.domain.operations import Operation
from mesh.ports.turns import Lease


@dataclass(frozen=True)
class Receipt:
    """What became of a received request."""

    operation: Operation
    created: bool
    """False when the same delivery, or the same wish still under way, had made this operation before."""


class Operations(Protocol):
    """The durable memory of operations, with their audit log (one atomic write for both)."""

    def receive(self, operation: Operation, *, dedupe: str, intent: str, facts: dict[str, Any]) -> Receipt:
        """Write a new operation, its keys, first audit entry and due time, all or nothing; then enqueue it.

        A known `dedupe` key, or an `intent` whose operation is not done, gives that operation back. Raises Unavailable
        within a second when the store does not answer; its message says whether anything may have been written.
        """

    def get(self, operation_id: str) -> Operation:
        """Return the operation; raise NotFound."""

    def delivered(self, dedupe: str) -> Operation | None:
        """Return the operation that `receive` gave this delivery; None where it would be a new one."""

    def commit(
        self, operation: Operation, entries: Sequence[dict[str, Any]] = (), *, lease: Lease | None = None
    ) -> Operation:
        """Write the operation and append audit entries, all or nothing; returns it with the next revision.

        Raises LostLease when `lease` is given and no longer current, Conflict when the stored revision is another, and
        Uncopied when it announces a patch, was written, and a failover could forget it.
        """

    def audit(self, facts: dict[str, Any]) -> AuditEntry:
        """Append one audit entry that belongs to no operation (a denial)."""

    def recent(
        self, *, target: Target | None = None, channel: str = "", count: int = 10, whole: bool = False
    ) -> list[Operation]:
        """Return the newest changing operations of a service or of a channel, newest first.

        What a newer meshbot wrote is left out, or with `whole` raises Unreadable: for who must not miss one.
        """

    def since(self, operation: Operation, *, whole: bool = True) -> list[Operation]:
        """Return the changes of its service that the store received after it, newest first: of all bots one order.

        What a newer meshbot wrote raises Unreadable; without `whole` it is left out.
        """

    def beside(self, operation: Operation, *, whole: bool = True) -> list[Operation]:
        """Return the other changes of its service that are not done, and those received after it, newest first.

        What a newer meshbot wrote raises Unreadable; without `whole` it is left out.
        """

    def rollout(self, target: Target) -> Operation | None:
        """Return the rollout of a service that has not ended; None where there is none."""

    def waiting(self) -> list[Operation]:
        """Return every operation that waits for approval, the one whose time is over first, first."""

    def undone(self, target: Target) -> int:
        """Return how many changes of a service are waiting or running, of the newest 200."""

    def later(self, operation_id: str, *, seconds: float) -> None:
        """Let the clock hand this operation to a worker again after `seconds`; this try then does not count."""


class AuditLog(Protocol):
    """Reading the audit log."""

    def entries(self) -> Iterator[AuditEntry]:
        """Yield every entry, oldest first."""

    def head(self) -> tuple[int, str]:
        """Return (count of entries, hash of the last one)."""

    def latest(self, operation_id: str) -> AuditEntry | None:
        """Return the newest entry of an operation, looked for among the newest few hundred; None when it is older."""


class Freezes(Protocol):
    """The freezes that people made. Whoever cannot be told whether one holds gives nothing more traffic."""

    def standing(self) -> list[Freeze]:
        """Return every freeze that was made and neither lifted nor over, oldest first; raise Unavailable."""

    def put(self, freeze: Freeze) -> None:
        """Keep the freeze; in force once this returns. One whose id is known already, also a lifted one, is left alone.

        Raises Unavailable: nobody knows then whether it holds, and it may be put again.
        """

    def lift(self, freeze_id: str) -> None:
        """End the freeze now; does nothing for one that is over or was never made. Raises Unavailable."""


@dataclass(frozen=True)
class Round:
    """Flagger's asking at one hook about one revision, again and again until it goes on."""

    operation: str
    """Id of the question that people were asked for it."""
    asked_at: float
    """When it last asked: Unix time in seconds."""
    heard_at: float = 0.0
    """When it first heard yes; 0 before that. An older meshbot beside this one goes by it."""
    answer: str = ""
    """What it was last told."""


class Rounds(Protocol):
    """What Flagger asks about now: of each of its canaries one revision."""

    def last(self, canary: str, revision: str, hook: str) -> Round | None:
        """Return what was noted of this hook; None where another revision was asked about since. Raises Unavailable."""

    def note(self, canary: str, revision: str, hook: str, found: Round) -> None:
        """Remember it, and forget all that was noted of other revisions of this canary. Raises Unavailable."""

    def forget(self, canary: str) -> None:
        """Forget all that was noted of this canary: another round begins. Raises Unavailable."""
