"""Creation, server-side apply, replacement and deletion that both servers must answer alike."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.e2e.admin import APPLY, MERGE, Obj
from tests.e2e.cases import (
    CANARIES,
    CANARY,
    FRESH,
    GRPC,
    GRPC_ROUTES,
    JSON_PATCH,
    MATCHES,
    QUANTITIES,
    ROLLOUT,
    ROLLOUTS,
    ROUTE,
    ROUTES,
    SPLITS,
    TCP,
    TWIN,
    Case,
    changed,
    op,
    post,
)


def without(obj: Obj, *path: Any) -> Obj:
    """Return an object without one leaf."""
    made = deepcopy(obj)
    at = made
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return made


def with_(obj: Obj, value: Any, *path: Any) -> Obj:
    """Return an object with one other leaf."""
    made = deepcopy(obj)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return made


_APPLIED = f"{ROUTES}/fresh?dryRun=All&fieldManager=git"
_CONTESTED = f"{ROUTE}?dryRun=All&fieldManager=git"
_OTHER = with_(changed(TWIN, annotations={"a": "b"}), ["other"], "spec", "hosts")
_SPLITS_1, _SPLITS_4 = (SPLITS.replace("v1alpha2", version) for version in ("v1alpha1", "v1alpha4"))
_STRICT = "&fieldValidation=Strict"
_WEIGHT = ("spec", "http", 0, "route", 0, "weight")
_NOWHERE = ROUTES.replace("mesh-demo", "nowhere")
CREATE_CASES = [
    post("a VirtualService", ROUTES, FRESH),
    post("TCP and TLS", ROUTES, changed(TCP, name="fresh")),
    post("a GRPCRoute", GRPC_ROUTES, changed(GRPC, name="fresh")),
    post("quantities", _SPLITS_1, changed(QUANTITIES, name="fresh")),
    post(
        "a quantity that is a float",
        _SPLITS_1,
        with_(changed(QUANTITIES, name="fresh"), 1.5, "spec", "backends", 0, "weight"),
    ),
    post("matches of a split", _SPLITS_4, MATCHES),
    post("wrong matches of a split", _SPLITS_4, with_(MATCHES, "X", "spec", "matches", 0, "kind")),
    post("a Canary", CANARIES, changed(CANARY, name="fresh")),
    post("a Canary of nothing known", CANARIES, with_(changed(CANARY, name="f"), "X", "spec", "targetRef", "kind")),
    post(
        "a Canary with two ways to go", CANARIES, with_(changed(CANARY, name="f"), 3, "spec", "analysis", "iterations")
    ),
    post("a Canary with no way to go", CANARIES, without(changed(CANARY, name="f"), "spec", "analysis", "stepWeight")),
    post(
        "a Canary with a wrong interval",
        CANARIES,
        with_(changed(CANARY, name="f"), "x", "spec", "analysis", "interval"),
    ),
    post("a Rollout", ROLLOUTS, changed(ROLLOUT, name="fresh")),
    post("a Rollout without a spec", ROLLOUTS, without(changed(ROLLOUT, name="fresh"), "spec")),
    post("a status with a new object", ROUTES, FRESH | {"status": {"a": 1}}),
    post("what only the server writes", ROUTES, changed(FRESH, generation=7, uid="x", selfLink="a")),
    post("an unknown field in a new object", ROUTES, FRESH | {"nope": 1}),
    post("an unknown field, strictly", ROUTES, FRESH | {"nope": 1}, query=_STRICT),
    post("an unknown field of the metadata, strictly", ROUTES, changed(FRESH, nope=1), query=_STRICT),
    post(
        "unknown fields further in, strictly",
        ROUTES,
        with_(with_(FRESH, 1, "spec", "http", 0, "route", 0, "wait"), 1, "spec", "zzz"),
        query=_STRICT,
    ),
    post("a way of checking there is not", ROUTES, FRESH, query="&fieldValidation=Never"),
    post("a second of the same name", ROUTES, TWIN),
    post("no name", ROUTES, without(FRESH, "metadata", "name")),
    post("no metadata", ROUTES, without(FRESH, "metadata")),
    post("a name that is none", ROUTES, changed(FRESH, name="Upper_case")),
    post("a finalizer from the start", ROUTES, changed(FRESH, finalizers=["a.b/c"])),
    post("an owner without a name", ROUTES, changed(FRESH, ownerReferences=[{"apiVersion": "v1", "kind": "Pod"}])),
    post("an annotation that is a number", ROUTES, changed(FRESH, annotations={"a": 1})),
    post("annotations that are a list", ROUTES, changed(FRESH, annotations=[])),
    post("a number for a name", ROUTES, changed(FRESH, name=1)),
    post("metadata that are text", ROUTES, FRESH | {"metadata": "x"}),
    post("a kind that is not the path's", ROUTES, FRESH | {"kind": "Gateway"}),
    post("a version that is not the path's", ROUTES, FRESH | {"apiVersion": "networking.istio.io/v1"}),
    post("no version", ROUTES, without(FRESH, "apiVersion")),
    post("no kind", ROUTES, without(FRESH, "kind"), words=False),
    post("a weight of text and a name that is none", ROUTES, with_(changed(FRESH, name="A"), "x", *_WEIGHT)),
    post("the namespace is not the path's", _NOWHERE, TWIN),
    post("an object for no namespace", _NOWHERE, changed(TWIN, namespace="nowhere")),
    post("a wrong object for no namespace", _NOWHERE, changed(with_(TWIN, 1, "spec"), namespace="nowhere")),
    post("no object", ROUTES, [], words=False),  # type: ignore[arg-type]  # that is the point
    Case("a version at creation", "POST", ROUTES, changed(FRESH, resourceVersion="1")),
    Case("a body of no known type", "POST", ROUTES, FRESH, "text/plain"),
]

APPLY_CASES = [
    Case("applied by nobody", "PATCH", f"{ROUTES}/fresh", FRESH, APPLY),
    Case("applied anew", "PATCH", _APPLIED, FRESH, APPLY),
    Case("applied against an owner", "PATCH", _CONTESTED, _OTHER, APPLY),
    Case("applied by force", "PATCH", f"{_CONTESTED}&force=true", _OTHER, APPLY),
    Case("applied under another name", "PATCH", f"{ROUTES}/other?dryRun=All&fieldManager=git", FRESH, APPLY),
    Case("applied without a name", "PATCH", _APPLIED, without(FRESH, "metadata", "name"), APPLY),
    Case("applied elsewhere", "PATCH", _APPLIED, changed(FRESH, namespace="x"), APPLY),
    Case("applied as another kind", "PATCH", _APPLIED, FRESH | {"kind": "Gateway"}, APPLY, words=False),
    Case("applied with owners", "PATCH", _APPLIED, changed(FRESH, managedFields=[{"manager": "x"}]), APPLY),
    Case("applied with an unknown field", "PATCH", _APPLIED, FRESH | {"nope": 1}, APPLY),
    Case("applied with a weight of text", "PATCH", _APPLIED, with_(FRESH, "x", *_WEIGHT), APPLY),
    Case(
        "applied without a destination",
        "PATCH",
        _APPLIED,
        without(FRESH, "spec", "http", 0, "route", 0, "destination"),
        APPLY,
    ),
    Case("applied with metadata that are a list", "PATCH", _APPLIED, FRESH | {"metadata": []}, APPLY, words=False),
    Case("applied to another uid", "PATCH", f"{_CONTESTED}&force=true", changed(TWIN, uid="x"), APPLY),
    Case("applied to an older version", "PATCH", f"{_CONTESTED}&force=true", changed(TWIN, resourceVersion="1"), APPLY),
]

REPLACE_AND_DELETE_CASES = [
    Case("put without a version", "PUT", ROUTE, TWIN),
    Case("put with an older version", "PUT", ROUTE, changed(TWIN, resourceVersion="1")),
    Case("put with an older version and wrong", "PUT", ROUTE, with_(changed(TWIN, resourceVersion="1"), 1, "spec")),
    Case("put under another name", "PUT", f"{ROUTES}/other", TWIN),
    Case("put without a name", "PUT", ROUTE, without(TWIN, "metadata", "name")),
    Case("put in another namespace", "PUT", ROUTE, changed(TWIN, namespace="x")),
    Case("put what is gone", "PUT", f"{ROUTES}/gone", changed(TWIN, name="gone", resourceVersion="1")),
    Case("delete another uid", "DELETE", ROUTE, {"preconditions": {"uid": "x"}}, words=False),
    Case("delete an older version", "DELETE", ROUTE, {"preconditions": {"resourceVersion": "1"}}, words=False),
    Case("delete what is gone", "DELETE", f"{ROUTES}/gone"),
    Case("delete, to see", "DELETE", f"{ROUTE}?dryRun=All"),
    Case("delete in a way there is not", "DELETE", f"{ROUTE}?dryRun=Some"),
    Case("delete without a namespace", "DELETE", "/apis/networking.istio.io/v1/virtualservices"),
    Case("patch what is gone", "PATCH", f"{ROUTES}/gone", [op("test", "/spec", {})], JSON_PATCH),
    Case(
        "patch strictly",
        "PATCH",
        f"{ROUTE}?dryRun=All&fieldValidation=Strict",
        {"spec": {"nope": 1}},
        MERGE,
        words=False,
    ),
]
