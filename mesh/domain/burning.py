"""The incident guard: nothing is promoted while a service as a whole burns its error budget. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from mesh.domain.gates import GateResult, Lack, Verdict
from mesh.domain.measures import Burn

INCIDENT = "incident"
"""Name of its row."""
_FEWEST = 10.0
"""Failed requests that make an incident: where there is hardly any traffic, one client that fails is no incident."""


@dataclass(frozen=True)
class _Alert:
    """A long window shows that it matters, a short one that it still goes on."""

    times: float
    """How many times faster than the objective allows."""
    long: str
    short: str
    seconds: int


# Google's SRE Workbook, "Alerting on SLOs": 2 % of a month's budget in an hour, 5 % in six hours.
_ALERTS = (
    _Alert(14.4, "h1", "m5", 3600),
    _Alert(6.0, "h6", "m30", 21_600),
)


def judge_burn(burn: Burn, *, slo: float, service: str) -> tuple[GateResult, ...]:
    """Judge how fast a service as a whole uses up its error budget, all arms together.

    `slo` is its objective, a share of successes in per cent below 100; with 0 there is no guard, and no row. Fails when
    both windows of a pair are above their limit; a window without data is not above, nor one in which fewer than
    `_FEWEST` requests failed: at one request a minute, a single one is 17 times as fast as 99.9 % allow. The row's
    value and limit are shares of failed requests in per cent, over the longer window of the pair that says most.
    """
    if slo == 0:
        return ()
    rows = [_row(alert, burn, 1.0 - slo / 100.0, service) for alert in _ALERTS]
    return (next((row for row in rows if row.verdict is Verdict.FAIL), rows[0]),)


def _row(alert: _Alert, burn: Burn, budget: float, service: str) -> GateResult:
    long, short, limit = _known(getattr(burn, alert.long)), _known(getattr(burn, alert.short)), alert.times * budget
    failed = getattr(burn, f"failed_{alert.long}")
    above = long is not None and short is not None and min(long, short) > limit * (1 + 1e-9)
    above = above and (failed is None or failed >= _FEWEST)
    verdict = Verdict.UNKNOWN if burn.problem else Verdict.FAIL if above else Verdict.PASS
    value = None if long is None or burn.problem else 100.0 * long
    why = burn.problem or (_why(alert, service, long or 0.0, short or 0.0) if above else "")
    row = GateResult(INCIDENT, service, verdict, value, 100.0 * limit, "%", 0, alert.seconds, why=why, at_most=True)
    return replace(row, lack=Lack.SILENT if burn.problem else "")


def _why(alert: _Alert, service: str, long: float, short: float) -> str:
    # A whole sentence for each pair: a window that is put in is a word that a translator never sees.
    before, lately = f"{100 * long:.2g}", f"{100 * short:.2g}"
    trouble = f"{service} as a whole is in trouble"
    if alert.long == "h1":
        return f"{trouble}: {before} % of its requests failed in the last hour, {lately} % in the last 5 min"
    return f"{trouble}: {before} % of its requests failed in the last 6 hours, {lately} % in the last 30 min"


def _known(share: float | None) -> float | None:
    return share if share is not None and math.isfinite(share) else None
