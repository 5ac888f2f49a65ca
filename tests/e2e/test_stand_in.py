"""The stand-in answers as the real server does: status, reason and details, which are what faults are told by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from playground.cluster.api import make_app
from playground.cluster.kubeconfig import kubeconfig_text
from playground.cluster.objects import Cluster
from playground.serving import ServerThread
from tests.e2e.admin import Admin
from tests.e2e.objects import example

ROUTES = "/apis/networking.istio.io/v1beta1/namespaces/mesh-demo/virtualservices"
ROUTE = f"{ROUTES}/api-vs"
HTTP_ROUTE = "/apis/gateway.networking.k8s.io/v1/namespaces/mesh-demo/httproutes/api-route"
SPLIT = "/apis/split.smi-spec.io/v1alpha2/namespaces/mesh-demo/trafficsplits/api-split"
RULE = "/spec/http/0"
ARM = "/spec/rules/0/backendRefs/0"
JSON_PATCH = "application/json-patch+json"
SERVED_BY_BOTH = ("istio-traffic.yaml", "httproute.yaml", "linkerd-split.yaml")


@dataclass(frozen=True)
class Case:
    """One request to both servers."""

    what: str
    method: str
    path: str
    body: Any = None
    content_type: str = "application/json"


def patch(what: str, op: str, pointer: str, value: Any = None, *, path: str = ROUTE) -> Case:
    """A JSON patch of one operation, tried and not written."""
    body = [{"op": op, "path": pointer} | ({} if value is None else {"value": value})]
    return Case(what, "PATCH", f"{path}?dryRun=All", body, JSON_PATCH)


TWIN = {**example("istio-traffic.yaml")[1], "metadata": {"name": "api-vs", "namespace": "mesh-demo"}}
HOMELESS = TWIN | {"metadata": {"name": "api-vs", "namespace": "nowhere"}}
ALIKE = [
    patch("a weight that moved", "test", f"{RULE}/route/0/weight", 1),
    patch("a version that moved", "test", "/metadata/resourceVersion", "1"),
    patch("a rule that is gone", "test", "/spec/http/4/route/0/weight", 1),
    patch("a test of an absent key", "test", f"{RULE}/route/0/destination/nope", "x"),
    patch("an arm that is gone", "replace", f"{RULE}/route/7/weight", 1),
    patch("an absent key removed", "remove", f"{RULE}/nope"),
    patch("an annotation where there are none", "add", "/metadata/annotations/a", "b"),
    patch("an operation there is not", "frob", "/spec", 1),
    patch("the same weight", "replace", f"{RULE}/route/0/weight", 90),
    patch("another weight", "replace", f"{RULE}/route/0/weight", 91),
    patch("a version in the patch", "replace", "/metadata/resourceVersion", "1"),
    patch("another name", "replace", "/metadata/name", "x"),
    patch("an object that is gone", "test", "/spec", {}, path=f"{ROUTES}/gone"),
    Case("no operation", "PATCH", ROUTE, [], JSON_PATCH),
    Case("a patch that is no list", "PATCH", ROUTE, {"op": "test"}, JSON_PATCH),
    Case("a patch of no known type", "PATCH", ROUTE, []),
    Case("an object that is not there", "GET", f"{ROUTES}/gone"),
    Case("the status alone", "GET", f"{ROUTE}/status"),
    Case("an older version", "GET", ROUTE.replace("v1beta1", "v1alpha3")),
    Case("a namespace that is not there", "GET", ROUTES.replace("mesh-demo", "nowhere")),
    Case("a second of the same name", "POST", ROUTES, TWIN),
    Case("an object for no namespace", "POST", ROUTES.replace("mesh-demo", "nowhere"), HOMELESS),
    Case("a selector that is none", "GET", f"{ROUTES}?labelSelector=%3D%3D"),
]
DIFFERENT = [
    patch("the real library adds what RFC 6902 does not let it replace", "replace", f"{RULE}/nope", 1),
    patch("the definition wants an integer", "replace", f"{RULE}/route/0/weight", "half"),
    patch("the definition wants 0 or more", "replace", f"{ARM}/weight", -1, path=HTTP_ROUTE),
    patch("the definition wants a port", "remove", f"{ARM}/port", path=HTTP_ROUTE),
    patch("the definition wants a weight", "remove", "/spec/backends/0/weight", path=SPLIT),
    patch("uid is immutable: 422, not 409", "replace", "/metadata/uid", "x"),
    patch("annotations are text: 422, not 400", "add", "/metadata/annotations", {"a": 1}),
    Case("the namespace is not the path's: 400, not 404", "POST", ROUTES.replace("mesh-demo", "nowhere"), TWIN),
    Case("a kind that is not served: plain text", "GET", ROUTES.replace("virtualservices", "frobs")),
    Case("a version that is not served: plain text", "GET", ROUTES.replace("v1beta1", "v9")),
    Case("a group that is not served: plain text", "GET", "/apis/none.invalid/v1"),
]


def named(case: Case) -> str:
    """The case's words."""
    return case.what.replace(" ", "-")


def told(admin: Admin, case: Case) -> tuple[Any, ...]:
    """What decides which error people get."""
    reply = admin.do(case.method, case.path, case.body, case.content_type)
    failed = reply.body.get("kind") == "Status"
    details = sorted(reply.body.get("details") or ()) if failed else ()
    return reply.status, reply.body.get("reason") if failed else "", tuple(details)


@pytest.fixture(scope="module")
def both(admin: Admin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Admin, Admin]]:
    """The real server and the stand-in with the same objects."""
    kubeconfig = tmp_path_factory.mktemp("stand-in") / "kubeconfig"
    with ServerThread(make_app(Cluster())) as server:
        kubeconfig.write_text(kubeconfig_text(server.url))
        stand_in = Admin(kubeconfig)
        for one in (admin, stand_in):
            one.namespace("mesh-demo")
            for obj in (obj for file in SERVED_BY_BOTH for obj in example(file)):
                path = one.path(obj)
                one.do("DELETE", f"{path}/{obj['metadata']['name']}")
                one.must("POST", path, obj)
        yield admin, stand_in


@pytest.mark.parametrize("case", ALIKE, ids=named)
def test_both_answer_alike(both: tuple[Admin, Admin], case: Case) -> None:
    """The same status, reason and kinds of detail."""
    real, stand_in = both
    assert told(stand_in, case) == told(real, case)


@pytest.mark.parametrize("case", DIFFERENT, ids=named)
@pytest.mark.xfail(reason="the stand-in answers otherwise: the case says how")
def test_both_should_answer_alike(both: tuple[Admin, Admin], case: Case) -> None:
    """Known differences: each that the stand-in learns moves to the list above."""
    real, stand_in = both
    assert told(stand_in, case) == told(real, case)


@pytest.mark.xfail(reason="the stand-in does not fill in defaults")
def test_both_should_fill_in_defaults(both: tuple[Admin, Admin]) -> None:
    """An HTTPRoute's absent weight is 1 in the object itself, its backends have a group and a kind."""
    seen = [one.must("GET", HTTP_ROUTE)["spec"] for one in both]
    assert seen[0]["rules"][0]["backendRefs"][0]["kind"] == "Service"
    assert seen[0] == seen[1]
