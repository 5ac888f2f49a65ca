"""What is said where the gates do not let a change be: why, and what to do next. Pure."""

from __future__ import annotations

from mesh.domain.commands import Command, Verb
from mesh.domain.errors import Refused
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.grammar import format_command
from mesh.domain.incidents import ALERTS
from mesh.domain.operations import Operation
from mesh.operations.choosing import rollback


def gates_failed(operation: Operation, gates: tuple[GateResult, ...], why: str) -> Refused:
    """Say what to do where a gate failed; who is going back already is not told to roll back."""
    message, overrule = f"Gates failed: {why}.", 'overrule this with --force --reason "why".'
    if all(row.name == ALERTS for row in gates if row.verdict is Verdict.FAIL):
        return _during_incident(operation, gates, overrule)
    if all(row.name == "ready" for row in gates if row.verdict is Verdict.FAIL):
        return Refused(message, hint=f"The weights stay. Bring up more ready endpoints, or {overrule}")
    if operation.command.goes_back:
        return Refused(message, hint=f"The weights stay. Mend it, or {overrule}")
    if operation.plan and not any(arm.share_before for arm in operation.plan.arms if arm.name != operation.plan.stable):
        look = "Look at the canary, which has no traffic now; mend it, or"
        return Refused(message, hint=f"The weights stay. {look} {overrule}")
    back = rollback(operation.command)
    return Refused(message, hint="The weights stay. Look at the canary, or roll back.", choices=(back,))


def remedy(gates: tuple[GateResult, ...]) -> str:
    """Say what would let the gates decide: traffic where the metrics answered, else the metrics themselves."""
    measured = [row for row in gates if row.name == "requests"]
    if any(row.name == "first share" for row in gates):
        return "Begin with a smaller share, or a canary: /mesh help canary."
    if any(row.value is not None or "no traffic" in row.why for row in measured):
        return "Wait for more traffic, then repeat."
    return "See that the metrics server is there and answers (meshbot doctor), then repeat."


def _during_incident(operation: Operation, gates: tuple[GateResult, ...], overrule: str) -> Refused:
    """Name the incident, and lead there."""
    asked, found = operation.command, "; ".join(row.why for row in gates if row.name == ALERTS)
    look = Command(verb=Verb.INCIDENTS, service=asked.service, namespace=asked.namespace, cluster=asked.cluster)
    hint = f"The weights stay. Wait for its end, roll back, or {overrule}"
    choices = (f"/mesh {format_command(look)}", rollback(asked))
    return Refused(f"{asked.service} has an open {found}.", hint=hint, choices=choices)
