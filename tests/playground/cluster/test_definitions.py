"""Definitions in the stand-in: defaults, pruning, refusals; a real server reads along in tests/e2e/test_stand_in.py."""

from __future__ import annotations

from typing import Any

import pytest

from playground.cluster.admission import defaulted, numbers, pruned
from playground.cluster.schemas import read, schema_of
from playground.cluster.validation import complaints
from tests.playground.cluster.conftest import JSON_PATCH, MERGE_PATCH, ROUTES, Http, route

HTTP_ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/mesh-demo/httproutes"
SPLITS = "/apis/split.smi-spec.io/v1alpha2/namespaces/mesh-demo/trafficsplits"
WEIGHT = "/spec/rules/0/backendRefs/0/weight"
TOY = read(
    """
words:
  port: {$of: integer, $minimum: 1, $maximum: 9}
  name: {$of: string, $minLength: 2, $maxLength: 3, $pattern: ^a}
kinds:
  toys.example.com:
    spec!:
      name!: name
      ports: {$items: port, $maxItems: 2, $set: true}
      size: {$of: int or string, $default: 5}
      free: {$values: boolean}
      kept: {$preserve: true, known: number}
      maybe: {$of: string, $nullable: true}
      choice: {a: string, b: string, $oneOf: [[], [a], [b]]}
      colour: {$of: string, $enum: [red, blue]}
      items: [{key!: string, since: time}]
      keyed: {$keys: [key], $items: {key!: string}}
    status: {ready: boolean}
"""
)["toys.example.com"]


def wrong(spec: Any, *, old: Any = None) -> set[tuple[str, str]]:
    """Return (field, reason) of each complaint about a toy."""
    before = None if old is None else {"spec": old}
    return {(cause.field, cause.reason) for cause in complaints({"spec": spec}, before, TOY, status=False)}


def test_a_right_object_has_no_complaints() -> None:
    """All keywords at once hold."""
    spec = {
        "name": "ab", "ports": [1, 9], "size": "5", "free": {"x": True}, "kept": {"known": 1.5, "unknown": []},
        "maybe": None, "choice": {}, "colour": "red", "items": [{"key": "k", "since": "2026-01-01T00:00:00Z"}],
        "keyed": [{"key": "a"}, {"key": "b"}],
    }  # fmt: skip
    assert wrong(spec) == set()


@pytest.mark.parametrize(
    ("more", "field", "reason"),
    [
        ({"name": 1}, "spec.name", "TypeInvalid"),
        ({"name": "a"}, "spec.name", "Invalid"),
        ({"name": "abcd"}, "spec.name", "TooLong"),
        ({"name": "bb"}, "spec.name", "Invalid"),
        ({"ports": [0]}, "spec.ports[0]", "Invalid"),
        ({"ports": [1, 10]}, "spec.ports[1]", "Invalid"),
        ({"ports": [True]}, "spec.ports[0]", "TypeInvalid"),
        ({"ports": [1, 2, 3]}, "spec.ports", "TooMany"),
        ({"ports": [1, 1]}, "spec.ports[1]", "Duplicate"),
        ({"ports": {}}, "spec.ports", "TypeInvalid"),
        ({"size": 1.5}, "spec.size", "TypeInvalid"),
        ({"free": {"x": 1}}, "spec.free.x", "TypeInvalid"),
        ({"kept": {"known": "x"}}, "spec.kept.known", "TypeInvalid"),
        ({"choice": {"a": "", "b": ""}}, "<nil>", "Invalid"),
        ({"colour": "green"}, "spec.colour", "NotSupported"),
        ({"items": [{}]}, "spec.items[0].key", "Required"),
        ({"items": [{"key": "k", "since": "today"}]}, "spec.items[0].since", "TypeInvalid"),
        ({"keyed": [{"key": "a"}, {"key": "a"}]}, "spec.keyed[1]", "Duplicate"),
    ],
)
def test_each_keyword_is_held(more: dict[str, Any], field: str, reason: str) -> None:
    """Each wrong value is one complaint that names its field."""
    assert wrong({"name": "ab"} | more) == {(field, reason)}


def test_what_was_wrong_before_is_not_held_against_a_change_elsewhere() -> None:
    """Validation ratchets: an unchanged value passes, a changed one does not, and true is not an unchanged 1."""
    assert wrong({"name": "x", "colour": "red"}, old={"name": "x"}) == set()
    assert wrong({"name": "y"}, old={"name": "x"}) == {("spec.name", "Invalid")}
    assert wrong({"name": "ab", "ports": [True]}, old={"name": "ab", "ports": [1]}) == {
        ("spec.ports[0]", "TypeInvalid")
    }


def test_only_what_is_written_is_looked_at() -> None:
    """A status is checked by itself, its messages begin behind `status.`."""
    toy = {"spec": 1, "status": {"ready": 1}}
    [cause] = complaints(toy, None, TOY, status=True)
    assert (cause.field, cause.message) == (
        "status.ready", 'Invalid value: "integer": ready in body must be of type boolean: "integer"',
    )  # fmt: skip


def test_unknown_fields_go_and_are_told() -> None:
    """Everywhere but where a definition preserves them; free keys of a map are known."""
    gone: list[str] = []
    spec = {"name": "ab", "x": 1, "kept": {"y": 1}, "free": {"z": True}, "items": [{"key": "k", "w": 1}]}
    left = pruned({"spec": spec, "v": 1}, TOY, gone)
    assert left == {"spec": {"name": "ab", "kept": {"y": 1}, "free": {"z": True}, "items": [{"key": "k"}]}}
    assert gone == ["spec.x", "spec.items[0].w", "v"]


def test_defaults_come_and_nulls_go() -> None:
    """A null is as good as absent, where it is not allowed; a default is not shared between objects."""
    spec = {"name": "ab", "size": None, "maybe": None, "colour": None}
    assert defaulted({"spec": spec}, TOY) == {"spec": {"name": "ab", "size": 5, "maybe": None}}
    schema = schema_of("httproutes.gateway.networking.k8s.io", "v1")
    assert schema is not None
    one, other = (defaulted({"spec": {}}, schema)["spec"]["rules"] for _ in range(2))
    assert one == other == [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}]
    assert one[0] is not other[0]


def test_numbers_are_kept_as_the_server_keeps_them() -> None:
    """Whole floats are integers, what needs more than 64 bits is a float, booleans stay."""
    found = numbers({"a": [2.0, 1.5, True, 10**20]})["a"]
    assert [(type(one), one) for one in found] == [(int, 2), (float, 1.5), (bool, True), (float, 1e20)]


@pytest.mark.parametrize("text", ["words: {}\nkinds: {a: nope}", "words: {}\nkinds: {a: {$nope: 1}}"])
def test_a_misspelt_definition_is_an_error(text: str) -> None:
    """An unknown word or keyword is no quiet `anything`."""
    with pytest.raises((KeyError, TypeError)):
        read(text)


def test_an_http_route_is_filled_in(http_: Http) -> None:
    """An absent weight is 1, a backend is a Service of the core group, a rule matches every path."""
    http_.load("httproute.yaml")
    patch = [{"op": "remove", "path": WEIGHT}]
    [rule] = http_.do("PATCH", f"{HTTP_ROUTES}/api-route", patch, JSON_PATCH).body["spec"]["rules"]
    assert rule["backendRefs"][0] == {"name": "api-v1", "port": 80, "weight": 1, "group": "", "kind": "Service"}
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]


def test_a_loaded_world_is_filled_in_but_not_judged(http_: Http) -> None:
    """A world may hold what was stored before its definition; each write of the wrong part is refused."""
    world = {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "old", "namespace": "mesh-demo"},
        "spec": {"rules": [{"backendRefs": [{"name": "a"}]}]},
    }  # fmt: skip
    assert http_.do("POST", "/_playground/load", world).status == 200
    assert http_.do("GET", f"{HTTP_ROUTES}/old").body["spec"]["rules"][0]["backendRefs"][0]["weight"] == 1
    assert http_.do("PATCH", f"{HTTP_ROUTES}/old", {"metadata": {"labels": {"a": "b"}}}, MERGE_PATCH).status == 200
    reply = http_.do("PATCH", f"{HTTP_ROUTES}/old", [{"op": "replace", "path": WEIGHT, "value": 2}], JSON_PATCH)
    assert (reply.status, reply.body["details"]["causes"][0]["field"]) == (422, "spec.rules[0].backendRefs[0]")


@pytest.mark.parametrize(
    ("value", "bound"), [(-1, "greater than or equal to 0"), (1000001, "less than or equal to 1000000")]
)
def test_a_refusal_names_the_field(http_: Http, value: int, bound: str) -> None:
    """The Status has one cause, and its message carries the field and the words of the real server."""
    http_.load("httproute.yaml")
    patch = [{"op": "replace", "path": WEIGHT, "value": value}]
    body = http_.do("PATCH", f"{HTTP_ROUTES}/api-route", patch, JSON_PATCH).body
    field = "spec.rules[0].backendRefs[0].weight"
    message = f"Invalid value: {value}: {field} in body should be {bound}"
    assert body["details"]["causes"] == [{"reason": "FieldValueInvalid", "message": message, "field": field}]
    assert body["message"] == f'HTTPRoute.gateway.networking.k8s.io "api-route" is invalid: {field}: {message}'


def test_rules_wait_for_the_shape(http_: Http) -> None:
    """Where a type is wrong a second complaint says that rules were not looked at; a kind without rules has none."""
    arms = route()["spec"]["http"][0]["route"]
    sent = route() | {"spec": {"http": [{"route": [arms[0] | {"weight": "half"}]}]}}
    causes = http_.do("POST", ROUTES, sent).body["details"]["causes"]
    assert [cause["field"] for cause in causes] == ["spec.http[0].route[0].weight", "<nil>"]
    split = {"apiVersion": "split.smi-spec.io/v1alpha2", "kind": "TrafficSplit", "metadata": {"name": "s"}}
    [cause] = http_.do("POST", SPLITS, split | {"spec": {"backends": []}}).body["details"]["causes"]
    assert cause == {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.service"}


def test_strict_checking_refuses_unknown_fields(http_: Http) -> None:
    """400 for what is sent, 422 for what a patch makes; without it they are dropped."""
    sent = route() | {"nope": 1}
    assert "nope" not in http_.do("POST", f"{ROUTES}?dryRun=All", sent).body
    strict = http_.do("POST", f"{ROUTES}?fieldValidation=Strict", sent)
    assert (strict.status, 'unknown field "nope"' in strict.body["message"]) == (400, True)
    http_.do("POST", ROUTES, route())
    patch = [{"op": "add", "path": "/spec/nope", "value": 1}]
    assert http_.do("PATCH", f"{ROUTES}/api?fieldValidation=Strict", patch, JSON_PATCH).status == 422
    assert "nope" not in http_.do("PATCH", f"{ROUTES}/api", patch, JSON_PATCH).body["spec"]
