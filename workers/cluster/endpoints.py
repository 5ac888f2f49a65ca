"""Counting what is ready: pods behind a subset, endpoints behind a Service."""

from __future__ import annotations

from collections.abc import Iterable

from workers.cluster.routing import Object


def ready_pods(pods: Iterable[Object]) -> int:
    """Count pods whose condition Ready is True and that are not being deleted."""
    return sum(1 for pod in pods if _is_ready(pod))


def ready_endpoints(slices: Iterable[Object]) -> int:
    """Count ready endpoints over all slices of a Service; one with an IPv4 and an IPv6 address counts once.

    An absent `ready` condition means ready, says the EndpointSlice reference.
    """
    found = set()
    for endpoint in (endpoint for one in slices for endpoint in one.get("endpoints") or []):
        conditions = endpoint.get("conditions") or {}
        if conditions.get("ready") is not False and not conditions.get("terminating"):
            found.add(_who(endpoint))
    return len(found)


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
