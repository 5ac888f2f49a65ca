"""The aligned parts of a card: weights, gates, status. Each returns markup ready for a section."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from chat.escape import Markup, bold, code, esc, fence, join, shorten
from chat.figures import bar, columns, counted, no_better, number, percent, short_name
from mesh.domain.gates import GateResult, Verdict, span
from mesh.domain.operations import ArmStatus, RouteStatus
from mesh.domain.plans import ArmChange, Plan
from mesh.domain.quantities import Weight

MOST_ARMS = 20
MOST_GATES = 24
MOST_REASONS = 6


class Moved(Enum):
    """How much of a plan is true by now; decides what the bars show."""

    NOT_YET = "not yet"
    """Bars show the weights before."""
    DONE = "done"
    """Bars show the weights after."""
    NEVER = "never"
    """Refused or expired: bars show the weights before, the rest is what was asked."""
    UNSURE = "unsure"
    """Sent, no answer: bars show the weights before."""
    IMAGINED = "imagined"
    """A dry run: bars show the weights after."""


WORDS = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL", Verdict.UNKNOWN: "unknown"}
"""Words of different shape and case, so that a verdict is never told by colour alone."""
_EMOJI = {Verdict.PASS: ":white_check_mark:", Verdict.FAIL: ":x:", Verdict.UNKNOWN: ":warning:"}
_SEVERITY = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)


def weights_table(plan: Plan, moved: Moved) -> Markup:
    """Draw every arm: name, bar, share before and after, role, and the integers when they are no plain per cent."""
    rows = [[*_arm_cells(arm, plan, moved), _integers(arm, plan)] for arm in plan.arms[:MOST_ARMS]]
    return fence(columns(rows, right=frozenset({2})) + _more(len(plan.arms) - MOST_ARMS, "arms"))


def shares(arms: Sequence[ArmChange], *, before: bool) -> str:
    """Return `v1 90 %, v2 10 %` as it was before, or as it is after."""
    return ", ".join(f"{short_name(a.name)} {percent(a.share_before if before else a.share_after)}" for a in arms)


def gates_table(gates: Sequence[GateResult]) -> Markup:
    """Draw every gate with its verdict, value, limit and samples; below it, the reason of each that did not pass."""
    arms = list(dict.fromkeys(gate.arm for gate in gates))
    window = max((gate.window_s for gate in gates), default=0)
    names = ", ".join(short_name(arm) for arm in arms[:4])
    heading = f"Gates of {names}" + (f" over {span(window)}" if window else "")
    # A long list shows its worst rows; a short one keeps its order.
    shown = sorted(gates, key=lambda g: _SEVERITY.index(g.verdict)) if len(gates) > MOST_GATES else list(gates)
    rows = [_gate_cells(gate, several=len(arms) > 1) for gate in shown[:MOST_GATES]]
    table = fence(columns(rows, right=frozenset({3})) + _more(len(gates) - MOST_GATES, "gates"))
    return join("\n", [bold(esc(heading)), table, *_reasons(gates)])


def route_table(route: RouteStatus, named: str = "") -> Markup:
    """Draw one route as it is: arm, role, bar, share, weight, ready pods. `named` is how a command names it."""
    rows = [_status_cells(arm) for arm in route.arms[:MOST_ARMS]]
    table = columns(rows, right=frozenset({3})) + _more(len(route.arms) - MOST_ARMS, "arms")
    return join("\n", [bold(esc(route.label)), code(shorten(named, 300)), fence(table or ["no arms"])])


def _arm_cells(arm: ArmChange, plan: Plan, moved: Moved) -> list[str]:
    now = arm.share_after if moved in (Moved.DONE, Moved.IMAGINED) else arm.share_before
    return [
        short_name(arm.name),
        bar(now),
        percent(arm.share_before),
        _becoming(arm, plan, moved),
        _role(arm.name, plan),
    ]


def _becoming(arm: ArmChange, plan: Plan, moved: Moved) -> str:
    if not plan.moves:
        return "stays"
    after = percent(arm.share_after)
    if moved is Moved.NEVER:
        return f"(asked: {after})"
    return f"-> {after.rjust(5)}" + (" ?" if moved is Moved.UNSURE else "")


def _role(name: str, plan: Plan) -> str:
    if name == plan.stable:
        return "stable"
    return "canary" if name == plan.canary else ""


def _integers(arm: ArmChange, plan: Plan) -> str:
    """Return `weight 2 of 3 -> 1 of 3`, or `weight 900m -> 500m`, where what stands in the object is not the share."""
    before, after = [a.before for a in plan.arms], [a.after for a in plan.arms]
    if _total(before) == _total(after) == 100:
        return ""
    if not plan.moves:
        return f"weight {_of(arm.before, before)}"
    return f"weight {_of(arm.before, before)} -> {_of(arm.after, after)}"


def _of(weight: Weight | None, weights: Sequence[Weight | None]) -> str:
    if weight is None:
        return "unset"
    total = _total(weights)
    return str(weight) if total is None else f"{weight} of {total}"


def _total(weights: Sequence[Weight | None]) -> int | None:
    """Return the sum of whole weights; None where one is absent, or a quantity."""
    whole = [weight for weight in weights if isinstance(weight, int)]
    return sum(whole) if len(whole) == len(weights) else None


def _gate_cells(gate: GateResult, *, several: bool) -> list[str]:
    value = "no value" if gate.value is None else no_better(gate.value, gate.unit)
    samples = counted(gate.samples, "requests") if gate.samples and gate.unit != "requests" else ""
    arm = short_name(gate.arm) if several else ""
    return [WORDS[gate.verdict], arm, gate.name, value, f"({_limit(gate)})", samples]


def _limit(gate: GateResult) -> str:
    if gate.unit in ("%", "ms"):
        return f"{'at most' if gate.unit == 'ms' else 'at least'} {number(gate.limit, places=3)} {gate.unit}"
    return f"at least {counted(gate.limit, gate.unit)}"


def _reasons(gates: Sequence[GateResult]) -> list[Markup]:
    """Return one line for each different reason; gates that share it share the line."""
    grouped: dict[tuple[Verdict, str, str], list[str]] = {}
    for gate in sorted(gates, key=lambda g: _SEVERITY.index(g.verdict)):
        if gate.verdict is not Verdict.PASS:
            grouped.setdefault((gate.verdict, gate.arm, gate.why or "no reason given"), []).append(gate.name)
    lines = [_reason(verdict, f"{', '.join(names)} of {arm}", why) for (verdict, arm, why), names in grouped.items()]
    hidden = len(lines) - MOST_REASONS
    return lines[:MOST_REASONS] + ([esc(f"… and {hidden} more reasons")] if hidden > 0 else [])


def _reason(verdict: Verdict, what: str, why: str) -> Markup:
    said = esc(f"{what}: {shorten(why, 240)}")
    return join(" ", [esc(_EMOJI[verdict]), bold(esc(WORDS[verdict])), said])


def _status_cells(arm: ArmStatus) -> list[str]:
    weight = "no weight" if arm.weight is None else f"weight {arm.weight}"
    ready = "ready pods not counted" if arm.ready is None else f"{counted(arm.ready, 'pods')} ready"
    return [short_name(arm.name), arm.role, bar(arm.share), percent(arm.share), weight, ready]


def _more(hidden: int, what: str) -> list[str]:
    return [f"… and {hidden} more {what}"] if hidden > 0 else []
