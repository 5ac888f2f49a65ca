"""When what happened to an operation, in one line of its card. Pure."""

from __future__ import annotations

from chat.commits import COMMIT_STEPS
from chat.escape import Markup, code, date, esc, join
from chat.locales import mark, tr
from mesh.domain.gates import Verdict
from mesh.domain.operations import Event, Operation, Step

MOST_TIMES = 8
_CAME_OF_A_PATCH = frozenset({Step.PATCHED, Step.VERIFIED, Step.CONFLICT, Step.UNWRITTEN})
_CAME_OF_A_STEP = frozenset({Step.STEPPED, Step.HELD, Step.STOPPED, Step.TURNING_BACK})
_CAME_OF_WAITING = frozenset({Step.VERIFIED, Step.UNACCEPTED, Step.FAILED})
STEPS = {
    Step.QUEUED: mark("queued"),
    Step.CHECKING: mark("checking"),
    Step.RESUMED: mark("resumed"),
    Step.PATCHING: mark("patching"),
    Step.PATCHED: mark("patched"),
    Step.AWAITING: mark("waiting to be accepted"),
    Step.VERIFIED: mark("verified"),
    Step.UNACCEPTED: mark("not accepted"),
    Step.CONFLICT: mark("not written, changed by others"),
    Step.UNWRITTEN: mark("not written"),
    Step.UNANSWERED: mark("no answer"),
    Step.FORCED: mark("forced"),
    Step.REFUSED: mark("refused"),
    Step.FAILED: mark("failed"),
    Step.UNCHANGED: mark("done"),
    Step.EXPIRED: mark("expired"),
    Step.PROPOSED: mark("proposed"),
    Step.PROVEN: mark("proven"),
    Step.UNPROVEN: mark("not proven"),
    Step.ASKED: mark("approval asked"),
    Step.VOTED: mark("voted"),
    Step.APPROVED: mark("approved"),
    Step.REMINDED: mark("reminded"),
    Step.ESCALATED: mark("escalated"),
    Step.VOTED_DOWN: mark("denied by a vote"),
    Step.OPENED: mark("gate opened"),
    Step.VOID: mark("void"),
    Step.STEPPING: mark("step begun"),
    Step.STEPPED: mark("step taken"),
    Step.CONFIRMING: mark("confirmation asked for"),
    Step.PAUSED: mark("paused"),
    Step.CONTINUED: mark("continued"),
    Step.HELD: mark("held"),
    Step.TURNING_BACK: mark("turning back"),
    Step.COMPLETED: mark("completed"),
    Step.TURNED_BACK: mark("turned back"),
    Step.ABORTED: mark("aborted"),
    Step.STOPPED: mark("stopped"),
    Step.STEERED: mark("passed on"),
    Step.BARRED: mark("refused for now"),
    Step.FROZEN: mark("frozen"),
    Step.LIFTING: mark("lifting begun"),
    Step.LIFTED: mark("lifted"),
    Step.MEASURED: mark("split measured"),
}
"""What can happen to an operation that has a card, as its line of times says it."""


def times(operation: Operation) -> Markup:
    """Return when each step happened, in the reader's zone, and the operation's id."""
    story = _told(operation.story)
    kept = story if len(story) <= MOST_TIMES else (story[0], *story[-(MOST_TIMES - 1) :])
    steps = [join(" ", [date(event.at), esc(_step(event.step, operation))]) for event in kept]
    return join(" · ", [*steps, code(operation.id)])


def _told(story: tuple[Event, ...]) -> tuple[Event, ...]:
    """Leave `patching`, `awaiting` and `stepping` out where what came of it is told, too."""
    closed = max((at for at, event in enumerate(story) if event.step in _CAME_OF_A_PATCH), default=-1)
    answered = max((at for at, event in enumerate(story) if event.step in _CAME_OF_WAITING), default=-1)
    stepped = max((at for at, event in enumerate(story) if event.step in _CAME_OF_A_STEP), default=-1)
    until = {Step.PATCHING: closed, Step.AWAITING: answered, Step.STEPPING: stepped}
    return tuple(event for at, event in enumerate(story) if at > until.get(event.step, -1))


def _step(step: Step, operation: Operation) -> str:
    if step is Step.MEASURED and operation.split and operation.split.verdict is Verdict.UNKNOWN:
        return tr("split not measured")
    if operation.commit and step in COMMIT_STEPS:
        return tr(COMMIT_STEPS[step])
    return tr(STEPS.get(step) or str(step))
