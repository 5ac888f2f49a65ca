"""What is due of a rollout, by the latest verdicts and the time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.domain.burning import INCIDENT
from mesh.domain.gates import GateResult, Verdict, overall
from mesh.domain.rollouts import Happening, Phase, Rollout, after

CLEAR_AFTER_S = 30.0
"""How long what it was held for must be over, at least: the shorter of this and a bake, in seconds."""
MOST_DOUBLINGS = 7
"""A step that is barred again and again is tried after twice as long each time: 64 minutes at most."""


@dataclass(frozen=True)
class Sight:
    """What looks have found out about a canary by now."""

    rows: tuple[GateResult, ...] = ()
    """The latest verdicts; empty where no look was lately."""
    seen_at: float = 0.0
    """When it was last seen to answer anything: Unix time in seconds."""
    passing_since: float = 0.0
    """Since when every gate has passed at every look."""


def due(rollout: Rollout, sight: Sight, *, canary: str, now: float) -> tuple[Happening, str] | None:
    """Return what is due by the latest verdicts and the time, with the reason in words; None when nothing is."""
    rows = sight.rows
    failed = [row for row in rows if row.verdict is Verdict.FAIL]
    # Where arms are Services, the canary may be the one that has the name of the whole service.
    blamed = [row for row in failed if row.arm == canary and row.name != INCIDENT]
    candidates = (
        (Happening.WORSE, _reasons(blamed)),
        (Happening.INCIDENT, _reasons(row for row in failed if row not in blamed)),
        (Happening.LATE, "nobody decided in time" if now >= rollout.deadline else ""),
        (Happening.CLEARED, "the gates pass again" if _is_clear(rollout, sight, now) else ""),
        (Happening.RIPE, "the gates pass" if overall(rows) is Verdict.PASS and now >= rollout.ripe_at else ""),
        (Happening.BLIND, _blind(rollout, sight, now)),
    )
    return next((pair for pair in candidates if pair[1] and after(rollout, pair[0])), None)


def _reasons(rows: Iterable[GateResult]) -> str:
    """Return why, for each arm, and each reason once: what no traffic reached fails to show five things at once."""
    named: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        named.setdefault((row.arm, row.why), []).append(row.name)
    return "; ".join(
        f"{', '.join(names)} of {arm}" + (f": {why}" if why else "") for (arm, why), names in named.items()
    )


def _is_clear(rollout: Rollout, sight: Sight, now: float) -> bool:
    clear_s = min(CLEAR_AFTER_S, rollout.current.bake_s) * 2.0 ** min(max(rollout.barred - 1, 0), MOST_DOUBLINGS)
    return overall(sight.rows) is Verdict.PASS and now >= max(rollout.entered_at, sight.passing_since) + clear_s


def _blind(rollout: Rollout, sight: Sight, now: float) -> str:
    """Say why nobody can decide, once that has lasted longer than the rollout is patient; else an empty string."""
    unseen = now - max(sight.seen_at, rollout.entered_at) >= rollout.strategy.patience_s
    # Who waits for a person has been decided once: a moment of doubt later on is no long one.
    undecided = rollout.phase is Phase.BAKING and now >= rollout.asks_at
    if not (unseen or undecided):
        return ""
    return _reasons(row for row in sight.rows if row.verdict is Verdict.UNKNOWN) or "the gates were not looked at"
