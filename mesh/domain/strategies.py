"""How a rollout goes: its steps, as configured and as typed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mesh.domain.commands import Command, Wish

OnFailure = Literal["rollback", "hold"]
Otherwise = Literal["rollback", "hold"]


@dataclass(frozen=True)
class RolloutStep:
    """One step of a rollout."""

    share: float
    """What the canary gets, in per cent, above 0 to 100."""
    bake_s: float = 300.0
    """How long it must stay healthy before the next step, in seconds."""
    confirm: bool = False
    """Somebody must press a button before this step is taken."""
    within_s: float = 3600.0
    """How long they have for that, in seconds."""
    otherwise: Otherwise = "rollback"
    """What happens when nobody does."""


@dataclass(frozen=True)
class Strategy:
    """How a rollout goes."""

    steps: tuple[RolloutStep, ...]
    on_failure: OnFailure = "rollback"
    patience_s: float = 600.0
    """How long gates may be undecided after the bake before people are asked, in seconds."""
    expires_s: float = 86_400.0
    """How long it stays held or paused before it ends where it is, in seconds."""

    @property
    def in_words(self) -> str:
        """The steps after the first one, for people: `25 %, 50 % (to be confirmed) and 100 %`."""
        later = [f"{one.share:g} %" + (" (to be confirmed)" if one.confirm else "") for one in self.steps[1:]]
        return " and ".join([", ".join(later[:-1]), later[-1]]) if len(later) > 1 else "".join(later)


DEFAULT = Strategy(tuple(RolloutStep(share) for share in (5.0, 25.0, 50.0, 100.0)))


def strategy_of(command: Command, base: Strategy) -> Strategy:
    """Return how this rollout goes: what the command says, and the base's word for all that it leaves out.

    Typed steps replace all of the base's. Each bakes as long as the base's step at that share does, else as the one
    before it. A typed confirmation waits as long, and ends as, the base's first one; else as `RolloutStep` says.
    """
    steps = tuple(_step(wish, base) for wish in command.steps) or base.steps
    if command.every_s:
        steps = tuple(replace(step, bake_s=float(command.every_s)) for step in steps)
    return replace(base, steps=steps, on_failure=_on_failure(command, base))


def _on_failure(command: Command, base: Strategy) -> OnFailure:
    typed: dict[str, OnFailure] = {"rollback": "rollback", "hold": "hold"}
    return typed.get(command.on_failure, base.on_failure)


def _step(wish: Wish, base: Strategy) -> RolloutStep:
    under = [step for step in base.steps if step.share <= wish.share]
    bake_s = (under[-1] if under else base.steps[0]).bake_s
    point = next((step for step in base.steps if step.confirm), RolloutStep(wish.share))
    return RolloutStep(wish.share, bake_s, wish.confirm, point.within_s, point.otherwise)
