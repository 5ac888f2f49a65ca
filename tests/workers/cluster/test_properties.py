"""Whatever the object: a plan touches the chosen weights and our own annotations, and can be taken back."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.domain.plans import Roles, plan
from mesh.domain.routes import PREFIX, STAMP_OPERATION, Route
from tests.workers.cluster.shapes import MESH_PARENT, Obj, http_route, made, virtual_service
from workers.cluster.routing import RoutingApi
from workers.cluster.table import ROUTING_APIS

APIS = {api.kind: api for api in ROUTING_APIS}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
EXTRAS = st.dictionaries(st.sampled_from(["timeout", "mirror", "x-unknown", "headers", "a/b~c"]), JSON, max_size=2)
WEIGHTS = st.none() | st.integers(0, 1000)
SERVICES = st.sampled_from(["api", "api-v1", "api-v2", "web", "api.other", "www.example.co.uk"])


def weighted(entry: Obj, weight: int | None) -> Obj:
    """Return the destination with its weight, absent for None."""
    return entry if weight is None else entry | {"weight": weight}


@st.composite
def istio_arm(draw: st.DrawFn) -> Obj:
    """Draw a destination with or without subset, port and weight."""
    destination: Obj = {"host": draw(SERVICES)}
    if draw(st.booleans()):
        destination["subset"] = draw(st.sampled_from(["v1", "v2", "v3"]))
    if draw(st.booleans()):
        destination["port"] = {"number": draw(st.integers(80, 82))}
    return weighted(draw(EXTRAS) | {"destination": destination}, draw(WEIGHTS))


@st.composite
def smi_arm(draw: st.DrawFn) -> Obj:
    """Draw a backend of a TrafficSplit."""
    return weighted(draw(EXTRAS) | {"service": draw(SERVICES)}, draw(WEIGHTS))


@st.composite
def gateway_arm(draw: st.DrawFn) -> Obj:
    """Draw a backendRef."""
    ref = draw(EXTRAS) | {"name": draw(SERVICES)}
    ref |= draw(st.fixed_dictionaries({}, optional={"port": st.integers(80, 82), "namespace": st.just("other")}))
    return weighted(ref, draw(WEIGHTS))


def rules(key: str, arms: st.SearchStrategy[Obj]) -> st.SearchStrategy[list[Obj]]:
    """Draw rules, some without destinations, some with a name."""
    fixed: dict[str, st.SearchStrategy[Any]] = {}
    optional = {key: st.lists(arms, max_size=4), "name": st.sampled_from(["a", "b"]), "match": st.just([{"uri": {}}])}
    rule = st.builds(lambda extra, known: extra | known, EXTRAS, st.fixed_dictionaries(fixed, optional=optional))
    return st.lists(rule, min_size=1, max_size=3)


def split(backends: list[Obj]) -> Obj:
    """Return a TrafficSplit."""
    return made("split.smi-spec.io/v1alpha4", "TrafficSplit", "t", {"service": "api", "backends": backends})


OBJECTS = st.one_of(
    rules("route", istio_arm()).map(lambda found: virtual_service(*found)),
    st.lists(smi_arm(), max_size=4).map(split),
    rules("backendRefs", gateway_arm()).map(lambda found: http_route(*found, parents=[MESH_PARENT])),
)
ANNOTATIONS = st.none() | st.dictionaries(st.sampled_from(["a", "b/c", "d~e"]), st.text(max_size=3), max_size=2)


def put(obj: Obj, annotations: dict[str, str] | None) -> Obj:
    """Return the object with annotations, or without the key."""
    return obj if annotations is None else obj | {"metadata": obj["metadata"] | {"annotations": annotations}}


def changed_paths(before: Any, after: Any) -> set[str]:
    """Return the pointers where two objects differ."""
    return {operation["path"] for operation in jsonpatch.make_patch(before, after)}


def without_stamps(obj: Obj) -> Obj:
    """Return the object without our annotations, and without the key when nothing is left in it."""
    bare = copy.deepcopy(obj)
    kept = {k: v for k, v in (bare["metadata"].pop("annotations", None) or {}).items() if not k.startswith(PREFIX)}
    return put(bare, kept or None)


def at_rule(api: RoutingApi, obj: Obj, route: Route) -> Route:
    """Read the same rule again."""
    return next(found for found in api.read(obj) if found.rule == route.rule)


@settings(max_examples=100, deadline=None)
@given(st.data(), OBJECTS, ANNOTATIONS)
def test_apply_touches_only_weights_and_undo_gives_the_object_back(
    data: st.DataObject, obj: Obj, annotations: dict[str, str] | None
) -> None:
    """For every API and every shape drawn."""
    obj = put(obj, annotations)
    api = APIS[obj["kind"]]
    routes = api.read(obj)
    if not routes:
        return
    route = data.draw(st.sampled_from(routes))
    names = [arm.name for arm in route.arms]
    assert len(set(names)) == len(names)
    wanted = data.draw(st.dictionaries(st.sampled_from(names), st.integers(0, 1000)))
    done = plan(route, dict(wanted), Roles(), stamps={STAMP_OPERATION: "op-1"})
    after = jsonpatch.apply_patch(obj, [operation.as_json() for operation in done.patch])

    chosen = {arm.pointer for arm in route.arms if arm.name in wanted}
    stamps = {"/metadata/annotations", "/metadata/annotations/meshbot.dev~1operation"}
    assert changed_paths(obj, after) <= chosen | stamps
    seen = at_rule(api, after, route)
    assert {arm.name: arm.weight for arm in seen.arms} == {
        arm.name: wanted.get(arm.name, arm.weight) for arm in route.arms
    }

    undo = plan(seen, {arm.name: arm.weight for arm in route.arms}, Roles(), stamps={STAMP_OPERATION: "op-2"})
    back = jsonpatch.apply_patch(after, [operation.as_json() for operation in undo.patch])
    assert without_stamps(back) == without_stamps(obj)
