"""A message as a person would read it in a terminal: blocks to plain text, names instead of ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from playground.slack.wire import Json

_NO_NAMES: Mapping[str, str] = {}
_TOKEN = re.compile(r"<([^<>]+)>")
# Only marks that hug a word are marks: 2 * 3 * 4 stays as it is.
_BOLD = re.compile(r"(?<![\w*`])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*`])")
_ITALIC = re.compile(r"(?<![\w`])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w`])")
_STRIKE = re.compile(r"(?<![\w`])~(?=\S)([^~\n]+?)(?<=\S)~(?![\w`])")
_EMPHASIS = re.compile(r"\*\*([^*\n]+?)\*\*")


def render_text(message: Json, names: Mapping[str, str] = _NO_NAMES) -> str:
    """Return the message as plain text.

    `names` maps ids to names for `<@U…>`, `<#C…>` and groups; an id without a name stays an id. A message without
    blocks gives its text.
    """
    if not message.get("blocks"):
        return plain(str(message.get("text", "")), names)
    rendered = (_block(block, names) for block in message["blocks"])
    return "\n".join(part for part in rendered if part)


def plain(text: str, names: Mapping[str, str] = _NO_NAMES) -> str:
    """Return mrkdwn without its marks: links by label, dates by fallback, & < > unescaped."""
    text = text.replace("```", "")
    for mark in (_BOLD, _ITALIC, _STRIKE):
        text = mark.sub(r"\1", text)
    text = _TOKEN.sub(lambda match: _token(match[1], names), text).replace("`", "")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _token(inside: str, names: Mapping[str, str]) -> str:
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return f"@{names.get(target[1:], label or target[1:])}"
    if target.startswith("#"):
        return f"#{names.get(target[1:], label or target[1:])}"
    if target.startswith("!subteam^"):
        group = target.removeprefix("!subteam^")
        return f"@{names.get(group, label.removeprefix('@') or group)}"
    if target.startswith("!date^"):
        return label
    return f"@{target[1:]}" if target.startswith("!") else label or target


def _block(block: Json, names: Mapping[str, str]) -> str:
    render = _BLOCKS.get(block["type"])
    return render(block, names) if render else f"[{block['type']}]"


def _words(text: Json, names: Mapping[str, str]) -> str:
    return plain(text["text"], names) if text["type"] == "mrkdwn" else str(text["text"])


def _section(block: Json, names: Mapping[str, str]) -> str:
    lines = [_words(block["text"], names)] if "text" in block else []
    lines += [_words(field, names) for field in block.get("fields", ())]
    if "accessory" in block:
        lines.append(_element(block["accessory"], names))
    return "\n".join(lines)


def _row(block: Json, names: Mapping[str, str]) -> str:
    return " ".join(_element(element, names) for element in block["elements"])


def _element(element: Json, names: Mapping[str, str]) -> str:
    kind = element["type"]
    if kind in ("plain_text", "mrkdwn"):
        return _words(element, names)
    if kind == "button":
        return f"[ {element['text']['text']} ]"
    if kind == "image":
        return f"({element['alt_text']})"
    shown = element.get("initial_option", {}).get("text") or element.get("placeholder") or {"text": kind}
    return f"[ {shown['text']} v ]"


def _input(block: Json, names: Mapping[str, str]) -> str:
    return f"{block['label']['text']}: {_element(block['element'], names)}"


def _table(block: Json, names: Mapping[str, str]) -> str:
    rows = [[_cell(cell, names) for cell in row] for row in block["rows"]]
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows
    )


def _cell(cell: Json, names: Mapping[str, str]) -> str:
    return str(cell["text"]) if cell["type"] == "raw_text" else _rich(cell, names)


def _rich(part: Json, names: Mapping[str, str]) -> str:
    kind = part["type"]
    if kind == "text":
        return str(part["text"])
    if kind == "link":
        return str(part.get("text") or part["url"])
    if kind in _MENTIONS:
        key, sign = _MENTIONS[kind]
        return f"{sign}{names.get(part[key], part[key])}"
    if kind == "rich_text_list":
        return "\n".join(f"- {_rich(item, names)}" for item in part["elements"])
    if kind == "rich_text":
        return "\n".join(_rich(item, names) for item in part["elements"])
    return "".join(_rich(item, names) for item in part.get("elements", ())) or str(part.get("fallback", ""))


_MENTIONS = {
    "user": ("user_id", "@"),
    "channel": ("channel_id", "#"),
    "usergroup": ("usergroup_id", "@"),
    "broadcast": ("range", "@"),
    "emoji": ("name", ":"),
}
_BLOCKS: dict[str, Callable[[Json, Mapping[str, str]], str]] = {
    "section": _section,
    "header": lambda block, names: _words(block["text"], names),
    "context": _row,
    "actions": _row,
    "divider": lambda _block, _names: "----",
    "image": lambda block, _names: f"({block['alt_text']})",
    "input": _input,
    "rich_text": _rich,
    "table": _table,
    "markdown": lambda block, names: plain(_EMPHASIS.sub(r"\1", block["text"]), names),
}
