"""The rules of definitions that are no keywords: in a real server they are expressions, here they are functions.

Each is told by a name in `definitions/*.yaml`, takes a value of the right type with its defaults filled in, and returns
what is wrong with it. Only rules that a change of routes can meet are here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

Rule = Callable[[Any], Iterator[str]]

_DURATION = re.compile(r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PARTS = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestMirror": "requestMirror",
    "RequestRedirect": "requestRedirect",
    "URLRewrite": "urlRewrite",
    "ExtensionRef": "extensionRef",
}
_ONCE_HTTP = ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite")
_ONCE_GRPC = ("RequestHeaderModifier", "ResponseHeaderModifier")
_IN_PATH = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+")
_TYPED = "when type one of ['Exact', 'PathPrefix']"


def _lasts(value: str) -> Iterator[str]:
    wanted = "must be a valid duration greater than 1ms"
    if value != "0" and not _DURATION.fullmatch(value):
        # The word of the real server for a value of this type stands in its message instead of the value itself.
        yield f"type conversion error from 'string' to 'google.protobuf.Duration' evaluating rule: {wanted}"
    elif value.startswith("-") or _seconds(value) < _SECONDS["ms"]:
        yield wanted


def _seconds(value: str) -> float:
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value))


def _has_port(ref: Mapping[str, Any]) -> Iterator[str]:
    if not ref.get("group") and ref.get("kind") == "Service" and "port" not in ref:
        yield "Must have port for Service reference"


def _parents_differ(parents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    sections: dict[tuple[str, ...], list[str]] = {}
    for parent in parents:
        who = tuple(parent.get(key) or "" for key in ("group", "kind", "namespace", "name"))
        sections.setdefault(who, []).append(parent.get("sectionName") or "")
    what = "when parentRefs includes 2 or more references to the same parent"
    if any(any(named) and not all(named) for named in sections.values()):
        yield f"sectionName must be specified {what}"
    if any(len(set(named)) < len(named) for named in sections.values()):
        yield f"sectionName must be unique {what}"


def _no_backends(rule: Mapping[str, Any]) -> Iterator[str]:
    if rule.get("backendRefs") and any("requestRedirect" in one for one in rule.get("filters") or ()):
        yield "RequestRedirect filter must not be used together with backendRefs"


def _has_its_part(one: Mapping[str, Any]) -> Iterator[str]:
    for kind, part in _PARTS.items():
        if part in one and one.get("type") != kind:
            yield f"filter.{part} must be nil if the filter.type is not {kind}"
        if part not in one and one.get("type") == kind:
            yield f"filter.{part} must be specified for {kind} filter.type"


def _once(kinds: Sequence[str], filters: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    had = [one.get("type") for one in filters]
    if "RequestRedirect" in had and "URLRewrite" in had:
        yield "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both"
    for kind in kinds:
        if had.count(kind) > 1:
            yield f"{kind} filter cannot be repeated"


def _absolute(path: Mapping[str, Any]) -> Iterator[str]:
    value = path.get("value", "")
    if path.get("type") not in ("Exact", "PathPrefix"):
        return
    if not value.startswith("/"):
        yield f"value must be an absolute path and start with '/' {_TYPED}"
    for part in ("//", "/./", "/../", "%2f", "%2F", "#"):
        if part in value:
            yield f"must not contain '{part}' {_TYPED}"
    for end in ("/..", "/."):
        if value.endswith(end):
            yield f"must not end with '{end}' {_TYPED}"
    if not _IN_PATH.fullmatch(value):
        yield f"must only contain valid characters (matching ^{_IN_PATH.pattern}$) for types ['Exact', 'PathPrefix']"


def _named(method: Mapping[str, Any]) -> Iterator[str]:
    if "service" not in method and "method" not in method:
        yield "One or both of 'service' or 'method' must be specified"


RULES: Mapping[str, Rule] = {
    "lasts 1ms": _lasts,
    "a Service has a port": _has_port,
    "parents differ": _parents_differ,
    "a redirect has no backends": _no_backends,
    "a filter has its part": _has_its_part,
    "http filters appear once": partial(_once, _ONCE_HTTP),
    "grpc filters appear once": partial(_once, _ONCE_GRPC),
    "a path is absolute": _absolute,
    "a gRPC method is named": _named,
}
