"""The metrics that sidecars really expose, one class per mesh; names, labels and bucket bounds are theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from playground.traffic.profile import Mesh, ServiceProfile
from playground.traffic.routing import UNKNOWN, Arm
from playground.traffic.series import Counter, Histogram, labels_text

CALLER = "loadgen"

# Istio's proxies use Envoy's default histogram buckets, in milliseconds.
ISTIO_BOUNDS_MS = (
    *(0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000),
    *(300_000, 600_000, 1_800_000, 3_600_000),
)
# linkerd2-proxy: five steps in each decade from 1 ms to 50 s.
LINKERD_BOUNDS_MS = tuple(step * 10**decade for decade in range(5) for step in (1, 2, 3, 4, 5))


@dataclass(frozen=True)
class Outcome:
    """One answered request."""

    ok: bool
    """False for a 5xx answer."""
    latency_ms: float
    """Time from request to answer, in milliseconds."""


class Sidecars(Protocol):
    """What the simulation needs of a mesh's metrics."""

    def answered(self, profile: ServiceProfile, arm: Arm, outcome: Outcome) -> None:
        """Count a request that a caller made and that this arm answered."""

    def mirrored(self, profile: ServiceProfile, arm: Arm, outcome: Outcome) -> None:
        """Count the copy of a request: the caller never sees its answer, so only the destination reports it."""

    def lines(self) -> Iterator[str]:
        """Yield the exposition text."""


class IstioSidecars:
    """`istio_requests_total` and `istio_request_duration_milliseconds`, reported by both ends of a request."""

    def __init__(self) -> None:
        self._requests = Counter("istio_requests_total")
        self._durations = Histogram("istio_request_duration_milliseconds", ISTIO_BOUNDS_MS)

    def answered(self, profile: ServiceProfile, arm: Arm, outcome: Outcome) -> None:
        """Count it at the source, and at the destination when there is one."""
        code = ("200" if outcome.ok else "500") if arm.exists else "503"
        self._count(_istio_labels("source", profile, arm, code), outcome)
        if arm.exists:
            self._count(_istio_labels("destination", profile, arm, code), outcome)

    def mirrored(self, profile: ServiceProfile, arm: Arm, outcome: Outcome) -> None:
        """Count it at the destination only."""
        if arm.exists:
            self._count(_istio_labels("destination", profile, arm, "200" if outcome.ok else "500"), outcome)

    def lines(self) -> Iterator[str]:
        """Yield the exposition text."""
        yield from self._requests.lines()
        yield from self._durations.lines()

    def _count(self, labels: str, outcome: Outcome) -> None:
        self._requests.add(labels)
        self._durations.observe(labels, outcome.latency_ms)


class LinkerdSidecars:
    """`response_total` and `response_latency_ms`, inbound at the pod and outbound at the caller."""

    def __init__(self) -> None:
        self._responses = Counter("response_total")
        self._latencies = Histogram("response_latency_ms", LINKERD_BOUNDS_MS)

    def answered(self, profile: ServiceProfile, arm: Arm, outcome: Outcome) -> None:
        """Count it at the caller and at the pod."""
        for labels in (_linkerd_inbound(profile.namespace, arm), _linkerd_outbound(profile, arm)):
            status = 'status_code="200"' if outcome.ok else 'status_code="500"'
            kind = "success" if outcome.ok else "failure"
            self._responses.add(f'{labels},classification="{kind}",{status}')
            # The proxy's latency histogram knows the status code but not the classification.
            self._latencies.observe(f"{labels},{status}", outcome.latency_ms)

    def mirrored(self, profile: ServiceProfile, arm: Arm, outcome: Outcome) -> None:
        """Do nothing: Linkerd has no mirroring."""

    def lines(self) -> Iterator[str]:
        """Yield the exposition text."""
        yield from self._responses.lines()
        yield from self._latencies.lines()


def new_sidecars() -> dict[Mesh, Sidecars]:
    """Return one set of empty metrics per mesh."""
    return {"istio": IstioSidecars(), "linkerd": LinkerdSidecars()}


@lru_cache(maxsize=1024)
def _istio_labels(reporter: str, profile: ServiceProfile, arm: Arm, code: str) -> str:
    # A cluster that Envoy does not know has no metadata, so all of the destination but its service is unknown.
    namespace = profile.namespace if arm.exists else UNKNOWN
    return labels_text(
        {
            "reporter": reporter,
            "source_workload": CALLER,
            "source_workload_namespace": profile.namespace,
            "source_app": CALLER,
            "source_version": "v1",
            "source_canonical_service": CALLER,
            "source_canonical_revision": "v1",
            "destination_workload": arm.workload,
            "destination_workload_namespace": namespace,
            "destination_app": profile.service if arm.exists else UNKNOWN,
            "destination_version": arm.version,
            "destination_service": f"{arm.service}.{profile.namespace}.svc.cluster.local",
            "destination_service_name": arm.service,
            "destination_service_namespace": profile.namespace,
            "destination_canonical_service": profile.service if arm.exists else UNKNOWN,
            "destination_canonical_revision": arm.version,
            "request_protocol": "http",
            "response_code": code,
            "response_flags": "-" if arm.exists else "NC",
            "connection_security_policy": "mutual_tls" if reporter == "destination" else UNKNOWN,
        }
    )


@lru_cache(maxsize=256)
def _linkerd_inbound(namespace: str, arm: Arm) -> str:
    return labels_text(
        {
            "direction": "inbound",
            "namespace": namespace,
            "deployment": arm.workload,
            "pod": f"{arm.workload}-1",
            "target_port": "80",
            "tls": "true",
            "client_id": f"{CALLER}.{namespace}.serviceaccount.identity.linkerd.cluster.local",
        }
    )


@lru_cache(maxsize=256)
def _linkerd_outbound(profile: ServiceProfile, arm: Arm) -> str:
    namespace = profile.namespace
    return labels_text(
        {
            "direction": "outbound",
            "namespace": namespace,
            "deployment": CALLER,
            "pod": f"{CALLER}-1",
            "authority": f"{profile.service}.{namespace}.svc.cluster.local:80",
            "dst_namespace": namespace,
            "dst_service": arm.service,
            "dst_deployment": arm.workload,
            "dst_pod": f"{arm.workload}-1",
            "tls": "true",
        }
    )
