"""Who wrote to the weights last."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.domain.routes import Writer
from workers.cluster.writers import writer_of

POINTER = "/spec/http/1/route/0/weight"
ATOMIC: dict[str, Any] = {"f:spec": {"f:hosts": {}, "f:http": {}}}
"""How the API server writes down who wrote `spec.http` of a VirtualService: its CRD says nothing of list types."""


def wrote(manager: str, fields: Any, *, at: str = "2025-03-01T10:00:00Z", **more: str) -> dict[str, Any]:
    """Return an entry of managedFields."""
    return {"manager": manager, "operation": "Update", "time": at, "fieldsV1": fields, **more}


def written(*entries: dict[str, Any]) -> dict[str, Any]:
    """Return an object with these managedFields, and two rules with two arms each."""
    arms = [{"service": "v1", "weight": 90}, {"service": "v2", "weight": 10}]
    spec = {"http": [{"name": "a", "route": arms}, {"name": "b", "route": arms}]}
    return {"metadata": {"managedFields": list(entries)}, "spec": spec}


def test_the_last_one_whose_fields_hold_the_weight_is_named() -> None:
    """With manager and time; who wrote other fields, or earlier, is not."""
    other = wrote("labeller", {"f:metadata": {"f:labels": {}}, "f:spec": {"f:hosts": {}}}, at="2025-03-01T12:00:00Z")
    former = wrote("kubectl-edit", ATOMIC)
    last = wrote("argocd-controller", ATOMIC, at="2025-03-01T11:00:00Z")
    found = writer_of(written(other, last, former), POINTER)
    assert found == Writer("argocd-controller", "2025-03-01T11:00:00Z")


def test_we_and_writers_of_the_status_are_nobody() -> None:
    """What meshbot wrote itself is not somebody else's, and a status carries no weights."""
    assert writer_of(written(wrote("meshbot", ATOMIC)), POINTER) is None
    assert writer_of(written(wrote("istiod", ATOMIC, subresource="status")), POINTER) is None
    assert writer_of(written(), POINTER) is None
    assert writer_of({"metadata": {}}, POINTER) is None


@pytest.mark.parametrize(
    ("http", "covered"),
    [
        ({}, True),
        ({".": {}}, False),
        ({'k:{"name":"b"}': {"f:route": {}}}, True),
        ({'k:{"name":"a"}': {"f:route": {}}}, False),
        ({'k:{"name":"b"}': {".": {}, "f:name": {}}}, False),
        ({'k:{"name":"b"}': {"f:route": {'k:{"service":"v1"}': {"f:weight": {}}}}}, True),
        ({'k:{"name":"b"}': {"f:route": {'k:{"service":"v1"}': {"f:service": {}}}}}, False),
        ({'k:{"name":"b"}': {"f:route": {'k:{"service":"v2"}': {"f:weight": {}}}}}, False),
        ({"i:1": {"f:route": {"i:0": {"f:weight": {}}}}}, True),
        ({"i:0": {"f:route": {}}}, False),
        ({'v:"b"': {}}, False),
        ({"k:not json": {}, "k:[]": {}, "v:{": {}}, False),
        ("nonsense", False),
    ],
)
def test_lists_are_followed_as_the_api_server_writes_them(http: Any, covered: bool) -> None:
    """Atomic lists end early, associative ones go by keys, others by place; a `.` owns no contents."""
    found = writer_of(written(wrote("kubectl", {"f:spec": {"f:http": http}})), POINTER)
    assert (found is not None) is covered


def test_an_element_that_is_a_value_is_found_by_it() -> None:
    """Sets of plain values name their elements with `v:`."""
    obj = written(wrote("kubectl", {"f:spec": {"f:hosts": {'v:"api"': {}}}})) | {"spec": {"hosts": ["web", "api"]}}
    assert writer_of(obj, "/spec/hosts/1") is not None
    assert writer_of(obj, "/spec/hosts/0") is None


def test_who_owns_nothing_wrote_nothing() -> None:
    """An empty set at the top is an entry without fields, not one with all of them."""
    assert writer_of(written(wrote("kubectl", {})), POINTER) is None


def test_a_weight_that_is_absent_belongs_to_who_owns_the_list() -> None:
    """Leaving a key out is a way to write the list."""
    obj = written(wrote("kubectl", ATOMIC))
    del obj["spec"]["http"][1]["route"][0]["weight"]
    assert writer_of(obj, POINTER) == Writer("kubectl", "2025-03-01T10:00:00Z")
