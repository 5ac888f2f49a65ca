"""Reads labelSelector and fieldSelector as a list or watch gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from playground.cluster.kinds import Kind
from playground.cluster.statuses import bad_request

Test = Callable[[Mapping[str, Any]], bool]

_FIELDS = ("metadata.name", "metadata.namespace")
_MORE_FIELDS = {
    "namespaces": ("name", "status.phase"),
    "services": ("spec.clusterIP", "spec.type"),
    "pods": ("spec.nodeName", "spec.serviceAccountName", "status.phase", "status.podIP"),
    "events": ("involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "involvedObject.uid", "type"),
}
"""The fields each kind can be selected by; the real server knows some more of pods and events."""
_BETWEEN = re.compile(r",(?![^(]*\))")
_KEY = r"[A-Za-z0-9](?:[\w./-]*[A-Za-z0-9])?"
_SET = re.compile(rf"^({_KEY})\s+(in|notin)\s*\(([^()]*)\)$")
_ORDER = re.compile(rf"^({_KEY})\s*([<>])\s*(-?\d+)$")
_EQUAL = re.compile(rf"^({_KEY})\s*(==|=|!=)\s*([\w.-]*)$")
_EXISTS = re.compile(rf"^(!?)\s*({_KEY})$")


def selector(kind: Kind, labels: str, fields: str) -> Test:
    """Return a test of objects from the two query parameters; empty ones select everything.

    Raises ApiError 400 when a selector cannot be read, or names a field this kind does not index.
    """
    tests = [*_label_tests(labels), *_field_tests(kind, fields)]
    return lambda obj: all(test(obj) for test in tests)


def _label_tests(text: str) -> list[Test]:
    return [_on_labels(_requirement(part.strip())) for part in _BETWEEN.split(text)] if text.strip() else []


def _on_labels(test: Test) -> Test:
    return lambda obj: test(obj.get("metadata", {}).get("labels") or {})


def _requirement(part: str) -> Test:
    if match := _SET.match(part):
        return _one_of(match[1], {word.strip() for word in match[3].split(",")}, wanted=match[2] == "in")
    if match := _EQUAL.match(part):
        return _one_of(match[1], {match[3]}, wanted=match[2] != "!=")
    if match := _ORDER.match(part):
        return _beyond(match[1], int(match[3]), above=match[2] == ">")
    if match := _EXISTS.match(part):
        key, wanted = match[2], not match[1]
        return lambda labels: (key in labels) == wanted
    raise bad_request(f'unable to parse requirement: found "{part}", expected: key, key=value, key in (a,b), !key')


def _one_of(key: str, values: set[str], *, wanted: bool) -> Test:
    return lambda labels: (labels.get(key) in values) == wanted


def _beyond(key: str, bound: int, *, above: bool) -> Test:
    def test(labels: Mapping[str, Any]) -> bool:
        value = labels.get(key, "")
        return re.fullmatch(r"-?\d+", value) is not None and (int(value) > bound if above else int(value) < bound)

    return test


def _field_tests(kind: Kind, text: str) -> list[Test]:
    return [_field_test(kind, part.strip()) for part in text.split(",")] if text.strip() else []


def _field_test(kind: Kind, part: str) -> Test:
    match = re.match(r"^([\w.]+)(==|!=|=)(.*)$", part)
    if match is None:
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    path, wanted, value = match[1], match[2] != "!=", match[3]
    if path not in (*_FIELDS, *_MORE_FIELDS.get(kind.qualified, ())):
        raise bad_request(f"field label not supported: {path}")
    return lambda obj: (_text_at(obj, path) == value) == wanted


def _text_at(obj: Mapping[str, Any], path: str) -> str:
    at: Any = obj
    for key in path.split("."):
        at = at.get(key) if isinstance(at, Mapping) else None
    return "" if at is None else str(at)
