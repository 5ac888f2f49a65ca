"""Counting what is ready: endpoints behind a Service, and those of them that are pods of a subset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workers.cluster.routing import Object


def ready_pods(pods: Iterable[Object], slices: Iterable[Object]) -> int:
    """Count those of the pods that the mesh sends to: ready, not being deleted, and ready endpoints of the slices.

    A pod may be ready and in no slice (another Service's, or just started); a slice may lag behind a pod that is not.
    """
    listed = {
        reference["name"] for endpoint in _ready(slices) if (reference := endpoint.get("targetRef") or {}).get("name")
    }
    return sum(1 for pod in pods if _is_ready(pod) and pod["metadata"]["name"] in listed)


def ready_endpoints(slices: Iterable[Object]) -> int:
    """Count ready endpoints over all slices of a Service; one with an IPv4 and an IPv6 address counts once."""
    return len({_who(endpoint) for endpoint in _ready(slices)})


def _ready(slices: Iterable[Object]) -> Iterator[Object]:
    """Yield the ready endpoints; an absent `ready` condition means ready, says the EndpointSlice reference."""
    for endpoint in (endpoint for one in slices for endpoint in one.get("endpoints") or []):
        conditions = endpoint.get("conditions") or {}
        if conditions.get("ready") is not False and not conditions.get("terminating"):
            yield endpoint


def _is_ready(pod: Object) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions)


def _who(endpoint: Object) -> tuple[str, ...]:
    reference = endpoint.get("targetRef") or {}
    if reference.get("name"):
        return "ref", reference.get("namespace", ""), reference["name"]
    return ("at", *(endpoint.get("addresses") or []))
