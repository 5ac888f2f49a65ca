"""The modal that asks why somebody denies. Pure. What comes back is a typed `deny` like any other."""

from __future__ import annotations

import json

from chat.blocks import section
from chat.escape import bold, code, esc, join, shorten
from chat.figures import units_kept
from chat.form import View
from chat.locales import tr
from mesh.domain.commands import Verb
from mesh.domain.operations import Operation

WHY = "meshbot.deny.why"
"""Callback id of the modal."""
REASON = "reason"
"""Block and action id of its one field."""
MOST = 300
"""Characters that a reason may have, as in every other form: the card shows it whole."""


def why_form(operation: Operation, *, channel: str, thread: str = "") -> View:
    """Draw the modal for a change that waits; `channel` is where its card was pressed, and is answered in."""
    target, plan = operation.target, operation.plan
    asked = " ".join(filter(None, (operation.command.verb, operation.command.hook, target.service)))
    where = f"{target.cluster} / {target.namespace}"
    split = esc(units_kept(shorten(f"{plan.shares_before} -> {plan.shares_after}", 200))) if plan else esc("")
    what = join(" · ", [bold(esc(shorten(asked, 120))), esc(shorten(where, 120)), split, code(operation.id)])
    flagger = operation.command.verb is Verb.FLAGGER
    ends = tr("Flagger hears no about this revision.") if flagger else tr("It ends here and nothing is changed.")
    return {
        "type": "modal",
        "callback_id": WHY,
        "title": _plain(tr("Deny a change")),
        "submit": _plain(tr("Deny")),
        "close": _plain(tr("Cancel")),
        "private_metadata": json.dumps({"channel": channel, "thread": thread, "operation": operation.id}),
        "blocks": [
            section(join("\n", [what, join(" ", [esc(ends), esc(tr("The card names you and the reason."))])])),
            _field(),
        ],
    }


def _field() -> dict[str, object]:
    element = {"type": "plain_text_input", "action_id": REASON, "multiline": True, "min_length": 1, "max_length": MOST}
    return {
        "type": "input",
        "block_id": REASON,
        "label": _plain(tr("Reason")),
        "hint": _plain(tr("Whoever asked reads it on the card and in its thread. It is kept in the audit log.")),
        "element": {**element, "focus_on_load": True},
    }


def _plain(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text, "emoji": False}
