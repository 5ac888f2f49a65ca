"""A rollout: a plan over time, as a durable state machine with one table of transitions. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from mesh.domain.routes import Arm, Weights
from mesh.domain.strategies import RolloutStep, Strategy

MOST_TRIES = 60
"""How often bringing traffic back is tried before people are asked: for about half an hour."""
MOST_HEARD = 20
"""How many words of people are remembered: who died between a word's two writes comes back within seconds."""
STALE_S = 30.0
"""Verdicts older than this, in seconds, decide nothing."""
LONGEST_PAUSE_S = 30.0
"""Longest wait between two such tries, in seconds."""


class Phase(StrEnum):
    """Where a rollout stands. The last five are ends."""

    MOVING = "moving"
    """The weights of the current step are being written, by an operation of its own."""
    BAKING = "baking"
    """The weights are there and must stay healthy for a while."""
    CONFIRMING = "confirming"
    """Somebody must press a button before the next step."""
    PAUSED = "paused"
    """A person stopped the steps; it is still watched."""
    HELD = "held"
    """The weights stay and people are asked: something is not known, was changed, or failed."""
    TURNING_BACK = "turning back"
    """All traffic is being sent back to stable."""
    COMPLETED = "completed"
    TURNED_BACK = "turned back"
    """The canary was worse, and traffic is back on stable."""
    ABORTED = "aborted"
    """A person ended it, and traffic is back on stable."""
    STOPPED = "stopped"
    """Another change took over, or the first step could not be done; the weights are as those left them."""
    EXPIRED = "expired"
    """Nobody decided in time; the weights stay as they are."""


ACTIVE = frozenset({Phase.MOVING, Phase.BAKING, Phase.CONFIRMING, Phase.PAUSED, Phase.HELD, Phase.TURNING_BACK})
WATCHED = frozenset({Phase.BAKING, Phase.CONFIRMING, Phase.PAUSED, Phase.HELD})
"""Phases in which nothing is written, and the canary has traffic, once a step was written."""
MOVES = frozenset({Phase.MOVING, Phase.TURNING_BACK})
"""Phases in which an operation of its own writes weights."""


class Happening(StrEnum):
    """What can happen to a rollout."""

    MOVED = "moved"
    """The weights of the step are written and read back."""
    UNMOVED = "unmoved"
    """They could not be written."""
    UNSURE = "unsure"
    """They were sent, and perhaps they are written; nobody can say that they count."""
    RIPE = "ripe"
    """The bake is over and every gate passes."""
    WORSE = "worse"
    """A gate blames the canary."""
    BLIND = "blind"
    """Gates have not been able to decide for longer than the rollout is patient."""
    BARRED = "barred"
    """A freeze, an open incident, or the hours of the role by which it runs do not let the next step be now."""
    INCIDENT = "incident"
    """The service as a whole is in trouble, and it is not the canary's doing."""
    CLEARED = "cleared"
    """What it was held for is over, and every gate passes."""
    DRIFTED = "drifted"
    """Somebody else changed the weights."""
    LATE = "late"
    """Nobody decided before the deadline."""
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    CONFIRM = "confirm"
    ABORT = "abort"
    TAKEN_OVER = "taken over"
    """A person's own change of the service: a rollback, or an undo."""
    BROKEN = "broken"
    """A bug in meshbot kept it from going on."""
    TURNED = "turned"
    """Traffic is back on stable."""
    UNTURNED = "unturned"
    """It could not be brought back yet."""


_WORDS_OF_PEOPLE = frozenset({Happening.PAUSE, Happening.RESUME, Happening.SKIP, Happening.CONFIRM, Happening.ABORT})


@dataclass(frozen=True)
class Move:
    """A share that the canary had, or may have had, from a moment on."""

    at: float
    """Unix time in seconds."""
    share: float


@dataclass(frozen=True)
class Adoption:
    """Somebody resumed it, and answers for its steps since."""

    by: str
    """Their user id."""
    said: str
    """Id of the operation by which they did."""
    at: float
    """Unix time in seconds."""


@dataclass(frozen=True)
class Rollout:
    """One rollout on its way. A record that changes along `TRANSITIONS` only."""

    strategy: Strategy
    """With those steps only that are above what the canary had at the start."""
    phase: Phase = Phase.MOVING
    at: int = 0
    """Index of the current step."""
    entered_at: float = 0.0
    """When the phase began: Unix time in seconds."""
    moved_at: float = 0.0
    """When the weights that the canary has were read back; 0 until the first."""
    move: str = ""
    """Id of the operation that writes, or wrote, the weights of the current step, or brings traffic back."""
    tries: int = 0
    """How often traffic was tried to be brought back in vain."""
    ending: Phase | None = None
    """What it will have ended as, once traffic is back."""
    cause: Happening | None = None
    """Why it is held, turns back, or ended."""
    why: str = ""
    """The same in words."""
    by: str = ""
    """User id of the person who paused, aborted, confirmed or skipped last; empty for meshbot itself."""
    moves: tuple[Move, ...] = ()
    arms: tuple[Arm, ...] = ()
    """The arms of the route as they were last read: how their requests are told apart."""
    said: str = ""
    """Id of the operation by which a person last steered it."""
    heard: tuple[str, ...] = ()
    """Ids of the latest such operations, oldest first: a word heard twice counts once, whatever came between."""
    adopted: Adoption | None = None
    """Who answers for the steps that come by themselves; None for whoever began it."""
    found: Weights | None = None
    """Held: the weights of somebody else that people were told of. Resumed since: those that the step may be written
    over, because whoever resumed it had seen them. Any others are drift. None where there are none."""
    barred: int = 0
    """How often the step that is to be written was barred by now, without a person's word or a bake in between."""
    barred_at: float = 0.0
    """Since when it is, the moments of trying included: Unix time in seconds; 0 where it is not."""

    @property
    def current(self) -> RolloutStep:
        """The current step."""
        return self.strategy.steps[self.at]

    @property
    def upcoming(self) -> RolloutStep | None:
        """The next step; None at the last."""
        later = self.strategy.steps[self.at + 1 :]
        return later[0] if later else None

    @property
    def written(self) -> bool:
        """True when the weights of the current step were written: steps rise, so no two have the same share."""
        return bool(self.moves) and self.moves[-1].share == self.current.share

    @property
    def standing(self) -> int:
        """Index of the step whose weights the canary has; -1 before the first is written."""
        return self.at if self.written else self.at - 1

    @property
    def stop(self) -> str:
        """Which stop this is, where it is paused or held, as a button names it: since when, in milliseconds.

        A step that is tried and barred again is the same one: that is all there is to see of it.
        """
        return f"{1000 * (self.barred_at or self.entered_at):.0f}"

    @property
    def steered(self) -> bool:
        """True where a person's word brought it: `why` is then their reason, in their own words, or names their word.

        False as well where their change of the service took it over: they gave no reason for that, so `why` is ours.
        """
        return self.cause in _WORDS_OF_PEOPLE

    @property
    def active(self) -> bool:
        """True until it has ended."""
        return self.phase in ACTIVE

    @property
    def watched(self) -> bool:
        """True while the canary has traffic by it and is judged at each look, also while a step waits to be written."""
        return bool(self.moves) and (self.phase in WATCHED or self.phase is Phase.MOVING)

    @property
    def pause_s(self) -> float:
        """How long to wait before traffic is tried to be brought back once more, in seconds; 0 at the first try."""
        return min(LONGEST_PAUSE_S, 2.0 ** (self.tries - 1)) if self.tries else 0.0

    @property
    def ripe_at(self) -> float:
        """When the bake of the current step is over: Unix time in seconds."""
        return self.moved_at + self.current.bake_s

    @property
    def asks_at(self) -> float:
        """When people are asked, should the gates be undecided still: Unix time in seconds.

        A pause, however long, leaves them as much time as the end of a bake.
        """
        return max(self.ripe_at, self.entered_at) + self.strategy.patience_s

    @property
    def deadline(self) -> float:
        """When somebody must have decided: Unix time in seconds; infinity where nobody is waited for."""
        if self.phase is Phase.CONFIRMING and self.upcoming:
            return self.entered_at + self.upcoming.within_s
        waits = self.phase in (Phase.PAUSED, Phase.HELD)
        # A step that was tried in between, in vain, is no new beginning of the same wait.
        return (self.barred_at or self.entered_at) + self.strategy.expires_s if waits else float("inf")


def after(rollout: Rollout, happening: Happening) -> Phase | None:
    """Return the phase that follows; None where this changes nothing now: it comes too late, twice, or too early."""
    rule = TRANSITIONS.get((rollout.phase, happening))
    return rule(rollout) if callable(rule) else rule


def enter(rollout: Rollout, happening: Happening, *, now: float, why: str = "", by: str = "") -> Rollout:
    """Return the rollout in the phase that follows; ValueError where none does.

    Only here a step is counted up, by one: no step is left out, repeated or taken out of order.
    """
    phase = after(rollout, happening)
    if phase is None:
        raise ValueError(f"a rollout that is {rollout.phase} does not take {happening}")
    return replace(
        rollout,
        phase=phase,
        at=rollout.at + (phase is Phase.MOVING and happening in _ONWARD),
        entered_at=now,
        moved_at=_moved_at(rollout, happening, now),
        move="" if phase in MOVES else rollout.move,
        tries=rollout.tries + 1 if happening is Happening.UNTURNED else 0,
        ending=_ending(rollout, happening, phase),
        found=None,
        moves=(*rollout.moves, Move(now, rollout.current.share)) if happening in _WRITTEN else rollout.moves,
        **_barred(rollout, happening, phase, now),
        **_told(rollout, happening, phase, (why, by)),
    )


def _moved_at(rollout: Rollout, happening: Happening, now: float) -> float:
    """Return since when the weights stand; what was cleared has to prove itself for a whole bake again."""
    anew = happening is Happening.CLEARED and not (rollout.cause is Happening.BARRED and not rollout.written)
    return now if happening in _WRITTEN or anew else rollout.moved_at


def _barred(rollout: Rollout, happening: Happening, phase: Phase, now: float) -> dict[str, Any]:
    """Return how often, and since when, the step is barred: remembered while it is only tried again."""
    if happening is Happening.BARRED and phase is Phase.HELD:
        return {"barred": rollout.barred + 1, "barred_at": rollout.barred_at or now}
    tried = happening is Happening.CLEARED and phase is Phase.MOVING
    return {} if tried else {"barred": 0, "barred_at": 0.0}


def _ending(rollout: Rollout, happening: Happening, phase: Phase) -> Phase | None:
    if phase is not Phase.TURNING_BACK or happening is Happening.UNTURNED:
        return rollout.ending
    return Phase.ABORTED if happening is Happening.ABORT else Phase.TURNED_BACK


def _told(rollout: Rollout, happening: Happening, phase: Phase, said: tuple[str, str]) -> dict[str, Any]:
    """Return why it is where it is; that traffic came back, or not yet, is no reason of its own."""
    if happening is Happening.TURNED or (phase is Phase.TURNING_BACK and happening is Happening.UNTURNED):
        return {"cause": rollout.cause, "why": rollout.why, "by": rollout.by}
    why, by = said
    return {"cause": happening, "why": why, "by": by}


# --- the table -----------------------------------------------------------------------------------------------------


def _first_or_held(rollout: Rollout) -> Phase:
    """Before anything was written a refusal ends it; later the weights stay, and people are asked."""
    return Phase.HELD if rollout.moves else Phase.STOPPED


def _onward(rollout: Rollout) -> Phase:
    if rollout.upcoming is None:
        return Phase.COMPLETED
    return Phase.CONFIRMING if rollout.upcoming.confirm else Phase.MOVING


def _on_failure(rollout: Rollout) -> Phase:
    return Phase.TURNING_BACK if rollout.strategy.on_failure == "rollback" else Phase.HELD


def _moving_and_drifted(rollout: Rollout) -> Phase | None:
    """Tell people of weights that the step itself found; a first step is refused for its plan, as any change is."""
    return Phase.HELD if rollout.moves else None


def _moving_and_worse(rollout: Rollout) -> Phase | None:
    """Turn back at once, though a step waits to be written; before the first one the canary has nothing."""
    return _on_failure(rollout) if rollout.moves else None


def _otherwise(rollout: Rollout) -> Phase:
    return Phase.TURNING_BACK if rollout.upcoming and rollout.upcoming.otherwise == "rollback" else Phase.HELD


def _cleared(rollout: Rollout) -> Phase | None:
    """Bake anew, or write the step that could not be written: baking it unwritten would leave it out."""
    if rollout.cause is Happening.BARRED and not rollout.written:
        return Phase.MOVING
    return Phase.BAKING if rollout.cause in _PASSING else None


def _held_and_worse(rollout: Rollout) -> Phase | None:
    """Act on a canary that is stopped for another reason, or tell people; leave somebody else's weights alone."""
    if rollout.cause in (Happening.DRIFTED, Happening.WORSE, Happening.UNTURNED):
        return None
    return _on_failure(rollout)


def _held_and_paused(rollout: Rollout) -> Phase | None:
    """Let only a person go on with what would by itself; everything else waits for one as it is."""
    return Phase.HELD if rollout.cause in _PASSING else None


def _held_and_drifted(rollout: Rollout) -> Phase | None:
    """Tell people of each weights once, before they say how it goes on; what nobody could answer for is no drift."""
    told = rollout.cause is Happening.DRIFTED and rollout.found is None
    return None if told or rollout.cause in (Happening.UNSURE, Happening.UNTURNED) else Phase.HELD


def _held_and_skipped(rollout: Rollout) -> Phase | None:
    """Go on although nobody could decide: that is for people to say. What failed is not skipped."""
    return _onward(rollout) if rollout.cause is Happening.BLIND else None


def _again(rollout: Rollout) -> Phase:
    return Phase.TURNING_BACK if rollout.tries + 1 < MOST_TRIES else Phase.HELD


def _ended(rollout: Rollout) -> Phase:
    return rollout.ending or Phase.TURNED_BACK


_WRITTEN = frozenset({Happening.MOVED, Happening.UNSURE})
"""After these the canary may have the share of the step, so it is watched."""
_ONWARD = frozenset({Happening.RIPE, Happening.CONFIRM, Happening.SKIP})
_PASSING = frozenset({Happening.BLIND, Happening.INCIDENT, Happening.BARRED})
"""What a rollout is held for that can end by itself."""

WEIGHTS_STAND = frozenset({*_PASSING, Happening.PAUSE, Happening.WORSE, Happening.LATE})
"""Held for these, the weights are those of the last step, as far as people were told."""

Rule = Phase | Callable[[Rollout], Phase | None]

_ALWAYS: dict[Happening, Rule] = {
    Happening.ABORT: Phase.TURNING_BACK,
    Happening.TAKEN_OVER: Phase.STOPPED,
    Happening.BROKEN: Phase.HELD,
}
_BY_PHASE: dict[Phase, dict[Happening, Rule]] = {
    Phase.MOVING: {
        Happening.MOVED: Phase.BAKING,
        Happening.UNMOVED: _first_or_held,
        Happening.BARRED: _first_or_held,
        Happening.UNSURE: Phase.HELD,
        Happening.DRIFTED: _moving_and_drifted,
        # A step that waits for something stays unwritten, the first one too: only a person lets it go on then.
        Happening.PAUSE: Phase.HELD,
        Happening.WORSE: _moving_and_worse,
        **_ALWAYS,
    },
    Phase.BAKING: {
        Happening.RIPE: _onward,
        Happening.SKIP: _onward,
        Happening.WORSE: _on_failure,
        Happening.BLIND: Phase.HELD,
        Happening.BARRED: Phase.HELD,
        Happening.INCIDENT: Phase.HELD,
        Happening.DRIFTED: Phase.HELD,
        Happening.PAUSE: Phase.PAUSED,
        **_ALWAYS,
    },
    Phase.CONFIRMING: {
        Happening.CONFIRM: Phase.MOVING,
        Happening.LATE: _otherwise,
        Happening.WORSE: _on_failure,
        Happening.BLIND: Phase.HELD,
        Happening.INCIDENT: Phase.HELD,
        Happening.DRIFTED: Phase.HELD,
        Happening.PAUSE: Phase.PAUSED,
        **_ALWAYS,
    },
    Phase.PAUSED: {
        Happening.RESUME: Phase.BAKING,
        Happening.WORSE: _on_failure,
        Happening.DRIFTED: Phase.HELD,
        Happening.LATE: Phase.EXPIRED,
        **_ALWAYS,
    },
    Phase.HELD: {
        Happening.RESUME: Phase.MOVING,
        Happening.CLEARED: _cleared,
        Happening.WORSE: _held_and_worse,
        Happening.DRIFTED: _held_and_drifted,
        Happening.SKIP: _held_and_skipped,
        Happening.PAUSE: _held_and_paused,
        Happening.LATE: Phase.EXPIRED,
        Happening.ABORT: Phase.TURNING_BACK,
        Happening.TAKEN_OVER: Phase.STOPPED,
    },
    # What is on its way back is not held up by anything, a bug included: it is tried again.
    Phase.TURNING_BACK: {
        Happening.TURNED: _ended,
        Happening.UNTURNED: _again,
        Happening.TAKEN_OVER: Phase.STOPPED,
    },
}

TRANSITIONS: dict[tuple[Phase, Happening], Rule] = {
    (phase, happening): rule for phase, rules in _BY_PHASE.items() for happening, rule in rules.items()
}
"""Every change there is. What is not in here does not happen."""
