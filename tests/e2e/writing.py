"""Other writers of a route: what they write, and under which name."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.e2e.admin import APPLY, MERGE, Admin, Obj

_RULES = {
    "VirtualService": ("http", "route"),
    "HTTPRoute": ("rules", "backendRefs"),
    "GRPCRoute": ("rules", "backendRefs"),
}
_SERVERS_OWN = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp")


def with_split(obj: Obj, *weights: int) -> Obj:
    """Return the object with these weights in its first weighted rule; nothing else differs."""
    changed = deepcopy(obj)
    for arm, weight in zip(_arms(changed), weights, strict=True):
        arm["weight"] = weight
    return changed


def split(obj: Obj) -> list[int]:
    """Return the weights of the first weighted rule."""
    return [arm["weight"] for arm in _arms(obj)]


def merge(admin: Admin, obj: Obj, change: Any, *, manager: str = "somebody") -> Obj:
    """Send a JSON merge patch, as most controllers and `kubectl patch` do."""
    return admin.must("PATCH", f"{_address(admin, obj)}?fieldManager={manager}", change, MERGE)


def rewrite(admin: Admin, obj: Obj, *weights: int, manager: str) -> Obj:
    """Write other weights with a merge patch, which replaces whole lists."""
    return merge(admin, obj, {"spec": with_split(admin.get(obj), *weights)["spec"]}, manager=manager)


def apply(admin: Admin, obj: Obj, *weights: int, manager: str) -> Obj:
    """Apply the object with these weights as `kubectl apply --server-side --force-conflicts` does."""
    wanted = with_split(admin.get(obj), *weights)
    for key in _SERVERS_OWN:
        wanted["metadata"].pop(key, None)
    theirs = wanted["metadata"].pop("annotations", {})
    wanted["metadata"]["annotations"] = {k: v for k, v in theirs.items() if not k.startswith("meshbot.dev/")}
    wanted.pop("status", None)
    return admin.must("PATCH", f"{_address(admin, obj)}?fieldManager={manager}&force=true", wanted, APPLY)


def _address(admin: Admin, obj: Obj) -> str:
    return f"{admin.path(obj)}/{obj['metadata']['name']}"


def _arms(obj: Obj) -> list[Obj]:
    if obj["kind"] == "TrafficSplit":
        backends: list[Obj] = obj["spec"]["backends"]
        return backends
    rules, inner = _RULES[obj["kind"]]
    return next(rule[inner] for rule in obj["spec"][rules] if len(rule.get(inner) or ()) > 1)
