"""The metrics that sidecars really expose, one class per mesh; names, labels and bucket bounds are theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from playground.traffic.dice import Latencies
from playground.traffic.profile import Mesh, ServiceProfile
from playground.traffic.routing import UNKNOWN, Arm
from playground.traffic.series import Counter, Histogram, labels_text

CALLER = "loadgen"

# Istio's proxies use Envoy's default histogram buckets, in milliseconds.
ISTIO_BOUNDS_MS: tuple[float, ...] = (
    *(0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000),
    *(300_000, 600_000, 1_800_000, 3_600_000),
)
# linkerd2-proxy: five steps in each decade from 1 ms to 50 s.
LINKERD_BOUNDS_MS: tuple[float, ...] = tuple(step * 10**decade for decade in range(5) for step in (1, 2, 3, 4, 5))


class Fate(StrEnum):
    """What becomes of a request."""

    SERVED = "served"
    FAILED = "failed"
    """The pod answered 5xx, or a gRPC status that is not OK."""
    REFUSED = "refused"
    """The pods are known, and none takes a connection: the proxy gives up after its retries."""
    LOST = "lost"
    """The destination does not exist in the mesh: the caller's proxy answers by itself."""


@dataclass(frozen=True)
class Answers:
    """Requests of one arm that ended alike."""

    fate: Fate
    latencies: Latencies
    """Time from request to answer, in the buckets of the mesh's proxies."""

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.latencies.counts)

    @property
    def reached(self) -> bool:
        """True when a pod saw them."""
        return self.fate in (Fate.SERVED, Fate.FAILED)


class Sidecars(Protocol):
    """What the simulation needs of a mesh's metrics."""

    bounds: tuple[float, ...]
    """Upper bounds of the latency buckets, in milliseconds."""

    def answered(self, profile: ServiceProfile, arm: Arm, answers: Answers) -> None:
        """Count requests, at least one, that a caller made to this arm."""

    def mirrored(self, profile: ServiceProfile, arm: Arm, answers: Answers) -> None:
        """Count copies of requests: the caller never sees their answers, so only the destination reports them."""

    def lines(self) -> Iterator[str]:
        """Yield the exposition text."""


class IstioSidecars:
    """`istio_requests_total` and `istio_request_duration_milliseconds`, reported by both ends or by the waypoint."""

    bounds = ISTIO_BOUNDS_MS

    def __init__(self) -> None:
        self._requests = Counter("istio_requests_total")
        self._durations = Histogram("istio_request_duration_milliseconds", ISTIO_BOUNDS_MS)

    def answered(self, profile: ServiceProfile, arm: Arm, answers: Answers) -> None:
        """Count them at the source, and where they were reached at the destination; or at the waypoint alone."""
        if profile.proxies == "waypoint":
            self._count("waypoint", profile, arm, answers)
            return
        self._count("source", profile, arm, answers)
        if answers.reached:
            self._count("destination", profile, arm, answers)

    def mirrored(self, profile: ServiceProfile, arm: Arm, answers: Answers) -> None:
        """Count them at the destination only."""
        if answers.reached:
            self._count("destination", profile, arm, answers)

    def lines(self) -> Iterator[str]:
        """Yield the exposition text."""
        yield from self._requests.lines()
        yield from self._durations.lines()

    def _count(self, reporter: str, profile: ServiceProfile, arm: Arm, answers: Answers) -> None:
        labels = _istio_labels(reporter, _Labelled.of(profile), arm, answers.fate)
        self._requests.add(labels, answers.count)
        self._durations.observe(labels, answers.latencies.counts, answers.latencies.total_ms)


class LinkerdSidecars:
    """`response_total` and `response_latency_ms`, inbound at the pod and outbound at the caller."""

    bounds = LINKERD_BOUNDS_MS

    def __init__(self) -> None:
        self._responses = Counter("response_total")
        self._latencies = Histogram("response_latency_ms", LINKERD_BOUNDS_MS)

    def answered(self, profile: ServiceProfile, arm: Arm, answers: Answers) -> None:
        """Count them at the caller, and at the pod where they reached it.

        REFUSED is what a dead application behind a living proxy looks like. A Service without any endpoint is silent in
        these metrics: the balancer gives up above the endpoints that they are counted for.
        """
        ways = [_linkerd_outbound(_Labelled.of(profile), arm)]
        if answers.reached:
            ways.append(_linkerd_inbound(profile.namespace, arm))
        status, kind = _linkerd_status(profile, answers.fate)
        for labels in ways:
            self._responses.add(f'{labels},classification="{kind}",{status}', answers.count)
            # The proxy's latency histogram knows the status code but not the classification.
            self._latencies.observe(f"{labels},{status}", answers.latencies.counts, answers.latencies.total_ms)

    def mirrored(self, profile: ServiceProfile, arm: Arm, answers: Answers) -> None:
        """Do nothing: Linkerd has no mirroring."""

    def lines(self) -> Iterator[str]:
        """Yield the exposition text."""
        yield from self._responses.lines()
        yield from self._latencies.lines()


def new_sidecars() -> dict[Mesh, Sidecars]:
    """Return one set of empty metrics per mesh."""
    return {"istio": IstioSidecars(), "linkerd": LinkerdSidecars()}


@dataclass(frozen=True)
class _Labelled:
    """The part of a profile that labels are made of: its rate may change each second without a new set of labels."""

    namespace: str
    service: str
    protocol: str
    lost_namespace: bool

    @classmethod
    def of(cls, profile: ServiceProfile) -> _Labelled:
        return cls(profile.namespace, profile.service, profile.protocol, profile.lost_namespace)


@lru_cache(maxsize=4096)
def _istio_labels(reporter: str, of: _Labelled, arm: Arm, fate: Fate) -> str:
    # The caller learns who answers from the answer: of what no pod answered it knows the service, from the cluster.
    known = fate in (Fate.SERVED, Fate.FAILED)
    named = known or (of.lost_namespace and fate is Fate.REFUSED)
    code, status, flags = _istio_answer(of.protocol, fate)
    return labels_text(
        {
            "reporter": reporter,
            "source_workload": CALLER,
            "source_workload_namespace": of.namespace,
            "source_app": CALLER,
            "source_version": "v1",
            "source_canonical_service": CALLER,
            "source_canonical_revision": "v1",
            "destination_workload": arm.workload if known else UNKNOWN,
            "destination_workload_namespace": of.namespace if known else UNKNOWN,
            "destination_app": of.service if known else UNKNOWN,
            "destination_version": arm.version if known else UNKNOWN,
            "destination_service": f"{arm.service}.{of.namespace}.svc.cluster.local",
            "destination_service_name": arm.service,
            "destination_service_namespace": of.namespace if named else UNKNOWN,
            "destination_canonical_service": of.service if known else UNKNOWN,
            "destination_canonical_revision": arm.version if known else "latest",
            "request_protocol": of.protocol,
            "response_code": code,
            "grpc_response_status": status,
            "response_flags": flags,
            "connection_security_policy": UNKNOWN if reporter == "source" else "mutual_tls",
        }
    )


def _istio_answer(protocol: str, fate: Fate) -> tuple[str, str, str]:
    """Return `response_code`, `grpc_response_status` and `response_flags`, as Envoy writes them.

    A gRPC call that fails has the HTTP status 200, also where the proxy answers by itself; 13 is INTERNAL and 14 is
    UNAVAILABLE. UF,URX: no connection, and no retry left. NC: no such cluster.
    """
    flags = {Fate.REFUSED: "UF,URX", Fate.LOST: "NC"}.get(fate, "-")
    if protocol == "grpc":
        return "200", {Fate.SERVED: "0", Fate.FAILED: "13"}.get(fate, "14"), flags
    return {Fate.SERVED: "200", Fate.FAILED: "500"}.get(fate, "503"), "", flags


def _linkerd_status(profile: ServiceProfile, fate: Fate) -> tuple[str, str]:
    """Return the status labels and the classification of an answer."""
    kind = "success" if fate is Fate.SERVED else "failure"
    if profile.protocol == "grpc":
        number = {Fate.SERVED: "0", Fate.FAILED: "13"}.get(fate, "14")
        return f'status_code="200",grpc_status="{number}"', kind
    code = {Fate.SERVED: "200", Fate.FAILED: "500"}.get(fate, "502")
    return f'status_code="{code}"', kind


@lru_cache(maxsize=1024)
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


@lru_cache(maxsize=1024)
def _linkerd_outbound(of: _Labelled, arm: Arm) -> str:
    namespace = of.namespace
    return labels_text(
        {
            "direction": "outbound",
            "namespace": namespace,
            "deployment": CALLER,
            "pod": f"{CALLER}-1",
            "authority": f"{of.service}.{namespace}.svc.cluster.local:80",
            "dst_namespace": namespace,
            "dst_service": arm.service,
            "dst_deployment": arm.workload,
            "dst_pod": f"{arm.workload}-1",
            "tls": "true",
        }
    )
