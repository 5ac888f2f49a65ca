"""The modal behind `/mesh` alone: the words of a command as fields, and the preview of its plan. Pure.

What comes back from it is typed text like any other: it is parsed and authorised as such.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chat.blocks import Block, Button, Message, actions, context
from chat.escape import clean, esc, shorten
from chat.locales import mark, tr
from mesh.domain.commands import Target, Verb

View = dict[str, Any]

FORM = "meshbot.form"
"""Callback id of the modal."""
OPEN = "meshbot.form.open"
PREVIEW = "meshbot.form.preview"
SERVICE = "meshbot.form.service"
"""Action ids: the button that opens it, the one that previews, the select that asks for services."""

VERBS: dict[Verb, tuple[str, str]] = {
    Verb.PROMOTE: (mark("Promote"), mark("Move the canary to a share, if the gates pass")),
    Verb.SET: (mark("Set weights"), mark("Write these weights, if the gates pass")),
    Verb.CANARY: (mark("Canary"), mark("Raise the share step by step, watched all the time")),
    Verb.ROLLBACK: (mark("Roll back"), mark("All traffic back to stable, at once, no gates")),
    Verb.UNDO: (mark("Undo"), mark("Restore the weights from before the last change")),
    Verb.STATUS: (mark("Status"), mark("Weights, shares and ready pods now")),
    Verb.GATES: (mark("Gates"), mark("Judge the gates now and show the numbers")),
    Verb.HISTORY: (mark("History"), mark("The latest changes of a service")),
}
"""What the modal can do: name and description of each."""

MOST_OPTIONS = 100
MOST_VALUE = 150
_MOST_LABEL = 75


def form(clusters: Sequence[str], *, channel: str, thread: str = "", preview: Sequence[Block] = ()) -> View:
    """Draw the modal; fields keep what was typed because their ids stay. `channel` is where the card will be."""
    kept = json.dumps({"channel": channel, "thread": thread})
    fields = [_verb(), _cluster(clusters), _service(), *_texts()]
    button = actions([Button(tr("Preview the plan"), PREVIEW, "preview", tr("Preview the plan; changes nothing"))])
    return {
        **_modal(tr("Move traffic"), [*fields, {**button, "block_id": "preview"}, *preview], close=tr("Cancel")),
        "callback_id": FORM,
        "submit": _plain(tr("Run")),
        "private_metadata": kept,
    }


def asking(command: str) -> list[Block]:
    """Say, where the preview will be, that it is being made."""
    return [{"type": "divider"}, context([esc(tr("Making the plan of {command} …", command=shorten(command, 200)))])]


def previewed(message: Message) -> list[Block]:
    """Show an answer or a card where the preview is; its buttons stay away: the modal has its own."""
    return [{"type": "divider"}, *(block for block in message.blocks if block["type"] != "actions")]


def told(message: Message) -> View:
    """Show an answer as a modal of its own."""
    return _modal("meshbot", list(message.blocks), close=tr("Close"))


def receipt(message: Message, place: str) -> View:
    """Show what became of what was sent off, and say where the card is."""
    there = place.startswith(("C", "G"))
    where = tr("Its card is in the channel you came from.") if there else tr("Its card is in our direct messages.")
    return _modal("meshbot", [*message.blocks, context([esc(where)])], close=tr("Close"))


def options(targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Return the options of the service select: the first hundred, without names too long for Slack to carry."""
    made = [_option(f"{one.service} · {one.cluster} / {one.namespace}", str(one)) for one in targets]
    return [option for option in made if len(option["value"]) <= MOST_VALUE][:MOST_OPTIONS]


def _modal(title: str, blocks: Sequence[Block], *, close: str) -> View:
    return {"type": "modal", "title": _plain(title), "close": _plain(close), "blocks": list(blocks)[:100]}


def _verb() -> Block:
    choices = [
        {**_option(tr(name), str(verb)), "description": _plain(tr(what))} for verb, (name, what) in VERBS.items()
    ]
    return _field("verb", tr("What to do"), _select(choices, "verb"))


def _cluster(clusters: Sequence[str]) -> Block:
    choices = [_option(name, name) for name in clusters[:MOST_OPTIONS] if len(name) <= MOST_VALUE]
    return _field("cluster", tr("Cluster"), _select(choices, "cluster"))


def _service() -> Block:
    select = {
        "type": "external_select",
        "action_id": SERVICE,
        "min_query_length": 0,
        "placeholder": _plain(tr("Type a part of its name")),
    }
    return _field("service", tr("Service"), select)


def _texts() -> list[Block]:
    return [
        _typed(
            "amount",
            tr("Share, weights or steps"),
            tr("Promote: 50. Set weights: v1=70 v2=30. Canary: 5,25,50,100 every 5m"),
        ),
        _typed("version", tr("Version"), tr("Left out: the canary")),
        _typed("reason", tr("Reason"), tr("Kept with the change, shown on the card")),
    ]


def _typed(field: str, label: str, hint: str) -> Block:
    element = {"type": "plain_text_input", "action_id": field, "max_length": 300}
    return {**_field(field, label, element), "optional": True, "hint": _plain(hint)}


def _field(field: str, label: str, element: dict[str, Any]) -> Block:
    return {"type": "input", "block_id": field, "label": _plain(label), "element": element}


def _select(choices: Sequence[dict[str, Any]], action_id: str) -> dict[str, Any]:
    return {
        "type": "static_select",
        "action_id": action_id,
        "options": list(choices),
        "initial_option": choices[0],
    }


def _option(label: str, value: str) -> dict[str, Any]:
    return {"text": _plain(shorten(clean(label), _MOST_LABEL)), "value": value}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
