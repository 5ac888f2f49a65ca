"""Merging patches as pure functions."""

from __future__ import annotations

from typing import Any

from playground.cluster.patches import merge_patch, strategic_merge, without

DOC: dict[str, Any] = {"spec": {"weight": 90, "list": [1, 2]}, "keep": {"a": None}}


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
