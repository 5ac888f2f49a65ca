"""What people see of an approval: who may vote, who has, until when, and the two buttons. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from chat.blocks import Block, Button, Confirm, Message, context, header, message, section
from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, group, join, shorten, tell, user
from chat.figures import percent, span, units_kept
from chat.locales import heard, many, mark, tr
from chat.tables import more
from mesh.domain.approvals import Approval, Demand
from mesh.domain.commands import Verb
from mesh.domain.operations import Event, Operation, State, Step
from mesh.operations.ballots import Waiting

APPROVE = "meshbot.approve"
DENY = "meshbot.deny"
"""What Slack sends when one is pressed; the value is the operation's id."""
MOST_PEOPLE = 8
MOST_RULES = 5
MOST_LISTED = 15
MOST_FREEZES = 4

_STORY = {
    Step.VOTED: (":white_check_mark:", mark("Agreed")),
    Step.APPROVED: (":white_check_mark:", mark("Approved")),
    Step.REMINDED: (":alarm_clock:", mark("Still waits for approval")),
    Step.ESCALATED: (":busts_in_silhouette:", mark("More people may vote now")),
    Step.VOTED_DOWN: (":no_entry:", mark("Denied")),
    Step.EXPIRED: (":no_entry:", mark("Expired")),
    Step.VOID: (":no_entry:", mark("Void")),
}
CALLS_VOTERS = frozenset({Step.REMINDED, Step.ESCALATED})
"""Steps after which those who may vote are called, where they are asked."""
_CALLS_REQUESTER = frozenset({Step.VOTED_DOWN, Step.EXPIRED, Step.VOID})


def _paused(operation: Operation) -> Iterator[Markup]:
    """Say that a rollout which has not begun was paused: people agree to it, and then it stands still."""
    if operation.paused and operation.rollout is None:
        who = user(operation.paused.by)
        yield join(
            " ", [esc(":double_vertical_bar:"), tell("Paused by {person}: nothing starts until resume.", person=who)]
        )


def approval_blocks(operation: Operation) -> Iterator[Block]:
    """Yield who must agree, who has, and until when; once it is decided, who decided."""
    approval = operation.approval
    if approval is None:
        return
    waits = operation.state is State.WAITING
    head = join(" ", [bold(esc(tr("Approval:"))), esc(heard(approval.in_words))])
    until = _until(approval) if waits else Markup("")
    checksum = operation.command.checksum
    revision = tell("revision {checksum}", checksum=code(checksum)) if checksum else Markup("")
    lines = [
        _glass(operation),
        *_paused(operation),
        *_passes(approval),
        join(" · ", [head, until, revision, _steps(approval)]),
    ]
    if waits:
        lines += [_asked(approval, demand, operation.actor.user) for demand in approval.demands[:MOST_RULES]]
    lines += [
        join(
            " ", [esc(":white_check_mark:"), tell("Approved by {person}", person=user(vote.voter.user)), date(vote.at)]
        )
        for vote in approval.votes[:MOST_PEOPLE]
    ]
    yield section(join("\n", [*lines, _denied(operation)]))
    if waits:
        asker = "" if operation.command.verb is Verb.FLAGGER else tr("Whoever asked cannot approve.")
        asked = any(one.action_id == DENY for one in vote_buttons(operation))
        denial = tr("Who denies is asked why.") if asked else ""
        if asker or denial:
            yield context([join(" ", [esc(asker), esc(denial)])])


def _until(approval: Approval) -> Markup:
    """Say when it ends, and how much of that time is left: at most, for the card is drawn again at marks only."""
    ends = tell("open until {when}", when=date(approval.expires_at))
    return join(" · ", [ends, esc(tr("at most {time} left", time=_left(approval.left_s)))])


def _left(seconds: float) -> str:
    """Return a time that is left, rounded up: who reads it has no more than that."""
    if seconds > 7200:
        return tr("{count} h", count=math.ceil(seconds / 3600))
    return span(60 * math.ceil(seconds / 60) if seconds >= 120 else math.ceil(seconds))


def vote_buttons(operation: Operation) -> tuple[Button, ...]:
    """Return Approve and Deny, while it waits."""
    if operation.state is not State.WAITING or operation.approval is None:
        return ()
    target, plan = operation.target, operation.plan
    service = shorten(target.service, 60)
    if operation.command.verb is Verb.FLAGGER:
        return _gate_buttons(operation, service)
    reaches = percent(operation.approval.share)
    where = f"{shorten(target.cluster, 60)} / {shorten(target.namespace, 60)}"
    if plan:
        stands = shorten(plan.shares_before, 60)
        follows = tr("An arm gets up to {share} in {place}, from {shares}.", share=reaches, place=where, shares=stands)
    else:
        follows = tr("An arm gets up to {share} in {place}.", share=reaches, place=where)
    return _yes_or_no(
        operation, Confirm(tr("Approve this change of {service}?", service=service), follows, tr("Approve"))
    )


def _gate_buttons(operation: Operation, service: str) -> tuple[Button, ...]:
    """Return what Flagger can be told: for its rollback, that one word."""
    hook = shorten(operation.command.hook, 30)
    if hook == "rollback":
        back = tr("Flagger sends all traffic back the next time it asks.")
        question = Confirm(tr("Roll back {service}?", service=service), back, tr("Roll back"))
        spoken = tr("Roll back {service} with Flagger", service=service)
        return (Button(tr("Roll back"), APPROVE, operation.id, spoken, "danger", question),)
    goes_on = tr("Flagger goes on the next time it asks. The card names you.")
    asked = tr("Approve {hook} of {service}?", hook=hook, service=service)
    return _yes_or_no(operation, Confirm(asked, goes_on, tr("Approve")))


def _yes_or_no(operation: Operation, yes: Confirm) -> tuple[Button, ...]:
    """Return both buttons; Deny has no question of its own: a form asks why."""
    spoken = {"operation": operation.id}
    return (
        Button(tr("Approve"), APPROVE, operation.id, tr("Approve {operation}", **spoken), "primary", yes),
        Button(tr("Deny"), DENY, operation.id, tr("Deny {operation}", **spoken), "danger"),
    )


def approval_line(operation: Operation, event: Event) -> tuple[Markup, bool] | None:
    """Tell one event of an approval in its thread, and whether the channel must hear it; None for other events."""
    approval = operation.approval
    if approval is not None and event.step is Step.ASKED and operation.command.break_glass:
        return join(" ", [_glass(operation), *_passes(approval), _people(approval.missing_groups, ())]), True
    if approval is None or event.step not in _STORY:
        return None
    denied = event.step is Step.VOTED_DOWN
    by = by_person(event.by) if event.by else Markup("")
    # What a person typed stands in a code span, so that it cannot look like ours.
    said = code(shorten(event.text, 300)) if denied else esc(shorten(heard(event.text), 600))
    what = [date(event.at), signed(_STORY[event.step]), by, said]
    single = [user_id for user_id in approval.missing_users if user_id != operation.actor.user]
    called = _people(approval.missing_groups, single) if event.step in CALLS_VOTERS else Markup("")
    asked = user(operation.actor.user) if event.step in _CALLS_REQUESTER else Markup("")
    return join(" ", [*what, called, asked]), event.step in CALLS_VOTERS | _CALLS_REQUESTER


def signed(told: tuple[str, str]) -> Markup:
    """Print a sign and its marked word."""
    emoji, word = told
    return bold(esc(f"{emoji} {tr(word)}"))


def by_person(user_id: str) -> Markup:
    """Say who did it."""
    return tell("by {person}", person=user(user_id))


def vote_answer(operation: Operation) -> Message:
    """Say to the voter alone what became of the vote: counted, or not, and who decided before."""
    well = operation.state is State.SUCCEEDED
    sign, word = (":white_check_mark:", tr("Counted.")) if well else (":no_entry:", tr("Not counted."))
    last = operation.story[-1]
    by = tell("Decided by {person}.", person=user(last.by)) if last.by else Markup("")
    outcome = esc(shorten(heard(operation.outcome).rstrip("."), 600) + ".")
    line = join(" ", [esc(sign), bold(esc(word)), outcome, by, esc(shorten(heard(operation.hint), 300))])
    return message(join(" ", [esc(word), outcome]), [section(line)])


def approvals_answer(waiting: Sequence[Waiting]) -> Message:
    """List what waits for approval, the most pressing first, and mark what the asking person may approve."""
    if not waiting:
        line = esc(tr("Nothing waits for approval."))
        return message(line, [section(line)])
    count = len(waiting)
    text = esc(many("One change waits for approval.", "{count} changes wait for approval.", count))
    left = [context([esc(line)]) for line in more(count - MOST_LISTED, mark("… and {count} more"))]
    title = header(tr("Waiting for approval"))
    return message(text, [title, *(section(_row(one)) for one in waiting[:MOST_LISTED]), *left])


def _row(waiting: Waiting) -> Markup:
    operation, approval, target = waiting.operation, waiting.approval, waiting.operation.target
    plan = operation.plan
    asked = " ".join(filter(None, (operation.command.verb, operation.command.hook, target.service)))
    place = f"{target.cluster} / {target.namespace}"
    what = tr("{what} in {place}", what=asked, place=place)
    split = esc(units_kept(shorten(f"{plan.shares_before} -> {plan.shares_after}", 200))) if plan else Markup("")
    until = tell("open until {when}", when=date(approval.expires_at, shown=DAY_AND_TIME))
    by = tell("asked by {person}", person=user(operation.actor.user))
    command = code(f"/mesh approve {operation.id}")
    yours = tell("Slack does not say whether you may: {command}", command=command)
    if waiting.mine:
        yours = join(" ", [esc(":raised_hand:"), tell("You may approve this: {command}", command=command)])
    return join(
        "\n",
        [
            join(" · ", [bold(esc(shorten(what, 200))), split]),
            join(" · ", [esc(heard(approval.in_words)), until, by]),
            yours if waiting.mine is not False else code(operation.id),
        ],
    )


def _asked(approval: Approval, demand: Demand, requester: str) -> Markup:
    """Return who may vote by one rule, and whether that is still needed; whoever asked, or has voted, is not named."""
    missing = approval.missing(demand)
    gone = {requester, *(vote.voter.user for vote in approval.votes if missing)}
    people = _people(demand.asked_groups, [user_id for user_id in demand.users if user_id not in gone])
    rule = code(shorten(demand.rule, 60))
    need = tell("{count} more of {people}", count=esc(str(missing)), people=people)
    said = need if missing else tell("has all of {people}", people=people)
    return join(" ", [esc("•"), rule + esc(":"), said])


def _people(groups: Sequence[str], users: Sequence[str]) -> Markup:
    named = [*(group(one) for one in groups), *(user(one) for one in users)]
    hidden = len(named) - MOST_PEOPLE
    return join(", ", [*named[:MOST_PEOPLE], *([esc(tr("{count} more", count=hidden))] if hidden > 0 else [])])


def _glass(operation: Operation) -> Markup:
    """Say loudly that rules are passed, and why; the reason in a code span, so that it cannot look like ours."""
    if not operation.command.break_glass:
        return Markup("")
    loud = tell(
        "{breakglass} by {person}. Reason: {reason}",
        breakglass=bold(esc(tr("BREAK-GLASS"))),
        person=user(operation.actor.user),
        reason=code(shorten(operation.command.reason, 300)),
    )
    return join(" ", [esc(":rotating_light:"), loud])


def _passes(approval: Approval) -> list[Markup]:
    """Say which freezes are passed, and whose they are: whoever agrees must know what they overrule."""
    lines = []
    for one in approval.passes[:MOST_FREEZES]:
        who = tell("by {person}", person=user(one.by)) if one.by else esc(tr("by the calendar"))
        freeze, scope = code(shorten(one.id, 60)), code(shorten(one.scope, 200))
        said = tell("It passes the freeze {freeze} of {scope}, {who}.", freeze=freeze, scope=scope, who=who)
        lines.append(join(" ", [esc(":snowflake:"), said if one.id else esc(tr(_UNREADABLE))]))
    more_of_them = more(len(approval.passes) - MOST_FREEZES, mark("… and {count} more"))
    return [*lines, *(esc(line) for line in more_of_them)]


_UNREADABLE = mark("Nobody can tell what is frozen now: it passes that as well.")


def _steps(approval: Approval) -> Markup:
    if not approval.steps:
        return Markup("")
    steps = ", ".join(percent(share).removesuffix(" %") for share in approval.steps[:20]) + " %"
    return esc(tr("all steps at once: {steps}", steps=steps))


def _denied(operation: Operation) -> Markup:
    event = next((one for one in reversed(operation.story) if one.step is Step.VOTED_DOWN), None)
    if event is None:
        return Markup("")
    why = code(shorten(event.text, 300)) or esc(tr("no reason given"))
    return join(" ", [esc(":no_entry:"), tell("Denied by {person}: {why}", person=user(event.by), why=why)])
