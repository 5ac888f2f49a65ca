"""JSON patches as pure functions; tests/e2e/test_stand_in.py holds each row against a real server."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from playground.cluster.jsonpatches import json_patch
from playground.cluster.statuses import ApiError

DOC: dict[str, Any] = {"spec": {"weight": 90, "list": [1, 2]}, "a/b": {"~": 1}, "keep": {"a": None}}


def test_a_patch_applies_all_or_nothing_and_leaves_its_input_alone() -> None:
    """A failed test after a replace changes nothing."""
    before = copy.deepcopy(DOC)
    operations = [
        {"op": "replace", "path": "/spec/weight", "value": 50},
        {"op": "test", "path": "/spec/list/0", "value": 9},
    ]
    with pytest.raises(ApiError) as refused:
        json_patch(DOC, operations)
    assert (refused.value.code, refused.value.reason) == (422, "Invalid")
    assert before == DOC
    assert json_patch(DOC, operations[:1])["spec"]["weight"] == 50
    assert before == DOC


@pytest.mark.parametrize(
    ("operation", "spec"),
    [
        ({"op": "replace", "path": "/spec/weight", "value": 1}, {"weight": 1, "list": [1, 2]}),
        ({"op": "replace", "path": "/spec/absent", "value": 1}, {"weight": 90, "list": [1, 2], "absent": 1}),
        ({"op": "add", "path": "/spec/list/-", "value": 3}, {"weight": 90, "list": [1, 2, 3]}),
        ({"op": "add", "path": "/spec/list/1", "value": 3}, {"weight": 90, "list": [1, 3, 2]}),
        ({"op": "add", "path": "/spec/list/-1", "value": 3}, {"weight": 90, "list": [1, 2, 3]}),
        ({"op": "replace", "path": "/spec/list/-1", "value": 3}, {"weight": 90, "list": [1, 3]}),
        ({"op": "remove", "path": "/spec/list/0"}, {"weight": 90, "list": [2]}),
        ({"op": "remove", "path": "/spec/weight"}, {"list": [1, 2]}),
        ({"op": "test", "path": "/spec/absent", "value": None}, DOC["spec"]),
        ({"op": "test", "path": "/a~1b/~0", "value": 1}, DOC["spec"]),
        ({"op": "move", "from": "/spec/list", "path": "/spec/moved"}, {"weight": 90, "moved": [1, 2]}),
        ({"op": "copy", "from": "/spec/weight", "path": "/spec/twin"}, {"weight": 90, "twin": 90, "list": [1, 2]}),
    ],
)
def test_each_operation(operation: dict[str, Any], spec: Any) -> None:
    """Every operation does what the real server's library does, also where RFC 6902 says otherwise."""
    assert json_patch(DOC, [operation])["spec"] == spec


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/spec/weight", "value": "90"},
        {"op": "test", "path": "/spec/weight", "value": 90.0},
        {"op": "test", "path": "/spec/absent", "value": 1},
        {"op": "test", "path": "/spec/absent/deep", "value": None},
        {"op": "test", "path": "spec", "value": None},
        {"op": "replace", "path": "/absent/deep", "value": 1},
        {"op": "replace", "path": "/spec/list/2", "value": 1},
        {"op": "add", "path": "/spec/list/x", "value": 1},
        {"op": "add", "path": "/spec/list/4", "value": 1},
        {"op": "add", "path": "/spec/weight/x", "value": 1},
        {"op": "remove", "path": "/spec/absent"},
        {"op": "remove", "path": "/absent/deep"},
        {"op": "frobnicate", "path": "/spec"},
        {"op": "add"},
    ],
)
def test_a_patch_that_does_not_fit_is_422(operation: dict[str, Any]) -> None:
    """Whatever fails while applying is 422 with the real server's unhelpful words."""
    with pytest.raises(ApiError, match="the server rejected our request due to an error in our request") as refused:
        json_patch(DOC, [operation])
    assert refused.value.code == 422


@pytest.mark.parametrize("body", [{"op": "test"}, "text", ["text"], None, [{"op": 1, "path": "/a"}]])
def test_a_patch_that_cannot_be_decoded_is_400(body: Any) -> None:
    """A body that is not a list of operations never reaches the object."""
    with pytest.raises(ApiError) as refused:
        json_patch(DOC, body)
    assert refused.value.code == 400


def test_a_patch_that_is_too_long_is_413() -> None:
    """10 000 operations are taken, one more is not."""
    operations = [{"op": "test", "path": "/spec/absent", "value": None}] * 10_000
    assert json_patch(DOC, operations) == DOC
    with pytest.raises(ApiError, match="is 10000, got 10001") as refused:
        json_patch(DOC, [*operations, operations[0]])
    assert refused.value.code == 413
