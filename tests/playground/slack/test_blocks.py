"""Block Kit's limits."""

from __future__ import annotations

from typing import Any

import pytest

from playground.slack.blocks import check_message_blocks, check_view
from playground.slack.wire import SlackError

Block = dict[str, Any]


def words(length: int = 3, kind: str = "plain_text") -> Block:
    """A text object."""
    return {"type": kind, "text": "x" * length}


def button(**changes: Any) -> Block:
    """A button."""
    return {"type": "button", "text": words(), "action_id": "go", "value": "v", **changes}


def actions(*elements: Block) -> Block:
    """An actions block."""
    return {"type": "actions", "elements": list(elements)}


def section(**parts: Any) -> Block:
    """A section."""
    return {"type": "section", **parts}


def many_buttons(count: int) -> Block:
    """An actions block with `count` buttons."""
    return actions(*(button(action_id=f"a{n}") for n in range(count)))


def table(rows: int, cells: int) -> Block:
    """A table."""
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * cells] * rows}


def option(value: str = "v", text: int = 3) -> Block:
    """An option of a select."""
    return {"text": words(text), "value": value}


def select(options: int = 1, **parts: Any) -> Block:
    """A static select."""
    return {"type": "static_select", "action_id": "s", "options": [option(f"v{n}") for n in range(options)], **parts}


CONFIRM = {"title": words(100), "text": words(300), "confirm": words(30), "deny": words(30), "style": "danger"}
RICH = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]}
GOOD: list[Block] = [
    section(text=words(3000, "mrkdwn")),
    section(text={"type": "mrkdwn", "text": "x", "verbatim": True}),
    section(fields=[words(2000)] * 5),
    section(fields=[words(10)] * 10, accessory=button(confirm=CONFIRM)),
    {"type": "header", "text": words(150)},
    {"type": "context", "elements": [words()] * 10},
    many_buttons(25),
    actions(button(text=words(75), value="v" * 2000, style="primary", url="https://x.test", accessibility_label="x")),
    actions(select(100, placeholder=words(150), initial_option=option("v0"))),
    actions({"type": "overflow", "action_id": "o", "options": [option()] * 5}),
    {"type": "divider", "block_id": "b" * 255},
    {"type": "image", "image_url": "https://x.test/a.png", "alt_text": "split over time", "title": words()},
    {"type": "image", "slack_file": {"id": "F0123456A"}, "alt_text": "split over time"},
    {"type": "input", "label": words(), "element": {"type": "plain_text_input", "action_id": "t", "multiline": True}},
    RICH,
    table(100, 3),
    {"type": "markdown", "text": "x" * 12_000},
]  # fmt: skip
BAD: list[tuple[Block, str]] = [
    (section(), "/blocks/0"),
    (section(text=words(3001, "mrkdwn")), "/blocks/0/text/text"),
    (section(text=words(0)), "/blocks/0/text/text"),
    (section(text="plain string"), "/blocks/0/text"),
    (section(text=words(kind="markdown")), "/blocks/0/text/type"),
    (section(text={**words(), "verbatim": True}), "/blocks/0/text"),
    (section(fields=[words()] * 11), "/blocks/0/fields"),
    (section(fields=[words(2001)]), "/blocks/0/fields/0/text"),
    (section(text=words(), colour="red"), "/blocks/0"),
    ({"type": "header", "text": words(151)}, "/blocks/0/text/text"),
    ({"type": "header", "text": words(kind="mrkdwn")}, "/blocks/0/text/type"),
    ({"type": "context", "elements": [words()] * 11}, "/blocks/0/elements"),
    ({"type": "context", "elements": []}, "/blocks/0/elements"),
    ({"type": "context", "elements": [button()]}, "/blocks/0/elements/0/type"),
    (many_buttons(26), "/blocks/0/elements"),
    (actions(button(text=words(76))), "/blocks/0/elements/0/text/text"),
    (actions(button(text=words(kind="mrkdwn"))), "/blocks/0/elements/0/text/type"),
    (actions(button(value="v" * 2001)), "/blocks/0/elements/0/value"),
    (actions(button(style="warning")), "/blocks/0/elements/0/style"),
    (actions(button(action_id="a" * 256)), "/blocks/0/elements/0/action_id"),
    (actions(button(), button()), "/blocks/0"),
    (actions(button(confirm={**CONFIRM, "title": words(101)})), "/blocks/0/elements/0/confirm/title/text"),
    (actions(button(confirm={**CONFIRM, "deny": words(31)})), "/blocks/0/elements/0/confirm/deny/text"),
    (actions(select(101)), "/blocks/0/elements/0/options"),
    (actions({"type": "static_select", "action_id": "s"}), "/blocks/0/elements/0"),
    (actions({"type": "plain_text_input", "action_id": "s"}), "/blocks/0/elements/0/type"),
    (actions(select(options=1, placeholder=words(151))), "/blocks/0/elements/0/placeholder/text"),
    ({"type": "divider", "block_id": "b" * 256}, "/blocks/0/block_id"),
    ({"type": "divider", "text": words()}, "/blocks/0"),
    ({"type": "image", "alt_text": "x"}, "/blocks/0"),
    ({"type": "image", "image_url": "https://x.test"}, "/blocks/0"),
    ({"type": "image", "slack_file": {"id": "f1"}, "alt_text": "x"}, "/blocks/0/slack_file/id"),
    (
        {"type": "image", "slack_file": {"id": "F0123456A", "url": "https://x.test"}, "alt_text": "x"},
        "/blocks/0/slack_file",
    ),
    (table(101, 1), "/blocks/0/rows"),
    (table(1, 21), "/blocks/0/rows/0"),
    ({"type": "markdown", "text": "x" * 12_001}, "/blocks/0/text"),
    ({"type": "data_visualization"}, "/blocks/0/type"),
    ({"text": words()}, "/blocks/0"),
]  # fmt: skip


@pytest.mark.parametrize("block", GOOD)
def test_a_block_at_its_limits_is_shown(block: Block) -> None:
    """Everything up to the documented limits passes."""
    assert check_message_blocks([block]) == (block,)


@pytest.mark.parametrize(("block", "pointer"), BAD)
def test_a_block_beyond_a_limit_is_refused_where_it_is_wrong(block: Block, pointer: str) -> None:
    """Each breach is invalid_blocks and points at the place."""
    with pytest.raises(SlackError) as caught:
        check_message_blocks([block])
    assert caught.value.code == "invalid_blocks"
    assert any(f"[json-pointer:{pointer}]" in message for message in caught.value.messages), caught.value.messages


@pytest.mark.parametrize(
    ("blocks", "code"),
    [
        ([{"type": "divider"}] * 51, "invalid_blocks"),
        ([table(1, 1)] * 2, "invalid_blocks"),
        ([{"type": "divider", "block_id": "b"}] * 2, "invalid_blocks"),
        ([{"type": "markdown", "text": "x" * 6_001}] * 2, "invalid_blocks"),
        ([section(text=words(2_900))] * 5, "msg_blocks_too_long"),
        ({"type": "divider"}, "invalid_blocks_format"),
    ],
)
def test_blocks_are_judged_together_too(blocks: Any, code: str) -> None:
    """Count, doubles and the size of the whole are limited."""
    with pytest.raises(SlackError) as caught:
        check_message_blocks(blocks)
    assert caught.value.code == code


def modal(**changes: Any) -> Block:
    """A modal."""
    return {"type": "modal", "title": words(24), "blocks": [section(text=words())], **changes}


INPUT = {"type": "input", "label": words(), "element": {"type": "plain_text_input", "action_id": "t"}}


@pytest.mark.parametrize("view", [modal(), modal(submit=words(24), blocks=[INPUT] * 100, private_metadata="x" * 3000)])
def test_a_modal_at_its_limits_is_shown(view: Block) -> None:
    """A hundred blocks and 24 characters of title pass."""
    assert check_view(view, kind="modal") == view


@pytest.mark.parametrize(
    ("view", "pointer"),
    [
        (modal(title=words(25)), "/view/title/text"),
        (modal(blocks=[INPUT]), "/view"),
        (modal(blocks=[section(text=words())] * 101), "/view/blocks"),
        (modal(private_metadata="x" * 3001), "/view/private_metadata"),
        (modal(colour="red"), "/view"),
        ({"type": "home", "blocks": [section(text=words())]}, "/view/type"),
    ],
)
def test_a_modal_beyond_a_limit_is_refused_where_it_is_wrong(view: Block, pointer: str) -> None:
    """Each breach is invalid_arguments and points at the place."""
    with pytest.raises(SlackError) as caught:
        check_view(view, kind="modal")
    assert caught.value.code == "invalid_arguments"
    assert any(f"[json-pointer:{pointer}]" in message for message in caught.value.messages), caught.value.messages
