"""The past of the test's Prometheus: one namespace for each situation, a sample each 10 s for the last 20 minutes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

STEP_S = 10
LENGTH_S = 1200


@dataclass(frozen=True)
class Past:
    """One counter that grows by `per_step` each 10 s; ages are seconds before the end of the past."""

    metric: str
    labels: dict[str, str]
    per_step: float
    born_s: int = LENGTH_S
    """How long ago its first sample was."""
    ended_s: int = 0
    """How long ago its last sample was."""
    begins: float = 0.0
    """Its value one step before its first sample."""
    reset_s: int = -1
    """How long ago it began anew: its sample then is that of one step."""
    gap_s: tuple[int, int] = (0, 0)
    """Between these ages (older, newer) nobody scraped it; it went on counting."""

    def samples(self) -> Iterator[tuple[int, float]]:
        """Yield age and value, oldest first."""
        value = self.begins
        for age in range(self.born_s, self.ended_s - STEP_S, -STEP_S):
            value = self.per_step if age == self.reset_s else value + self.per_step
            if not self.gap_s[1] < age < self.gap_s[0]:
                yield age, value


def up(namespace: str, *, born_s: int = LENGTH_S, gap_s: tuple[int, int] = (0, 0), pod: str = "") -> Past:
    """Return that a target was scraped: `up` is always 1."""
    return Past("up", target(namespace, pod), 0, born_s, begins=1, gap_s=gap_s)


def target(namespace: str, pod: str = "") -> dict[str, str]:
    """Return the labels of a scrape target; each namespace has one, and more under the names of pods."""
    return {"job": "mesh", "instance": f"{namespace}-{pod or 'proxy'}"}


def istio(namespace: str, per_step: float, *, when: Past | None = None, pod: str = "", **labels: str) -> Past:
    """Return the requests that one proxy counts for version v2 of `api`; `when` says how they come and go."""
    defaults = {
        **target(namespace, pod),
        "reporter": "source",
        "destination_service_name": "api",
        "destination_service_namespace": namespace,
        "destination_version": "v2",
        "destination_workload": "api-v2",
        "response_code": "200",
    }
    return _like(when, "istio_requests_total", {**defaults, **labels}, per_step)


def istio_latency(namespace: str, le: str, per_step: float, **labels: str) -> Past:
    """Return one latency bucket of version v2 of `api`."""
    names = {"destination_service_name": "api", "destination_service_namespace": namespace}
    more = {"destination_version": "v2", "destination_workload": "api-v2", "reporter": "source", "le": le}
    return Past(
        "istio_request_duration_milliseconds_bucket", {**target(namespace), **names, **more, **labels}, per_step
    )


def linkerd(namespace: str, per_step: float, classification: str, counted_by: dict[str, str] | None = None) -> Past:
    """Return the responses that the proxies of deployment `api-v2` count."""
    names = counted_by or {"direction": "inbound", "namespace": namespace, "deployment": "api-v2"}
    return Past("response_total", {**target(namespace), **names, "classification": classification}, per_step)


def linkerd_outbound(namespace: str, per_step: float, classification: str, caller: str) -> Past:
    """Return the responses that a caller's proxy counts for Service `api-v2`."""
    names = {"direction": "outbound", "namespace": "shop", "deployment": caller}
    more = {"dst_namespace": namespace, "dst_service": "api-v2"}
    return linkerd(namespace, per_step, classification, {**names, **more})


def linkerd_latency(namespace: str, le: str, per_step: float) -> Past:
    """Return one latency bucket of deployment `api-v2`."""
    names = {"direction": "inbound", "namespace": namespace, "deployment": "api-v2", "le": le}
    return Past("response_latency_ms_bucket", {**target(namespace), **names}, per_step)


def _like(when: Past | None, metric: str, labels: dict[str, str], per_step: float) -> Past:
    if when is None:
        return Past(metric, labels, per_step)
    return Past(metric, labels, per_step, when.born_s, when.ended_s, when.begins, when.reset_s, when.gap_s)


def when(
    *,
    born_s: int = LENGTH_S,
    ended_s: int = 0,
    begins: float = 0.0,
    reset_s: int = -1,
    gap_s: tuple[int, int] = (0, 0),
) -> Past:
    """Return how a counter comes and goes."""
    return Past("", {}, 0, born_s, ended_s, begins, reset_s, gap_s)


def unreached(namespace: str, per_step: float, *, workload: str = "unknown", revision: str = "latest") -> Past:
    """Return requests for `api` that reached no pod, or one of which only the address is known."""
    return istio(
        namespace,
        per_step,
        destination_version="unknown",
        destination_workload=workload,
        destination_canonical_revision=revision,
        response_code="503",
        response_flags="UH" if workload == "unknown" else "UF",
    )


GAP_S = (600, 100)
"""A gap of 500 s that ended 100 s ago."""

PAST: tuple[Past, ...] = (
    *(up(name) for name in ("mixed", "dead", "perfect", "idle", "inside", "waypoint", "grpc", "newborn", "stale")),
    *(up(name) for name in ("restarted", "churn", "unreached", "refused", "unlucky", "mute", "bounds")),
    istio("mixed", 97),
    istio("mixed", 3, response_code="503"),
    istio("mixed", 900, destination_version="v1", destination_workload="api-v1"),
    istio("mixed", 500, reporter="destination"),
    istio_latency("mixed", "100", 90),
    istio_latency("mixed", "200", 100),
    istio_latency("mixed", "+Inf", 100),
    istio_latency("mixed", "100.0", 450, destination_version="v1"),
    istio_latency("mixed", "200", 900, destination_version="v1"),
    istio_latency("mixed", "+Inf", 900, destination_version="v1"),
    istio("dead", 20, response_code="503"),
    istio("perfect", 20),
    istio("idle", 0),
    istio("inside", 20, reporter="destination"),
    istio("inside", 5, reporter="destination", response_code="500"),
    istio_latency("inside", "100", 25, reporter="destination"),
    istio_latency("inside", "30000", 25, reporter="destination"),
    istio_latency("inside", "300000", 25, reporter="destination"),
    istio_latency("inside", "+Inf", 25, reporter="destination"),
    # The waypoint knows no version of what answers, only the revision that came with its address.
    istio("waypoint", 20, reporter="waypoint", destination_version="unknown", destination_canonical_revision="v2"),
    istio("waypoint", 7, reporter="destination"),
    istio("grpc", 30, grpc_response_status="0", request_protocol="grpc"),
    istio("grpc", 10, grpc_response_status="14", request_protocol="grpc"),
    istio("newborn", 10),
    # One sample only, ten failures at once: no counter has grown.
    istio("newborn", 10, when=when(born_s=0), response_code="500"),
    istio("stale", 20, when=when(ended_s=120)),
    istio("gone", 20, when=when(ended_s=900)),
    # A container that began anew 100 s ago, and one pod that went 120 s ago while another came 60 s ago.
    istio("restarted", 20, when=when(reset_s=100, begins=5000)),
    istio("restarted", 1, when=when(reset_s=100, begins=250), response_code="500"),
    istio("churn", 20),
    istio("churn", 20, when=when(ended_s=120), pod="old"),
    up("churn", pod="new", born_s=60),
    istio("churn", 20, when=when(born_s=60, begins=40), pod="new"),
    # Prometheus began without its past 100 s ago: a lifetime of failures was there in its first scrape.
    up("amnesia", born_s=100),
    istio("amnesia", 20, when=when(born_s=100, begins=90_000)),
    istio("amnesia", 1, when=when(born_s=100, begins=7_000), response_code="500"),
    up("gap", gap_s=GAP_S),
    istio("gap", 20, when=when(gap_s=GAP_S)),
    istio("gap", 1, when=when(gap_s=GAP_S), response_code="500"),
    # v2 gets a tenth of 1000 requests and answers none; no pod is left.
    istio("unreached", 900, destination_version="v1", destination_workload="api-v1"),
    unreached("unreached", 100),
    istio_latency("unreached", "100", 900, destination_version="v1", destination_workload="api-v1"),
    istio_latency("unreached", "+Inf", 900, destination_version="v1", destination_workload="api-v1"),
    istio_latency("unreached", "100", 100, destination_version="unknown", destination_workload="unknown"),
    istio_latency("unreached", "+Inf", 100, destination_version="unknown", destination_workload="unknown"),
    # Its pods refuse connections: their address and revision are known, their version is not.
    istio("refused", 900, destination_version="v1", destination_workload="api-v1"),
    unreached("refused", 100, workload="api-v2", revision="v2"),
    # Both answer their shares, and a few requests reach nobody.
    istio("unlucky", 900, destination_version="v1", destination_workload="api-v1"),
    istio("unlucky", 100),
    unreached("unlucky", 10),
    # Pods that tell no version and answer well: nothing can be said of their failures.
    istio("mute", 90, destination_version="unknown", destination_canonical_revision="latest"),
    istio("mute", 10, destination_version="unknown", destination_canonical_revision="latest", response_code="500"),
    istio("bounds", 100),
    istio("bounds", 900, destination_version="v1", destination_workload="api-v1"),
    istio_latency("bounds", "100", 90),
    istio_latency("bounds", "+Inf", 100),
    istio_latency("bounds", "250", 800, destination_version="v1"),
    istio_latency("bounds", "+Inf", 900, destination_version="v1"),
    *(up(f"linkerd-{name}") for name in ("mixed", "dead", "perfect", "callers")),
    linkerd("linkerd-mixed", 90, "success"),
    linkerd("linkerd-mixed", 10, "failure"),
    linkerd_latency("linkerd-mixed", "100", 50),
    linkerd_latency("linkerd-mixed", "200", 100),
    linkerd_latency("linkerd-mixed", "+Inf", 100),
    linkerd("linkerd-dead", 10, "failure"),
    linkerd("linkerd-perfect", 10, "success"),
    linkerd("linkerd-callers", 10, "success"),
    linkerd_outbound("linkerd-callers", 20, "success", "web"),
    linkerd_outbound("linkerd-callers", 5, "failure", "mobile"),
)


def openmetrics(series: Sequence[Past], *, now: float) -> str:
    """Return the past as OpenMetrics text, which `promtool tsdb create-blocks-from openmetrics` reads."""
    lines = []
    for name in sorted({one.metric for one in series}):
        lines.append(f"# TYPE {name} unknown")
        for one in (one for one in series if one.metric == name):
            labels = ",".join(f'{key}="{value}"' for key, value in one.labels.items())
            lines += [f"{name}{{{labels}}} {value} {now - age:.3f}" for age, value in one.samples()]
    return "\n".join([*lines, "# EOF", ""])
