"""What is asked of the metrics servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mesh.domain.commands import Target
from mesh.domain.gates import CustomGate, GateResult
from mesh.domain.measures import Burn, Measured, Subject
from mesh.domain.routes import Arm


class Metrics(Protocol):
    """Measured truth. Never raises: what went wrong is said in what comes back."""

    def measure(
        self, cluster: str, subjects: Sequence[Subject], *, until: float, seconds: float, source: str = ""
    ) -> list[Measured]:
        """Count what every arm of `subjects` answered in the `seconds` before `until` (Unix time; 0 for now).

        One server answers for all subjects: the one called `source`, while it is well and knows of them.

        The number of queries depends on the meshes in the cluster and on nothing else.
        """

    def burns(self, cluster: str, subjects: Sequence[Subject]) -> list[Burn]:
        """Return how fast each service as a whole uses up its error budget; a fixed number of queries as well."""

    def ask(self, gate: CustomGate, arm: Arm, target: Target, *, window_s: int) -> GateResult:
        """Judge one administrator's condition for one arm: one query."""
