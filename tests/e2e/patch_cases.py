"""Patches that both servers must answer alike: every leaf with every kind of weight, every operation, all metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.e2e.admin import MERGE
from tests.e2e.cases import (
    ARM,
    GRPC_ROUTE,
    HTTP_ROUTE,
    JSON_PATCH,
    ROUTE,
    ROUTES,
    RULE,
    SPLIT,
    SPLITS,
    TWIN,
    Case,
    op,
    patch,
)

WEIGHTS: Mapping[str, Any] = {
    "0": 0,
    "-1": -1,
    "1000000": 1000000,
    "1000001": 1000001,
    "1.5": 1.5,
    "2.0": 2.0,
    "half": "half",
    "500m": "500m",
    "true": True,
    "null": None,
    "a list": [],
    "an object": {},
    "2^31": 2**31,
}
LEAVES = {
    "VirtualService http": (ROUTE, f"{RULE}/route/0/weight"),
    "VirtualService tcp": (f"{ROUTES}/api-tcp", "/spec/tcp/0/route/1/weight"),
    "VirtualService tls": (f"{ROUTES}/api-tcp", "/spec/tls/0/route/0/weight"),
    "HTTPRoute": (HTTP_ROUTE, f"{ARM}/weight"),
    "GRPCRoute": (GRPC_ROUTE, f"{ARM}/weight"),
    "TrafficSplit": (SPLIT, "/spec/backends/0/weight"),
    "TrafficSplit v1alpha4": (SPLIT.replace("v1alpha2", "v1alpha4"), "/spec/backends/0/weight"),
    "TrafficSplit v1alpha1": (f"{SPLITS.replace('v1alpha2', 'v1alpha1')}/quantities", "/spec/backends/0/weight"),
}
"""Every leaf that a change of weights writes."""
WEIGHT_CASES = [
    patch(f"{kind} weight {word}", op("add", pointer, value), path=path)
    for kind, (path, pointer) in LEAVES.items()
    for word, value in WEIGHTS.items()
] + [patch(f"{kind} without its weight", op("remove", pointer), path=path) for kind, (path, pointer) in LEAVES.items()]

OPERATION_CASES = [
    patch("a weight that moved", op("test", f"{RULE}/route/0/weight", 1)),
    patch("a version that moved", op("test", "/metadata/resourceVersion", "1")),
    patch("a generation that moved", op("test", "/metadata/generation", 99)),
    patch("a rule that is gone", op("test", "/spec/http/4/route/0/weight", 1)),
    patch("a test of an absent key", op("test", f"{RULE}/route/0/destination/nope", "x")),
    patch("a test of an absent key for null", op("test", f"{RULE}/nope", None)),
    patch("a test of an absent key for nothing", op("test", f"{RULE}/nope")),
    patch("a test below an absent key", op("test", "/spec/nope/x", None)),
    patch("a test of a number by its text", op("test", f"{RULE}/route/0/weight", "90")),
    patch("a test of a whole number by a float", op("test", f"{RULE}/route/0/weight", 90.0)),
    patch("a test that holds", op("test", f"{RULE}/route/0/weight", 90)),
    patch("a test of an object", op("test", f"{RULE}/route/1", TWIN["spec"]["http"][0]["route"][1])),
    patch("a test of a list", op("test", "/spec/hosts", ["nope"])),
    patch("an arm that is gone", op("replace", f"{RULE}/route/7/weight", 1)),
    patch("an absent key removed", op("remove", f"{RULE}/nope")),
    patch("an absent key replaced", op("replace", f"{RULE}/name", "main")),
    patch("an absent annotation replaced", op("replace", "/metadata/annotations", {"a": "b"})),
    patch("a key below an absent key", op("add", "/spec/nope/x", 1)),
    patch("an item at the end", op("add", "/spec/hosts/1", "b")),
    patch("an item behind the end", op("add", "/spec/hosts/-", "b")),
    patch("an item beyond the end", op("add", "/spec/hosts/5", "b")),
    patch("an item before the end", op("add", "/spec/hosts/-1", "b")),
    patch("the last item", op("replace", "/spec/hosts/-1", "b")),
    patch("no item at all", op("replace", "/spec/hosts/x", "b")),
    patch("an item removed", op("remove", f"{RULE}/route/1")),
    patch("a move", {"op": "move", "from": "/spec/hosts", "path": "/spec/gateways"}),
    patch("a copy", {"op": "copy", "from": "/spec/hosts", "path": "/spec/gateways"}),
    patch("an addition without a value", op("add", "/spec/hosts")),
    patch("an operation there is not", op("frob", "/spec", 1)),
    patch("an operation without a path", {"op": "test"}),
    patch("a path that does not begin at the root", op("test", "spec", None)),
    patch("a path that is a number", {"op": "test", "path": 1}, words=False),
    patch(
        "an escaped path",
        op("add", "/metadata/annotations", {"a.b/c": "d"}),
        op("test", "/metadata/annotations/a.b~1c", "d"),
    ),
    patch("too many operations", *[op("test", "/spec/x", None)] * 10_001),
    patch("the same weight", op("replace", f"{RULE}/route/0/weight", 90)),
    patch("another weight", op("replace", f"{RULE}/route/0/weight", 91)),
    patch(
        "another weight in an older version",
        op("replace", f"{RULE}/route/0/weight", 91),
        path=ROUTE.replace("v1beta1", "v1alpha3"),
    ),
    patch(
        "another weight by a named manager",
        op("replace", f"{RULE}/route/0/weight", 91),
        path=f"{ROUTE}?fieldManager=meshbot",
    ),
    patch(
        "two arms that are both wrong",
        *(op("replace", f"/spec/rules/0/backendRefs/{n}/weight", -1) for n in (0, 1)),
        path=HTTP_ROUTE,
    ),
    patch(
        "one arm of the wrong type, one out of range",
        op("replace", f"{ARM}/weight", -1),
        op("replace", "/spec/rules/0/backendRefs/1/weight", "x"),
        path=HTTP_ROUTE,
    ),
    patch("a list where an object is wanted", op("replace", "", []), words=False),
    Case("no operation", "PATCH", ROUTE, [], JSON_PATCH),
    Case("a patch that is no list", "PATCH", ROUTE, {"op": "test"}, JSON_PATCH, words=False),
    Case("a patch of no known type", "PATCH", ROUTE, []),
    Case("a strategic patch", "PATCH", ROUTE, {}, "application/strategic-merge-patch+json"),
    Case("a patch by force", "PATCH", f"{ROUTE}?force=true", [], JSON_PATCH),
    Case("a merge patch", "PATCH", f"{ROUTE}?dryRun=All", {"spec": {"http": None, "hosts": ["b"]}}, MERGE),
    Case("a merge patch that is a list", "PATCH", ROUTE, [], MERGE),
    Case("a dry run that is none", "PATCH", f"{ROUTE}?dryRun=Some", [], JSON_PATCH),
]

METADATA_CASES = [
    patch("a version in the patch", op("replace", "/metadata/resourceVersion", "1")),
    patch("no version in the patch", op("remove", "/metadata/resourceVersion")),
    patch("version 0 in the patch", op("replace", "/metadata/resourceVersion", "0")),
    patch("a version that is no number", op("replace", "/metadata/resourceVersion", "abc")),
    patch("another name", op("replace", "/metadata/name", "x")),
    patch("another namespace", op("replace", "/metadata/namespace", "x")),
    patch("another uid", op("replace", "/metadata/uid", "x")),
    patch("no uid", op("remove", "/metadata/uid")),
    patch("another kind", op("replace", "/kind", "x")),
    patch("another API version", op("replace", "/apiVersion", "networking.istio.io/v1")),
    patch("another generation", op("replace", "/metadata/generation", 77)),
    patch("no metadata", op("remove", "/metadata")),
    patch("an unknown field of the metadata", op("add", "/metadata/nope", "x")),
    patch("an annotation where there are none", op("add", "/metadata/annotations/a", "b")),
    patch("annotations", op("add", "/metadata/annotations", {"meshbot.dev/operation": "op-1"})),
    patch("no annotations", op("add", "/metadata/annotations", {})),
    patch("an annotation that is null", op("add", "/metadata/annotations", {"a": None, "b": "c"})),
    patch("an annotation that is a number", op("add", "/metadata/annotations", {"a": 1}), words=False),
    patch("an annotation that is an object", op("add", "/metadata/annotations", {"a": {}}), words=False),
    patch("annotations that are a list", op("add", "/metadata/annotations", []), words=False),
    patch("an annotation with a bad name", op("add", "/metadata/annotations", {"a b": "x"})),
    patch("a label with a bad value", op("add", "/metadata/labels", {"a": "x y"})),
    patch("a label", op("add", "/metadata/labels", {"a": "b"})),
    patch("a finalizer", op("add", "/metadata/finalizers", ["a.b/c"])),
    Case(
        "an annotation by a merge patch",
        "PATCH",
        f"{ROUTE}?dryRun=All",
        {"metadata": {"annotations": {"a": "b"}}},
        MERGE,
    ),
    Case("another uid by a merge patch", "PATCH", ROUTE, {"metadata": {"uid": "x"}}, MERGE),
]
