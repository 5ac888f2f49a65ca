"""Freezes in words: what holds now and what comes next, and what the card of one says. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chat.blocks import Message, header, message, section
from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, join, shorten, user
from mesh.domain.commands import Target
from mesh.domain.freezes import Freeze
from mesh.domain.operations import Operation, Step

_MOST = 20


def freezes_answer(now: Sequence[Freeze], later: Sequence[Freeze]) -> Message:
    """List what is frozen, and what the calendar freezes next."""
    text = esc(f"{len(now)} freezes hold now." if len(now) != 1 else "1 freeze holds now.")
    nothing = esc("Nothing is frozen now.")
    lines = [freeze_line(one) for one in now[:_MOST]] or [nothing]
    lines += [esc(f"… and {len(now) - _MOST} more")] if len(now) > _MOST else []
    blocks = [header("Freezes"), *(section(line) for line in lines)]
    if later:
        coming = [_coming(one) for one in later[:_MOST]]
        blocks.append(section(join("\n", [bold(esc("Next")), *coming])))
    return message(text if now else nothing, blocks)


def freeze_line(freeze: Freeze) -> Markup:
    """Say what is frozen, until when, by whom, why, and how it is lifted."""
    ends = esc("until it is lifted")
    if not math.isinf(freeze.until):
        ends = join(" ", [esc("until"), date(freeze.until, shown=DAY_AND_TIME)])
    who = join(" ", [esc("by"), user(freeze.by)]) if freeze.by else esc("by the calendar")
    what = join(" ", [esc(":snowflake:"), bold(esc("Frozen")), code(shorten(str(freeze.scope), 200))])
    return join(" · ", [what, ends, who, code(shorten(freeze.reason, 300)), code(freeze.id)])


def target_in_words(target: Target) -> str:
    """Return what a freeze is about, for headlines: `api`, `everything`, `namespace shop`. Plain text."""
    if target.service != "*":
        return target.service
    parts = [("namespace", target.namespace), ("cluster", target.cluster)]
    return " of ".join(f"{what} {name}" for what, name in parts if name != "*") or "everything"


def was_about_freezes(operation: Operation) -> bool:
    """Tell whether a freeze was made, or lifted."""
    return operation.went(Step.FROZEN) or operation.went(Step.LIFTED)


def place_in_words(target: Target) -> str:
    """Return `prod / shop`; a part that stands for all says so. Plain text."""
    cluster = "every cluster" if target.cluster == "*" else target.cluster
    return f"{cluster} / {'every namespace' if target.namespace == '*' else target.namespace}"


def _coming(freeze: Freeze) -> Markup:
    begins, ends = (date(at, shown=DAY_AND_TIME) for at in (freeze.since, freeze.until))
    when = join(" ", [begins, esc("to"), ends])
    what = code(shorten(str(freeze.scope), 200))
    return join(" · ", [when, what, code(shorten(freeze.reason, 200)), code(freeze.id)])
