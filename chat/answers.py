"""What only the asking person sees, within the acknowledgement: help, history, receipts and errors. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chat.blocks import Block, Message, actions, context, header, message, section
from chat.cards import change_in_short
from chat.choices import offer
from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, join, prose, shorten, user
from chat.phrases import sign, was_forced, was_written
from chat.tables import shares
from mesh.domain.commands import CHANGING, FREEZING, STEERING, VOTING, Verb
from mesh.domain.errors import Barred, Denied, Flooded, Held, MeshbotError, Refused, TooLate, Unavailable
from mesh.domain.operations import Operation
from mesh.domain.verbs import VERBS
from mesh.ports import Receipt

_OPTIONS = (
    ("--reason “why”", "kept with the change, shown on the card"),
    ("--dry-run", "show the plan and the gates, change nothing"),
    ("--force", "go ahead although a gate does not pass; needs --reason"),
    ("--break-glass", "ask one second person of the break-glass group instead of whom the rules name; needs --reason"),
    ("--namespace name, -n", "another namespace than the configured one"),
    ("--cluster name, -c", "another cluster"),
    ("--strategy name", "for canary: one of the configuration"),
    ("--version name", "for canary and promote: a version that reads like something else, such as 2"),
    ("--route name, -r", "which of several routes, e.g. 'HTTPRoute/web' or 'VirtualService/api-vs/http[1]'"),
)
_KINDS = {
    **dict.fromkeys(STEERING, "Speaks to the canary that is under way."),
    **dict.fromkeys(FREEZING, "Moves no traffic."),
    **dict.fromkeys(VOTING, "A vote: the rule that the change waits for says whose it counts."),
}


def help_answer(topic: str = "") -> Message:
    """Explain every verb, or the one named by `topic`; ValueError for what is no verb."""
    if topic:
        return _one_verb(Verb(topic))
    reading = [known for known in VERBS if known not in CHANGING | VOTING]
    changing = [known for known in VERBS if known in CHANGING - STEERING - FREEZING]
    steering = [known for known in VERBS if known in STEERING]
    freezing = [known for known in VERBS if known in FREEZING]
    options = join("\n", [bold(esc("Options")), *(_pair(option, what) for option, what in _OPTIONS)])
    footer = context(
        [
            join(" ", [esc("More on one verb:"), code("/mesh help promote")]),
            join(" ", [code("/mesh"), esc("alone opens a form.")]),
        ]
    )
    text = esc("What meshbot understands: " + ", ".join(VERBS) + ".")
    groups = [("Reading", reading), ("Changing traffic", changing), ("To a canary that is under way", steering)]
    groups.append(("Freezing", freezing))
    groups.append(("About a change that waits for approval", [known for known in VERBS if known in VOTING]))
    lists = [_verbs(title, verbs) for title, verbs in groups]
    return message(text, [header("What you can ask"), *lists, section(options), footer])


def history_answer(operations: Sequence[Operation]) -> Message:
    """List changes, newest first: when, what, who, from what to what, how it ended."""
    if not operations:
        return _short("No change is on record here.", "meshbot only knows changes that were made through it.")
    lines = [_past(operation) for operation in operations[:20]]
    count = len(operations)
    text = esc(f"The latest {count} changes." if count > 1 else "The latest change.")
    return message(text, [header("Latest changes"), *(section(line) for line in lines)])


def accepted_answer(receipt: Receipt) -> Message:
    """Say that a request was written down, or which operation it repeats."""
    operation = receipt.operation
    if receipt.created:
        line = join(" ", [esc("Queued as"), code(operation.id) + esc("."), esc("Watch the card.")])
    else:
        became = sign(operation).word.lower()
        how = "was already done" if operation.done else "is already under way"
        line = join(" ", [esc(f"That {how} as"), code(operation.id), esc(f"({became}).")])
    return message(line, [section(line)])


def error_answer(error: MeshbotError) -> Message:
    """Say what is wrong, why, and what to do next; short. What would have been clear becomes buttons."""
    emoji, word = next((sign for kind, sign in _ERRORS if isinstance(error, kind)), (":x:", "Failed"))
    first = join(" ", [esc(emoji), bold(esc(f"{word}.")), esc(shorten(error.message, 900)), _decided_by(error)])
    offered = offer(error.choices)
    lines = [first, prose(shorten(error.hint, 600)), *offered.lines]
    text = join(" ", [esc(f"{word}."), esc(shorten(error.message, 900)), esc(shorten(error.hint, 600))])
    pressable = [actions(offered.buttons)] if offered.buttons else []
    return message(text, [section(join("\n", lines)), *pressable])


def _decided_by(error: MeshbotError) -> Markup:
    """Name those who decided before, to whoever came too late."""
    by = [user(one) for one in error.by[:8]] if isinstance(error, TooLate) else []
    return join(" ", [esc("Decided by"), join(", ", by) + esc(".")]) if by else Markup("")


def late_answer() -> Message:
    """Say that a request came too late to be acted upon."""
    return _short("That took too long to reach me, so nothing was done.", "Please repeat it.")


_ERRORS: tuple[tuple[type[MeshbotError], tuple[str, str]], ...] = (
    (Denied, (":no_entry:", "Not allowed")),
    (Held, (":warning:", "Unknown")),
    (Barred, (":snowflake:", "Not now")),
    (Flooded, (":no_entry:", "Too much at once")),
    (Refused, (":no_entry:", "Refused")),
    (Unavailable, (":warning:", "Not available")),
)
"""The first that fits, so the more special kinds stand first."""


def _one_verb(verb: Verb) -> Message:
    found = VERBS[verb]
    kind = "Only reads." if verb not in CHANGING | VOTING else _KINDS.get(verb, "Changes traffic.")
    lines = [code(f"/mesh {found.usage}"), esc(f"{found.summary}. {kind}"), bold(esc("For example"))]
    lines += [code(f"/mesh {example}") for example in found.examples]
    text = join(" ", [code(f"/mesh {found.usage}") + esc(":"), esc(f"{found.summary}.")])
    return message(text, [header(f"Help: {verb}"), section(join("\n", lines))])


def _verbs(title: str, verbs: Iterable[Verb]) -> Block:
    lines = [_pair(f"/mesh {VERBS[verb].usage}", VERBS[verb].summary) for verb in verbs]
    return section(join("\n", [bold(esc(title)), *lines]))


def _pair(written: str, meaning: str) -> Markup:
    return join(" ", [code(written), esc(meaning)])


def _past(operation: Operation) -> Markup:
    found = sign(operation)
    head = join(" ", [esc(found.emoji), bold(esc(found.word)), esc(change_in_short(operation))])
    forced = bold(esc(":rotating_light: FORCED")) if was_forced(operation) else Markup("")
    when = date(operation.created_at, shown=DAY_AND_TIME)
    weights = Markup("")
    if operation.plan and was_written(operation):
        arms = operation.plan.arms[:6]
        before, after = shares(arms, before=True), shares(arms, before=False)
        weights = esc(f"{before} -> {after}" if operation.plan.moves else f"stays {before}")
    reason = code(shorten(operation.command.reason, 120))
    return join(" · ", [head, forced, weights, when, user(operation.actor.user), reason, code(operation.id)])


def _short(what: str, then: str) -> Message:
    line = join(" ", [esc(what), esc(then)])
    return message(line, [section(line)])
