"""What a rollout is called in each phase: a headline, and a sign with its word. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chat.escape import clean
from chat.figures import percent
from chat.locales import mark, tr
from mesh.domain.gates import Verdict, overall
from mesh.domain.operations import Operation, State
from mesh.domain.rollouts import Happening, Phase, Rollout


@dataclass(frozen=True)
class Sign:
    """An emoji and the word that always stands beside it."""

    emoji: str
    word: str

    @property
    def spoken(self) -> Sign:
        """The sign in the language being spoken: tables hold English."""
        return Sign(self.emoji, tr(self.word))


_SIGNS: dict[Phase, Sign] = {
    Phase.MOVING: Sign(":hourglass_flowing_sand:", mark("Moving")),
    Phase.CONFIRMING: Sign(":raised_hand:", mark("Waits for confirmation")),
    Phase.PAUSED: Sign(":double_vertical_bar:", mark("Paused")),
    Phase.HELD: Sign(":warning:", mark("Held")),
    Phase.TURNING_BACK: Sign(":leftwards_arrow_with_hook:", mark("Turning back")),
    Phase.COMPLETED: Sign(":white_check_mark:", mark("Completed")),
    Phase.TURNED_BACK: Sign(":x:", mark("Turned back")),
    Phase.ABORTED: Sign(":octagonal_sign:", mark("Aborted")),
    Phase.STOPPED: Sign(":octagonal_sign:", mark("Stopped")),
    Phase.EXPIRED: Sign(":no_entry:", mark("Expired")),
}
_BAKING: dict[Verdict, Sign] = {
    Verdict.PASS: Sign(":large_green_circle:", mark("Baking, gates pass")),
    Verdict.FAIL: Sign(":warning:", mark("Baking, a gate fails")),
    Verdict.UNKNOWN: Sign(":hourglass_flowing_sand:", mark("Baking, not decided yet")),
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
    return tr(
        "Canary of {service}: {standing}",
        service=clean(operation.target.service),
        standing=_standing(operation, rollout),
    )


def rollout_sign(operation: Operation, rollout: Rollout) -> Sign:
    """Return the sign of the phase; while it bakes, that of its gates."""
    return (_SIGNS.get(rollout.phase) or _BAKING[overall(operation.gates)]).spoken


def canary_of(operation: Operation) -> str:
    """Return the name of the arm that is tried; `canary` where nobody said."""
    return clean(operation.command.version or (operation.plan.canary if operation.plan else "")) or tr("canary")


def stable_of(operation: Operation) -> str:
    """Return the name of the arm that traffic goes back to; `stable` where nobody said."""
    return clean(operation.plan.stable if operation.plan else "") or tr("stable")


def share_of(rollout: Rollout) -> float:
    """Return what the canary was given last, in per cent."""
    return rollout.moves[-1].share if rollout.moves else 0.0


def place(rollout: Rollout) -> str:
    """Return `step 2 of 4`."""
    return tr("step {at} of {count}", at=rollout.at + 1, count=len(rollout.strategy.steps))


def _standing(operation: Operation, rollout: Rollout) -> str:
    canary, stable = canary_of(operation), stable_of(operation)
    if rollout.phase is Phase.MOVING:
        return tr("{canary} to {share}", canary=canary, share=percent(rollout.current.share))
    if rollout.phase in _BACK:
        turning = rollout.phase is Phase.TURNING_BACK
        return tr("all back to {stable}", stable=stable) if turning else tr("all back on {stable}", stable=stable)
    if rollout.cause in (Happening.DRIFTED, Happening.TAKEN_OVER):
        # The weights are somebody else's: no share of ours is claimed.
        return f"{canary}, {place(rollout)}"
    return tr("{canary} at {share}", canary=canary, share=percent(share_of(rollout)))
