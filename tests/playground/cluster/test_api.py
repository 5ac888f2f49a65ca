"""The rules of reading and writing, over HTTP."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.playground.cluster.conftest import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, ROUTES, Http, Reply, route

PATH = f"{ROUTES}/api"


@pytest.fixture
def created(http_: Http) -> Reply:
    """Create the route `api`."""
    reply = http_.do("POST", ROUTES, route())
    assert reply.status == 201
    return reply


def weight_patch(old: int, new: int, **rest: str) -> list[dict[str, Any]]:
    """Return the JSON patch of one weight, guarded by its old value."""
    path = "/spec/http/0/route/0/weight"
    guards = [{"op": "test", "path": "/metadata/resourceVersion", "value": value} for value in rest.values()]
    return [*guards, {"op": "test", "path": path, "value": old}, {"op": "replace", "path": path, "value": new}]


def test_created_objects_get_metadata(created: Reply) -> None:
    """The server adds uid, time, generation, resourceVersion and managedFields, and drops a status it was given."""
    metadata = created.body["metadata"]
    assert metadata["generation"] == 1
    assert metadata["uid"]
    assert metadata["creationTimestamp"].endswith("Z")
    (entry,) = metadata["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("tests", "Update")
    assert entry["fieldsV1"] == {"f:spec": {".": {}, "f:hosts": {}, "f:http": {}}}


def test_second_create_is_409(http_: Http, created: Reply) -> None:
    """A taken name is AlreadyExists, with the name and the group in the details."""
    reply = http_.do("POST", ROUTES, route())
    assert (reply.status, reply.body["reason"]) == (409, "AlreadyExists")
    assert reply.body["message"] == 'virtualservices.networking.istio.io "api" already exists'
    assert reply.body["details"] == {"name": "api", "group": "networking.istio.io", "kind": "virtualservices"}


def test_generate_name(http_: Http) -> None:
    """A prefix in generateName makes a fresh name each time."""
    names = {http_.do("POST", ROUTES, route(name="", generateName="api-")).body["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("api-") for name in names)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"metadata": {}}, 422),
        ({"metadata": {"name": "Upper_case"}}, 422),
        ({"metadata": {"name": "a", "namespace": "other"}}, 400),
        ({"metadata": {"name": "a", "resourceVersion": "1"}}, 500),
        ({"metadata": {"name": "a", "annotations": {"n": 1}}}, 400),
        ({"metadata": []}, 400),
        ({"kind": "Gateway"}, 422),
        ({"kind": ""}, 400),
        ({"apiVersion": "networking.istio.io/v1beta1"}, 400),
    ],
)
def test_malformed_objects_are_refused(http_: Http, change: dict[str, Any], status: int) -> None:
    """Each wrong thing about a new object has its status."""
    assert http_.do("POST", ROUTES, route() | change).status == status


def test_create_needs_its_namespace(http_: Http) -> None:
    """A namespace nobody made is a 404 about the namespace."""
    reply = http_.do("POST", ROUTES.replace("mesh-demo", "absent"), route(namespace="absent"))
    assert (reply.status, reply.body["message"]) == (404, 'namespaces "absent" not found')


def test_every_served_version_shows_the_same_object(http_: Http, created: Reply) -> None:
    """Only apiVersion differs between versions, on get and in lists."""
    for version in ("v1", "v1beta1", "v1alpha3"):
        seen = http_.do("GET", PATH.replace("/v1/", f"/{version}/")).body
        assert seen == created.body | {"apiVersion": f"networking.istio.io/{version}"}
        listed = http_.do("GET", f"/apis/networking.istio.io/{version}/virtualservices").body
        assert listed["kind"] == "VirtualServiceList"
        assert listed["items"] == [seen]


def test_json_patch_bumps_version_and_generation(http_: Http, created: Reply) -> None:
    """A weight change is a new resourceVersion and a new generation, and belongs to its field manager."""
    reply = http_.do("PATCH", f"{PATH}?fieldManager=meshbot", weight_patch(90, 50, rv=created.version), JSON_PATCH)
    assert reply.status == 200
    assert reply.body["spec"]["http"][0]["route"][0]["weight"] == 50
    assert int(reply.version) > int(created.version)
    assert reply.body["metadata"]["generation"] == 2
    owners = {entry["manager"]: entry["fieldsV1"] for entry in reply.body["metadata"]["managedFields"]}
    assert owners == {"tests": {"f:spec": {".": {}, "f:hosts": {}}}, "meshbot": {"f:spec": {"f:http": {}}}}


def test_a_manager_owns_by_version(http_: Http, created: Reply) -> None:
    """What one manager writes in two API versions is two entries of managedFields."""
    http_.do("PATCH", f"{PATH}?fieldManager=meshbot", weight_patch(90, 50), JSON_PATCH)
    older = PATH.replace("/v1/", "/v1beta1/")
    note = {"metadata": {"annotations": {"a": "b"}}}
    found = http_.do("PATCH", f"{older}?fieldManager=meshbot", note, MERGE_PATCH).body["metadata"]["managedFields"]
    owned = {entry["apiVersion"]: entry["fieldsV1"] for entry in found if entry["manager"] == "meshbot"}
    assert owned == {
        "networking.istio.io/v1": {"f:spec": {"f:http": {}}},
        "networking.istio.io/v1beta1": {"f:metadata": {"f:annotations": {".": {}, "f:a": {}}}},
    }


def test_a_collection_is_deleted_by_label(http_: Http) -> None:
    """DELETE on a collection takes what the selector takes, and answers with it; without a namespace there is none."""
    for name in ("a", "b"):
        http_.do("POST", ROUTES, route(name, labels={"name": name}))
    gone = http_.do("DELETE", f"{ROUTES}?labelSelector=name%3Da").body
    assert [obj["metadata"]["name"] for obj in gone["items"]] == ["a"]
    assert [obj["metadata"]["name"] for obj in http_.do("GET", ROUTES).body["items"]] == ["b"]
    assert http_.do("DELETE", "/apis/networking.istio.io/v1/virtualservices").status == 404


def test_annotations_leave_the_generation(http_: Http, created: Reply) -> None:
    """Metadata changes are a new resourceVersion but no new generation."""
    reply = http_.do("PATCH", PATH, {"metadata": {"annotations": {"a": "b"}}}, MERGE_PATCH)
    assert reply.version != created.version
    assert reply.body["metadata"]["generation"] == 1


def test_failed_test_is_422_and_changes_nothing(http_: Http, created: Reply) -> None:
    """A test that does not hold is Invalid, with the words of the real server."""
    reply = http_.do("PATCH", PATH, weight_patch(80, 50), JSON_PATCH)
    assert (reply.status, reply.body["reason"]) == (422, "Invalid")
    assert reply.body["message"] == "the server rejected our request due to an error in our request"
    assert http_.do("GET", PATH).body == created.body


def test_stale_test_on_resource_version_is_422(http_: Http, created: Reply) -> None:
    """A guard on metadata.resourceVersion fails once somebody else has written."""
    http_.do("PATCH", PATH, {"metadata": {"labels": {"x": "y"}}}, MERGE_PATCH)
    assert http_.do("PATCH", PATH, weight_patch(90, 50, rv=created.version), JSON_PATCH).status == 422


@pytest.mark.parametrize(
    ("patch", "content_type"),
    [
        ([{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}], JSON_PATCH),
        ({"metadata": {"resourceVersion": "1"}, "spec": {"hosts": ["b"]}}, MERGE_PATCH),
    ],
)
def test_stale_resource_version_inside_the_object_is_409(
    http_: Http, created: Reply, patch: Any, content_type: str
) -> None:
    """A patched object that carries an old resourceVersion is a Conflict."""
    reply = http_.do("PATCH", PATH, patch, content_type)
    assert (reply.status, reply.body["reason"]) == (409, "Conflict")
    assert "the object has been modified; please apply your changes to the latest version" in reply.body["message"]


@pytest.mark.parametrize(
    ("patch", "content_type", "status"),
    [
        ("not json", JSON_PATCH, 400),
        ({"op": "test"}, JSON_PATCH, 400),
        ([], MERGE_PATCH, 400),
        ([{"op": "replace", "path": "/metadata/name", "value": "other"}], JSON_PATCH, 400),
        ([{"op": "replace", "path": "/kind", "value": "Other"}], JSON_PATCH, 422),
        ([{"op": "remove", "path": "/metadata/resourceVersion"}], JSON_PATCH, 422),
        ({"metadata": {"uid": "other"}}, MERGE_PATCH, 422),
        ({"spec": {}}, "application/strategic-merge-patch+json", 415),
        ({"spec": {}}, "application/json", 415),
    ],
)
def test_wrong_patches(http_: Http, created: Reply, patch: Any, content_type: str, status: int) -> None:
    """Each wrong patch has its status and leaves the object alone."""
    assert http_.do("PATCH", PATH, patch, content_type).status == status
    assert http_.do("GET", PATH).body == created.body


@pytest.mark.parametrize(
    ("patch", "content_type"),
    [(weight_patch(90, 90), JSON_PATCH), ({"spec": {"hosts": ["api"]}}, MERGE_PATCH), ([], JSON_PATCH)],
)
def test_a_patch_that_changes_nothing_keeps_the_version(
    http_: Http, created: Reply, patch: Any, content_type: str
) -> None:
    """No change, no write: resourceVersion, managedFields and times stay."""
    reply = http_.do("PATCH", f"{PATH}?fieldManager=other", patch, content_type)
    assert (reply.status, reply.body) == (200, created.body)


def test_a_patch_that_changes_nothing_in_another_version_keeps_the_version(http_: Http, created: Reply) -> None:
    """The same manager speaking another API version, with nothing to change, writes nothing."""
    reply = http_.do("PATCH", PATH.replace("/v1/", "/v1beta1/"), weight_patch(90, 90), JSON_PATCH)
    assert reply.body["metadata"] == created.body["metadata"]


def test_strategic_merge_patch_of_a_built_in_kind(http_: Http) -> None:
    """A Deployment takes a strategic merge patch, container by container."""
    http_.load("app.yaml")
    path = "/apis/apps/v1/namespaces/mesh-demo/deployments/api-v1"
    [before] = http_.do("GET", path).body["spec"]["template"]["spec"]["containers"]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "api", "image": "new"}]}}}}
    reply = http_.do("PATCH", path, patch, "application/strategic-merge-patch+json")
    (container,) = reply.body["spec"]["template"]["spec"]["containers"]
    assert before["ports"] == [{"containerPort": 80, "name": "http"}]
    assert container == before | {"image": "new"}


def test_put_needs_the_current_version(http_: Http, created: Reply) -> None:
    """PUT with the read version works once; with the old one it is 409; with none it is 422 for a custom resource."""
    changed = created.body | {"spec": {"hosts": ["b"]}}
    assert http_.do("PUT", PATH, changed).status == 200
    assert http_.do("PUT", PATH, changed).status == 409
    assert http_.do("PUT", PATH, route()).status == 422
    assert http_.do("PUT", f"{ROUTES}/other", changed).status == 400
    assert http_.do("PUT", f"{ROUTES}/other", route("other")).status == 404


def test_dry_run_stores_nothing(http_: Http, created: Reply) -> None:
    """dryRun=All answers as if, for every verb, and the world stays."""
    patched = http_.do("PATCH", f"{PATH}?dryRun=All", weight_patch(90, 1), JSON_PATCH)
    assert patched.body["spec"]["http"][0]["route"][0]["weight"] == 1
    assert http_.do("POST", f"{ROUTES}?dryRun=All", route("b")).status == 201
    assert http_.do("DELETE", f"{PATH}?dryRun=All").status == 200
    assert http_.do("GET", PATH).body == created.body
    assert http_.do("GET", f"{ROUTES}/b").status == 404
    assert http_.do("DELETE", f"{PATH}?dryRun=Some").status == 422


def test_delete(http_: Http, created: Reply) -> None:
    """A deleted object is gone; preconditions that do not hold are 409."""
    other = {"preconditions": {"uid": "other"}}
    assert http_.do("DELETE", PATH, other).status == 409
    reply = http_.do("DELETE", PATH)
    assert reply.body["status"] == "Success"
    assert reply.body["details"]["uid"] == created.body["metadata"]["uid"]
    assert http_.do("GET", PATH).body["message"] == 'virtualservices.networking.istio.io "api" not found'


def test_finalizers_hold_an_object(http_: Http) -> None:
    """An object with finalizers is only marked; it goes when the last finalizer does."""
    http_.do("POST", ROUTES, route("held", finalizers=["example.com/wait"]))
    marked = [http_.do("DELETE", f"{ROUTES}/held").body["metadata"] for _ in range(2)]
    assert marked[0] == marked[1]
    assert marked[0]["generation"] == 2
    assert http_.do("GET", f"{ROUTES}/held").body["metadata"]["deletionTimestamp"]
    http_.do("PATCH", f"{ROUTES}/held", {"metadata": {"finalizers": None}}, MERGE_PATCH)
    assert http_.do("GET", f"{ROUTES}/held").status == 404


def test_deleting_a_namespace_takes_its_content(http_: Http, created: Reply) -> None:
    """Nothing outlives its namespace."""
    assert http_.do("DELETE", "/api/v1/namespaces/mesh-demo").status == 200
    assert http_.do("GET", PATH).status == 404


def test_status_is_a_world_of_its_own(http_: Http, created: Reply) -> None:
    """The main resource ignores status, /status ignores the rest, and neither touches the other's generation."""
    ignored = http_.do("PATCH", PATH, {"status": {"x": 1}}, MERGE_PATCH)
    assert ignored.body == created.body
    both = {"status": {"conditions": [{"type": "Accepted"}]}, "spec": {"hosts": ["evil"]}}
    reply = http_.do("PATCH", f"{PATH}/status", both, MERGE_PATCH)
    assert reply.body["status"] == both["status"]
    assert reply.body["spec"] == created.body["spec"]
    assert reply.body["metadata"]["generation"] == 1
    assert http_.do("GET", "/apis/split.smi-spec.io/v1alpha2/namespaces/mesh-demo/trafficsplits/x/status").status == 404


def test_server_side_apply(http_: Http) -> None:
    """Apply creates, shares equal values, refuses contested ones, takes them with force, and prunes what it dropped."""
    mine = route(annotations={"owner": "git"})
    assert http_.do("PATCH", PATH, mine, APPLY_PATCH).status == 422
    first = http_.do("PATCH", f"{PATH}?fieldManager=git", mine, APPLY_PATCH)
    assert first.status == 201
    assert http_.do("PATCH", f"{PATH}?fieldManager=git", mine, APPLY_PATCH).body == first.body
    http_.do("PATCH", f"{PATH}?fieldManager=meshbot", weight_patch(90, 50), JSON_PATCH)
    refused = http_.do("PATCH", f"{PATH}?fieldManager=git", mine, APPLY_PATCH)
    assert (refused.status, refused.body["details"]["causes"][0]["field"]) == (409, ".spec.http")
    assert 'conflict with "meshbot" using networking.istio.io/v1: .spec.http' in refused.body["message"]
    forced = http_.do("PATCH", f"{PATH}?fieldManager=git&force=true", route(), APPLY_PATCH)
    assert forced.body["spec"] == first.body["spec"]
    assert "annotations" not in forced.body["metadata"]
    assert [entry["manager"] for entry in forced.body["metadata"]["managedFields"]] == ["git"]


def test_server_side_apply_checks_name_and_leaves_status(http_: Http) -> None:
    """An applied object must carry the path's name; a status in it is dropped, and comes in through /status only."""
    assert http_.do("PATCH", f"{PATH}?fieldManager=git", route("other"), APPLY_PATCH).status == 400
    assert http_.do("PATCH", f"{PATH}?fieldManager=git", route() | {"metadata": []}, APPLY_PATCH).status == 500
    with_status = route() | {"status": {"ready": True}}
    assert "status" not in http_.do("PATCH", f"{PATH}?fieldManager=git", with_status, APPLY_PATCH).body
    reply = http_.do("PATCH", f"{PATH}/status?fieldManager=controller", with_status, APPLY_PATCH)
    assert reply.body["status"] == {"ready": True}
    [entry] = [one for one in reply.body["metadata"]["managedFields"] if one["manager"] == "controller"]
    assert (entry["subresource"], entry["fieldsV1"]) == ("status", {"f:status": {"f:ready": {}}})


def test_concurrent_guarded_writers_lose_no_update(http_: Http, created: Reply) -> None:
    """Eight writers that each add one, ten times, under a resourceVersion test end at exactly eighty."""
    http_.do("PATCH", PATH, weight_patch(90, 0), JSON_PATCH)
    refusals: list[int] = []

    def add_one() -> None:
        while True:
            read = http_.do("GET", PATH)
            weight = read.body["spec"]["http"][0]["route"][0]["weight"]
            done = http_.do("PATCH", PATH, weight_patch(weight, weight + 1, rv=read.version), JSON_PATCH)
            if done.status == 200:
                return
            refusals.append(done.status)

    def add_ten() -> None:
        for _ in range(10):
            add_one()

    threads = [threading.Thread(target=add_ten) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert http_.do("GET", PATH).body["spec"]["http"][0]["route"][0]["weight"] == 80
    assert set(refusals) == {422}
