"""What a rollout is called in each phase: a headline, and a sign with its word. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chat.escape import clean
from chat.figures import percent
from mesh.domain.gates import Verdict, overall
from mesh.domain.operations import Operation, State
from mesh.domain.rollouts import Happening, Phase, Rollout


@dataclass(frozen=True)
class Sign:
    """An emoji and the word that always stands beside it."""

    emoji: str
    word: str


_SIGNS: dict[Phase, Sign] = {
    Phase.MOVING: Sign(":hourglass_flowing_sand:", "Moving"),
    Phase.CONFIRMING: Sign(":raised_hand:", "Waits for confirmation"),
    Phase.PAUSED: Sign(":double_vertical_bar:", "Paused"),
    Phase.HELD: Sign(":warning:", "Held"),
    Phase.TURNING_BACK: Sign(":leftwards_arrow_with_hook:", "Turning back"),
    Phase.COMPLETED: Sign(":white_check_mark:", "Completed"),
    Phase.TURNED_BACK: Sign(":x:", "Turned back"),
    Phase.ABORTED: Sign(":octagonal_sign:", "Aborted"),
    Phase.STOPPED: Sign(":octagonal_sign:", "Stopped"),
    Phase.EXPIRED: Sign(":no_entry:", "Expired"),
}
_BAKING: dict[Verdict, Sign] = {
    Verdict.PASS: Sign(":large_green_circle:", "Baking, gates pass"),
    Verdict.FAIL: Sign(":warning:", "Baking, a gate fails"),
    Verdict.UNKNOWN: Sign(":hourglass_flowing_sand:", "Baking, not decided yet"),
}
_BACK = frozenset({Phase.TURNING_BACK, Phase.TURNED_BACK, Phase.ABORTED})


def rollout_of(operation: Operation) -> Rollout | None:
    """Return the rollout whose phase says more than the operation's state.

    None for everything else: for what was only planned, refused before its first step, or broke off on its way.
    """
    rollout = operation.rollout
    if rollout is None or operation.command.dry_run or (operation.done and rollout.active):
        return None
    return None if operation.state is State.REFUSED else rollout


def rollout_title(operation: Operation, rollout: Rollout) -> str:
    """Return the headline: what is canaried, and where that stands. Plain text."""
    return f"Canary of {clean(operation.target.service)}: {_standing(operation, rollout)}"


def rollout_sign(operation: Operation, rollout: Rollout) -> Sign:
    """Return the sign of the phase; while it bakes, that of its gates."""
    return _SIGNS.get(rollout.phase) or _BAKING[overall(operation.gates)]


def canary_of(operation: Operation) -> str:
    """Return the name of the arm that is tried; `canary` where nobody said."""
    return clean(operation.command.version or (operation.plan.canary if operation.plan else "")) or "canary"


def stable_of(operation: Operation) -> str:
    """Return the name of the arm that traffic goes back to; `stable` where nobody said."""
    return clean(operation.plan.stable if operation.plan else "") or "stable"


def share_of(rollout: Rollout) -> float:
    """Return what the canary was given last, in per cent."""
    return rollout.moves[-1].share if rollout.moves else 0.0


def place(rollout: Rollout) -> str:
    """Return `step 2 of 4`."""
    return f"step {rollout.at + 1} of {len(rollout.strategy.steps)}"


def _standing(operation: Operation, rollout: Rollout) -> str:
    canary, stable = canary_of(operation), stable_of(operation)
    if rollout.phase is Phase.MOVING:
        return f"{canary} to {percent(rollout.current.share)}"
    if rollout.phase in _BACK:
        return f"all back to {stable}" if rollout.phase is Phase.TURNING_BACK else f"all back on {stable}"
    if rollout.cause in (Happening.DRIFTED, Happening.TAKEN_OVER):
        # The weights are somebody else's: no share of ours is claimed.
        return f"{canary}, {place(rollout)}"
    return f"{canary} at {percent(share_of(rollout))}"
