"""The stand-in answers as the real server does: status, reason, causes and words, and the object that comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from playground.cluster.api import make_app
from playground.cluster.kubeconfig import kubeconfig_text
from playground.cluster.objects import Cluster
from playground.serving import ServerThread
from tests.e2e import definition_cases, object_cases, patch_cases, read_cases
from tests.e2e.admin import MERGE, Admin, Reply
from tests.e2e.cases import (
    ARM,
    FRESH,
    HTTP_ROUTE,
    JSON_PATCH,
    PODS,
    ROUTES,
    RULE,
    SERVICES,
    SLICE,
    SLICES,
    STORED,
    Case,
    changed,
    made,
    op,
)
from tests.e2e.definition_cases import accepted
from tests.e2e.objects import COLLECTIONS, example, filled
from tests.workers.cluster import shapes

FILES = ("istio-traffic.yaml", "httproute.yaml", "linkerd-split.yaml")
CASES = [
    case
    for module in (patch_cases, definition_cases, object_cases, read_cases)
    for name, cases in vars(module).items()
    if name.endswith("_CASES")
    for case in cases
]
_OWN = ("uid", "resourceVersion", "creationTimestamp", "managedFields")
_FRESH = f"{ROUTES}/fresh"
Pair = tuple[Admin, Admin]


def named(case: Case) -> str:
    """The case's words."""
    return case.what.replace(" ", "-")


def told(reply: Reply, *, words: bool = True) -> Any:
    """What decides which error people get, or the object as it is answered."""
    body = reply.body
    if body.get("status") != "Failure":
        return reply.status, _plain(body)
    details = {key: value for key, value in (body.get("details") or {}).items() if key != "causes"}
    causes = {
        (cause.get("field"), cause.get("reason"), cause.get("message") if words else "")
        for cause in (body.get("details") or {}).get("causes") or []  # the real server has some of them twice
    }
    message = _sorted_list(body.get("message", "")) if words else ""
    return reply.status, body.get("reason"), message, details, sorted(causes, key=str)


def _sorted_list(message: str) -> str:
    """Return a message that lists several complaints with their letters sorted: their order is left to chance."""
    return "".join(sorted(message)) if "is invalid: [" in message else message


def _plain(body: Any) -> Any:
    """Return an answer without what differs between two servers and between two runs."""
    if isinstance(body, list):
        return [_plain(item) for item in body]
    if not isinstance(body, Mapping):
        return body
    kept = {key: _plain(value) for key, value in body.items() if key not in _OWN}
    if "managedFields" in body:
        kept["managedFields"] = sorted(json.dumps(_timeless(entry), sort_keys=True) for entry in body["managedFields"])
    return kept


def _timeless(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in entry.items() if key != "time"}


@pytest.fixture(scope="module")
def both(admin: Admin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The real server and the stand-in with the same objects."""
    kubeconfig = tmp_path_factory.mktemp("stand-in") / "kubeconfig"
    with ServerThread(make_app(Cluster())) as server:
        kubeconfig.write_text(kubeconfig_text(server.url))
        stand_in = Admin(kubeconfig)
        for one in (admin, stand_in):
            one.namespace("mesh-demo")
            one.empty("mesh-demo", COLLECTIONS)
            for obj in (*(obj for file in FILES for obj in example(file)), *STORED):
                path = one.path(obj)
                one.do("DELETE", f"{path}/{obj['metadata']['name']}")
                one.must("POST", path, obj)
        yield admin, stand_in


@pytest.fixture
def fresh(both: Pair) -> Pair:
    """The two with a VirtualService of this test's own."""
    for one in both:
        one.do("DELETE", _FRESH)
        one.must("POST", ROUTES, FRESH)
    return both


@pytest.mark.parametrize("case", CASES, ids=named)
def test_both_answer_alike(both: Pair, case: Case) -> None:
    """The same status, and the same complaints or the same object."""
    real, stand_in = (
        told(one.do(case.method, case.path, case.body, case.content_type), words=case.words) for one in both
    )
    assert stand_in == real


def test_a_story_of_one_object_is_the_same(fresh: Pair) -> None:
    """Generation, owners and status after a weight, a note, another writer, no change, a status and a wrong patch."""
    weight = [op("replace", f"{RULE}/route/0/weight", 50)]
    note = [op("add", "/metadata/annotations", {"meshbot.dev/operation": "op-1"})]
    status = [op("add", "/status", {"conditions": [{"type": "Reconciled", "status": "True"}]})]
    steps = (
        ("?fieldManager=meshbot", weight),
        ("?fieldManager=meshbot", note),
        ("?fieldManager=argocd", [op("replace", "/spec/hosts", ["other"])]),
        ("?fieldManager=nobody", weight),
        ("/status?fieldManager=istiod", status),
        ("?fieldManager=kubectl", [op("remove", "/metadata/annotations"), op("remove", "/spec/http")]),
        ("?fieldManager=argocd", [op("add", "/spec/http", "x")]),
    )
    stories = [[told(one.do("PATCH", f"{_FRESH}{where}", body, JSON_PATCH)) for where, body in steps] for one in fresh]
    assert stories[1] == stories[0]
    assert [step[1]["metadata"]["generation"] for step in stories[0][:-1]] == [2, 2, 3, 3, 3, 4]


def test_an_owner_in_two_versions_is_two_owners(fresh: Pair) -> None:
    """ManagedFields are kept apart by API version, and say which was spoken last for each field."""
    older = _FRESH.replace("v1beta1", "v1alpha3")
    for one in fresh:
        one.must("PATCH", f"{_FRESH}?fieldManager=m", [op("replace", "/spec/hosts", ["a"])], JSON_PATCH)
        one.must("PATCH", f"{older}?fieldManager=m", [op("replace", f"{RULE}/route/0/weight", 1)], JSON_PATCH)
    real, stand_in = (told(one.do("GET", _FRESH)) for one in fresh)
    assert stand_in == real
    assert len(real[1]["metadata"]["managedFields"]) == 3


def test_a_route_that_is_made_again_is_another(fresh: Pair) -> None:
    """Deleted and made again: a new uid, the first generation, and a patch that tests the old uid does not fit."""
    for one in fresh:
        uid = one.must("GET", _FRESH)["metadata"]["uid"]
        assert one.must("DELETE", _FRESH)["status"] == "Success"
        assert one.do("GET", _FRESH).status == 404
        again = one.must("POST", ROUTES, FRESH)["metadata"]
        assert (again["uid"] != uid, again["generation"]) == (True, 1)
        assert one.do("PATCH", _FRESH, [op("test", "/metadata/uid", uid)], JSON_PATCH).status == 422


def test_a_finalizer_holds_both(both: Pair) -> None:
    """A delete marks, the last finalizer's removal ends it."""
    for one in both:
        one.do("DELETE", _FRESH)
        one.must("POST", ROUTES, changed(FRESH, finalizers=["a.b/c"]))
        marked = one.must("DELETE", _FRESH)["metadata"]
        assert (marked["deletionTimestamp"] != "", marked["generation"]) == (True, 2)
        one.must("PATCH", _FRESH, {"metadata": {"finalizers": None}}, MERGE)
        assert one.do("GET", _FRESH).status == 404


def test_acceptance_follows_the_generation(both: Pair) -> None:
    """A controller's word at generation n is behind once the weights change, and its new word leaves the generation."""
    path = f"{HTTP_ROUTE}/status"
    stories = []
    for one in both:
        generation = one.must("GET", HTTP_ROUTE)["metadata"]["generation"]
        first = one.do("PATCH", path, [op("add", "/status", accepted(generation))], JSON_PATCH)
        moved = one.do("PATCH", HTTP_ROUTE, [op("replace", f"{ARM}/weight", 60)], JSON_PATCH)
        second = one.do("PATCH", path, [op("add", "/status", accepted(generation + 1))], JSON_PATCH)
        back = one.do("PATCH", HTTP_ROUTE, [op("replace", f"{ARM}/weight", 90)], JSON_PATCH)
        stories.append([told(reply) for reply in (first, moved, second, back)])
    assert stories[1] == stories[0]


def test_a_collection_is_deleted_by_label(both: Pair) -> None:
    """What carries the label goes, the rest stays."""
    for one in both:
        for name in ("a", "b"):
            one.must("POST", ROUTES, changed(FRESH, name=name, labels={"name": name}))
        one.must("DELETE", f"{ROUTES}?labelSelector=name%3Da")
        assert (one.do("GET", f"{ROUTES}/a").status, one.do("GET", f"{ROUTES}/b").status) == (404, 200)
        one.must("DELETE", f"{ROUTES}/b")


def test_a_watch_goes_on_where_the_list_ended(fresh: Pair) -> None:
    """A change after the list is told once, in the version asked for, and nothing before it."""
    stories = []
    for one in fresh:
        start = one.must("GET", ROUTES)["metadata"]["resourceVersion"]
        one.must("PATCH", _FRESH, [op("replace", f"{RULE}/route/0/weight", 7)], JSON_PATCH)
        one.must("DELETE", _FRESH)
        one.must("POST", ROUTES, FRESH)
        answer = one.do("GET", f"{ROUTES}?watch=1&resourceVersion={start}&timeoutSeconds=1").body["text"]
        stories.append([_plain(json.loads(line)) for line in answer.splitlines()])
    assert [event["type"] for event in stories[0]] == ["MODIFIED", "DELETED", "ADDED"]
    assert stories[1] == stories[0]


@pytest.mark.parametrize(
    ("path", "obj", "shown"),
    [
        (SERVICES, made("v1", "Service", "s", {"selector": {"app": "a"}, "ports": [{"port": 80}]}), ("selector",)),
        (PODS, filled(shapes.pod("p")), ()),
        (
            SLICES,
            made("discovery.k8s.io/v1", "EndpointSlice", "e", {}, addressType="IPv4", endpoints=SLICE["endpoints"]),
            (),
        ),
    ],
    ids=["Service", "Pod", "EndpointSlice"],
)
def test_built_in_kinds_read_alike(both: Pair, path: str, obj: dict[str, Any], shown: tuple[str, ...]) -> None:
    """Of a Service, a Pod and an EndpointSlice, what capacity is counted from; their defaults are the real server's."""
    obj = changed(obj, namespace="mesh-demo", labels={"a": "b"})
    seen = []
    for one in both:
        one.must("POST", path, obj)
        [found] = one.must("GET", f"{path}?labelSelector=a%3Db")["items"]
        meta = {key: value for key, value in _plain(found["metadata"]).items() if key != "managedFields"}
        spec = {key: (found.get("spec") or {}).get(key) for key in shown}
        seen.append((meta, spec, found.get("endpoints"), found.get("addressType")))
        one.must("DELETE", f"{path}/{obj['metadata']['name']}?gracePeriodSeconds=0")
    assert seen[1] == seen[0]
