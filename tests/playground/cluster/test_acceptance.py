"""What parents say of Gateway API routes, and the knobs of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.playground.cluster.conftest import MERGE_PATCH, Http

ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/mesh-demo/httproutes"
SERVICE = {"group": "", "kind": "Service", "name": "api", "port": 80}
GATEWAY = {"name": "public"}


def http_route(name: str = "api", **spec: Any) -> dict[str, Any]:
    """Return an HTTPRoute of one backend for a Service and a Gateway."""
    rules = [{"backendRefs": [{"name": "api-v1", "port": 80}]}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "mesh-demo"},
        "spec": {"parentRefs": [SERVICE, GATEWAY], "rules": rules} | spec,
    }


def accept(http_: Http, seconds: float = 0) -> None:
    """Turn the knob."""
    assert http_.do("PUT", "/_playground/acceptance", {"seconds": seconds}).body == {"seconds": seconds}


def parents(http_: Http, name: str = "api") -> list[dict[str, Any]]:
    """Return what was said of a route so far."""
    found = http_.do("GET", f"{ROUTES}/{name}").body.get("status", {})
    said: list[dict[str, Any]] = found.get("parents", [])
    return said


def until(ask: Callable[[], Any]) -> Any:
    """Wait until something is said."""
    deadline = time.monotonic() + 60
    while not (said := ask()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return said


def condition(entry: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return one condition of one parent."""
    [found] = [one for one in entry["conditions"] if one["type"] == kind]
    return dict(found)


def observed(http_: Http) -> int:
    """Return the generation last spoken of, 0 before."""
    said = parents(http_)
    return int(condition(said[0], "Accepted")["observedGeneration"]) if said else 0


def test_nobody_speaks_until_the_knob_is_turned(http_: Http) -> None:
    """A bare API server has no controller; turned on, it also speaks of the routes there are."""
    http_.do("POST", ROUTES, http_route())
    assert http_.do("GET", "/_playground/acceptance").body == {"seconds": None}
    time.sleep(0.05)
    assert parents(http_) == []
    accept(http_)
    assert until(lambda: parents(http_))


def test_every_parent_accepts_at_the_new_generation(http_: Http) -> None:
    """For Service and Gateway parents, with the parentRef repeated; the status is no generation of its own."""
    accept(http_)
    http_.do("POST", ROUTES, http_route())
    said = until(lambda: parents(http_))
    assert [entry["parentRef"]["kind"] for entry in said] == ["Service", "Gateway"]
    assert {condition(entry, "Accepted")["status"] for entry in said} == {"True"}
    assert len({entry["controllerName"] for entry in said}) == 2
    http_.do("PATCH", f"{ROUTES}/api", {"spec": {"hostnames": ["a.example"]}}, MERGE_PATCH)
    until(lambda: observed(http_) == 2)
    assert http_.do("GET", f"{ROUTES}/api").body["metadata"]["generation"] == 2


def test_a_missing_backend_is_told(http_: Http) -> None:
    """ResolvedRefs is False while a Service that the route names is not there."""
    http_.load("httproute.yaml")
    accept(http_)
    http_.do("POST", ROUTES, http_route("other", rules=[{"backendRefs": [{"name": "ghost", "port": 80}]}]))
    lost = condition(until(lambda: parents(http_, "other"))[0], "ResolvedRefs")
    assert (lost["status"], lost["reason"], lost["message"]) == (
        "False",
        "BackendNotFound",
        "no Service mesh-demo/ghost",
    )
    assert condition(until(lambda: parents(http_, "api-route"))[0], "ResolvedRefs")["status"] == "True"


def test_a_refusal_has_its_reason(http_: Http) -> None:
    """The trouble hits one generation of the routes that match; the next is accepted."""
    trouble = {"kind": "accept_refused", "path_contains": "httproutes/api", "reason": "NotAllowedByListeners"}
    assert http_.do("POST", "/_playground/trouble", trouble | {"message": "not here"}).status == 200
    accept(http_)
    http_.do("POST", ROUTES, http_route())
    refused = condition(until(lambda: parents(http_))[0], "Accepted")
    assert (refused["status"], refused["reason"], refused["message"]) == ("False", "NotAllowedByListeners", "not here")
    http_.do("PATCH", f"{ROUTES}/api", {"spec": {"hostnames": ["a.example"]}}, MERGE_PATCH)
    until(lambda: observed(http_) == 2)
    assert condition(parents(http_)[0], "Accepted")["status"] == "True"


def test_a_word_that_never_comes(http_: Http) -> None:
    """Other routes are spoken of, requests pass by the trouble, and this route waits for its next generation."""
    http_.do("POST", "/_playground/trouble", {"kind": "accept_never", "path_contains": "httproutes/api"})
    accept(http_)
    for name in ("api", "web"):
        assert http_.do("POST", ROUTES, http_route(name)).status == 201
    until(lambda: parents(http_, "web"))
    assert parents(http_) == []
    assert http_.do("GET", "/_playground/trouble").body == {"waiting": []}


def test_a_word_that_comes_late(http_: Http) -> None:
    """Late is after the wait of the trouble."""
    http_.do("POST", "/_playground/trouble", {"kind": "accept_late", "seconds": 0.3})
    accept(http_)
    begun = time.monotonic()
    http_.do("POST", ROUTES, http_route())
    until(lambda: observed(http_) == 1)
    assert time.monotonic() - begun >= 0.3


def test_a_word_that_is_out_of_date_is_not_said(http_: Http) -> None:
    """A route that changed before the late word came is spoken of only for what it is now."""
    for kind in ("accept_late", "accept_never"):
        http_.do("POST", "/_playground/trouble", {"kind": kind, "seconds": 1})
    accept(http_)
    http_.do("POST", ROUTES, http_route())
    http_.do("PATCH", f"{ROUTES}/api", {"spec": {"hostnames": ["a.example"]}}, MERGE_PATCH)
    time.sleep(1.1)
    assert parents(http_) == []


def test_the_knob_can_be_turned_off(http_: Http) -> None:
    """After DELETE nobody speaks any more."""
    accept(http_)
    assert http_.do("DELETE", "/_playground/acceptance").body == {"seconds": None}
    http_.do("POST", ROUTES, http_route())
    time.sleep(0.05)
    assert parents(http_) == []


@pytest.mark.parametrize("body", [{}, {"seconds": "soon"}, {"seconds": -1}, {"seconds": 1e9}, []])
def test_a_knob_that_is_turned_wrongly_is_refused(http_: Http, body: Any) -> None:
    """A misspelt wait is an error."""
    assert http_.do("PUT", "/_playground/acceptance", body).status == 400
