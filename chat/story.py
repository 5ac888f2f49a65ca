"""What a card's thread tells: only what somebody reading the card alone would miss. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chat import escape
from chat.approvals import CALLS_VOTERS, approval_line, by_person, signed
from chat.escape import Markup, code, date, esc, join, prose, shorten, user
from chat.findings import astray_story
from chat.gates import evidence_lines
from chat.locales import heard, mark, tr
from chat.phrases import is_change
from mesh.domain.gates import Verdict, overall
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.rollouts import Happening

MOST_LINES = 10

_TOLD = {
    Step.FORCED: (":rotating_light:", mark("FORCED")),
    Step.RESUMED: (":arrows_counterclockwise:", mark("Resumed")),
    Step.REFUSED: (":no_entry:", mark("Refused")),
    Step.BARRED: (":snowflake:", mark("Not now")),
    Step.FAILED: (":x:", mark("Failed")),
    Step.VERIFIED: (":white_check_mark:", mark("Verified")),
    Step.UNACCEPTED: (":warning:", mark("Written, not accepted")),
}
"""The steps a thread hears of; the rest is on the card."""
_OF_A_ROLLOUT = {
    Step.STEPPING: (":fast_forward:", mark("Begins")),
    Step.STEPPED: (":arrow_forward:", mark("Step taken")),
    Step.CONFIRMING: (":raised_hand:", mark("Waits for confirmation")),
    Step.PAUSED: (":double_vertical_bar:", mark("Paused")),
    Step.CONTINUED: (":arrow_forward:", mark("Goes on")),
    Step.HELD: (":warning:", mark("Held")),
    Step.TURNING_BACK: (":leftwards_arrow_with_hook:", mark("Turning back")),
    Step.COMPLETED: (":white_check_mark:", mark("Completed")),
    Step.TURNED_BACK: (":x:", mark("Turned back")),
    Step.ABORTED: (":octagonal_sign:", mark("Aborted")),
    Step.STOPPED: (":octagonal_sign:", mark("Stopped")),
    Step.EXPIRED: (":no_entry:", mark("Expired")),
    Step.REFUSED: (":no_entry:", mark("Refused")),
    Step.FAILED: (":x:", mark("Failed")),
}
_QUIET = frozenset({Step.STEPPING, Step.STEPPED, Step.CONTINUED, Step.TURNING_BACK})
"""Steps that the thread hears of and the channel does not."""
_ASKING = frozenset({Step.CONFIRMING, Step.HELD, Step.FAILED})
"""Steps after which somebody has to do something: who began it is called."""
_PROVEN = frozenset({Step.STEPPING, Step.HELD, Step.TURNING_BACK})
_BY_GATES = frozenset({Happening.RIPE, Happening.WORSE, Happening.BLIND, Happening.INCIDENT})
"""Steps that gates may be the reason of, and when they are."""


@dataclass(frozen=True)
class Told:
    """One event of a rollout as its thread hears it."""

    text: Markup
    loud: bool
    """True for what the channel must hear, too."""
    count: int
    """How many events of the story are told with this one: the operation's `told` from then on."""
    to_voters: bool = False
    """True for what calls those who may vote: told where they are asked."""


def tell(operation: Operation) -> list[Told]:
    """Tell the events of a rollout or an approval that its thread has not heard of yet; nothing for other operations.

    A refusal is short, and its card says it all.
    Evidence stands under the newest event only: the gates that led to older ones are not known any more.
    """
    if not is_followed(operation) or operation.command.dry_run:
        return []
    return [told for at in range(operation.told, len(operation.story)) if (told := _told(operation, at))]


def is_followed(operation: Operation) -> bool:
    """Tell whether its thread hears of it event by event."""
    return operation.rollout is not None or operation.approval is not None


def _told(operation: Operation, at: int) -> Told | None:
    event = operation.story[at]
    if operation.rollout is None or event.step not in _OF_A_ROLLOUT:
        line = approval_line(operation, event)
        return Told(line[0], line[1], at + 1, to_voters=event.step in CALLS_VOTERS) if line else None
    if operation.state is State.REFUSED:
        return None
    return Told(_line(operation, at), event.step not in _QUIET and not _held_again(operation, at), at + 1)


def _line(operation: Operation, at: int) -> Markup:
    event, asked = operation.story[at], Markup("")
    if event.step in _ASKING and not _held_again(operation, at):
        asked = user(operation.actor.user)
    # What a person gave as their reason stands between backticks.
    said = prose(shorten(heard(event.text), 600))
    if event.by:
        said = escape.tell("{what} by {person}", what=said, person=user(event.by)) if said else by_person(event.by)
    lines = [join(" ", [date(event.at), signed(_OF_A_ROLLOUT[event.step]), _named(operation, event), said, asked])]
    if event.step in _PROVEN and at == _newest(operation):
        lines += _evidence(operation)
    return join("\n", lines)


def _held_again(operation: Operation, at: int) -> bool:
    """Tell whether it was held for just this before, and nobody said anything since: people were called then."""
    event = operation.story[at]
    if event.step is not Step.HELD:
        return False
    former = [one for one in operation.story[:at] if one.step in _OF_A_ROLLOUT][-2:]
    tried_again = [one.step for one in former] == [Step.HELD, Step.CONTINUED] and not former[1].by
    return tried_again and former[0].text == event.text


def _evidence(operation: Operation) -> list[Markup]:
    by_gates = operation.rollout is not None and operation.rollout.cause in _BY_GATES
    return evidence_lines(operation.gates, overall(operation.gates)) if by_gates else []


def _against(operation: Operation) -> list[Markup]:
    """Return what was measured that did not pass: with the query, so that anybody can see it for themselves."""
    measured = [gate for gate in operation.gates if gate.query]
    verdict = overall(operation.gates)
    return [] if verdict is Verdict.PASS else evidence_lines(measured, verdict)


def _named(operation: Operation, event: Event) -> Markup:
    """Return which canary it is, where a line stands in the channel without its card."""
    target = operation.target
    place = f"{target.cluster} / {target.namespace}"
    where = tr("canary of {service} in {place}:", service=target.service, place=place)
    return Markup("") if event.step in _QUIET else esc(shorten(where, 300))


def _newest(operation: Operation) -> int:
    return max((at for at, event in enumerate(operation.story) if event.step in _OF_A_ROLLOUT), default=-1)


def story_line(operation: Operation, event: Event) -> Markup | None:
    """Tell one event of a changing operation in a line; None for what the thread need not hear."""
    if not is_change(operation) or event.step not in _TOLD:
        return None
    said = esc(shorten(heard(event.text), 300))
    head = join(" ", [date(event.at), signed(_TOLD[event.step])])
    if event.step is not Step.FORCED:
        return join(" ", [head, said])
    reason = code(shorten(operation.command.reason, 300))
    person = user(operation.actor.user)
    if said:
        return join(" ", [head, escape.tell("{what} by {person}: {reason}", what=said, person=person, reason=reason)])
    return join(" ", [head, escape.tell("by {person}: {reason}", person=person, reason=reason)])


def closing_story(operation: Operation) -> Markup | None:
    """Tell the story of a change that was forced, survived a worker or had gates against it, once done; else None.

    Every other change stays out of the thread: its card says it all, and a rollout is told as it goes (`tell`). What is
    measured after the end changes the card once more, and an edit makes no sound: then only traffic that does not
    follow the weights is told.
    """
    if operation.split:
        return astray_story(operation) or None
    proof = _against(operation) if is_change(operation) else []
    unusual = operation.went(Step.FORCED) or operation.went(Step.RESUMED) or proof
    if not (operation.done and unusual) or operation.rollout:
        return None
    told = [line for event in operation.story if (line := story_line(operation, event))]
    return join("\n", [*told[-MOST_LINES:], *proof]) if told else None
