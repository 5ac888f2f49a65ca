"""What parents say in the status of a route."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.domain.routes import Acceptance, Parent
from tests.workers.cluster.shapes import MESH_PARENT, Obj, backends, http_route
from workers.cluster.httproute import HTTP_ROUTE
from workers.cluster.parents import parent_warnings, parents_of

GATEWAY: Obj = {"name": "public", "namespace": "infra"}
SPLIT = backends(("api-v1", 90), ("api-v2", 10))


def said(ref: Obj, status: str = "True", observed: int | None = 3, kind: str = "Accepted", **more: Any) -> Obj:
    """Return one entry of the status: what one controller says of one parentRef."""
    condition = {"type": kind, "status": status, **more}
    condition |= {} if observed is None else {"observedGeneration": observed}
    return {"parentRef": ref, "controllerName": "example.net/controller", "conditions": [condition]}


def route(*parents: Obj, entries: list[Obj], refs: list[Obj] | None = None) -> Obj:
    """Return a route at generation 3 with these parents and this status."""
    rule = SPLIT if refs is None else {"backendRefs": refs}
    return http_route(rule, parents=parents, status={"parents": entries})


def acceptance(obj: Obj) -> Acceptance:
    """Return how the route is taken."""
    return HTTP_ROUTE.read(obj)[0].acceptance


def test_every_parent_of_the_spec_is_asked_and_no_other() -> None:
    """One Parent for each parentRef in its order; entries of parents that the spec has no more do not count."""
    gone = {"name": "former", "namespace": "infra"}
    obj = route(MESH_PARENT, GATEWAY, entries=[said(gone, "False"), said(GATEWAY)])
    assert parents_of(obj) == (
        Parent("Service shop/api", observed=0),
        Parent("Gateway infra/public", observed=3, accepted=True),
    )
    assert acceptance(obj) is Acceptance.PENDING


@pytest.mark.parametrize("status", [None, {}, {"parents": []}, {"parents": [{"parentRef": MESH_PARENT}]}])
def test_a_parent_without_a_word_is_pending(status: Any) -> None:
    """No status, no entry and no condition are all silence."""
    obj = http_route(SPLIT, **({} if status is None else {"status": status}))
    assert parents_of(obj) == (Parent("Service shop/api", observed=0),)
    assert acceptance(obj) is Acceptance.PENDING


@pytest.mark.parametrize(
    ("status", "observed", "expected"),
    [
        ("True", 3, Acceptance.ACCEPTED),
        ("True", 2, Acceptance.PENDING),
        ("False", 3, Acceptance.REFUSED),
        ("False", 2, Acceptance.PENDING),
        ("Unknown", 3, Acceptance.PENDING),
        ("True", None, Acceptance.ACCEPTED),
        ("False", None, Acceptance.REFUSED),
        ("True", 0, Acceptance.ACCEPTED),
    ],
)
def test_the_generation_a_condition_speaks_of_counts(status: str, observed: int | None, expected: Acceptance) -> None:
    """Old words wait for new ones; controllers that name no generation are believed."""
    assert acceptance(route(MESH_PARENT, entries=[said(MESH_PARENT, status, observed)])) is expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([("True", 3), ("True", 3)], Acceptance.ACCEPTED),
        ([("True", 3), ("False", 3)], Acceptance.REFUSED),
        ([("False", 2), ("True", 3)], Acceptance.ACCEPTED),
        ([("True", 2), ("True", 2)], Acceptance.PENDING),
        ([("True", 3), ("True", None)], Acceptance.ACCEPTED),
        ([("True", 2), ("True", None)], Acceptance.PENDING),
        ([("True", 2), ("False", None)], Acceptance.REFUSED),
        ([("True", 3), ("False", None)], Acceptance.REFUSED),
        ([("False", 2), ("True", None)], Acceptance.PENDING),
        ([("True", 3), ("Unknown", 3)], Acceptance.PENDING),
        ([("Unknown", 3), ("False", 3)], Acceptance.REFUSED),
    ],
)
def test_all_controllers_of_the_newest_generation_must_accept(
    words: list[tuple[str, int | None]], expected: Acceptance
) -> None:
    """One that refuses is enough, one that lags behind is not asked, whatever their order."""
    entries = [said(MESH_PARENT, status, observed) for status, observed in words]
    assert acceptance(route(MESH_PARENT, entries=entries)) is expected
    assert acceptance(route(MESH_PARENT, entries=entries[::-1])) is expected


def test_linkerd_writes_parents_in_its_own_way() -> None:
    """Its group is `core`, its namespace always there, its sectionName never, its generation unsaid."""
    ref = MESH_PARENT | {"port": 80, "sectionName": "http"}
    entry = said({"group": "core", "kind": "Service", "namespace": "shop", "name": "api", "port": 80}, observed=None)
    assert parents_of(route(ref, entries=[entry])) == (
        Parent("Service shop/api section http port 80", observed=None, accepted=True),
    )


@pytest.mark.parametrize(
    "other",
    [
        {"namespace": "other"},
        {"name": "web"},
        {"kind": "ServiceImport"},
        {"group": "gateway.networking.k8s.io"},
        {"sectionName": "grpc"},
        {"port": 81},
    ],
)
def test_words_about_another_parent_are_not_taken_for_its_own(other: Obj) -> None:
    """Group, kind, namespace, name, section and port must all be the parent's."""
    ref = MESH_PARENT | {"sectionName": "http", "port": 80}
    assert parents_of(route(ref, entries=[said(ref)]))[0].observed == 3
    assert parents_of(route(ref, entries=[said(ref | other)]))[0].observed == 0


def test_a_word_about_one_section_is_none_about_the_whole_parent() -> None:
    """A parentRef without a section waits for an entry without one."""
    assert parents_of(route(GATEWAY, entries=[said(GATEWAY | {"sectionName": "https"})]))[0].observed == 0


def test_sections_of_one_gateway_are_told_apart() -> None:
    """Each listener has its own word, and its own name for people."""
    http, https = GATEWAY | {"sectionName": "http"}, GATEWAY | {"sectionName": "https"}
    found = parents_of(route(http, https, entries=[said(https), said(http, "False", message="no hostname")]))
    assert found == (
        Parent("Gateway infra/public section http", observed=3, why="no hostname"),
        Parent("Gateway infra/public section https", observed=3, accepted=True),
    )


def test_a_parent_that_does_not_accept_is_a_warning() -> None:
    """The message of the parent, else its reason, else that there is none; an old word is called old."""
    entries = [said(MESH_PARENT, "False", message="no such section", reason="NoMatchingParent")]
    entry = said(GATEWAY, "False", 2, message="", reason="NotAllowedByListeners")
    assert parent_warnings(route(MESH_PARENT, GATEWAY, entries=[*entries, entry]), ()) == (
        "HTTPRoute shop/api-route is not accepted by Service shop/api: no such section",
        "HTTPRoute shop/api-route is not accepted by Gateway infra/public: NotAllowedByListeners "
        "(said before the last change)",
    )
    assert "no reason given" in parent_warnings(route(MESH_PARENT, entries=[said(MESH_PARENT, "False")]), ())[0]
    assert parent_warnings(route(MESH_PARENT, entries=[said(MESH_PARENT, "Unknown", message="later")]), ()) == ()


def test_a_forbidden_reference_names_the_grant_to_add() -> None:
    """The ReferenceGrant is needed in the backends' namespace, for the route's kind and namespace."""
    refs = [{"name": "api-v1"}, {"name": "api-v2", "namespace": "other"}]
    no = said(MESH_PARENT, "False", kind="ResolvedRefs", reason="RefNotPermitted", message="api-v2 is not permitted")
    [found] = HTTP_ROUTE.read(route(MESH_PARENT, entries=[no, no], refs=refs))[0].warnings
    assert found == (
        "HTTPRoute shop/api-route has backends that Service shop/api cannot resolve, so their requests fail: "
        "api-v2 is not permitted. Add a ReferenceGrant to namespace other that lets every HTTPRoute of namespace shop "
        "refer to its Services."
    )


def test_unresolved_backends_do_not_count_as_refusal() -> None:
    """A backend that is not found is a warning without advice on grants; the route is taken all the same."""
    no = said(MESH_PARENT, "False", kind="ResolvedRefs", reason="BackendNotFound")
    yes = said(GATEWAY, kind="ResolvedRefs", reason="ResolvedRefs")
    [read] = HTTP_ROUTE.read(route(MESH_PARENT, GATEWAY, entries=[said(MESH_PARENT), no, said(GATEWAY), yes]))
    assert [warning.rpartition(": ")[2] for warning in read.warnings] == ["BackendNotFound"]
    assert read.acceptance is Acceptance.ACCEPTED
