"""One line for the audit channel: a finished change, and the hash that makes a rewritten log visible. Pure."""

from __future__ import annotations

import re

from chat.blocks import Message, message, section
from chat.cards import change_in_short
from chat.escape import Markup, bold, code, esc, join, shorten, user
from chat.figures import percent
from chat.freezes import place_in_words
from chat.locales import Locale, speaking
from chat.phases import canary_of, place, rollout_of, share_of
from chat.phrases import is_unsure, sign, was_forced, was_written
from chat.tables import shares
from mesh.domain.operations import Operation

_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{4,}\b")


def audit_line(operation: Operation, entry: str) -> Message:
    """Say who did what, from what to what, how it ended and why. `entry` is the audit entry's number and hash.

    In English, whoever reads it: the log is one text for all.
    """
    with speaking(Locale.EN):
        line = _line(operation, entry)
    return message(line, [section(line)])


def _line(operation: Operation, entry: str) -> Markup:
    found, target = sign(operation), operation.target
    forced = esc(":rotating_light: ") + bold(esc("FORCED")) if was_forced(operation) else Markup("")
    parts = [
        join(" ", [esc(found.emoji), bold(esc(found.word))]),
        join(" ", [user(operation.actor.user), esc(change_in_short(operation))]),
        esc(place_in_words(target)),
        esc(_from_to(operation)),
        forced,
        _glass(operation),
        join(" ", [esc("reason"), code(shorten(operation.command.reason, 200))])
        if operation.command.reason
        else esc(""),
        code(operation.id),
        join(" ", [esc("audit"), code("#" + _HASH.sub(r"\1", entry))]),
    ]
    return join(" · ", parts)


def _glass(operation: Operation) -> Markup:
    """Say that rules were passed, and which freezes."""
    if not operation.command.break_glass:
        return Markup("")
    loud = esc(":rotating_light: ") + bold(esc("BREAK-GLASS"))
    passed = operation.approval.passes[:4] if operation.approval else ()
    names = join(", ", [code(shorten(one.id, 60)) if one.id else esc("unreadable") for one in passed])
    return join(" ", [loud, esc("past the freeze"), names]) if passed else loud


def _from_to(operation: Operation) -> str:
    """Return the shares before and after; a change that was not written says so."""
    plan = operation.plan
    if rollout := rollout_of(operation):
        return f"{canary_of(operation)} reached {percent(share_of(rollout))}, {place(rollout)}"
    if operation.command.steers or operation.command.freezes:
        return ""
    if plan is None:
        return "no plan was made"
    before, after = shares(plan.arms[:8], before=True), shares(plan.arms[:8], before=False)
    if was_written(operation) and plan.moves:
        return f"{before} -> {after}"
    return f"{before} -> {after} ?" if is_unsure(operation) else f"stays {before}"
