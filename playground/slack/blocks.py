"""Judges Block Kit as Slack does: `invalid_blocks` with a JSON pointer, `msg_blocks_too_long`, modal and home views.

Limits are those of docs.slack.dev /reference/block-kit; the size of a whole message is undocumented (bolt-js#2509).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from playground.slack.elements import (
    ACCESSORY,
    ACTION_ELEMENT,
    CONTEXT_ELEMENT,
    GROUPS,
    IMAGE_FILE,
    INPUT_ELEMENT,
    OPTION,
    RICH_PART,
    TYPE,
    URL,
    plain,
    text,
)
from playground.slack.schema import (
    Check,
    Checks,
    array,
    boolean,
    by_type,
    choice,
    one_of_keys,
    problem,
    shape,
    string,
)
from playground.slack.state import interactive_elements
from playground.slack.wire import Json, SlackError

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_CHARACTERS = 13_200
MARKDOWN_CHARACTERS = 12_000
VIEW_BYTES = 250_000

_ID: Checks = {"block_id": string(255)}
_CELL = by_type(
    {
        "raw_text": shape({**TYPE, "text": string(3000)}),
        "rich_text": shape({**TYPE, "elements": array(RICH_PART, most=100)}, _ID),
    }
)
_COLUMN = shape({}, {"align": choice("left", "center", "right"), "is_wrapped": boolean})
BLOCK = by_type(
    {
        "section": one_of_keys(
            shape(
                TYPE,
                {
                    **_ID,
                    "text": text(3000),
                    "fields": array(text(2000), most=10),
                    "accessory": ACCESSORY,
                    "expand": boolean,
                },
            ),
            "text",
            "fields",
        ),
        "header": shape({**TYPE, "text": plain(150)}, _ID),
        "context": shape({**TYPE, "elements": array(CONTEXT_ELEMENT, most=10)}, _ID),
        "actions": shape({**TYPE, "elements": array(ACTION_ELEMENT, most=25)}, _ID),
        "divider": shape(TYPE, _ID),
        "image": one_of_keys(
            shape(
                {**TYPE, "alt_text": string(2000)},
                {**_ID, "title": plain(2000), "image_url": URL, "slack_file": IMAGE_FILE},
            ),
            "image_url",
            "slack_file",
        ),
        "input": shape(
            {**TYPE, "label": plain(2000), "element": INPUT_ELEMENT},
            {**_ID, "hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
        ),
        "rich_text": shape({**TYPE, "elements": array(RICH_PART, most=100)}, _ID),
        "table": shape(
            {**TYPE, "rows": array(array(_CELL, most=20), most=100)},
            {**_ID, "column_settings": array(_COLUMN, most=20)},
        ),
        "markdown": shape({**TYPE, "text": string(MARKDOWN_CHARACTERS)}, _ID),
    }
)
_VIEW_PARTS: Checks = {
    "private_metadata": string(3000, least=0),
    "callback_id": string(255, least=0),
    "external_id": string(255, least=0),
}
_VIEW_BLOCKS = array(BLOCK, most=VIEW_BLOCKS)
VIEW = by_type(
    {
        "modal": shape(
            {**TYPE, "title": plain(24), "blocks": _VIEW_BLOCKS},
            {
                **_VIEW_PARTS,
                "submit": plain(24),
                "close": plain(24),
                "clear_on_close": boolean,
                "notify_on_close": boolean,
                "submit_disabled": boolean,
            },
        ),
        "home": shape({**TYPE, "blocks": _VIEW_BLOCKS}, _VIEW_PARTS),
    }
)


def check_message_blocks(blocks: Any) -> tuple[Json, ...]:
    """Return the blocks of a message when Slack would show them.

    Raises SlackError `invalid_blocks_format` (no list), `invalid_blocks` (naming each pointer), `msg_blocks_too_long`.
    """
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    _refuse("invalid_blocks", _problems(array(BLOCK, most=MESSAGE_BLOCKS, least=0), blocks, "/blocks"))
    size = len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")))
    if size > MESSAGE_CHARACTERS:
        raise SlackError("msg_blocks_too_long")
    return tuple(blocks)


def check_view(view: Any, *, kind: str) -> Json:
    """Return a view of `kind` (modal, home) when Slack would show it.

    Raises SlackError `invalid_arguments` (naming each pointer) or `view_too_large`.
    """
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", messages=(problem("must provide an object", "/view"),))
    found = list(choice(kind)(view.get("type"), "/view/type"))
    found += _problems(VIEW, view, "/view", blocks=view.get("blocks"))
    if kind == "modal" and "submit" not in view and _has_input(view):
        found.append(problem("missing required field: submit (the view has input blocks)", "/view"))
    _refuse("invalid_arguments", found)
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    return view


def check_options(answer: Any) -> list[Json]:
    """Return the options of an answer to a block_suggestion: at most 100, or 100 groups of them, flat.

    Raises SlackError `invalid_options` naming each pointer.
    """
    body = answer if isinstance(answer, dict) else {}
    if "option_groups" in body:
        groups = body["option_groups"]
        _refuse("invalid_options", list(GROUPS(groups, "/option_groups")))
        return [option for group in groups for option in group["options"]]
    found = body.get("options")
    _refuse("invalid_options", list(array(OPTION, most=100, least=0)(found, "/options")))
    return list(found or ())


def _problems(check: Check, value: Any, at: str, *, blocks: Any = None) -> list[str]:
    found = list(check(value, at))
    inside, where = (value, at) if blocks is None else (blocks, f"{at}/blocks")
    return found or list(_across(inside, where))


def _across(blocks: list[Json], at: str) -> Iterator[str]:
    yield from _doubles((block.get("block_id") for block in blocks), "block_id", at)
    for index, block in enumerate(blocks):
        ids = (element.get("action_id") for element in interactive_elements(block))
        yield from _doubles(ids, "action_id", f"{at}/{index}")
    kinds = [block["type"] for block in blocks]
    if kinds.count("table") > 1:
        yield problem("only one table block allowed", at)
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > MARKDOWN_CHARACTERS:
        yield problem(f"markdown blocks must be less than {MARKDOWN_CHARACTERS + 1} characters together", at)


def _doubles(ids: Iterator[str | None], name: str, at: str) -> Iterator[str]:
    seen: set[str] = set()
    for found in ids:
        if found in seen:
            yield problem(f"`{name}` {found} already exists", at)
        if found is not None:
            seen.add(found)


def _has_input(view: Json) -> bool:
    blocks = view.get("blocks")
    return isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)


def _refuse(code: str, found: list[str]) -> None:
    if found:
        raise SlackError(code, messages=tuple(found))
