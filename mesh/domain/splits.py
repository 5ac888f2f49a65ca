"""Whether traffic followed the weights: the measured split beside the written one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mesh.domain.gates import Verdict
from mesh.domain.plans import Plan
from mesh.domain.routes import in_words

REQUESTS_MIN = 30
"""Fewest requests that say anything of a split."""
TOLERANCE = 2.0
"""Points of a per cent that are nobody's fault: requests on their way while the weights changed, retries."""


@dataclass(frozen=True)
class SplitSeen:
    """The split that the metrics showed after a patch."""

    shares: tuple[tuple[str, float], ...]
    """Arm and measured share in per cent, in the order of the plan."""
    requests: int
    """Requests behind it, of all arms."""
    window_s: int
    verdict: Verdict
    """PASS when it is what was written, FAIL when not, UNKNOWN when too little is known."""
    why: str = ""
    """For unknown and fail: the reason in words."""

    @property
    def in_words(self) -> str:
        """The finding for people: `v1 50.4 % / v2 49.6 % in 1200 requests`, or why there is none."""
        if self.verdict is Verdict.UNKNOWN:
            return self.why
        found = f"{in_words(self.shares)} in {self.requests} requests"
        return found if self.verdict is Verdict.PASS else f"{found}, but {self.why}"


def seen(plan: Plan, counts: dict[str, float], *, window_s: int) -> SplitSeen:
    """Compare the requests of each arm, counted over the `window_s` seconds since the patch, with the plan.

    An arm may be off by two points, or by three standard errors of its share when there are few requests (normal
    approximation of the binomial).
    """
    total = sum(counts.values())
    shares = tuple((arm.name, 100.0 * counts[arm.name] / total if total else 0.0) for arm in plan.arms)
    found = SplitSeen(shares, round(total), window_s, Verdict.PASS)
    if total < REQUESTS_MIN:
        return unknown(f"only {total:.0f} requests in {window_s} s", window_s=window_s, requests=round(total))
    wanted = {arm.name: arm.share_after for arm in plan.arms}
    if all(abs(share - wanted[name]) <= _allowance(wanted[name], total) for name, share in shares):
        return found
    if plan.rule:
        why = f"{found.in_words}, and other rules of {plan.kind} {plan.name} may send there too"
        return unknown(why, window_s=window_s, requests=round(total))
    return SplitSeen(shares, round(total), window_s, Verdict.FAIL, f"{plan.shares_after} was written")


def unknown(why: str, *, window_s: int, requests: int = 0) -> SplitSeen:
    """Return that nothing can be said, and why."""
    return SplitSeen((), requests, window_s, Verdict.UNKNOWN, why)


def _allowance(share: float, requests: float) -> float:
    """Return how far a measured share may be from the written one, in points of a per cent."""
    part = share / 100
    return max(TOLERANCE, 300 * math.sqrt(part * (1 - part) / requests))
