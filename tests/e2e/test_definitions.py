"""The stand-in's definitions say what the official ones say, as far as they go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from playground.cluster.kinds import KINDS
from playground.cluster.schemas import ABSENT, Schema, schema_of
from tests.e2e.admin import Admin

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_KEYWORDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "pattern": "pattern",
    "maxLength": "max_length",
    "minLength": "min_length",
    "maxItems": "max_items",
    "minItems": "min_items",
    "nullable": "nullable",
}
DEFINED = [
    (kind.qualified, version)
    for kind in KINDS
    for version in kind.versions
    if schema_of(kind.qualified, version) is not None
]


def differences(ours: Schema, real: dict[str, Any], at: str) -> Iterator[str]:
    """Yield each place where our definition says something else; what it preserves it does not claim to know."""
    if not ours.types and ours.preserve and not ours.properties:
        return
    said = {key: getattr(ours, name) or None for key, name in _KEYWORDS.items()}
    said |= {"enum": list(ours.enum) or None, "default": None if ours.default is ABSENT else ours.default}
    said |= {"minimum": ours.minimum, "required": sorted(ours.required) or None}
    wanted = {key: real.get(key) or None for key in said}
    wanted |= {"minimum": real.get("minimum"), "default": real.get("default")}
    wanted["required"] = sorted(real.get("required") or ()) or None
    yield from (f"{at}: {key} {said[key]!r}, not {wanted[key]!r}" for key in said if said[key] != wanted[key])
    types = sorted([real["type"]] if "type" in real else ["integer", "string"])
    if sorted(ours.types) != types:
        yield f"{at}: {ours.types}, not {types}"
    if bool(ours.keys) != (real.get("x-kubernetes-list-type") == "map"):
        yield f"{at}: keys {ours.keys}"
    yield from _inside(ours, real, at)


def _inside(ours: Schema, real: dict[str, Any], at: str) -> Iterator[str]:
    known = {name for name in real.get("properties") or {} if at or name not in ("apiVersion", "kind", "metadata")}
    named = {name for name in ours.properties if at or name not in ("apiVersion", "kind", "metadata")}
    if named - known or (known - named and not ours.preserve):
        yield f"{at}: properties {sorted(named ^ known)}"
    for name in sorted(named & known):
        yield from differences(ours.properties[name], real["properties"][name], f"{at}.{name}")
    if ours.items:
        yield from differences(ours.items, real["items"], f"{at}[]")
    if ours.values:
        yield from differences(ours.values, real["additionalProperties"], f"{at}{{}}")


@pytest.mark.parametrize(("qualified", "version"), DEFINED)
def test_ours_say_what_the_official_ones_say(admin: Admin, qualified: str, version: str) -> None:
    """The same types, bounds, patterns, defaults and required fields at every place that ours know."""
    definition = admin.must("GET", f"{_CRDS}/{qualified}")["spec"]
    [real] = [one["schema"]["openAPIV3Schema"] for one in definition["versions"] if one["name"] == version]
    ours = schema_of(qualified, version)
    assert ours is not None
    assert list(differences(ours, real, "")) == []
    assert ours.has_rules() == ("x-kubernetes-validations" in str(real))
