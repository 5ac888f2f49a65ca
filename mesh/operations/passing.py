"""Freezes that two people who break the glass pass: which these are, and that the people know before they agree."""

from __future__ import annotations

from dataclasses import replace

from mesh.domain.approvals import Passed
from mesh.domain.commands import Verb
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.freezes import covering
from mesh.domain.limits import rise_of
from mesh.domain.operations import Operation
from mesh.domain.plans import Plan
from mesh.operations.freezing import holding
from mesh.operations.recording import Record
from mesh.operations.stage import Stage
from mesh.operations.voting import the_approval

UNREADABLE = Passed("", "", "")
"""Stands for freezes that nobody can read: they are passed as well, and that is said."""


def passed_by(stage: Stage, operation: Operation, plan: Plan | None) -> tuple[Passed, ...]:
    """Return the freezes that the operation passes by this plan now; none without the glass, nor for what goes back."""
    # Of a canary the plan is its first step only, and a later one gives more.
    rises = plan is None or rise_of(plan) or operation.command.verb is Verb.CANARY
    if not (operation.command.break_glass and rises):
        return ()
    try:
        found = covering(holding(stage), operation.target)
    except Unavailable:
        return (UNREADABLE,)
    return tuple(Passed(one.id, str(one.scope), one.by) for one in found)


def check_shown(stage: Stage, record: Record) -> None:
    """Raise Refused where the card of what waits lacks a freeze that it would pass; from now on the card has it.

    Whoever agrees to pass a freeze must have been told of it.
    """
    approval, now = the_approval(record.operation), passed_by(stage, record.operation, record.operation.plan)
    if set(now) <= set(approval.passes):
        return
    record.write_down(approval=replace(approval, passes=now))
    stage.operations.later(record.operation.id, seconds=0)
    raise Refused(
        f"{record.operation.target.service} was frozen after this was asked, so your vote was not counted.",
        hint="The card says now which freeze it passes. Vote again if you still agree.",
    )


def in_words(passed: tuple[Passed, ...]) -> str:
    """Return `passing op-… (default/shop/api, by U…)`, for the audit log; an empty string where nothing is passed."""
    said = [f"{one.id} ({one.scope}, by {one.by or 'the calendar'})" for one in passed if one.id]
    said += ["freezes that cannot be read"] * (UNREADABLE in passed)
    return f"passing {', '.join(said)}" if said else ""
