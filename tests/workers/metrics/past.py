"""The past of the test's Prometheus: one namespace for each situation, a sample each 10 s for the last 20 minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STEP_S = 10
LENGTH_S = 1200


@dataclass(frozen=True)
class Past:
    """One counter that grows by `per_step` each 10 s."""

    metric: str
    labels: dict[str, str]
    per_step: float
    born_s: int = LENGTH_S
    """How long ago it appeared, in seconds, with its first increment."""
    ended_s: int = 0
    """How long ago its last sample was, in seconds."""


def istio(namespace: str, per_step: float, *, born_s: int = LENGTH_S, ended_s: int = 0, **labels: str) -> Past:
    """Return the requests that one reporter counts for version v2 of `api`."""
    defaults = {
        "reporter": "source",
        "destination_service_name": "api",
        "destination_service_namespace": namespace,
        "destination_version": "v2",
        "response_code": "200",
    }
    return Past("istio_requests_total", {**defaults, **labels}, per_step, born_s, ended_s)


def istio_latency(namespace: str, le: str, per_step: float) -> Past:
    """Return one latency bucket of version v2 of `api`."""
    labels = {"destination_service_name": "api", "destination_service_namespace": namespace}
    more = {"destination_version": "v2", "reporter": "source", "le": le}
    return Past("istio_request_duration_milliseconds_bucket", {**labels, **more}, per_step)


def linkerd(namespace: str, per_step: float, classification: str) -> Past:
    """Return the responses that the proxies of deployment `api-v2` count."""
    labels = {"namespace": namespace, "deployment": "api-v2", "direction": "inbound"}
    return Past("response_total", {**labels, "classification": classification}, per_step)


PAST: tuple[Past, ...] = (
    istio("mixed", 97),
    istio("mixed", 3, response_code="503"),
    istio("mixed", 1000, destination_version="v1"),
    istio("mixed", 500, reporter="destination"),
    istio_latency("mixed", "100", 90),
    istio_latency("mixed", "200", 100),
    istio_latency("mixed", "+Inf", 100),
    istio("dead", 20, response_code="503"),
    istio("perfect", 20),
    istio("idle", 0),
    istio("inside", 20, reporter="destination"),
    istio("inside", 5, reporter="destination", response_code="500"),
    istio("waypoint", 20, reporter="waypoint"),
    istio("grpc", 30, grpc_response_status="0", request_protocol="grpc"),
    istio("grpc", 10, grpc_response_status="14", request_protocol="grpc"),
    istio("newborn", 10),
    # One sample only, ten failures at once: `increase` alone would see none of them.
    istio("newborn", 10, born_s=0, response_code="500"),
    istio("stale", 20, ended_s=120),
    istio("gone", 20, ended_s=900),
    linkerd("mixed", 90, "success"),
    linkerd("mixed", 10, "failure"),
    linkerd("dead", 10, "failure"),
    linkerd("perfect", 10, "success"),
)


def openmetrics(series: Sequence[Past], *, now: float) -> str:
    """Return the past as OpenMetrics text, which `promtool tsdb create-blocks-from openmetrics` reads."""
    lines = []
    for name in sorted({one.metric for one in series}):
        lines.append(f"# TYPE {name} unknown")
        for one in (one for one in series if one.metric == name):
            labels = ",".join(f'{key}="{value}"' for key, value in one.labels.items())
            ages = range(one.born_s, one.ended_s - STEP_S, -STEP_S)
            lines += [
                f"{name}{{{labels}}} {one.per_step * (place + 1)} {now - age:.3f}" for place, age in enumerate(ages)
            ]
    return "\n".join([*lines, "# EOF", ""])
