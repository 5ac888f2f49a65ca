"""What looks at rollouts remember from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mesh.domain.ascents import Ascent
from mesh.domain.gates import GateResult
from mesh.domain.operations import Operation
from mesh.domain.points import Point
from mesh.domain.trials import Trial


@dataclass(frozen=True)
class Watch:
    """What is known of one active rollout between two looks. Not audited: each look replaces it."""

    since: float = 0.0
    """`moved_at` of the stage that the trial is about: another stage is another trial."""
    among: int = 1
    """How many rollouts of the cluster were active then: the more, the slower each card is redrawn."""
    trial: Trial = field(default_factory=Trial)
    rows: tuple[GateResult, ...] = ()
    """The verdicts of the last look."""
    looked_at: float = 0.0
    """When that was: Unix time in seconds."""
    seen_at: float = 0.0
    """When the canary was last seen to answer anything."""
    passing_since: float = 0.0
    """Since when every gate has passed at every look; 0 while one does not."""
    ascent: Ascent = field(default_factory=Ascent)
    """How far its evidence is on the way to a proof."""
    source: str = ""
    """Which of several equal metrics servers the last look believed."""
    counts_from: float = 0.0
    """Until then nothing is counted, for another server has counted it: Unix time in seconds."""


class Watches(Protocol):
    """What looks remember: small, rewritten each few seconds, lost without harm (a trial then begins anew)."""

    def active(self, cluster: str) -> list[Operation]:
        """Return every rollout of the cluster that has not ended."""

    def looked_until(self, cluster: str) -> float:
        """Return until when the last look of the cluster counted: Unix time in seconds; 0 before the first."""

    def load(self, operation_ids: Sequence[str]) -> dict[str, Watch]:
        """Return the watches of these rollouts; those that have none are absent."""

    def save(
        self, cluster: str, span: tuple[float, float], watches: Mapping[str, Watch], points: Mapping[str, Point]
    ) -> None:
        """Keep the watches, add a point to each chart, and remember until when the cluster was looked at.

        `span` is from when until when this look counted: what `looked_until` said at its start, and what it says from
        now on. All or nothing, so that no request is counted twice; Conflict when another look was saved since then.
        """

    def hurry(self, cluster: str) -> None:
        """Ask for looks of the cluster each quarter of a second for a while, not only at their time."""

    def points(self, operation_id: str) -> list[Point]:
        """Return the points of a rollout's chart, oldest first; old ones are thinned out, so there are never many."""
