"""Counting who is ready."""

from __future__ import annotations

from tests.workers.cluster.shapes import endpoint_slice, pod
from workers.cluster.endpoints import ready_endpoints, ready_pods


def test_pods_count_when_ready_and_staying() -> None:
    """Not ready, ending and statusless pods do not count."""
    leaving = pod("c", deletionTimestamp="2025-01-01T00:00:00Z")
    bare = pod("d")
    del bare["status"]
    assert ready_pods([pod("a"), pod("b", ready="False"), leaving, bare]) == 1


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
