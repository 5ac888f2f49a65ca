"""Counting who is ready."""

from __future__ import annotations

from typing import Any

from tests.workers.cluster.shapes import endpoint_slice, pod
from workers.cluster.endpoints import ready_endpoints, ready_pods


def endpoint(name: str, **conditions: bool) -> dict[str, Any]:
    """Return the endpoint that is a pod of this name."""
    return {"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": name}, "conditions": conditions}


def test_pods_count_when_they_are_ready_and_sent_to() -> None:
    """Not ready, ending and statusless pods do not count, nor does one that the mesh does not know or not send to."""
    leaving = pod("c", deletionTimestamp="2025-01-01T00:00:00Z")
    bare = pod("d")
    del bare["status"]
    pods = [pod("a"), pod("b", ready="False"), leaving, bare, pod("not-in-it"), pod("not-ready-in-it"), pod("ending")]
    ready = [endpoint(name, ready=True) for name in ("a", "b", "c", "d", "of-another-version")]
    others = [endpoint("not-ready-in-it", ready=False), endpoint("ending", ready=True, terminating=True), {}]
    assert ready_pods(pods, [endpoint_slice("x", "api", *ready), endpoint_slice("y", "api", *others)]) == 1
    assert ready_pods(pods, []) == 0


def test_endpoints_count_once() -> None:
    """Both address families of a pod are one endpoint; unready and ending ones are none; unsaid means ready."""
    four = {"addresses": ["10.0.0.1"], "targetRef": {"name": "a"}, "conditions": {"ready": True}}
    six = {**four, "addresses": ["fd00::1"]}
    unready = {"addresses": ["10.0.0.2"], "conditions": {"ready": False}}
    ending = {"addresses": ["10.0.0.3"], "conditions": {"ready": True, "terminating": True}}
    unsaid = {"addresses": ["10.0.0.4"]}
    slices = [endpoint_slice("x", "api", four, unready, ending, unsaid), endpoint_slice("y", "api", six)]
    assert ready_endpoints(slices) == 2
    assert ready_endpoints([{"endpoints": None}]) == 0
