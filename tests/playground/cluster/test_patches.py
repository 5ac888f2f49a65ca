"""Patches as pure functions."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from playground.cluster.patches import json_patch, merge_patch, strategic_merge, without
from playground.cluster.statuses import ApiError

DOC: dict[str, Any] = {"spec": {"weight": 90, "list": [1, 2]}, "keep": {"a": None}}


def test_json_patch_applies_all_or_nothing_and_leaves_its_input_alone() -> None:
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
    "operation",
    [
        {"op": "test", "path": "/spec/weight", "value": "90"},
        {"op": "test", "path": "/spec/absent", "value": 1},
        {"op": "replace", "path": "/spec/absent", "value": 1},
        {"op": "remove", "path": "/absent/deep"},
        {"op": "frobnicate", "path": "/spec"},
        {"op": "add"},
        {"op": "replace", "path": "", "value": []},
    ],
)
def test_json_patch_that_does_not_fit_is_422(operation: dict[str, Any]) -> None:
    """Whatever fails while applying is 422 with the real server's unhelpful words."""
    with pytest.raises(ApiError, match="the server rejected our request due to an error in our request") as refused:
        json_patch(DOC, [operation])
    assert refused.value.code == 422


@pytest.mark.parametrize("body", [{"op": "test"}, "text", ["text"], None])
def test_json_patch_that_cannot_be_decoded_is_400(body: Any) -> None:
    """A body that is not a list of objects never reaches the object."""
    with pytest.raises(ApiError) as refused:
        json_patch(DOC, body)
    assert refused.value.code == 400


def test_merge_patch_follows_rfc_7386() -> None:
    """Null removes, lists replace, objects merge; an absent key is untouched."""
    merged = merge_patch(DOC, {"spec": {"weight": None, "list": [3], "new": {"x": None, "y": 1}}})
    assert merged == {"spec": {"list": [3], "new": {"y": 1}}, "keep": {"a": None}}


def test_strategic_merge_merges_containers_by_name() -> None:
    """A container is changed by name, the others stay, and $patch: delete removes one."""
    doc = {"containers": [{"name": "api", "image": "1", "ports": [{"containerPort": 80}]}, {"name": "old"}]}
    patch = {"containers": [{"name": "api", "image": "2"}, {"name": "old", "$patch": "delete"}, {"name": "new"}]}
    merged = strategic_merge(doc, patch)
    assert merged["containers"] == [
        {"name": "api", "image": "2", "ports": [{"containerPort": 80}]},
        {"name": "new"},
    ]


def test_strategic_merge_replaces_lists_it_does_not_know() -> None:
    """A list without a merge key is replaced whole."""
    assert strategic_merge({"args": ["a"]}, {"args": ["b"]}) == {"args": ["b"]}


def test_without_removes_empty_parents() -> None:
    """Taking the last leaf of an object takes the object too."""
    assert without({"a": {"b": 1}, "c": 2}, ("a", "b")) == {"c": 2}
    assert without({"a": {"b": 1}}, ("a", "x")) == {"a": {"b": 1}}
