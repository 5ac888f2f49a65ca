"""Watches, as raw streams."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from playground.serving import ServerThread
from tests.playground.cluster.conftest import JSON_PATCH, MERGE_PATCH, ROUTES, Http, route


@contextmanager
def watching(http_: Http, query: str = "", path: str = ROUTES) -> Iterator[http.client.HTTPResponse]:
    """Open a watch of up to five seconds."""
    connection = http.client.HTTPConnection(http_.url.removeprefix("http://"), timeout=60)
    connection.request("GET", f"{path}?watch=true&timeoutSeconds=5&{query}")
    response = connection.getresponse()
    try:
        yield response
    finally:
        response.close()
        connection.close()


def event(stream: http.client.HTTPResponse) -> tuple[str, Any]:
    """Return the next (type, object) of a stream."""
    read = json.loads(stream.readline())
    return read["type"], read["object"]


def test_watch_begins_with_what_is_there_then_follows(http_: Http) -> None:
    """Without a resourceVersion each present object is ADDED, then changes come as they happen."""
    http_.do("POST", ROUTES, route())
    with watching(http_) as stream:
        assert event(stream)[0] == "ADDED"
        http_.do("PATCH", f"{ROUTES}/api", {"spec": {"hosts": ["b"]}}, MERGE_PATCH)
        kind, seen = event(stream)
        assert (kind, seen["spec"]["hosts"]) == ("MODIFIED", ["b"])
        http_.do("DELETE", f"{ROUTES}/api")
        kind, gone = event(stream)
        assert kind == "DELETED"
        assert int(gone["metadata"]["resourceVersion"]) > int(seen["metadata"]["resourceVersion"])


def test_watch_resumes_from_a_list_without_loss_or_repetition(http_: Http) -> None:
    """From a list's resourceVersion a watch tells exactly the later changes, in the version asked for."""
    http_.do("POST", ROUTES, route())
    listed = http_.do("GET", ROUTES)
    for weight in (80, 70, 60):
        patch = [{"op": "replace", "path": "/spec/http/0/route/0/weight", "value": weight}]
        http_.do("PATCH", f"{ROUTES}/api", patch, JSON_PATCH)
    old_path = ROUTES.replace("/v1/", "/v1beta1/")
    with watching(http_, f"resourceVersion={listed.version}", old_path) as stream:
        seen = [event(stream)[1] for _ in range(3)]
    assert [obj["spec"]["http"][0]["route"][0]["weight"] for obj in seen] == [80, 70, 60]
    assert {obj["apiVersion"] for obj in seen} == {"networking.istio.io/v1beta1"}


def test_watch_from_too_long_ago_is_gone(http_: Http) -> None:
    """A resourceVersion older than the kept history is an ERROR event with code 410, and the stream ends."""
    start = http_.do("GET", ROUTES).version
    http_.do("POST", ROUTES, route())
    for number in range(101):
        http_.do("PATCH", f"{ROUTES}/api", {"metadata": {"labels": {"n": str(number)}}}, MERGE_PATCH)
    with watching(http_, f"resourceVersion={start}") as stream:
        kind, status = event(stream)
        assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")
        assert stream.readline() == b""


def test_watch_sees_only_what_it_selects(http_: Http) -> None:
    """Another namespace or kind is silent; an object that stops matching is DELETED, one that starts is ADDED."""
    http_.do("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    http_.do("POST", ROUTES, route(labels={"app": "api"}))
    with watching(http_, "labelSelector=app%3Dapi") as stream:
        assert event(stream)[0] == "ADDED"
        http_.do("POST", ROUTES.replace("mesh-demo", "other"), route(namespace="other", labels={"app": "api"}))
        gateway = route(labels={"app": "api"}) | {"kind": "Gateway"}
        assert http_.do("POST", ROUTES.replace("virtualservices", "gateways"), gateway).status == 201
        http_.do("PATCH", f"{ROUTES}/api", {"metadata": {"labels": {"app": "no"}}}, MERGE_PATCH)
        assert event(stream)[0] == "DELETED"
        http_.do("PATCH", f"{ROUTES}/api", {"metadata": {"labels": {"app": "api"}}}, MERGE_PATCH)
        assert event(stream)[0] == "ADDED"


def test_watch_ends_cleanly_when_the_server_closes(http_: Http, server: ServerThread) -> None:
    """A closing server finishes its streams instead of cutting them off."""
    with watching(http_) as stream:
        http_.do("POST", ROUTES, route())
        assert event(stream)[0] == "ADDED"
        server.stop()
        assert stream.read() == b""


def test_watch_ends_in_time_with_a_bookmark(http_: Http) -> None:
    """The stream ends after timeoutSeconds; a bookmark tells the version reached, over other kinds' changes too."""
    path = f"{ROUTES}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true"
    http_.do("POST", ROUTES.replace("virtualservices", "gateways"), route() | {"kind": "Gateway"})
    begun = time.monotonic()
    reply = http_.do("GET", f"{path}&resourceVersion={http_.do('GET', ROUTES).version}")
    assert 0.9 < time.monotonic() - begun < 30
    assert reply.body["type"] == "BOOKMARK"
    assert reply.body["object"]["metadata"]["resourceVersion"] == http_.do("GET", ROUTES).version


@pytest.mark.parametrize(
    ("query", "status"), [("resourceVersion=abc", 500), ("timeoutSeconds=x", 400), ("sendInitialEvents=true", 422)]
)
def test_unreadable_watch_options_are_refused(http_: Http, query: str, status: int) -> None:
    """Options that make no sense, or that ask for a feature that is off, are refused before any stream."""
    assert http_.do("GET", f"{ROUTES}?watch=true&{query}").status == status
