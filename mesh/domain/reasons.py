"""Why a change was made, in lines for whoever meets it where meshbot is not: in the history of a repository. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from mesh.domain.gates import GateResult, Verdict, span
from mesh.domain.operations import Operation, Step

MOST_LENGTH = 300
"""Of a line, in characters."""
MOST_GATES = 20
"""How many gates have a line."""


def because(operation: Operation) -> tuple[str, ...]:
    """Return what somebody said, agreed to or went past, and what the gates said: each in one bounded line."""
    command, approval = operation.command, operation.approval
    said = [f"Reason: {command.reason}"] if command.reason else []
    said += [f"Step of the rollout {command.rollout}"] if command.rollout else []
    said += ["Forced: a gate did not pass"] if operation.went(Step.FORCED) else []
    said += ["Break glass: freezes did not hold it up"] if command.break_glass else []
    if approval and approval.votes:
        said.append(f"Approved by: {', '.join(vote.voter.user for vote in approval.votes)}")
    said += [_gate(row) for row in operation.gates[:MOST_GATES]]
    more = len(operation.gates) - MOST_GATES
    return _bounded([*said, f"Gates: {more} more"] if more > 0 else said)


def _gate(row: GateResult) -> str:
    """Return `Gate success of v2: pass, 99.9 %, at least 99 %, 1200 requests in 5 min`."""
    said = [str(row.verdict), "no value" if row.value is None else f"{row.value:.6g} {row.unit}".rstrip()]
    if row.against:
        said.append(f"against {row.against}" + ("" if row.other is None else f" {row.other:.6g} {row.unit}".rstrip()))
    else:
        said.append(f"at {'most' if row.at_most else 'least'} {row.limit:.6g} {row.unit}".rstrip())
    said += [f"{row.samples} requests in {span(row.window_s)}"] if row.samples else []
    said += [row.why] if row.why and row.verdict is not Verdict.PASS else []
    return f"Gate {row.name} of {row.arm}: {', '.join(said)}"


def _bounded(lines: Iterable[str]) -> tuple[str, ...]:
    """Return each as one line that shows all it has: no other white space than blanks, nothing that is not printed."""
    plain = ("".join(char for char in " ".join(line.split()) if char.isprintable()) for line in lines)
    return tuple(line if len(line) <= MOST_LENGTH else f"{line[: MOST_LENGTH - 1]}…" for line in plain)
