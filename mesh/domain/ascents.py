"""Evidence on its way to a proof: while it climbs, the next look should not be waited for. Pure.

Evidence that only stays high, or goes up and down for hours, would keep a whole cluster busy for one canary: it is
given some seconds, and more for as long as it rises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mesh.domain.gates import GateResult, Verdict

NEAR = 0.025
"""Part of the evidence needed from which on it is near a proof."""
RISE = 1.5
"""How many times higher than ever since it became near it must be to count as risen: ten such lead to a proof."""
HURRY_S = 15.0
"""How long after a rise nobody waits for the next look's time, in seconds."""
CALM_S = 60.0
"""How long it must not have been near before it may climb anew, in seconds: it hurries a fifth of the time at most."""


@dataclass(frozen=True)
class Ascent:
    """How far the evidence of one trial has come. What a trial that climbs remembers between looks."""

    part: float = 0.0
    """The highest part of a proof since it became near, 0 to 1."""
    risen_at: float = 0.0
    """When it rose to that: Unix time in seconds."""
    near_at: float = 0.0
    """When it was last near."""

    def hurries(self, now: float) -> bool:
        """Tell whether the next look should come soon."""
        # Whoever sets the clock back must not make it hurry until it is that late again.
        return self.near_at == now and 0 <= now - self.risen_at < HURRY_S


def climbed(ascent: Ascent, rows: Iterable[GateResult], *, now: float) -> Ascent:
    """Return how far it has come with these verdicts; what has failed is proven, and hurries nobody.

    No single block of counts proves anything, so that one client's clump does not; a collapse is proven by the second.
    """
    undecided = (row for row in rows if row.verdict is not Verdict.FAIL)
    part = max(((row.evidence or 0.0) / row.threshold for row in undecided if row.threshold), default=0.0)
    if part < NEAR:
        return ascent if 0 <= now - ascent.near_at < CALM_S else Ascent()
    if part >= RISE * ascent.part:
        return Ascent(part, now, now)
    return replace(ascent, near_at=now)
