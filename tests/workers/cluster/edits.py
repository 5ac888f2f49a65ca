"""One edit of an object and its undo, as a patch would leave them, without a server."""

from __future__ import annotations

import json

import jsonpatch

from mesh.domain.plans import Plan, Roles, plan
from mesh.domain.routes import PREFIX, STAMP_OPERATION, Route, Weights
from tests.workers.cluster.shapes import Obj
from workers.cluster.routing import RoutingApi


def edited(obj: Obj, route: Route, wanted: Weights) -> Obj:
    """Return the object after a patch that gives the route the wanted weights."""
    return _patched(obj, plan(route, wanted, Roles(), stamps={STAMP_OPERATION: "op-1"}))


def undone(api: RoutingApi, obj: Obj, rule: str) -> Obj:
    """Return the object with the weights of one rule as its own annotations remember them."""
    route = next(found for found in api.read(obj) if found.rule == rule)
    assert route.previous is not None
    return _patched(obj, plan(route, route.previous, Roles(), stamps={STAMP_OPERATION: "op-2"}))


def written(obj: Obj) -> str:
    """Return the object as text, without our annotations: `1`, `"1"` and `1.0` differ."""
    metadata = dict(obj["metadata"])
    kept = {key: value for key, value in metadata.pop("annotations", {}).items() if not key.startswith(PREFIX)}
    return json.dumps(obj | {"metadata": metadata | ({"annotations": kept} if kept else {})})


def changed(before: Obj, after: Obj) -> set[str]:
    """Return the pointers outside the annotations where two objects differ."""
    paths = {operation["path"] for operation in jsonpatch.make_patch(before, after)}
    return {path for path in paths if not path.startswith("/metadata/annotations")}


def _patched(obj: Obj, made: Plan) -> Obj:
    found: Obj = jsonpatch.apply_patch(obj, [operation.as_json() for operation in made.patch])
    return found
