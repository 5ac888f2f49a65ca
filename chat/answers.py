"""What only the asking person sees, within the acknowledgement: help, history, receipts and errors. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chat.blocks import Block, Message, actions, context, header, message, section
from chat.cards import change_in_short
from chat.choices import offer
from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, join, prose, shorten, tell, user
from chat.figures import units_kept
from chat.locales import heard, many, mark, tr
from chat.phrases import sign, was_forced, was_written
from chat.tables import shares
from mesh.domain.commands import CHANGING, FREEZING, STEERING, VOTING, Verb
from mesh.domain.errors import Barred, Denied, Flooded, Held, MeshbotError, Refused, TooLate, Unavailable
from mesh.domain.operations import Operation
from mesh.domain.verbs import VERBS
from mesh.ports import Receipt

_OPTIONS = (
    ("--reason “why”", mark("kept with the change, shown on the card")),
    ("--dry-run", mark("show the plan and the gates, change nothing")),
    ("--force", mark("go ahead although a gate does not pass; needs --reason")),
    (
        "--break-glass",
        mark(
            "ask one second person of the break-glass group instead of whom the rules name, and pass freezes; "
            "needs --reason"
        ),
    ),
    ("--namespace name, -n", mark("another namespace than the configured one")),
    ("--cluster name, -c", mark("another cluster")),
    ("--strategy name", mark("for canary: one of the configuration")),
    ("--version name", mark("for canary and promote: a version that reads like something else, such as 2")),
    ("--route name, -r", mark("which of several routes, e.g. 'HTTPRoute/web' or 'VirtualService/api-vs/http[1]'")),
)
_KINDS = {
    **dict.fromkeys(STEERING, mark("Speaks to the canary that is under way.")),
    **dict.fromkeys(FREEZING, mark("Moves no traffic.")),
    **dict.fromkeys(VOTING, mark("A vote: the rule that the change waits for says whose it counts.")),
}


def help_answer(topic: str = "") -> Message:
    """Explain every verb, or the one named by `topic`; ValueError for what is no verb."""
    if topic:
        return _one_verb(Verb(topic))
    reading = [known for known in VERBS if known not in CHANGING | VOTING]
    changing = [known for known in VERBS if known in CHANGING - STEERING - FREEZING]
    steering = [known for known in VERBS if known in STEERING]
    freezing = [known for known in VERBS if known in FREEZING]
    options = join("\n", [bold(esc(tr("Options"))), *(_pair(option, tr(what)) for option, what in _OPTIONS)])
    footer = context(
        [
            tell("More on one verb: {command}", command=code("/mesh help promote")),
            tell("{command} alone opens a form.", command=code("/mesh")),
        ]
    )
    text = esc(tr("What meshbot understands: {verbs}.", verbs=", ".join(VERBS)))
    groups = [
        (tr("Reading"), reading),
        (tr("Changing traffic"), changing),
        (tr("To a canary that is under way"), steering),
        (tr("Freezing"), freezing),
        (tr("About a change that waits for approval"), [known for known in VERBS if known in VOTING]),
    ]
    lists = [_verbs(title, verbs) for title, verbs in groups]
    return message(text, [header(tr("What you can ask")), *lists, section(options), footer])


def history_answer(operations: Sequence[Operation]) -> Message:
    """List changes, newest first: when, what, who, from what to what, how it ended."""
    if not operations:
        return _short(tr("No change is on record here."), tr("meshbot only knows changes that were made through it."))
    lines = [_past(operation) for operation in operations[:20]]
    text = esc(many("The latest change.", "The latest {count} changes.", len(operations)))
    return message(text, [header(tr("Latest changes")), *(section(line) for line in lines)])


def accepted_answer(receipt: Receipt) -> Message:
    """Say that a request was written down, or which operation it repeats."""
    operation = receipt.operation
    if receipt.created:
        line = tell("Queued as {operation}. Watch the card.", operation=code(operation.id))
    else:
        became = esc(sign(operation).word.lower())
        said = _WAS_DONE if operation.done else _IS_UNDER_WAY
        line = tell(said, operation=code(operation.id), state=became)
    return message(line, [section(line)])


_WAS_DONE = mark("That was already done as {operation} ({state}).")
_IS_UNDER_WAY = mark("That is already under way as {operation} ({state}).")


def error_answer(error: MeshbotError) -> Message:
    """Say what is wrong, why, and what to do next; short. What would have been clear becomes buttons."""
    emoji, word = next((sign for kind, sign in _ERRORS if isinstance(error, kind)), (":x:", mark("Failed")))
    told, hint = shorten(heard(error.message), 900), shorten(heard(error.hint), 600)
    first = join(" ", [esc(emoji), bold(esc(f"{tr(word)}.")), esc(told), _decided_by(error)])
    offered = offer(error.choices)
    lines = [first, prose(hint), *offered.lines]
    text = join(" ", [esc(f"{tr(word)}."), esc(told), esc(hint)])
    pressable = [actions(offered.buttons)] if offered.buttons else []
    return message(text, [section(join("\n", lines)), *pressable])


def _decided_by(error: MeshbotError) -> Markup:
    """Name those who decided before, to whoever came too late."""
    by = [user(one) for one in error.by[:8]] if isinstance(error, TooLate) else []
    return tell("Decided by {person}.", person=join(", ", by)) if by else Markup("")


def late_answer() -> Message:
    """Say that a request came too late to be acted upon."""
    return _short(tr("That took too long to reach me, so nothing was done."), tr("Please repeat it."))


_ERRORS: tuple[tuple[type[MeshbotError], tuple[str, str]], ...] = (
    (Denied, (":no_entry:", mark("Not allowed"))),
    (Held, (":warning:", mark("Unknown"))),
    (Barred, (":snowflake:", mark("Not now"))),
    (Flooded, (":no_entry:", mark("Too much at once"))),
    (Refused, (":no_entry:", mark("Refused"))),
    (Unavailable, (":warning:", mark("Not available"))),
)
"""The first that fits, so the more special kinds stand first."""


def _one_verb(verb: Verb) -> Message:
    found = VERBS[verb]
    kind = mark("Only reads.") if verb not in CHANGING | VOTING else _KINDS.get(verb, mark("Changes traffic."))
    summary = heard(found.summary)
    lines = [code(f"/mesh {found.usage}"), esc(f"{summary}. {tr(kind)}"), bold(esc(tr("For example")))]
    lines += [code(f"/mesh {example}") for example in found.examples]
    text = join(" ", [code(f"/mesh {found.usage}") + esc(":"), esc(f"{summary}.")])
    return message(text, [header(tr("Help: {verb}", verb=verb)), section(join("\n", lines))])


def _verbs(title: str, verbs: Iterable[Verb]) -> Block:
    lines = [_pair(f"/mesh {VERBS[verb].usage}", heard(VERBS[verb].summary)) for verb in verbs]
    return section(join("\n", [bold(esc(title)), *lines]))


def _pair(written: str, meaning: str) -> Markup:
    return join(" ", [code(written), esc(meaning)])


def _past(operation: Operation) -> Markup:
    found = sign(operation)
    head = join(" ", [esc(found.emoji), bold(esc(found.word)), esc(change_in_short(operation))])
    forced = bold(esc(":rotating_light: ") + esc(tr("FORCED"))) if was_forced(operation) else Markup("")
    when = date(operation.created_at, shown=DAY_AND_TIME)
    weights = Markup("")
    if operation.plan and was_written(operation):
        arms = operation.plan.arms[:6]
        before, after = shares(arms, before=True), shares(arms, before=False)
        told = f"{before} -> {after}" if operation.plan.moves else tr("stays {shares}", shares=before)
        weights = esc(units_kept(told))
    reason = code(shorten(operation.command.reason, 120))
    return join(" · ", [head, forced, weights, when, user(operation.actor.user), reason, code(operation.id)])


def _short(what: str, then: str) -> Message:
    line = join(" ", [esc(what), esc(then)])
    return message(line, [section(line)])
