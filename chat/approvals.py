"""What people see of an approval: who may vote, who has, until when, and the two buttons. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chat.blocks import Block, Button, Confirm, Message, context, header, message, section
from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, group, join, shorten, user
from chat.figures import percent
from mesh.domain.approvals import Approval, Demand
from mesh.domain.commands import Verb
from mesh.domain.operations import Event, Operation, State, Step
from mesh.operations.receiving import Waiting

APPROVE = "meshbot.approve"
DENY = "meshbot.deny"
"""What Slack sends when one is pressed; the value is the operation's id."""
MOST_PEOPLE = 8
MOST_RULES = 5
MOST_LISTED = 15

_STORY = {
    Step.VOTED: ":white_check_mark: Agreed",
    Step.APPROVED: ":white_check_mark: Approved",
    Step.REMINDED: ":alarm_clock: Still waits for approval",
    Step.ESCALATED: ":busts_in_silhouette: More people may vote now",
    Step.VOTED_DOWN: ":no_entry: Denied",
    Step.EXPIRED: ":no_entry: Expired",
    Step.VOID: ":no_entry: Void",
}
CALLS_VOTERS = frozenset({Step.REMINDED, Step.ESCALATED})
"""Steps after which those who may vote are called, where they are asked."""
_CALLS_REQUESTER = frozenset({Step.VOTED_DOWN, Step.EXPIRED, Step.VOID})


def approval_blocks(operation: Operation) -> Iterator[Block]:
    """Yield who must agree, who has, and until when; once it is decided, who decided."""
    approval = operation.approval
    if approval is None:
        return
    waits = operation.state is State.WAITING
    head = join(" ", [bold(esc("Approval:")), esc(approval.in_words)])
    until = join(" ", [esc("open until"), date(approval.expires_at)]) if waits else Markup("")
    revision = (
        join(" ", [esc("revision"), code(operation.command.checksum)]) if operation.command.checksum else Markup("")
    )
    lines = [_glass(operation), join(" · ", [head, until, revision, _steps(approval)])]
    if waits:
        lines += [_asked(approval, demand, operation.actor.user) for demand in approval.demands[:MOST_RULES]]
    lines += [
        join(" ", [esc(":white_check_mark: Approved by"), user(vote.voter.user), date(vote.at)])
        for vote in approval.votes[:MOST_PEOPLE]
    ]
    yield section(join("\n", [*lines, _denied(operation)]))
    if waits:
        asker = "" if operation.command.verb is Verb.FLAGGER else "Whoever asked cannot approve."
        denial = "Who denies is asked why." if any(one.action_id == DENY for one in vote_buttons(operation)) else ""
        if asker or denial:
            yield context([join(" ", [esc(asker), esc(denial)])])


def vote_buttons(operation: Operation) -> tuple[Button, ...]:
    """Return Approve and Deny, while it waits."""
    if operation.state is not State.WAITING or operation.approval is None:
        return ()
    target, plan = operation.target, operation.plan
    service = shorten(target.service, 60)
    if operation.command.verb is Verb.FLAGGER:
        return _gate_buttons(operation, service)
    reaches = percent(operation.approval.share)
    where = f"in {shorten(target.cluster, 60)} / {shorten(target.namespace, 60)}"
    stands = f", from {shorten(plan.shares_before, 60)}" if plan else ""
    yes = Confirm(f"Approve this change of {service}?", f"An arm gets up to {reaches} {where}{stands}.", "Approve")
    return (
        Button("Approve", APPROVE, operation.id, f"Approve {operation.id}", "primary", yes),
        Button("Deny", DENY, operation.id, f"Deny {operation.id}", "danger"),
    )


def _gate_buttons(operation: Operation, service: str) -> tuple[Button, ...]:
    """Return what Flagger can be told: for its rollback, that one word."""
    hook = shorten(operation.command.hook, 30)
    if hook == "rollback":
        question = Confirm(
            f"Roll back {service}?", "Flagger sends all traffic back the next time it asks.", "Roll back"
        )
        return (Button("Roll back", APPROVE, operation.id, f"Roll back {service} with Flagger", "danger", question),)
    yes = Confirm(
        f"Approve {hook} of {service}?", "Flagger goes on the next time it asks. The card names you.", "Approve"
    )
    return (
        Button("Approve", APPROVE, operation.id, f"Approve {operation.id}", "primary", yes),
        Button("Deny", DENY, operation.id, f"Deny {operation.id}", "danger"),
    )


def approval_line(operation: Operation, event: Event) -> tuple[Markup, bool] | None:
    """Tell one event of an approval in its thread, and whether the channel must hear it; None for other events."""
    approval = operation.approval
    if approval is not None and event.step is Step.ASKED and operation.command.break_glass:
        return join(" ", [_glass(operation), _people(approval.missing_groups, ())]), True
    if approval is None or event.step not in _STORY:
        return None
    denied = event.step is Step.VOTED_DOWN
    by = join(" ", [esc("by"), user(event.by)]) if event.by else Markup("")
    # What a person typed stands in a code span, so that it cannot look like ours.
    said = code(shorten(event.text, 300)) if denied else esc(shorten(event.text, 600))
    what = [date(event.at), bold(esc(_STORY[event.step])), by, said]
    single = [user_id for user_id in approval.missing_users if user_id != operation.actor.user]
    called = _people(approval.missing_groups, single) if event.step in CALLS_VOTERS else Markup("")
    asked = user(operation.actor.user) if event.step in _CALLS_REQUESTER else Markup("")
    return join(" ", [*what, called, asked]), event.step in CALLS_VOTERS | _CALLS_REQUESTER


def vote_answer(operation: Operation) -> Message:
    """Say to the voter alone what became of the vote: counted, or not, and who decided before."""
    well = operation.state is State.SUCCEEDED
    sign, word = (":white_check_mark:", "Counted.") if well else (":no_entry:", "Not counted.")
    last = operation.story[-1]
    by = join(" ", [esc("Decided by"), user(last.by) + esc(".")]) if last.by else Markup("")
    outcome = esc(shorten(operation.outcome.rstrip("."), 600) + ".")
    line = join(" ", [esc(sign), bold(esc(word)), outcome, by, esc(shorten(operation.hint, 300))])
    return message(join(" ", [esc(word), outcome]), [section(line)])


def approvals_answer(waiting: Sequence[Waiting]) -> Message:
    """List what waits for approval, the most pressing first, and mark what the asking person may approve."""
    if not waiting:
        line = esc("Nothing waits for approval.")
        return message(line, [section(line)])
    count = len(waiting)
    text = esc(f"{count} changes wait for approval." if count > 1 else "One change waits for approval.")
    more = [context([esc(f"… and {count - MOST_LISTED} more")])] if count > MOST_LISTED else []
    return message(
        text, [header("Waiting for approval"), *(section(_row(one)) for one in waiting[:MOST_LISTED]), *more]
    )


def _row(waiting: Waiting) -> Markup:
    operation, approval, target = waiting.operation, waiting.approval, waiting.operation.target
    plan = operation.plan
    asked = " ".join(filter(None, (operation.command.verb, operation.command.hook, target.service)))
    what = f"{asked} in {target.cluster} / {target.namespace}"
    split = esc(shorten(f"{plan.shares_before} -> {plan.shares_after}", 200)) if plan else Markup("")
    until = join(" ", [esc("open until"), date(approval.expires_at, shown=DAY_AND_TIME)])
    by = join(" ", [esc("asked by"), user(operation.actor.user)])
    marks = {True: ":raised_hand: You may approve this:", False: "", None: "Slack does not say whether you may:"}
    yours = join(" ", [esc(marks[waiting.mine]), code(f"/mesh approve {operation.id}")])
    return join(
        "\n",
        [
            join(" · ", [bold(esc(shorten(what, 200))), split]),
            join(" · ", [esc(approval.in_words), until, by]),
            yours if waiting.mine is not False else code(operation.id),
        ],
    )


def _asked(approval: Approval, demand: Demand, requester: str) -> Markup:
    """Return who may vote by one rule, and whether that is still needed; whoever asked, or has voted, is not named."""
    missing = approval.missing(demand)
    gone = {requester, *(vote.voter.user for vote in approval.votes if missing)}
    people = _people(demand.asked_groups, [user_id for user_id in demand.users if user_id not in gone])
    need = f"{missing} more of" if missing else "has all of"
    return join(" ", [esc("•"), code(shorten(demand.rule, 60)) + esc(":"), esc(need), people])


def _people(groups: Sequence[str], users: Sequence[str]) -> Markup:
    named = [*(group(one) for one in groups), *(user(one) for one in users)]
    hidden = len(named) - MOST_PEOPLE
    return join(", ", [*named[:MOST_PEOPLE], *([esc(f"{hidden} more")] if hidden > 0 else [])])


def _glass(operation: Operation) -> Markup:
    """Say loudly that rules are passed, and why; the reason in a code span, so that it cannot look like ours."""
    if not operation.command.break_glass:
        return Markup("")
    loud = join(" ", [esc(":rotating_light:"), bold(esc("BREAK-GLASS")), esc("by"), user(operation.actor.user)])
    return loud + esc(". Reason: ") + code(shorten(operation.command.reason, 300))


def _steps(approval: Approval) -> Markup:
    if not approval.steps:
        return Markup("")
    return esc(f"all steps at once: {', '.join(percent(share).removesuffix(' %') for share in approval.steps[:20])} %")


def _denied(operation: Operation) -> Markup:
    event = next((one for one in reversed(operation.story) if one.step is Step.VOTED_DOWN), None)
    if event is None:
        return Markup("")
    why = code(shorten(event.text, 300)) or esc("no reason given")
    return join(" ", [esc(":no_entry: Denied by"), user(event.by) + esc(":"), why])
