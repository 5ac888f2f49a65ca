"""The knobs beside the API."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from playground.cluster.knobs import Knobs, Seen
from playground.cluster.objects import Cluster
from tests.playground.cluster.conftest import EXAMPLES, JSON_PATCH, MERGE_PATCH, ROUTES, Http, route

PATCH = {"spec": {"hosts": ["changed"]}}


def cause(http_: Http, **trouble: Any) -> None:
    """Queue a trouble."""
    assert http_.do("POST", "/_playground/trouble", trouble).status == 200


def requests_seen(http_: Http) -> list[dict[str, Any]]:
    """Return the request log."""
    found: list[dict[str, Any]] = http_.do("GET", "/_playground/requests").body["requests"]
    return found


def test_reset_replaces_the_world_and_goes_on_counting(http_: Http) -> None:
    """After a reset only the loaded objects are there, and no old resourceVersion comes back."""
    http_.do("POST", ROUTES, route())
    before = http_.do("GET", ROUTES).version
    text = (EXAMPLES / "istio-traffic.yaml").read_text(encoding="utf-8")
    assert http_.do("POST", "/_playground/reset", text, "application/yaml").body["loaded"] == 2
    listed = http_.do("GET", ROUTES)
    assert [obj["metadata"]["name"] for obj in listed.body["items"]] == ["api-vs"]
    assert int(listed.version) > int(before)
    assert requests_seen(http_)[0]["path"] == ROUTES


def test_load_overwrites_and_keeps_status(http_: Http) -> None:
    """Loading the same name again replaces its content, with status, and is a new generation of the same object."""
    http_.do("POST", "/_playground/load", route() | {"status": {"a": 1}})
    first = http_.do("GET", f"{ROUTES}/api").body
    http_.do("POST", "/_playground/load", route() | {"spec": {"hosts": ["b"]}})
    second = http_.do("GET", f"{ROUTES}/api").body
    assert first["status"] == {"a": 1}
    assert (second["spec"], second["metadata"]["uid"]) == ({"hosts": ["b"]}, first["metadata"]["uid"])
    assert second["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    "text", ["kind: Nope\napiVersion: v1\nmetadata: {name: a}", "a: b: c", "- 1", "kind: Pod\napiVersion: v1"]
)
def test_a_world_that_cannot_be_loaded_leaves_the_old_one(http_: Http, text: str) -> None:
    """An unknown kind, broken YAML or a missing name is refused before anything changes."""
    http_.do("POST", ROUTES, route())
    assert http_.do("POST", "/_playground/reset", text, "application/yaml").status in (400, 422)
    assert http_.do("GET", f"{ROUTES}/api").status == 200


def test_requests_are_recorded_and_forgotten(http_: Http) -> None:
    """The log has what a test asks about, leaves out the knobs, and can be emptied."""
    http_.do("PATCH", f"{ROUTES}/api?fieldManager=x", [], JSON_PATCH)
    (seen,) = requests_seen(http_)
    assert seen.pop("seconds") < 2
    assert seen == {
        "method": "PATCH",
        "path": f"{ROUTES}/api",
        "query": "fieldManager=x",
        "status": 404,
        "user_agent": "tests/1",
        "content_type": JSON_PATCH,
    }
    http_.do("DELETE", "/_playground/requests")
    assert requests_seen(http_) == []


def test_status_trouble_hits_the_next_matching_requests_only(http_: Http) -> None:
    """Two PATCHes of routes are answered 503 and applied never; other requests and the third PATCH are untouched."""
    http_.do("POST", ROUTES, route())
    cause(http_, method="PATCH", path_contains="virtualservices", times=2, kind="status", status=503)
    replies = [http_.do("PATCH", f"{ROUTES}/api", PATCH, MERGE_PATCH).status for _ in range(2)]
    assert replies == [503, 503]
    assert http_.do("GET", f"{ROUTES}/api").body["spec"]["hosts"] == ["api"]
    assert http_.do("PATCH", f"{ROUTES}/api", PATCH, MERGE_PATCH).status == 200


@pytest.mark.parametrize(("kind", "hosts"), [("drop_before", ["api"]), ("drop_after", ["changed"])])
def test_dropped_requests_get_no_answer(http_: Http, kind: str, hosts: list[str]) -> None:
    """The socket closes without an answer; only drop_after has applied the patch. The log shows status 0."""
    http_.do("POST", ROUTES, route())
    cause(http_, method="PATCH", kind=kind)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        http_.do("PATCH", f"{ROUTES}/api", PATCH, MERGE_PATCH)
    assert http_.do("GET", f"{ROUTES}/api").body["spec"]["hosts"] == hosts
    assert [seen["status"] for seen in requests_seen(http_)] == [201, 0, 200]


def test_a_trouble_can_wait_for_another(http_: Http) -> None:
    """What follows a trouble waits only from when that one has hit all it hits: what comes earlier passes."""
    http_.do("POST", ROUTES, route())
    cause(http_, method="PATCH", kind="status", status=503, times=2, then={"method": "GET", "kind": "status"})
    statuses = [
        http_.do(method, f"{ROUTES}/api", PATCH if method == "PATCH" else None, MERGE_PATCH).status
        for method in ("GET", "PATCH", "GET", "PATCH", "GET", "GET")
    ]
    assert statuses == [200, 503, 200, 503, 500, 200]


def test_hang_waits_then_goes_on(http_: Http) -> None:
    """A hanging request is answered late, and applied late."""
    http_.do("POST", ROUTES, route())
    cause(http_, method="PATCH", kind="hang", seconds=0.3)
    begun = time.monotonic()
    assert http_.do("PATCH", f"{ROUTES}/api", PATCH, MERGE_PATCH).status == 200
    assert time.monotonic() - begun >= 0.3


def test_what_hangs_is_let_go_when_troubles_are_over(http_: Http) -> None:
    """A test need not guess how long is long enough; what is asked for afterwards meets no trouble."""
    http_.do("POST", ROUTES, route())
    cause(http_, method="PATCH", kind="hang", seconds=600, times=2)
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(http_.do, "PATCH", f"{ROUTES}/api", PATCH, MERGE_PATCH)
        deadline = time.monotonic() + 60
        while http_.do("GET", "/_playground/trouble").body["waiting"][0]["times"] == 2:
            assert time.monotonic() < deadline
        http_.do("DELETE", "/_playground/trouble")
        assert hanging.result(60).status == 200
    assert http_.do("PATCH", f"{ROUTES}/api", PATCH, MERGE_PATCH).status == 200


def test_what_hangs_is_applied_though_its_client_left(http_: Http) -> None:
    """A patch whose client gave up waiting changes the object later all the same."""
    http_.do("POST", ROUTES, route())
    cause(http_, method="PATCH", kind="hang", seconds=1.5)
    with pytest.raises(TimeoutError):
        http_.do("PATCH", f"{ROUTES}/api", PATCH, MERGE_PATCH, timeout_s=1)
    deadline = time.monotonic() + 60
    while (hosts := http_.do("GET", f"{ROUTES}/api").body["spec"]["hosts"]) == ["api"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert hosts == ["changed"]


def test_the_request_log_does_not_grow_for_ever() -> None:
    """The newest 5 000 requests are kept."""
    knobs = Knobs(Cluster())
    knobs.seen.extend(Seen("GET", f"/{number}", "", 200, 0.1, "", "") for number in range(5001))
    assert [len(knobs.seen), knobs.seen[0].path] == [5000, "/1"]


def test_trouble_can_be_called_off(http_: Http) -> None:
    """DELETE forgets what is waiting."""
    cause(http_, kind="status", times=9)
    assert http_.do("GET", "/_playground/trouble").body["waiting"][0]["times"] == 9
    http_.do("DELETE", "/_playground/trouble")
    assert http_.do("GET", ROUTES).status == 200


@pytest.mark.parametrize(
    "trouble", [{}, {"kind": "meteor"}, {"kind": "hang", "times": 0}, {"kind": "hang", "x": 1}, []]
)
def test_unknown_trouble_is_refused(http_: Http, trouble: Any) -> None:
    """A misspelt trouble is an error, so no test waits for one that never comes."""
    assert http_.do("POST", "/_playground/trouble", trouble).status == 400
