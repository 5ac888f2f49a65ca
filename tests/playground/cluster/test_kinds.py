"""The table of kinds and what discovery makes of it."""

from __future__ import annotations

import pytest

from playground.cluster.api import make_app
from playground.cluster.kinds import KINDS, Kind, group_versions, serving
from playground.cluster.objects import Cluster
from playground.serving import ServerThread
from tests.playground.cluster.conftest import Http


def test_preferred_version_comes_first() -> None:
    """Stable versions come before betas, betas before alphas, and later ones first."""
    versions = group_versions(KINDS)
    assert versions["networking.istio.io"] == ["v1", "v1beta1", "v1alpha3"]
    assert versions["split.smi-spec.io"][0] == "v1alpha4"


def test_served_versions_are_configurable(http_: Http) -> None:
    """A cluster that serves TrafficSplit in one old version answers 404 under every other."""
    kinds = serving(KINDS, {"trafficsplits.split.smi-spec.io": ["v1alpha2"]})
    with ServerThread(make_app(Cluster(kinds))) as server:
        old = Http(server.url)
        assert old.do("GET", "/apis/split.smi-spec.io").body["preferredVersion"]["version"] == "v1alpha2"
        assert old.do("GET", "/apis/split.smi-spec.io/v1alpha2/trafficsplits").status == 200
        assert old.do("GET", "/apis/split.smi-spec.io/v1alpha4/trafficsplits").status == 404
    assert http_.do("GET", "/apis/split.smi-spec.io/v1alpha4/trafficsplits").status == 200


def test_unknown_kind_in_serving_is_refused() -> None:
    """A misspelt kind is an error, not a quiet no-op."""
    with pytest.raises(ValueError, match="trafficsplitz"):
        serving(KINDS, {"trafficsplitz": []})


def test_a_kind_is_one_row() -> None:
    """A kind nobody has heard of works when its row is added."""
    kinds = (*KINDS, Kind("example.com", "toys", "Toy", ("v1",), ("ty",)))
    with ServerThread(make_app(Cluster(kinds))) as server:
        client = Http(server.url)
        toy = {"apiVersion": "example.com/v1", "kind": "Toy", "metadata": {"name": "ball"}}
        assert client.do("POST", "/apis/example.com/v1/namespaces/default/toys", toy).status == 201
        assert client.do("GET", "/apis/example.com/v1/toys").body["items"][0]["metadata"]["name"] == "ball"


def test_discovery_lists_short_names_verbs_and_status(http_: Http) -> None:
    """The resource list says what kubectl needs: short names, verbs, namespaced, and the status subresource."""
    listed = http_.do("GET", "/apis/networking.istio.io/v1beta1").body
    assert listed["groupVersion"] == "networking.istio.io/v1beta1"
    found = {entry["name"]: entry for entry in listed["resources"]}
    assert found["virtualservices"]["shortNames"] == ["vs"]
    verbs = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
    assert verbs == set(found["virtualservices"]["verbs"])
    assert found["virtualservices/status"]["verbs"] == ["get", "patch", "update"]


@pytest.mark.parametrize(
    "path", ["/version", "/api", "/apis", "/readyz", "/apis/apps", "/api/v1", "/apis/argoproj.io/v1alpha1/rollouts"]
)
def test_what_is_served(http_: Http, path: str) -> None:
    """Discovery, health and the collections of all kinds answer 200."""
    assert http_.do("GET", path).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/apis/apps/v9",
        "/apis/apps/v1/frobs",
        "/apis/apps/v1/deployments/without-namespace",
        "/api/v2",
        "/api/v1/namespaces/mesh-demo/frobs",
        "/api/v1/namespaces/mesh-demo/services/x/proxy",
    ],
)
def test_what_a_built_in_group_does_not_serve(http_: Http, path: str) -> None:
    """A 404 as a Status object, where a group of the server itself is in charge."""
    reply = http_.do("GET", path)
    assert (reply.status, reply.body["kind"], reply.body["reason"], reply.body["code"]) == (
        404, "Status", "NotFound", 404,
    )  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        "/apis/nope.io",
        "/apis/nope.io/v1",
        "/apis/nope.io/v1/things",
        "/apis/networking.istio.io/v9/virtualservices",
        "/apis/networking.istio.io/v1/namespaces/mesh-demo/frobs",
        "/apis/networking.istio.io/v1/virtualservices/without-namespace",
        "/openapi/v2",
        "/nothing",
    ],
)
def test_what_nobody_serves(http_: Http, path: str) -> None:
    """A 404 in plain text, which no client can read as a Status."""
    reply = http_.do("GET", path)
    assert (reply.status, reply.body) == (404, "404 page not found\n")
