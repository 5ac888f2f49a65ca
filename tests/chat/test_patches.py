"""The writes of a plan as a card shows them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from chat.blocks import MOST_TEXT
from chat.patches import MOST_LINES, MOST_WIDTH, patch
from mesh.domain.plans import PatchOp
from tests.chat.samples import HALF

STAMPS = {"meshbot.dev/operation": "op-k3v9x2m4ta", "meshbot.dev/written": '{"http[1]":{"v1":50,"v2":50}}'}


def shown(*writes: PatchOp) -> list[str]:
    """Return the lines inside the fence."""
    text = patch(replace(HALF, patch=writes)).text
    assert len(text) <= MOST_TEXT
    return text.split("```")[1].strip("\n").splitlines()


def test_a_map_is_shown_as_json_a_key_on_each_line() -> None:
    """What stands below the path is the value that the API server gets, and no line is wider than the picture."""
    first, *rest = shown(PatchOp("add", "/metadata/annotations", STAMPS))
    assert first == "add /metadata/annotations ="
    assert json.loads("\n".join(rest)) == STAMPS
    assert len(rest) == len(STAMPS) + 2
    assert max(map(len, rest)) <= MOST_WIDTH


@pytest.mark.parametrize(("value", "end"), [(50, "= 50"), ("50", '= "50"'), (True, "= true"), (None, "= null")])
def test_a_text_and_a_number_look_different(value: object, end: str) -> None:
    """As they do in JSON."""
    [line] = shown(PatchOp("replace", "/spec/http/1/route/0/weight", value))
    assert line == f"replace /spec/http/1/route/0/weight {end}"


def test_what_is_taken_away_has_no_value() -> None:
    """Only its path is shown."""
    assert shown(PatchOp("remove", "/spec/http/1/route/0/weight")) == ["remove /spec/http/1/route/0/weight"]


def test_a_long_text_is_wrapped_and_a_huge_one_is_cut() -> None:
    """Nothing is lost of a value that meshbot writes; a huge one ends in a sign that it is cut."""
    path = "/metadata/annotations/meshbot.dev~1written"
    first, *rest = shown(PatchOp("add", path, "x" * 200))
    assert "".join(line.strip() for line in rest) == json.dumps("x" * 200)
    *_, last = shown(PatchOp("add", path, "x" * 5000))
    assert last.endswith("…")
    assert max(map(len, [first, *rest])) <= MOST_WIDTH


def test_many_writes_are_counted() -> None:
    """Those that there is no room for are not hidden in silence."""
    writes = [PatchOp("add", f"/spec/http/{number}", STAMPS) for number in range(30)]
    *lines, last = shown(*writes)
    assert len(lines) <= MOST_LINES
    assert last == f"… and {30 - sum(line.startswith('add') for line in lines)} more"
