"""Conditions that administrators wrote themselves: the query for one arm, and what its answer means. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mesh.domain.commands import Target
from mesh.domain.gates import CustomGate, GateResult, Lack, Verdict
from mesh.domain.routes import Arm
from mesh.domain.templates import fill
from workers.metrics.prometheus import Row
from workers.metrics.promql import quoted


def literals(gate: CustomGate, arm: Arm, target: Target, *, window_s: int) -> str:
    """Return the gate's query for one arm; raise Refused when it names what there is not."""
    return fill(
        gate.query,
        {
            "namespace": quoted(arm.namespace or target.namespace),
            "service": quoted(target.service),
            "arm": quoted(arm.name),
            "version": quoted(arm.version),
            "window": f"{window_s}s",
        },
    )


def judged(gate: CustomGate, arm: Arm, rows: Sequence[Row], *, window_s: int) -> GateResult:
    """Return pass or fail for one number, unknown for anything else, such as a number beside a NaN."""
    if len(rows) != 1:
        why = "the query returned several series where one number was expected" if rows else "the query found nothing"
        return unknown(gate, arm, why, window_s=window_s, lack="" if rows else Lack.FEW)
    value = rows[0][1]
    if not math.isfinite(value):
        # As a rule nothing divided by nothing: no requests.
        why = f"the query found {value:g}, which is no number to judge"
        return unknown(gate, arm, why, window_s=window_s, lack=Lack.FEW)
    if gate.most is not None and value > gate.most:
        return _result(gate, arm, (Verdict.FAIL, "above the limit"), value, window_s=window_s)
    if gate.least is not None and value < gate.least:
        return _result(gate, arm, (Verdict.FAIL, "below the limit"), value, window_s=window_s)
    if gate.most is None and gate.least is None:
        return _result(gate, arm, (Verdict.UNKNOWN, "it has no limit"), value, window_s=window_s)
    return _result(gate, arm, (Verdict.PASS, ""), value, window_s=window_s)


def unknown(gate: CustomGate, arm: Arm, why: str, *, window_s: int, lack: str = "") -> GateResult:
    """Return the verdict for a number that nobody knows; `lack` is one of `Lack`, or empty where the query is wrong."""
    return replace(_result(gate, arm, (Verdict.UNKNOWN, why), None, window_s=window_s), lack=lack)


def _result(
    gate: CustomGate, arm: Arm, verdict: tuple[Verdict, str], value: float | None, *, window_s: int
) -> GateResult:
    """Show the limit that was broken, else the upper one."""
    low = value is not None and gate.least is not None and value < gate.least
    limit = gate.least if low or gate.most is None else gate.most
    said, why = verdict
    return GateResult(
        gate.name,
        arm.name,
        said,
        value,
        limit or 0.0,
        gate.unit,
        samples=0,
        window_s=window_s,
        why=why,
        at_most=limit is not None and limit is gate.most,
    )
