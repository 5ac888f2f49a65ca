"""What a card's thread tells: only what somebody reading the card alone would miss. Pure."""

from __future__ import annotations

from chat.escape import Markup, bold, code, date, esc, join, shorten, user
from chat.findings import astray_story
from chat.phrases import is_change
from mesh.domain.operations import Event, Operation, Step

MOST_LINES = 10

_TOLD = {
    Step.FORCED: ":rotating_light: FORCED",
    Step.RESUMED: ":arrows_counterclockwise: Resumed",
    Step.REFUSED: ":no_entry: Refused",
    Step.FAILED: ":x: Failed",
    Step.VERIFIED: ":white_check_mark: Verified",
    Step.UNACCEPTED: ":warning: Written, not accepted",
}
"""The steps a thread hears of; the rest is on the card."""


def story_line(operation: Operation, event: Event) -> Markup | None:
    """Tell one event of a changing operation in a line; None for what the thread need not hear."""
    if not is_change(operation) or event.step not in _TOLD:
        return None
    what = join(" ", [date(event.at), bold(esc(_TOLD[event.step])), esc(shorten(event.text, 300))])
    if event.step is not Step.FORCED:
        return what
    return join(
        " ", [what, esc("by"), user(operation.actor.user) + esc(":"), code(shorten(operation.command.reason, 300))]
    )


def closing_story(operation: Operation) -> Markup | None:
    """Tell the whole story of a change that was forced or survived a worker, once it is done; else None.

    Every other change stays out of the thread: its card says it all. What is measured after the end changes the card
    once more, and an edit makes no sound: then only traffic that does not follow the weights is told.
    """
    if operation.split:
        return astray_story(operation) or None
    unusual = operation.went(Step.FORCED) or operation.went(Step.RESUMED)
    if not (operation.done and unusual):
        return None
    told = [line for event in operation.story if (line := story_line(operation, event))]
    return join("\n", told[-MOST_LINES:]) if told else None
