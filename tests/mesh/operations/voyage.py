"""A rollout on the bench: time passes, looks are had, whatever is due is worked on, as the clock would have it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mesh.domain.operations import Operation
from mesh.domain.rollouts import Phase
from mesh.operations.looking import look
from mesh.operations.running import run
from tests.mesh.operations.bench import Bench

LOOK_S = 5.0


@dataclass
class Voyage:
    """A bench with one rollout, and its whole way on record."""

    bench: Bench = field(default_factory=Bench)
    weights: list[list[int]] = field(default_factory=list)
    """Each set of weights the object ever had, in order."""

    def __post_init__(self) -> None:
        """Note the weights from before."""
        self.note()

    def start(self, text: str = "canary api v2 25,50,100 every 30s") -> Operation:
        """Ask for a rollout and let its first step be written."""
        self.id = self.bench.ask(text).id
        self.work()
        return self.operation

    @property
    def operation(self) -> Operation:
        """The rollout's operation as the store has it."""
        return self.bench.operations.get(self.id)

    @property
    def phase(self) -> Phase:
        """Where the rollout stands."""
        assert self.operation.rollout
        return self.operation.rollout.phase

    def work(self) -> None:
        """Run every job that is due until none is: what the clock and the workers do all the time."""
        for _ in range(100):
            now = self.bench.time.at
            due = sorted(one for one, at in self.bench.operations.open.items() if at <= now or self._is_new(one))
            if not due:
                break
            for one in due:
                self.bench.operations.later(one, seconds=1.0)
                run(one, self.bench.stage)
                self.note()

    def look(self, times: int = 1) -> None:
        """Let a look's time pass, look, and do what is due; `times` times."""
        for _ in range(times):
            self.bench.time.at += LOOK_S
            look("demo", self.bench.stage)
            self.note()
            self.work()

    def say(self, text: str, **how: Any) -> Operation:
        """Say something to the rollout and let it be heard."""
        said = self.bench.ask(text, **how)
        self.work()
        return self.bench.operations.get(said.id)

    def until(self, phase: Phase, *, looks: int = 60) -> None:
        """Look until the rollout is in this phase; AssertionError when it never is."""
        for _ in range(looks):
            if self.phase is phase:
                return
            self.look()
        assert self.phase is phase, f"it is {self.phase}: {self.operation.rollout}"

    def steps(self) -> list[str]:
        """The steps on record of the rollout."""
        return self.bench.audit_steps(self.operation)

    def _is_new(self, operation_id: str) -> bool:
        operation = self.bench.operations.get(operation_id)
        return operation.state == "queued"

    def note(self) -> None:
        """Put the weights on record, where they are others than before."""
        weights = self.bench.weights()
        if not self.weights or self.weights[-1] != weights:
            self.weights.append(weights)
