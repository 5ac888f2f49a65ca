"""The rows of one canary: what was seen of it, judged, in words that a tired person understands. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from mesh.domain.clues import Clue
from mesh.domain.counts import Counts
from mesh.domain.evidence import NEAR, ODDS, ONE_LOOK, PROOF, gain, strength
from mesh.domain.gates import GateResult, Limits, Verdict, span

PATIENT_S = 120.0
"""How long a stable arm with hardly any traffic is waited for to show whether it misses a limit as well, in seconds."""
_SILENT_S = 30.0
"""A shorter silence is only a scrape that is still to come, in seconds."""
_AWAITED = 20.0
"""So many requests do not stay away by chance."""
_TELLING = 3.0
"""Bad requests that stable must be expected to have before its having none means anything."""


@dataclass(frozen=True)
class Seen:
    """What one arm has answered."""

    name: str
    total: Counts
    recent: Counts


@dataclass(frozen=True)
class Case:
    """All that is known when a canary is judged."""

    canary: Seen
    stable: Seen
    """Its name is empty where nothing is compared."""
    limits: Limits
    seconds: float
    """How long was looked."""
    recent_s: float
    once: bool = False
    """True when there is one look only: then a plain miss of a limit fails."""

    silent_s: float = 0.0
    """How long the canary has answered nothing."""
    awaited: float = 0.0
    """How many requests it would have had meanwhile, by those of stable."""

    @property
    def proof(self) -> float:
        """Evidence that proves a difference."""
        return ONE_LOOK if self.once else PROOF

    @property
    def few(self) -> str:
        """Say why nothing can pass yet, or return an empty string."""
        missing = self.limits.requests_min - self.canary.total.requests
        if self.canary.total.requests <= 0:
            return f"no traffic reached {self.canary.name}"
        if self.canary.recent.requests <= 0:
            return f"no traffic reached {self.canary.name} in the last {span(self.recent_s)}"
        if self.silent_s >= _SILENT_S and self.awaited >= _AWAITED:
            was = f"where about {self.awaited:.0f} requests were to be expected"
            return f"no traffic reached {self.canary.name} in the last {span(self.silent_s)}, {was}"
        return needed(missing, self.eta_s(missing)) if missing > 0 else ""

    def eta_s(self, requests: float, arm: Seen | None = None) -> float | None:
        """Return how many seconds an arm, by default the canary, takes for so many requests; None without traffic."""
        seen = arm or self.canary
        lately = seen.recent.requests / self.recent_s if self.recent_s > 0 else 0.0
        return max(requests, 0.0) / lately if lately > 0 else None


@dataclass(frozen=True)
class Kind:
    """One kind of bad request."""

    name: str
    """Of the row."""
    bad: Callable[[Counts], float]
    among: Callable[[Counts], float]
    """How many requests could have been bad."""
    does: str
    """What a bad arm does, in words: `fails`."""

    def share(self, counts: Counts) -> float | None:
        """Return the share of bad requests in per cent; None without any request."""
        among = self.among(counts)
        return 100.0 * self.bad(counts) / among if among > 0 else None


@dataclass(frozen=True)
class Limit:
    """An absolute limit on one kind of bad request."""

    kind: Kind
    value: Callable[[Counts], float | None]
    at: float
    unit: str
    at_most: bool
    allowed: float
    """Share of requests that may be bad, 0 to 1."""

    def missed(self, counts: Counts) -> bool:
        """Tell whether the counts miss the limit."""
        value = self.value(counts)
        return value is not None and (value > self.at if self.at_most else value < self.at)


def judge_requests(case: Case) -> GateResult:
    """Judge whether the canary had enough requests for any verdict."""
    samples, floor = case.canary.total.requests, case.limits.requests_min
    return GateResult(
        "requests",
        case.canary.name,
        Verdict.UNKNOWN if case.few else Verdict.PASS,
        float(round(samples)),
        floor,
        "requests",
        round(samples),
        round(case.seconds),
        case.few,
        eta_s=case.eta_s(floor - samples) if samples < floor else None,
    )


def judge_limit(case: Case, limit: Limit, clue: Clue) -> GateResult:
    """Judge an absolute limit: fails on evidence only, or, looked at once, on a plain miss of enough requests."""
    counts, window_s = _telling(case, limit.kind)
    verdict, why, eta_s = _limited(case, limit, clue)
    return GateResult(
        limit.kind.name,
        case.canary.name,
        verdict,
        limit.value(counts),
        limit.at,
        limit.unit,
        round(limit.kind.among(counts)),
        window_s,
        why,
        limit.at_most,
        evidence=strength(clue.limited),
        threshold=case.proof,
        eta_s=eta_s,
    )


def judge_comparison(case: Case, kind: Kind, clue: Clue) -> GateResult:
    """Judge whether the canary has more of one kind of bad request than stable; the limit is what stable has."""
    counts, window_s = _telling(case, kind)
    beside = case.stable.total if counts is case.canary.total else case.stable.recent
    value, other = kind.share(counts), kind.share(beside)
    verdict, why, eta_s = _compared(case, kind, strength(clue.compared), (value, other))
    return GateResult(
        kind.name,
        case.canary.name,
        verdict,
        value,
        other or 0.0,
        "%",
        round(kind.among(counts)),
        window_s,
        why,
        at_most=True,
        against=case.stable.name,
        other=other,
        evidence=strength(clue.compared),
        threshold=case.proof,
        eta_s=eta_s,
    )


_Judged = tuple[Verdict, str, float | None]
"""Verdict, why, and in how many seconds it can be decided."""


def _limited(case: Case, limit: Limit, clue: Clue) -> _Judged:
    name, kind = case.canary.name, limit.kind
    if kind.share(case.canary.total) is None and case.canary.total.requests > 0:
        return Verdict.UNKNOWN, f"too little is known of the latency of {name}", None
    proven = strength(clue.limited) >= case.proof
    missed = limit.missed(case.canary.total) or _missed_lately(case, limit)
    if proven or (case.once and missed and not case.few):
        excuse = _excuse(case, limit, clue)
        return (Verdict.UNKNOWN, excuse, None) if excuse else (Verdict.FAIL, _beyond(case, limit), None)
    return _unproven(case, limit, clue, missed=missed)


def _unproven(case: Case, limit: Limit, clue: Clue, *, missed: bool) -> _Judged:
    """Judge a limit that nobody has proven to be missed."""
    if case.few:
        return Verdict.UNKNOWN, case.few, case.eta_s(case.limits.requests_min - case.canary.total.requests)
    name = case.canary.name
    if limit.kind.among(case.canary.total) < case.limits.requests_min:
        return Verdict.UNKNOWN, f"too little is known of the latency of {name}", None
    if missed:
        return _undecided(case, limit, clue)
    if strength(clue.limited) >= NEAR and not case.once:
        return Verdict.UNKNOWN, f"{name} may still be missing the limit: it did a short while ago", None
    return Verdict.PASS, "", None


def _compared(case: Case, kind: Kind, evidence: float, shares: tuple[float | None, float | None]) -> _Judged:
    if evidence >= case.proof:
        return Verdict.FAIL, _oftener(case, kind, shares[0] or 0.0, shares[1] or 0.0), None
    if case.few:
        return Verdict.UNKNOWN, case.few, case.eta_s(case.limits.requests_min - case.canary.total.requests)
    if unclear := _incomparable(case, kind):
        return Verdict.UNKNOWN, *unclear
    if evidence >= NEAR and not case.once:
        return Verdict.UNKNOWN, f"not proven yet: {_oftener(case, kind, shares[0] or 0.0, shares[1] or 0.0)}", None
    return Verdict.PASS, "", None


def _incomparable(case: Case, kind: Kind) -> tuple[str, float | None] | None:
    """Return why there is nothing to compare with, and in how many seconds there may be; None where there is."""
    canary, stable = case.canary, case.stable
    if stable.recent.requests <= 0:
        return f"no traffic reached {stable.name}, which {canary.name} is compared with", None
    missing = case.limits.requests_min - stable.total.requests
    if missing > 0:
        eta_s = case.eta_s(missing, stable)
        return needed(missing, eta_s, f" of {stable.name}"), eta_s
    # Of requests themselves there are enough by now: what is missing are those whose latency is known.
    least = max(case.limits.requests_min, 1)
    unknown = next((one.name for one in (canary, stable) if kind.among(one.total) < least), "")
    return (f"too little is known of the latency of {unknown}", None) if unknown else None


def _excuse(case: Case, limit: Limit, clue: Clue) -> str:
    """Say why a missed limit is not put down to the canary, or return an empty string.

    An incident hits both arms. While the comparison does not blame the canary, stable may be missing the limit as well;
    a stable arm that has too little traffic to tell is waited for, but not for ever.
    """
    canary, stable = case.canary, case.stable
    if not stable.name or stable.recent.requests <= 0 or strength(clue.compared) >= case.proof:
        return ""
    if limit.missed(stable.recent) or limit.missed(stable.total):
        return f"{stable.name} misses it as well: not {canary.name}'s doing"
    if case.once:
        return ""
    bad, among = limit.kind.bad, limit.kind.among
    expected = among(stable.recent) * bad(canary.recent) / max(among(canary.recent), 1.0)
    rare = expected < _TELLING and not bad(stable.recent)
    if rare and clue.proven_s >= PATIENT_S:
        return ""
    return f"{canary.name} misses it, but whether {stable.name} does as well is not known yet"


def _undecided(case: Case, limit: Limit, clue: Clue) -> _Judged:
    """Return unknown for a limit that is missed without proof, with what it takes to decide."""
    canary, stable = case.canary, case.stable
    if stable.name and limit.missed(stable.recent) and limit.missed(stable.total):
        return Verdict.UNKNOWN, f"{stable.name} misses it as well: not {canary.name}'s doing", None
    counts, _ = _telling(case, limit.kind)
    each = gain(limit.kind.bad(counts) / max(limit.kind.among(counts), 1.0), limit.allowed)
    if each <= 0:
        return Verdict.UNKNOWN, "missed, but by too little to prove it", None
    requests = (math.log(PROOF * len(ODDS)) - max(*clue.limited, 0.0)) / each
    eta_s = case.eta_s(requests)
    return Verdict.UNKNOWN, f"missed, perhaps by chance: {needed(requests, eta_s)}", eta_s


def _missed_lately(case: Case, limit: Limit) -> bool:
    """Tell whether the recent past misses the limit; one bad request among few does not make it so."""
    recent = case.canary.recent
    enough = limit.kind.among(recent) * limit.allowed >= 1.0 or limit.kind.bad(recent) >= 2.0
    return enough and limit.missed(recent)


def _telling(case: Case, kind: Kind) -> tuple[Counts, int]:
    """Return what is shown of the canary and for how many seconds: all of it, or the recent past if that is worse."""
    total, recent = case.canary.total, case.canary.recent
    worse = kind.bad(recent) >= 2.0 and (kind.share(recent) or 0.0) > (kind.share(total) or 0.0)
    return (recent, round(case.recent_s)) if worse else (total, round(case.seconds))


def _beyond(case: Case, limit: Limit) -> str:
    share = limit.kind.share(_telling(case, limit.kind)[0]) or 0.0
    allowed = percent(100.0 * limit.allowed)
    return f"{case.canary.name} {limit.kind.does} in {percent(share)} of its requests; at most {allowed} may"


def _oftener(case: Case, kind: Kind, value: float, other: float) -> str:
    canary, stable = case.canary.name, case.stable.name
    if other <= 0:
        return f"{canary} {kind.does} in {percent(value)} of its requests, {stable} in none"
    return f"{canary} {kind.does} {value / other:.1f}x as often as {stable} ({percent(value)} against {percent(other)})"


def needed(requests: float, eta_s: float | None, whose: str = "") -> str:
    """Return `2 100 more requests of v1 needed, about 3 min` for people; `whose` is ` of v1` or nothing."""
    count = max(1, math.ceil(requests))
    digits = 10 ** max(0, len(str(count)) - 2)
    said = f"{math.ceil(count / digits) * digits:,}".replace(",", " ")
    what = f"{said} more request{'s' if count > 1 else ''}{whose} needed"
    return what if eta_s is None else f"{what}, about {span(max(eta_s, 1.0))}"


def percent(value: float) -> str:
    """Return a share in per cent with two digits that count: `0.042 %`, `5.1 %`, `100 %`."""
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"
