"""Hypothesis draws objects of every API: weighted rules among whatever else an object may carry."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.corpus.cases import Obj

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
"""Anything that JSON can carry: controls, quotes, slashes, all scripts; no lone surrogates."""
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
FOREIGN = ("mirror", "mirrorPercentage", "retries", "timeout", "fault", "corsPolicy", "headers", "rewrite", "x-a/b~c")
WEIGHT = st.none() | st.integers(0, 9) | st.integers(0, 1000)
QUANTITY = st.none() | st.integers(0, 3) | st.sampled_from(["0", "1", "900m", "100m", "0.5", "2k", "1.250", "33m"])
SHORT = st.sampled_from(["api-v1", "api-v2", "api-v3", "api", "web"])
HOST = SHORT | st.sampled_from(["api.shop", "api.shop.svc.cluster.local", "api.other", "www.example.co.uk"])
MAPS = st.dictionaries(TEXT, TEXT, max_size=2)
MEMORIES = TEXT | st.dictionaries(TEXT, MAPS | JSON, max_size=2).map(json.dumps)
STAMPS = st.dictionaries(st.sampled_from(["meshbot.dev/written", "meshbot.dev/previous"]), MEMORIES, max_size=2)


def foreign(*more: str) -> st.SearchStrategy[Obj]:
    """Draw fields that are none of ours."""
    return st.dictionaries(st.sampled_from([*FOREIGN, *more]), JSON, max_size=2)


@st.composite
def blended(draw: st.DrawFn, *parts: st.SearchStrategy[Obj]) -> Obj:
    """Draw one map of all the parts, its keys in any order; later parts win."""
    whole = {key: value for part in parts for key, value in draw(part).items()}
    return {key: whole[key] for key in draw(st.permutations(list(whole)))}


def weighted(weight: st.SearchStrategy[Any]) -> st.SearchStrategy[Obj]:
    """Draw a weight, or none."""
    return weight.map(lambda found: {} if found is None else {"weight": found})


def fixed(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Obj]:
    """Draw a map with these fields."""
    return st.fixed_dictionaries(fields)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Obj]:
    """Draw a map with some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def lists(inner: st.SearchStrategy[Obj], size: int) -> st.SearchStrategy[list[Obj]]:
    """Draw at most `size` of something."""
    return st.lists(inner, max_size=size)


def arms(inner: st.SearchStrategy[Obj]) -> st.SearchStrategy[list[Obj]]:
    """Draw the destinations of a weighted rule: often two or more, sometimes one or none."""
    return st.lists(inner, min_size=2, max_size=4) | st.lists(inner, min_size=2, max_size=3) | lists(inner, 1)


def rules(inner: st.SearchStrategy[Obj], arms_key: str, arm: st.SearchStrategy[Obj]) -> st.SearchStrategy[list[Obj]]:
    """Draw one to three rules, of which a few have no destinations at all."""
    weighted_rule = blended(inner, fixed(**{arms_key: arms(arm)}))
    return st.lists(weighted_rule | weighted_rule | inner, min_size=1, max_size=3)


PORT = st.integers(80, 82)
STRING_MATCH = st.one_of(*(fixed(**{kind: TEXT}) for kind in ("exact", "prefix", "regex")))
ISTIO_MATCH = some(
    name=TEXT, uri=STRING_MATCH, method=STRING_MATCH, port=PORT, gateways=st.lists(TEXT, max_size=2),
    headers=st.dictionaries(TEXT, STRING_MATCH, max_size=2), sniHosts=st.lists(TEXT, max_size=2),
    sourceLabels=MAPS, ignoreUriCase=st.booleans(),
)  # fmt: skip
DESTINATION = blended(
    foreign(), fixed(host=HOST), some(subset=st.sampled_from(["v1", "v2"]), port=fixed(number=PORT))
)  # fmt: skip
ISTIO_ARM = blended(foreign("weights"), fixed(destination=DESTINATION), weighted(WEIGHT))
ISTIO_RULES = rules(blended(foreign(), some(name=TEXT, match=lists(ISTIO_MATCH, 2))), "route", ISTIO_ARM)
ISTIO = blended(
    foreign(), fixed(hosts=st.just(["api"])), some(gateways=st.just(["mesh"]), exportTo=st.lists(TEXT, max_size=2)),
    fixed(http=ISTIO_RULES) | some(http=ISTIO_RULES, tcp=ISTIO_RULES, tls=ISTIO_RULES),
)  # fmt: skip

NAMED_MATCH = fixed(name=TEXT, value=TEXT)
HTTP_MATCH = some(
    path=some(type=st.sampled_from(["Exact", "PathPrefix"]), value=TEXT), method=TEXT,
    headers=st.lists(NAMED_MATCH, max_size=2), queryParams=st.lists(NAMED_MATCH, max_size=2),
)  # fmt: skip
GRPC_MATCH = some(method=some(service=TEXT, method=TEXT), headers=st.lists(NAMED_MATCH, max_size=2))
REF = blended(
    foreign("filters"), fixed(name=SHORT), some(port=PORT, namespace=st.sampled_from(["shop", "other"])),
    some(kind=st.just("Service"), group=st.just("")), weighted(WEIGHT),
)  # fmt: skip
PARENT = {"group": "", "kind": "Service", "name": "api"}


def gateway_spec(match: st.SearchStrategy[Obj]) -> st.SearchStrategy[Obj]:
    """Draw the spec of an HTTPRoute or GRPCRoute that is attached to the Service `api`."""
    found = rules(blended(foreign("filters"), some(name=TEXT, matches=lists(match, 2))), "backendRefs", REF)
    return blended(foreign("hostnames"), fixed(parentRefs=st.just([PARENT]), rules=found))


def split_spec(weight: st.SearchStrategy[Any]) -> st.SearchStrategy[Obj]:
    """Draw the spec of a TrafficSplit."""
    backend = blended(foreign(), fixed(service=HOST), weighted(weight))
    return blended(foreign(), fixed(service=st.just("api"), backends=arms(backend)))


METADATA = blended(
    foreign("managed"), fixed(name=st.just("drawn"), namespace=st.just("shop")),
    some(annotations=st.none() | blended(MAPS, STAMPS), labels=st.none() | MAPS, finalizers=st.lists(TEXT, max_size=2)),
)  # fmt: skip


def made(group: str, versions: tuple[str, ...], kind: str, spec: st.SearchStrategy[Obj]) -> st.SearchStrategy[Obj]:
    """Draw a whole object of one of the versions."""
    version = st.sampled_from([f"{group}/{version}" for version in versions])
    return blended(foreign("status-of"), fixed(apiVersion=version, kind=st.just(kind), metadata=METADATA, spec=spec))


OBJECTS: st.SearchStrategy[Obj] = st.one_of(
    made("networking.istio.io", ("v1", "v1beta1", "v1alpha3"), "VirtualService", ISTIO),
    made("split.smi-spec.io", ("v1alpha1",), "TrafficSplit", split_spec(QUANTITY)),
    made("split.smi-spec.io", ("v1alpha2", "v1alpha3", "v1alpha4"), "TrafficSplit", split_spec(WEIGHT)),
    made("gateway.networking.k8s.io", ("v1", "v1beta1"), "HTTPRoute", gateway_spec(HTTP_MATCH)),
    made("gateway.networking.k8s.io", ("v1", "v1alpha2"), "GRPCRoute", gateway_spec(GRPC_MATCH)),
)


def lists_of(obj: Obj) -> list[str]:
    """Return the pointers of every list of destinations that is not empty, found without the readers."""
    spec = obj["spec"]
    found = [("/spec/backends", spec.get("backends"))]
    for key, arms in (("http", "route"), ("tcp", "route"), ("tls", "route"), ("rules", "backendRefs")):
        found += [(f"/spec/{key}/{index}/{arms}", rule.get(arms)) for index, rule in enumerate(spec.get(key) or [])]
    return [pointer for pointer, entries in found if entries]
