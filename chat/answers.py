"""What only the asking person sees, within the acknowledgement: help, history, rights, receipts and errors. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chat.blocks import Block, Message, actions, context, header, message, section
from chat.cards import change_in_short
from chat.choices import offer
from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, join, prose, shorten, user
from chat.phrases import sign, was_forced, was_written
from chat.tables import shares
from mesh.domain.commands import CHANGING, STEERING, Verb
from mesh.domain.errors import Denied, Held, MeshbotError, Refused, Unavailable
from mesh.domain.operations import Operation
from mesh.domain.policy import Role
from mesh.domain.verbs import VERBS
from mesh.operations.receiving import Whoami
from mesh.ports import Receipt

_OPTIONS = (
    ("--reason “why”", "kept with the change, shown on the card"),
    ("--dry-run", "show the plan and the gates, change nothing"),
    ("--force", "go ahead although a gate does not pass; needs --reason"),
    ("--namespace name, -n", "another namespace than the configured one"),
    ("--cluster name, -c", "another cluster"),
    ("--strategy name", "for canary: one of the configuration"),
    ("--version name", "for canary and promote: a version that reads like something else, such as 2"),
    ("--route name, -r", "which of several routes, e.g. 'HTTPRoute/web' or 'VirtualService/api-vs/http[1]'"),
)
_MOST_ROLES = 20
_STEERS = "Speaks to the canary that is under way."


def help_answer(topic: str = "") -> Message:
    """Explain every verb, or the one named by `topic`; ValueError for what is no verb."""
    if topic:
        return _one_verb(Verb(topic))
    reading = [known for known in VERBS if known not in CHANGING]
    changing = [known for known in VERBS if known in CHANGING - STEERING]
    steering = [known for known in VERBS if known in STEERING]
    options = join("\n", [bold(esc("Options")), *(_pair(option, what) for option, what in _OPTIONS)])
    footer = context(
        [
            join(" ", [esc("More on one verb:"), code("/mesh help promote")]),
            join(" ", [code("/mesh"), esc("alone opens a form.")]),
        ]
    )
    text = esc("What meshbot understands: " + ", ".join(VERBS) + ".")
    groups = (("Reading", reading), ("Changing traffic", changing), ("To a canary that is under way", steering))
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


def whoami_answer(whoami: Whoami) -> Message:
    """Say who somebody is to meshbot, and what they may change."""
    person = join(" ", [esc("You are"), user(whoami.actor.user), code(whoami.actor.user)])
    groups = join(" ", [code(group) for group in sorted(whoami.groups)]) or esc("none that the policy names")
    roles = [_role(role) for role in whoami.roles[:_MOST_ROLES]]
    if not roles:
        roles = [esc("You hold no role: you may read everything and change nothing. An administrator grants roles.")]
    hidden = len(whoami.roles) - _MOST_ROLES
    more = [esc(f"… and {hidden} more roles")] if hidden > 0 else []
    lines = [person, join(" ", [esc("Usergroups:"), groups]), *roles, *more]
    names = ", ".join(role.name for role in whoami.roles) or "none"
    return message(join(" ", [esc("You are"), user(whoami.actor.user), esc(f"with roles: {names}.")]), _sections(lines))


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
    first = join(" ", [esc(emoji), bold(esc(f"{word}.")), esc(shorten(error.message, 900))])
    offered = offer(error.choices)
    lines = [first, prose(shorten(error.hint, 600)), *offered.lines]
    text = join(" ", [esc(f"{word}."), esc(shorten(error.message, 900)), esc(shorten(error.hint, 600))])
    pressable = [actions(offered.buttons)] if offered.buttons else []
    return message(text, [section(join("\n", lines)), *pressable])


def late_answer() -> Message:
    """Say that a request came too late to be acted upon."""
    return _short("That took too long to reach me, so nothing was done.", "Please repeat it.")


_ERRORS: tuple[tuple[type[MeshbotError], tuple[str, str]], ...] = (
    (Denied, (":no_entry:", "Not allowed")),
    (Held, (":warning:", "Unknown")),
    (Refused, (":no_entry:", "Refused")),
    (Unavailable, (":warning:", "Not available")),
)
"""The first that fits, so the more special kinds stand first."""


def _one_verb(verb: Verb) -> Message:
    found = VERBS[verb]
    kind = "Only reads." if verb not in CHANGING else _STEERS if verb in STEERING else "Changes traffic."
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


def _role(role: Role) -> Markup:
    verbs = "every change" if "*" in role.verbs else ", ".join(role.verbs) or "nothing"
    where = [("services", role.services), ("namespaces", role.namespaces), ("clusters", role.clusters)]
    limits = [f"{what} {', '.join(names)}" for what, names in where if names != ("*",)]
    scope = "; ".join(limits) or "everywhere"
    return join(" ", [esc("•"), bold(esc(shorten(role.name, 80))), esc(shorten(f"allows {verbs}: {scope}", 400))])


def _sections(lines: Sequence[Markup]) -> list[Block]:
    """Spread lines over sections so that none is cut."""
    return [section(join("\n", lines[start : start + 6])) for start in range(0, len(lines), 6)]


def _short(what: str, then: str) -> Message:
    line = join(" ", [esc(what), esc(then)])
    return message(line, [section(line)])
