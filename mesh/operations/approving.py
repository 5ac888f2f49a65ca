"""Asking people about a plan, waiting for them, and seeing that what they agreed to is what is done.

While an operation waits it holds no lock and no worker: the clock brings it back when something is due, and so does
every newer change of its service.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mesh.domain.approvals import (
    Approval,
    Rule,
    Vote,
    agreed,
    ask,
    demand_of,
    highest_share,
    rules_for,
    without_lost,
)
from mesh.domain.errors import Denied, Refused, Unavailable
from mesh.domain.gates import GateResult
from mesh.domain.operations import Operation, State, Step
from mesh.domain.plans import Plan
from mesh.domain.strategies import Strategy
from mesh.operations.passing import passed_by
from mesh.operations.persons import persons_of
from mesh.operations.recording import Record
from mesh.operations.silence import Unheard, can_wait
from mesh.operations.stage import Stage
from mesh.operations.voting import look_up, the_approval

SLOWEST_SLACK_S = 30.0
"""Longer than posting a card twice, and its story, can take."""
UNTOLD_AGAIN_S = 5.0
"""When to try again to tell what Slack did not take."""
UNSHOWN_AGAIN_S, UNSHOWN_AGAIN_MOST_S = 2.0, 60.0
"""When to look again where its cards are, as long as one has no place on record; later and later."""
LOCK_WAIT_S = 0.5


def may_go(stage: Stage, operation: Operation, plan: Plan, strategy: Strategy | None = None) -> bool:
    """Tell whether the plan may be carried out now: nobody has to agree, or enough people have. False: ask them.

    Raises Refused where an approval does not hold any more: the plan is another one, or votes no longer count. A step
    of a rollout is not asked about: all steps were, at its start.
    """
    if operation.command.rollout:
        return True
    rules = _rules(stage, operation, _share(plan, strategy))
    if operation.command.break_glass:
        _check_holder(stage, operation, rules[0])
    if operation.approval is None:
        return not rules
    _check_plan(operation.approval, plan, strategy)
    check_votes(stage, operation, operation.approval, rules)
    return True


def check_agreed(stage: Stage, operation: Operation) -> None:
    """Raise what `may_go` raises of people: of whoever breaks the glass, and of the votes that were given."""
    approval = operation.approval
    rules = _rules(stage, operation, approval.share if approval else 0.0)
    if operation.command.break_glass:
        _check_holder(stage, operation, rules[0])
    if approval is not None:
        check_votes(stage, operation, approval, rules)


def check_plan(operation: Operation, plan: Plan, strategy: Strategy | None = None) -> None:
    """Raise Refused where the plan that is made now is not the one that people are asked about."""
    _check_plan(the_approval(operation), plan, strategy)


def request(
    stage: Stage, record: Record, plan: Plan, gates: tuple[GateResult, ...], strategy: Strategy | None = None
) -> None:
    """Ask people: write down what they are asked and until when; the card shows it."""
    operation = record.operation
    share, now = _share(plan, strategy), stage.time.now()
    rules = _rules(stage, operation, share)
    approval = ask(rules, plan, share, now=now, strategy=strategy)
    channel = approval.channel or stage.catalog.service(operation.target).approvals
    elsewhere = "" if channel == operation.origin.channel else channel
    approval = replace(approval, channel=elsewhere, passes=passed_by(stage, operation, plan))
    told: dict[str, Any] = {"plan": plan, "gates": gates, "approval": approval, "deadline": 0.0}
    record.tell(State.WAITING, Step.ASKED, approval.in_words, **told)


def attend(stage: Stage, record: Record, still_holds: Callable[[], object]) -> None:
    """Do what is due of an operation that waits: void it, end it, remind people, let more of them vote.

    `still_holds` raises Refused where the plan does not hold any more, Unavailable where that cannot be known now:
    it is known before anything is written, and who waits for people can wait for the API server.
    """
    now, approval = stage.time.now(), the_approval(record.operation)
    if now >= approval.expires_at:
        text = f"Nobody decided in time: {approval.in_words}"
        record.end(State.EXPIRED, Step.EXPIRED, text, hint="Nothing was changed. Ask again if it is still wanted.")
        return
    try:
        with suppress(Unavailable):
            still_holds()
    except Refused as error:
        record.fail(State.VOID, Step.VOID, error)
        return
    escalated = approval.escalated(now)
    if escalated != approval:
        record.tell(State.WAITING, Step.ESCALATED, escalated.in_words, approval=escalated)
    elif approval.remind_at and not approval.reminded and now >= approval.remind_at:
        reminded = replace(approval, reminded=True)
        record.tell(State.WAITING, Step.REMINDED, approval.in_words, approval=reminded)
    approval = the_approval(record.operation)
    if (counted := approval.counted_down(now)) != approval:
        # No event: it is on the card alone, and says only what the clock says.
        record.write_down(approval=counted)


def show_waiting(stage: Stage, operation: Operation) -> Operation:
    """Draw the card of what waits and tell its thread what is new; then come back when something is due."""
    with stage.locks.hold(f"report {operation.id}", wait_s=0) as lease:
        if lease is None:
            stage.operations.later(operation.id, seconds=UNTOLD_AGAIN_S)
            return operation
        stage.operations.later(operation.id, seconds=SLOWEST_SLACK_S)
        record = Record(stage, stage.operations.get(operation.id), None)
        if record.operation.state is State.WAITING:
            record.show()
        # Under the service's lock, where votes are counted: what a vote has just let go must not be put off.
        with stage.locks.hold(str(operation.target), wait_s=LOCK_WAIT_S) as service:
            fresh = stage.operations.get(operation.id)
            if service is not None:
                stage.operations.later(fresh.id, seconds=_pause_s(fresh, stage.time.now()))
        return fresh


def _pause_s(operation: Operation, now: float) -> float:
    """Return in how many seconds something is due of it."""
    if operation.state is not State.WAITING:
        return 0.0
    approval = the_approval(operation)
    pauses = [approval.due_at() - now]
    if operation.told < len(operation.story):
        pauses.append(UNTOLD_AGAIN_S)
    if operation.card is None or (approval.channel and operation.mirror is None):
        pauses.append(min(max(UNSHOWN_AGAIN_S, (now - approval.asked_at) / 2), UNSHOWN_AGAIN_MOST_S))
    return max(0.0, min(pauses))


def wake(stage: Stage, changed: Operation) -> None:
    """After a change: let whatever waits for approval of the same service see whether its plan still holds."""
    for other in stage.operations.waiting():
        if other.target == changed.target and other.id != changed.id:
            stage.operations.later(other.id, seconds=0)


def _rules(stage: Stage, operation: Operation, share: float) -> tuple[Rule, ...]:
    if operation.command.break_glass:
        glass = stage.catalog.break_glass
        if glass is None:
            raise Refused("Nobody may break the glass: `policy.break_glass` names nobody.", hint="Ask without it.")
        return (glass,)
    return rules_for(stage.catalog.approvals, operation.command.verb, operation.target, share)


def _check_holder(stage: Stage, operation: Operation, glass: Rule) -> None:
    """Raise Denied unless whoever asked is one of those who may break the glass: it takes two of them.

    Unheard where the second one has agreed and Slack does not say.
    """
    try:
        groups = stage.directory.groups(operation.actor, frozenset(glass.groups))
    except Unavailable as error:
        if can_wait(operation):
            raise Unheard(error.message.removesuffix(".")) from error
        raise Denied(f"Slack could not say who you are: {error.message}", hint="Nothing was changed.") from error
    if not groups:
        raise Denied("You are not among those who may break the glass.", hint="Ask one of them, or ask without it.")


def _share(plan: Plan, strategy: Strategy | None) -> float:
    """Return the largest share that an arm gets: of a rollout, by all of its steps."""
    return max((step.share for step in strategy.steps), default=0.0) if strategy else highest_share(plan)


def _check_plan(approval: Approval, plan: Plan, strategy: Strategy | None) -> None:
    if (approval.plan, approval.uid) != (agreed(plan, strategy), plan.uid):
        raise Refused(
            f"What people were asked about is not what would be done now: {plan.label} stands at {plan.shares_before}.",
            hint="Nothing was changed. Ask again if it is still wanted.",
        )


def check_votes(stage: Stage, operation: Operation, approval: Approval, rules: tuple[Rule, ...]) -> None:
    """Raise Refused unless the votes, by those who still may, meet what was asked, and what the rules say today.

    Raises Unheard where Slack does not say.
    """
    try:
        voted = [vote.voter for vote in approval.votes]
        person = persons_of(stage.catalog, stage.directory, (operation.actor, *voted))
        today = replace(approval, demands=tuple(demand_of(rule, 0.0) for rule in rules))
        for one in (approval, _with_escalations(today, approval)):
            voters = [look_up(stage.directory, actor, one, person[actor.user]) for actor in voted]
            standing = without_lost(one, voters, person[operation.actor.user])
            if not standing.met:
                raise Refused(
                    f"The approval does not hold any more: {standing.in_words} by people who may still vote"
                    f"{_lost(approval.votes, standing.votes)}.",
                    hint="Nothing was changed. Ask again if it is still wanted.",
                )
    except Unavailable as error:
        raise Unheard(error.message.removesuffix(".")) from error


def _with_escalations(today: Approval, asked: Approval) -> Approval:
    """Return today's demands, each as far escalated as the one that people were asked by."""
    escalated = {one.rule for one in asked.demands if one.escalated}
    return replace(today, demands=tuple(replace(one, escalated=one.rule in escalated) for one in today.demands))


def _lost(before: tuple[Vote, ...], after: tuple[Vote, ...]) -> str:
    lost = sorted({vote.voter.user for vote in before} - {vote.voter.user for vote in after})
    return f" (no longer: {', '.join(lost)})" if lost else ""
