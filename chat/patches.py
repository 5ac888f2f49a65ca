"""The writes of a plan, line by line, in the notation of JSON: a number and the same letters as text look different."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable

from chat.escape import Markup, bold, code, esc, fence, join, shorten, tell
from chat.locales import mark, tr
from chat.tables import more
from mesh.domain.plans import PatchOp, Plan

MOST_WIDTH = 64
"""Letters of a line that Slack shows whole beside its side bar; longer ones are wrapped."""
MOST_LINES = 40
"""Of all writes together: 40 lines of 64 letters fit into one section of a message."""
MOST_VALUE = 800
"""Characters of one value: objects that meshbot writes are smaller, and no stranger one may fill the card."""


def patch(plan: Plan) -> Markup:
    """Return the writes of the plan, and the hash of what a person agrees to."""
    writes = [op for op in plan.patch if op.op != "test"]
    rows, shown = _rows(writes)
    left = more(len(writes) - shown, mark("… and {count} more"))
    word = bold(esc(tr("Patch")))  # on a line of its own: the catalogue finds no sentence inside another
    heading = tell("{patch} of plan {plan}", patch=word, plan=code(plan.intent[:12]))
    return join("\n", [heading, fence(rows + left)])


def _rows(writes: Iterable[PatchOp]) -> tuple[list[str], int]:
    """Return the lines there is room for, and of how many writes they are."""
    rows: list[str] = []
    shown = 0
    for op in writes:
        lines = _lines(op)
        if rows and len(rows) + len(lines) > MOST_LINES:
            break
        rows += lines
        shown += 1
    return rows, shown


def _lines(op: PatchOp) -> list[str]:
    """Return one write: on a line where it fits, else its value below its path, a key on each line."""
    if op.op == "remove":
        return _wrapped(f"remove {op.path}")
    line = f"{op.op} {op.path} = {_json(op.value)}"
    if len(line) <= MOST_WIDTH:
        return [line]
    value = shorten(_json(op.value, indent=2), MOST_VALUE)
    return [*_wrapped(f"{op.op} {op.path} ="), *(part for row in value.splitlines() for part in _wrapped(f"  {row}"))]


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _wrapped(line: str) -> list[str]:
    """Return a line in pieces that fit; each but the first stands further in."""
    inner = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, MOST_WIDTH, subsequent_indent=inner, break_on_hyphens=False)
