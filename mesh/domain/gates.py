"""Gates: from one arm's readings to pass, fail or unknown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Only PASS lets a weight rise; UNKNOWN holds and says why; FAIL refuses."""

    PASS = "pass"  # noqa: S105 (a verdict, not a password)
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Limits:
    """What an arm must show before its share may rise."""

    success_min: float = 99.0
    """Least share of successful requests, in per cent, 0 to 100."""
    p99_max_ms: float = 500.0
    """Most latency that 99 % of requests may take, in milliseconds."""
    requests_min: int = 100
    """Fewest requests in the window for any verdict at all."""
    window_s: int = 300
    """How far back to look, in seconds, at least 10."""
    max_age_s: float = 60.0
    """Oldest newest sample that still counts as live, in seconds."""
    load_max: float = 2.5
    """How many times the share of the busiest endpoint now an endpoint may get; 0 asks for one ready endpoint only."""


@dataclass(frozen=True)
class Reading:
    """What the metrics server said of one arm over one window. None means: no such value."""

    requests: float | None = None
    success: float | None = None
    """Per cent, 0 to 100."""
    p99_ms: float | None = None
    age_s: float | None = None
    """Age of the newest sample, in seconds."""
    problem: str = ""
    """Why there is no reading, in words ("Prometheus did not answer in 3 s"); empty when it answered."""
    queries: tuple[str, ...] = ()
    """The queries asked, kept as evidence."""


@dataclass(frozen=True)
class GateResult:
    """One condition, judged: enough to draw a table row that explains itself."""

    name: str
    """`requests`, `success`, `p99` or `ready`."""
    arm: str
    verdict: Verdict
    value: float | None
    limit: float
    unit: str
    """`%`, `ms`, `requests` or `pods`."""
    samples: int
    """Requests behind the value."""
    window_s: int
    why: str = ""
    """For fail and unknown: the reason in words."""


def judge(arm: str, reading: Reading, limits: Limits) -> tuple[GateResult, ...]:
    """Return the three rows (requests, success, p99) for one arm.

    Below the request floor nothing is decided: a healthy arm with few requests fails a plain threshold by chance, and
    zero requests must never pass. A missing, infinite or not-a-number value is unknown, never a pass.
    """
    samples = int(reading.requests) if _usable(reading.requests) and reading.requests else 0
    blind = _blindness(arm, reading, limits, samples)

    def row(name: str, value: float | None, limit: float, unit: str) -> GateResult:
        shown = value if _usable(value) else None
        verdict, why = (Verdict.UNKNOWN, blind) if blind else _compare(name, shown, limit)
        return GateResult(name, arm, verdict, shown, limit, unit, samples, limits.window_s, why)

    return (
        row("requests", reading.requests, limits.requests_min, "requests"),
        row("success", reading.success, limits.success_min, "%"),
        row("p99", reading.p99_ms, limits.p99_max_ms, "ms"),
    )


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


def _usable(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _compare(name: str, value: float | None, limit: float) -> tuple[Verdict, str]:
    if value is None:
        return Verdict.UNKNOWN, f"no {name} value"
    at_most = name == "p99"
    if (value <= limit) if at_most else (value >= limit):
        return Verdict.PASS, ""
    return Verdict.FAIL, f"{'above' if at_most else 'below'} the limit"


def _blindness(arm: str, reading: Reading, limits: Limits, samples: int) -> str:
    """Say why no verdict is possible, or return an empty string."""
    if reading.problem:
        return reading.problem
    if reading.requests is None or samples == 0:
        return f"no traffic reached {arm}"
    if reading.age_s is not None and reading.age_s > limits.max_age_s:
        return f"the newest sample is {reading.age_s:.0f} s old"
    if samples < limits.requests_min:
        return _shortfall(samples, limits)
    return ""


def _shortfall(samples: int, limits: Limits) -> str:
    return f"{limits.requests_min - samples} more requests needed within {span(limits.window_s)}"


def span(seconds: float) -> str:
    """Return a duration for people: `45 s`, `5 min`."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
