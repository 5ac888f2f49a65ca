"""Gates: conditions on an arm, each judged pass, fail or unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Verdict(StrEnum):
    """Only PASS lets a weight rise; UNKNOWN holds and says why; FAIL refuses."""

    PASS = "pass"  # noqa: S105 (a verdict, not a password)
    FAIL = "fail"
    UNKNOWN = "unknown"


class Lack(StrEnum):
    """What an unknown verdict lacks: only traffic, which may come, or what the metrics server should say."""

    FEW = "few"
    """Too little was seen to tell."""
    SILENT = "silent"
    """No answer, or not a single series of the service."""
    OLD = "old"
    """Only old samples."""


@dataclass(frozen=True)
class CustomGate:
    """A condition that an administrator wrote in PromQL for one service."""

    name: str
    query: str
    """With `{{namespace}}`, `{{service}}`, `{{arm}}`, `{{version}}` and `{{window}}`, which become quoted literals."""
    least: float | None = None
    """Fails below this."""
    most: float | None = None
    """Fails above this."""
    unit: str = ""


@dataclass(frozen=True)
class Limits:
    """What an arm must show before its share may rise."""

    success_min: float = 99.0
    """Least share of successful requests, in per cent, 0 to 100."""
    p99_max_ms: float = 500.0
    """Most latency that 99 % of requests may take, in milliseconds."""
    requests_min: int = 100
    """Fewest requests of an arm for any verdict at all."""
    window_s: int = 300
    """How far back a single look looks, in seconds, at least 10."""
    max_age_s: float = 60.0
    """Oldest newest sample that still counts as live, in seconds."""
    load_max: float = 2.5
    """How many times the share of the busiest endpoint now an endpoint may get; 0 asks for one ready endpoint only."""
    compare: bool = True
    """Compare with stable: errors and slow requests, by the sequential test."""
    slow_ms: float = 0.0
    """What counts as slow in the comparison, in milliseconds; 0: the bucket in which stable's p95 lies."""
    warm_up_s: float = 10.0
    """For how long after each step nothing counts: new pods and new connections fail and are slow at first."""
    slo: float = 99.9
    """The service's own objective for the incident guard: share of successes in per cent, below 100; 0: no guard."""
    first_max: float = 25.0
    """Most share that an arm without any traffic may be given at once, in per cent."""
    custom: tuple[CustomGate, ...] = ()


@dataclass(frozen=True)
class GateResult:
    """One condition, judged: enough to draw a table row that explains itself."""

    name: str
    """`requests`, `success`, `p99`, `errors`, `slow`, `incident`, `ready`, or the name of a custom gate."""
    arm: str
    verdict: Verdict
    value: float | None
    limit: float
    unit: str
    """`%`, `ms`, `requests`, `pods`, or a custom gate's own."""
    samples: int
    """Requests behind the value."""
    window_s: int
    why: str = ""
    """For fail and unknown: the reason in words."""
    at_most: bool = False
    """True when the value must not be above the limit, False when not below."""
    against: str = ""
    """The arm it is compared with; empty for an absolute limit."""
    other: float | None = None
    """That arm's value."""
    evidence: float | None = None
    """How many times likelier a difference has made what was seen; fails at `threshold`. None: no such test."""
    threshold: float | None = None
    eta_s: float | None = None
    """About how many seconds until it can be decided, at today's traffic; None: decided, or nobody knows."""
    query: str = ""
    """What to ask the metrics server to see the value for oneself."""
    at: float = 0.0
    """When it was measured: Unix time in seconds."""
    lack: str = ""
    """One of `Lack` where the verdict is unknown and that is what it is about; for whoever watches over meshbot."""


def lacking(rows: Iterable[GateResult], lack: str) -> tuple[GateResult, ...]:
    """Return the rows, unknown ones with what they lack."""
    return tuple(replace(row, lack=lack) if row.verdict is Verdict.UNKNOWN else row for row in rows)


def judge_capacity(arm: str, share: float, *, ready: int, busiest: float, load_max: float) -> GateResult:
    """Judge whether an arm's ready endpoints can carry the `share` of the traffic (per cent) it is to get.

    Nobody knows what an endpoint can bear, but all know what the `busiest` one bears now (its share in per cent; 0 when
    that is not known): more than `load_max` times that is a leap into the dark. One ready endpoint is always needed.
    """
    most = load_max * busiest
    needed = max(1, math.ceil(share / most - 1e-9)) if most > 0 else 1
    verdict = Verdict.PASS if ready >= needed else Verdict.FAIL
    return GateResult(
        "ready", arm, verdict, float(ready), needed, "pods", 0, 0, _short_of(arm, share, ready, busiest, needed)
    )


def judge_first(arm: str, share: float, limits: Limits) -> tuple[GateResult, ...]:
    """Judge how much an arm without any traffic may be given at once: of it nothing is known.

    No row where `share` (per cent) is within `limits.first_max`.
    """
    if share <= limits.first_max:
        return ()
    why = f"{arm} had no traffic yet, so nothing is known of it; begin with {limits.first_max:g} % or less"
    return (GateResult("first share", arm, Verdict.UNKNOWN, share, limits.first_max, "%", 0, 0, why, at_most=True),)


def _short_of(arm: str, share: float, ready: int, busiest: float, needed: int) -> str:
    if ready >= needed:
        return ""
    if not ready:
        return f"no ready endpoint can serve {arm}"
    each = "its one ready endpoint" if ready == 1 else f"each of its {ready} ready endpoints"
    load = f"{share / ready:.3g} % of the traffic for {each}"
    return f"{load}, and the busiest one bears {busiest:.3g} % now: {needed} needed"


def overall(results: tuple[GateResult, ...]) -> Verdict:
    """Any fail fails, any unknown holds; no results at all is unknown."""
    verdicts = {result.verdict for result in results}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.UNKNOWN


def span(seconds: float) -> str:
    """Return a duration for people: `45 s`, `5 min`."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
