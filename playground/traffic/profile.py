"""What traffic there is: which services, how many requests, how good and how slow they are while healthy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, cast, get_args

import yaml

Mesh = Literal["istio", "linkerd"]
Protocol = Literal["http", "grpc"]
Proxies = Literal["sidecar", "waypoint"]
MAX_RPS = 5000.0


class ProfileError(ValueError):
    """The profile file cannot be used; the message names the entry and the remedy."""


@dataclass(frozen=True)
class ServiceProfile:
    """The traffic of one service."""

    namespace: str
    """The namespace of the service and of its route."""
    service: str
    """The service's name, the first label of its host."""
    mesh: Mesh
    """Which sidecars it has, which decides the routes that count and the metrics that exist."""
    rps: float
    """Requests per second on average, 0 to 5000; arrivals are a Poisson process."""
    error_rate: float = 0.0005
    """Share of requests that fail while nothing is broken, 0 to 1."""
    latency_ms: float = 40.0
    """Median latency in milliseconds."""
    latency_sigma: float = 0.65
    """Spread of the log-normal latency (0.65: the 99th percentile is 4.5 times the median)."""
    matched_share: float = 0.0
    """Share of requests that satisfy the first route with a `match`, 0 to 1; by default nobody sends such headers."""
    protocol: Protocol = "http"
    """With `grpc` a failure has the HTTP status 200 and a gRPC status of its own."""
    proxies: Proxies = "sidecar"
    """Istio: `waypoint` is an ambient mesh, where the waypoint is the only one who reports on a request."""
    lost_namespace: bool = True
    """Istio: whether a caller's proxy names the namespace of a service when none of its pods was reached.

    Proxies up to Istio 1.21 did not: they wrote `unknown` (istio/istio issue 49842)."""


@dataclass(frozen=True)
class Profile:
    """The whole traffic of the simulated mesh."""

    services: tuple[ServiceProfile, ...]
    """One entry per service; their (namespace, service) pairs are distinct."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces whose routes matter, each once."""
        return tuple(dict.fromkeys(entry.namespace for entry in self.services))


DEFAULT = Profile(
    (
        ServiceProfile("mesh-demo", "api", "istio", 120.0),
        ServiceProfile("mesh-demo", "checkout", "istio", 60.0),
        ServiceProfile("mesh-demo", "web", "linkerd", 80.0),
        ServiceProfile("mesh-demo", "search", "linkerd", 50.0),
    )
)


def load(path: Path) -> Profile:
    """Read a YAML file with a list `services` of ServiceProfile fields; ProfileError when it cannot be used."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ProfileError(f"cannot read the profile {path}: {error}") from error
    entries = content.get("services") if isinstance(content, Mapping) else None
    if not isinstance(entries, list) or not entries:
        raise ProfileError(f"the profile {path} needs a list named `services` with at least one entry")
    services = tuple(_entry(number, entry) for number, entry in enumerate(entries, 1))
    if len({(entry.namespace, entry.service) for entry in services}) < len(services):
        raise ProfileError(f"the profile {path} names a service twice; keep one entry for each")
    return Profile(services)


def _entry(number: int, entry: object) -> ServiceProfile:
    known = {field.name for field in fields(ServiceProfile)}
    if not isinstance(entry, Mapping):
        raise ProfileError(f"service {number} of the profile must be a mapping with {', '.join(sorted(known))}")
    if unknown := set(entry) - known:
        raise ProfileError(
            f"service {number} of the profile has unknown keys {sorted(unknown)}; known: {sorted(known)}"
        )
    try:
        profile = ServiceProfile(**cast("dict[str, str]", dict(entry)))  # type: ignore[arg-type]  # _check looks next
        _check(profile)
    except (TypeError, ValueError) as error:
        raise ProfileError(f"service {number} of the profile: {error}") from error
    return profile


def _check(profile: ServiceProfile) -> None:
    for name, known in {"mesh": get_args(Mesh), "protocol": get_args(Protocol), "proxies": get_args(Proxies)}.items():
        if getattr(profile, name) not in known:
            raise ValueError(f"{name} is {getattr(profile, name)!r}; use {' or '.join(known)}")
    ranges = {"rps": (0, MAX_RPS), "error_rate": (0, 1), "latency_ms": (0.1, 60_000), "matched_share": (0, 1)}
    for name, (low, high) in ranges.items():
        value = getattr(profile, name)
        if not low <= value <= high:
            raise ValueError(f"{name} is {value!r}; it must be from {low} to {high:g}")
