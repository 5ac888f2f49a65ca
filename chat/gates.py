"""Gates as people read them: an aligned table, the reasons below it, and the evidence for a thread. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR

from chat.escape import Markup, bold, code, esc, fence, join, shorten, tell
from chat.figures import COUNTED, columns, counted, no_better, number, short_name, span, width, with_unit
from chat.locales import heard, mark, tr
from chat.tables import more
from mesh.domain import gates as on_record
from mesh.domain.gates import GateResult, Verdict

MOST_GATES = 24
MOST_REASONS = 6
MOST_EVIDENCE = 3
MOST_WIDTH = 44
"""Characters of a row that a phone shows on one line."""
_MOST_PROOF = 1_000_000
"""Evidence beyond that is not worth a figure."""
_QUERY = 500
"""Characters of a query: what is cut cannot be pasted, but a thread is no place for a page of PromQL."""

WORDS = {Verdict.PASS: mark("pass"), Verdict.FAIL: mark("FAIL"), Verdict.UNKNOWN: mark("unknown")}
"""Words of different shape and case, so that a verdict is never told by colour alone."""
_EMOJI = {Verdict.PASS: ":white_check_mark:", Verdict.FAIL: ":x:", Verdict.UNKNOWN: ":warning:"}
_SEVERITY = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)


def gates_table(gates: Sequence[GateResult], *, said: str = "") -> Markup:
    """Draw every gate: verdict, name, value, and its limit or what it is compared with; below it, why it did not pass.

    `said` is what the card says already, as it is on record: that reason is not repeated.
    """
    # A long list shows its worst rows; a short one keeps its order.
    shown = sorted(gates, key=_severity) if len(gates) > MOST_GATES else list(gates)
    rows = _rows(shown[:MOST_GATES]) + more(len(gates) - MOST_GATES, mark("… and {count} more gates"))
    return join("\n", [bold(esc(_heading(gates))), fence(rows), *_reasons(gates, said)])


def evidence_lines(gates: Sequence[GateResult], verdict: Verdict) -> list[Markup]:
    """Say of the gates of this verdict what was measured against what, and how to see it for oneself."""
    found = [gate for gate in gates if gate.verdict is verdict]
    return [_proof(gate) for gate in found[:MOST_EVIDENCE]]


def measured(gate: GateResult) -> str:
    """Return `2 % against 0.4 % of v1`, or `182 ms, at most 500 ms`. Plain text."""
    if gate.against:
        other = short_name(gate.against)
        return tr("{value} against {limit} of {other}", value=_value(gate), limit=_other(gate), other=other)
    return f"{_value(gate)}, {_limit(gate)}"


def _severity(gate: GateResult) -> int:
    return _SEVERITY.index(gate.verdict)


def _arms(gates: Sequence[GateResult]) -> list[str]:
    return list(dict.fromkeys(gate.arm for gate in gates))


def _heading(gates: Sequence[GateResult]) -> str:
    arms = _arms(gates)
    names = ", ".join(short_name(arm) for arm in arms[:4]) + (", …" if len(arms) > 4 else "")
    windows = {_window(gates, arm) for arm in arms}
    window = windows.pop() if len(windows) == 1 else ""
    return (
        tr("Gates of {names} over {window}", names=names, window=window)
        if window
        else tr("Gates of {names}", names=names)
    )


def _window(gates: Sequence[GateResult], arm: str) -> str:
    """Return `5 min`: an arm's own, for the incident guard looks an hour back and the canary's gates do not."""
    window_s = max((gate.window_s for gate in gates if gate.arm == arm), default=0)
    return span(window_s) if window_s else ""


def _rows(gates: Sequence[GateResult]) -> list[str]:
    """Return the rows, arm by arm; each arm has a line of its own where there are several."""
    arms = _arms(gates)
    differ = len({_window(gates, arm) for arm in arms}) > 1
    ordered = [gate for arm in arms for gate in gates if gate.arm == arm]
    starts = columns(
        [[tr(WORDS[gate.verdict]), short_name(gate.name), _value(gate)] for gate in ordered], right=frozenset({2})
    )
    indent = " " * (max((width(tr(WORDS[gate.verdict])) for gate in ordered), default=0) + 2)
    rows: list[str] = []
    for at, (gate, start) in enumerate(zip(ordered, starts, strict=True)):
        if len(arms) > 1 and (at == 0 or ordered[at - 1].arm != gate.arm):
            rows.append(f"{_named(gate.arm, _window(gates, gate.arm) if differ else '')}:")
        rows += _wrapped(start, _limit(gate), _evidence(gate), indent)
    return rows


def _named(arm: str, window: str) -> str:
    return tr("{arm} over {window}", arm=short_name(arm), window=window) if window else short_name(arm)


def _wrapped(start: str, limit: str, evidence: str, indent: str) -> list[str]:
    """Return one line, or two where one would be too long for a phone or there is evidence to show."""
    line = f"{start}  {limit}"
    if width(line) > MOST_WIDTH:
        return [start, indent + ", ".join(filter(None, (limit, evidence)))]
    return [line, indent + evidence] if evidence else [line]


def _value(gate: GateResult) -> str:
    if gate.value is None:
        return tr("no value")
    return _short(gate, gate.value, no_better(gate.value, gate.unit, at_most=gate.at_most))


def _limit(gate: GateResult) -> str:
    if gate.against:
        return tr("against {other} {limit}", other=short_name(gate.against), limit=_other(gate))
    bound = f"{number(gate.limit, places=3)} {gate.unit}".rstrip()
    bound = _short(gate, gate.limit, counted(gate.limit, gate.unit) if gate.unit in COUNTED else bound)
    return tr("at most {limit}", limit=bound) if gate.at_most else tr("at least {limit}", limit=bound)


def _other(gate: GateResult) -> str:
    return tr("no value") if gate.other is None else with_unit(gate.other, gate.unit)


def _short(gate: GateResult, value: float, said: str) -> str:
    """Leave out a unit that is the gate's name: with it every row would be wider than a phone."""
    if gate.name != gate.unit:
        return said
    return number(value, rounding=ROUND_FLOOR) if gate.unit in COUNTED else said.rpartition(" ")[0]


def _evidence(gate: GateResult) -> str:
    """Return `evidence 12 of 500`: how near to failing; empty where there is no such test."""
    if gate.evidence is None or gate.threshold is None:
        return ""
    if not gate.evidence < _MOST_PROOF:
        return tr("evidence over {proof} of {needed}", proof=number(_MOST_PROOF), needed=number(gate.threshold))
    proof = number(gate.evidence, places=0 if gate.evidence >= 10 else 1, rounding=ROUND_FLOOR)
    return tr("evidence {proof} of {needed}", proof=proof, needed=number(gate.threshold))


def _reasons(gates: Sequence[GateResult], said: str) -> list[Markup]:
    """Return one line for each different reason; gates that share it share the line."""
    grouped: dict[tuple[Verdict, str, str], list[str]] = {}
    for gate in sorted(gates, key=_severity):
        why = _why(gate)
        if gate.verdict is not Verdict.PASS and not (gate.why and gate.why in said):
            grouped.setdefault((gate.verdict, gate.arm, why), []).append(gate.name)
    lines = [_reason(verdict, names, arm, why) for (verdict, arm, why), names in grouped.items()]
    left = more(len(lines) - MOST_REASONS, mark("… and {count} more reasons"))
    return lines[:MOST_REASONS] + [esc(line) for line in left]


def _why(gate: GateResult) -> str:
    why = shorten(heard(gate.why) or tr("no reason given"), 240)
    # What is on record may say it already.
    if not gate.eta_s or f"about {on_record.span(gate.eta_s)}" in shorten(gate.why, 240):
        return why
    return tr("{why}; about {time} until it can be decided", why=why, time=span(gate.eta_s))


def _reason(verdict: Verdict, names: Sequence[str], arm: str, why: str) -> Markup:
    what = tr("{gates} of {arm}: {why}", gates=", ".join(names), arm=arm, why=why)
    return join(" ", [esc(_EMOJI[verdict]), bold(esc(tr(WORDS[verdict]))), esc(what)])


def _proof(gate: GateResult) -> Markup:
    """Return `• errors of v2: 2 % against 0.4 % of v1, evidence 812 of 500, 4 120 requests; see: <query>`."""
    samples = counted(gate.samples, "requests") if gate.samples and gate.unit != "requests" else ""
    # What could not be measured has no figures: then the reason is all there is to say.
    found = (
        [measured(gate), _evidence(gate), samples] if gate.value is not None else [heard(gate.why) or tr("no value")]
    )
    told = ", ".join(filter(None, found))
    said = esc("• ") + esc(tr("{gates} of {arm}: {why}", gates=gate.name, arm=short_name(gate.arm), why=told))
    return said + tell("; see: {query}", query=code(shorten(gate.query, _QUERY))) if gate.query else said
