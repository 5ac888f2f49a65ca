"""The card: the one Slack message of an operation, drawn wholly from its record each time. Pure.

One glance answers: what happens to which service, is it safe, who did it, what can I press. The order never changes:
verb and target, where, steps, weights, gates, chart, warnings, force, approval, outcome, people and times, buttons.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from chat.approvals import approval_blocks
from chat.blocks import Block, Message, Plain, actions, context, header, message, section
from chat.buttons import buttons, offered
from chat.commits import commit_line, commit_moved, tried_again
from chat.digests import digest_blocks, digest_text
from chat.escape import Markup, bold, code, esc, join, prose, shorten, tell, user
from chat.figures import units_kept
from chat.findings import astray_lines, route_findings, split_line
from chat.freezes import place_in_words
from chat.gates import gates_table
from chat.locales import heard, mark, tr
from chat.patches import patch
from chat.phases import rollout_of
from chat.phrases import (
    as_dry_run,
    is_change,
    is_plan,
    is_unsure,
    sign,
    title,
    was_denied,
    was_forced,
    was_written,
)
from chat.rollouts import as_sentence, bars, chart, people, progress
from chat.tables import Moved, more, route_table, weights_table
from chat.times import times
from chat.wishes import phrase
from mesh.domain.commands import Verb
from mesh.domain.gates import Verdict, overall
from mesh.domain.operations import UNSENT, Operation, RouteStatus, State, Step
from mesh.domain.plans import Plan
from mesh.domain.rollouts import Happening, Phase

MOST_ROUTES = 12
MOST_WARNINGS = 6
_SENTENCE = 600
"""Characters of one foreign sentence (an outcome, a warning): the card must stay one glance."""
_HINT = 1500
"""Characters of what to do next: it may hold a setting to copy, which is of no use when it is cut."""

_PLANNED_AGAIN = {
    Step.CONFLICT: mark("Somebody else changed the object first, so this was planned again."),
    Step.UNWRITTEN: mark("No answer came to a patch. It was not written, so this was planned again."),
}
_UNSENT = mark("No replica of Redis had the plan, so the patch was not sent at first.")


def card(operation: Operation) -> Message:
    """Draw the card of an operation in whatever state it is."""
    return message(sentence(operation), list(_blocks(operation)))


def sentence(operation: Operation) -> Markup:
    """Return the card as full sentences, for notifications and screen readers."""
    headline, word, target = title(operation), sign(operation).word, operation.target
    what = esc(tr("{what} in {place}.", what=headline, place=place_in_words(target)))
    state = esc("" if headline.startswith(word) else f"{word}.")
    loud = [tr("BREAK-GLASS.")] * operation.command.break_glass + [tr("FORCED.")] * was_forced(operation)
    forced = esc(" ".join(loud))
    asked = tell("Asked by {person}.", person=user(operation.actor.user))
    outcome = heard(operation.outcome)
    said = as_sentence(operation, outcome) if rollout_of(operation) else outcome
    if operation.edition:
        return join(" ", [digest_text(operation.edition), asked])
    return join(" ", [what, state, forced, prose(_stopped(said or _reason_why(operation))), asked])


def _reason_why(operation: Operation) -> str:
    """Return why a rollout stands where it stands; what a person gave as a reason is not ours to say."""
    rollout = rollout_of(operation)
    return as_sentence(operation, heard(rollout.why)) if rollout and not rollout.steered else ""


def _reason_on_record(operation: Operation) -> str:
    rollout = rollout_of(operation)
    return rollout.why if rollout and not rollout.steered else ""


def _blocks(operation: Operation) -> Iterator[Block]:
    yield header(title(operation))
    yield context([_where(operation)])
    yield from _what(operation)
    if operation.edition:
        yield from digest_blocks(operation.edition)
    for route in operation.statuses[:MOST_ROUTES]:
        table = route_table(route, _named(route, operation), counted=bool(operation.target.service))
        yield section(join("\n", [table, route_findings(route)]))
    if operation.gates:
        yield section(gates_table(operation.gates, said=_reason_on_record(operation)))
    yield from chart(operation)
    if operation.plan and is_plan(operation) and operation.plan.patch:
        yield section(patch(operation.plan))
    yield from _asides(operation)
    yield from approval_blocks(operation)
    yield from _ending(operation)
    if commit := commit_line(operation):
        yield context([commit])
    yield context(people(operation) or _asked(operation))
    if again := _planned_again(operation):
        yield context([esc(tr(why)) for why in again])
    yield context([times(operation)])
    if pressable := buttons(operation):
        yield actions(pressable)


def _planned_again(operation: Operation) -> list[str]:
    """Return what to say of tries that wrote nothing."""
    unsent = any(event.text == UNSENT for event in operation.story)
    sent = {event.step for event in operation.story if event.text != UNSENT}
    return [*[_UNSENT] * unsent, *(why for step, why in _PLANNED_AGAIN.items() if step in sent)]


def _what(operation: Operation) -> Iterator[Block]:
    """Yield the steps of a rollout, and the weights."""
    if rollout := rollout_of(operation):
        yield progress(operation, rollout)
    if operation.plan and not (operation.command.verb is Verb.GATES or operation.command.steers):
        yield from _weights(operation, operation.plan)


def _asked(operation: Operation) -> list[Markup | Plain]:
    asked = tell(_ASKED.get(operation.origin.way, _ASKED[""]), person=user(operation.actor.user))
    return [asked, _reason(operation)]


_ASKED = {
    "": mark("Asked by {person}"),
    "button": mark("Asked by {person} with a button"),
    "cli": mark("Asked by {person} on the command line"),
}
"""By the way in which it was asked."""


def _where(operation: Operation) -> Markup:
    """Return sign, place and route on one line."""
    found, target = sign(operation), operation.target
    state = join(" ", [esc(found.emoji), bold(esc(found.word))])
    label = operation.plan.label if operation.plan else ""
    forced = esc(":rotating_light: ") + bold(esc(tr("FORCED"))) if was_forced(operation) else Markup("")
    glass = esc(":rotating_light: ") + bold(esc(tr("BREAK-GLASS"))) if operation.command.break_glass else Markup("")
    # A digest says itself what it is about.
    place = "" if operation.command.verb is Verb.DIGEST else place_in_words(target)
    return join(" · ", [state, forced, glass, esc(place), esc(label)])


def _weights(operation: Operation, plan: Plan) -> Iterator[Block]:
    """Yield the weights, how they were rounded, and whether the traffic was seen to follow them."""
    moved = _moved(operation)
    if moved:
        yield section(join("\n", [_caption(operation), weights_table(plan, moved)]))
    # What was noted before the first step (`no traffic yet`) is not true any more after it.
    notes = [] if operation.rollout and moved is Moved.DONE else [esc(_stopped(heard(note))) for note in plan.notes]
    if operation.state is State.RUNNING and operation.patch_step is Step.AWAITING:
        committed = mark("Committed. It waits {whom}")
        said = committed if operation.commit else mark("Written and read back. It waits {whom}")
        awaited = tr(said, whom=heard(operation.story[-1].text))
        notes.append(esc(_stopped(awaited)))
    if told := astray_lines(operation):
        yield section(told)
    elif operation.split:
        notes.append(split_line(operation.split))
    if notes:
        yield context(notes)


def _named(route: RouteStatus, operation: Operation) -> str:
    """Return the option that names a route, where a command for the service has to say which one is meant."""
    several = operation.target.service and len(operation.statuses) > 1
    return f"--route {shlex.quote(route.key)}" if several and route.key and len(route.arms) > 1 else ""


def _moved(operation: Operation) -> Moved | None:
    """Return how much of the plan is true by now; None where it says nothing of where the traffic is."""
    if operation.plan and (rollout := rollout_of(operation)):
        return bars(rollout, operation.plan)
    if is_plan(operation):
        return Moved.IMAGINED
    if moved := commit_moved(operation):
        return moved
    if was_written(operation):
        return Moved.DONE
    if is_unsure(operation):
        return Moved.UNSURE
    never = (State.REFUSED, State.EXPIRED, State.FAILED, State.VOID)
    return Moved.NEVER if operation.state in never else Moved.NOT_YET


def _caption(operation: Operation) -> Markup:
    """Say it where the bars are a memory and not what the route has now."""
    if operation.done and operation.patch_step is Step.PATCHING:
        return esc(tr("As it was read before the patch was sent:"))
    if operation.state is State.FAILED and was_written(operation) and not commit_moved(operation):
        return esc(tr("As this change wrote it:"))
    rollout = rollout_of(operation)
    if rollout and rollout.cause is Happening.DRIFTED:
        return esc(tr("As meshbot wrote it, before somebody else did:"))
    return Markup("")


def _asides(operation: Operation) -> Iterator[Block]:
    """Yield warnings, and the force that nobody may overlook."""
    warnings = _warnings(operation)
    shown = [prose(_stopped(text)) for text in warnings[:MOST_WARNINGS]]
    lines = [join(" ", [esc(":warning:"), tell("Warning: {warning}", warning=text)]) for text in shown]
    lines += [esc(line) for line in more(len(warnings) - MOST_WARNINGS, mark("… and {count} more warnings"))]
    if lines:
        yield section(join("\n", lines))
    if operation.command.force and (told := _forced(operation)):
        yield section(told)


def _warnings(operation: Operation) -> list[str]:
    planned = operation.plan.warnings if operation.plan else ()
    several = len(operation.statuses) > 1
    read = [
        f"{route.label}: {heard(text)}" if several else heard(text)
        for route in operation.statuses
        for text in route.warnings
    ]
    hidden = len(operation.statuses) - MOST_ROUTES + operation.unshown
    left = more(hidden, mark("{count} more routes are not shown; ask for one service, like /mesh status api"))
    return list(dict.fromkeys([*left, *map(heard, planned), *read]))


def _forced(operation: Operation) -> Markup:
    """Say loudly that gates were overruled, or may be; and plainly when that turned out to be needless."""
    if operation.done and not was_forced(operation):
        if operation.state is not State.SUCCEEDED or not is_change(operation):
            return Markup("")
        return tell("{force} was given, but no gate had to be overruled.", force=code("--force"))
    said = _PAST if was_forced(operation) else _PERHAPS_PAST
    # A code span, so that nothing in the person's own words can look like ours.
    reason = code(shorten(operation.command.reason, 300)) or esc(tr("none given."))
    loud = tell(said, forced=bold(esc(tr("FORCED"))), person=user(operation.actor.user), reason=reason)
    return join(" ", [esc(":rotating_light:"), loud])


_PAST = mark("{forced} past the gates by {person}. Reason: {reason}")
_PERHAPS_PAST = mark("{forced} if a gate does not pass, as asked by {person}. Reason: {reason}")


def _ending(operation: Operation) -> Iterator[Block]:
    """Yield the outcome, what to do next, and what to choose from besides the buttons."""
    lines = [_outcome(operation), tried_again(operation), prose(_stopped(heard(_hint(operation)), most=_HINT))]
    lines += offered(operation).lines if operation.done and not rollout_of(operation) else ()
    if filled := join("\n", lines):
        yield section(filled)
    last = [route.last_operation for route in operation.statuses if route.last_operation]
    if last:
        found = join(", ", [code(identity) for identity in dict.fromkeys(last[:MOST_ROUTES])])
        yield context([tell("Last changed by {operations}", operations=found)])


def _hint(operation: Operation) -> str:
    """Return what to do next; that of a step of a rollout only while it is what the rollout stands at."""
    rollout = rollout_of(operation)
    return "" if rollout and rollout.phase not in (Phase.HELD, Phase.TURNING_BACK, Phase.STOPPED) else operation.hint


def _outcome(operation: Operation) -> Markup:
    """Return the end in one sentence, unless the tables above have just said it."""
    said = prose(_stopped(heard(operation.outcome)))
    if not said or _is_said_above(operation):
        return Markup("")
    if operation.state is State.SUCCEEDED and operation.went(Step.VERIFIED):
        synced = mark("Read back after the sync: {outcome}")
        return tell(synced if operation.commit else mark("Read back after the patch: {outcome}"), outcome=said)
    return bold(said)


def _is_said_above(operation: Operation) -> bool:
    """Tell whether a status table shows it, or the reasons below the gates are all that the outcome holds."""
    if operation.edition or (operation.command.verb is Verb.STATUS and operation.statuses):
        return True
    if rollout_of(operation) or was_denied(operation):
        return True
    verdict = overall(operation.gates)
    if operation.state is not State.REFUSED or not operation.gates or verdict is Verdict.PASS:
        return False
    return all(gate.why in operation.outcome for gate in operation.gates if gate.verdict is verdict)


def _reason(operation: Operation) -> Plain:
    reason = operation.command.reason
    return Plain(f"“{shorten(reason, 300)}”" if reason else "")


def _stopped(text: str, *, most: int = _SENTENCE) -> str:
    """Return a sentence with its final stop, numbers kept beside their units, not longer than it should be."""
    said = units_kept(shorten(text.strip(), most))
    return said if not said or said[-1] in ".!?:…" else f"{said}."


def change_in_short(operation: Operation) -> str:
    """Return `promote api to v2 50 %`, with `(dry run)` where nothing was meant to change. Plain text."""
    wish = phrase(operation).wish
    return as_dry_run(wish) if not is_change(operation) and is_plan(operation) else wish
