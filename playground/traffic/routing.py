"""What the mesh does with the weights of a route: the objects in, the arms and their shares out. Pure.

Rules: the validators of Istio, of the SMI split specification and of the Gateway API. A weight is relative. With one
arm everything goes there, whatever its weight. With several arms an absent weight counts 0 for a VirtualService and a
TrafficSplit, 1 for an HTTPRoute; a total of 0 sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.traffic.profile import ServiceProfile

Object = Mapping[str, Any]
"""One Kubernetes object as the API gave it."""

NO_ROUTE_VERSION = "v1"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Objects:
    """The routing objects of the namespaces in question, as lists of the API."""

    virtualservices: tuple[Object, ...] = ()
    """Istio: hosts, matches and weights."""
    destinationrules: tuple[Object, ...] = ()
    """Istio: which labels a subset stands for."""
    trafficsplits: tuple[Object, ...] = ()
    """SMI: backend services and weights."""
    httproutes: tuple[Object, ...] = ()
    """Gateway API: rules and backendRefs."""


@dataclass(frozen=True)
class Arm:
    """One destination of a route, with the names that the sidecars' metrics carry."""

    name: str
    """The subset's name, or the backend service's."""
    weight: int
    """The integer in the object (or its default)."""
    share: float
    """Effective share of the requests of its route, 0 to 1."""
    service: str
    """The destination service's name: the first label of the host."""
    workload: str
    """The deployment behind it, e.g. api-v2; `unknown` when the destination does not exist."""
    version: str
    """The version label of its pods, e.g. v2; `unknown` when the destination does not exist."""

    @property
    def exists(self) -> bool:
        """False for a subset that no DestinationRule defines: the caller's proxy answers 503 by itself."""
        return self.workload != UNKNOWN


@dataclass(frozen=True)
class Route:
    """How the requests to one service are spread."""

    kind: str
    """VirtualService, TrafficSplit, HTTPRoute; or Service when no route exists."""
    name: str
    """The object's name."""
    arms: tuple[Arm, ...]
    """Where requests without special headers go; empty when no rule takes them."""
    matched: tuple[Arm, ...] = ()
    """Where requests go that satisfy the first route with a `match`."""
    mirror: Arm | None = None
    """Where copies go (VirtualService only); its share is the share of requests that are copied."""


def route_of(profile: ServiceProfile, objects: Objects) -> Route:
    """Return the route that spreads the requests of a service; without any, all go to the Service's v1 pods."""
    finders = [_trafficsplit, _httproute] if profile.mesh == "linkerd" else [_virtualservice, _httproute]
    for find in finders:
        route = find(profile, objects)
        if route is not None:
            return route
    return Route("Service", profile.service, (_of_host(profile.service, profile.namespace, weight=1, share=1.0),))


def full_name(host: str, namespace: str) -> str:
    """Return a host's full name: `api`, `api.ns`, `api.ns.svc` and the full name all mean the same service."""
    labels = host.removesuffix(".").removesuffix(".svc.cluster.local").removesuffix(".svc").split(".")
    if len(labels) > 2:
        return host
    service, of = labels[0], labels[1] if len(labels) == 2 else namespace
    return f"{service}.{of}.svc.cluster.local"


def shares(weights: Sequence[int]) -> tuple[float, ...]:
    """Return the effective shares of relative weights: one arm takes all, a total of 0 gives nobody anything."""
    if len(weights) == 1:
        return (1.0,)
    total = sum(weights)
    return tuple(weight / total if total else 0.0 for weight in weights)


def _virtualservice(profile: ServiceProfile, objects: Objects) -> Route | None:
    wanted = full_name(profile.service, profile.namespace)
    candidates = [
        item
        for item in _within(objects.virtualservices, profile.namespace)
        if wanted in {full_name(host, profile.namespace) for host in item["spec"].get("hosts", ())}
        and "mesh" in item["spec"].get("gateways", ["mesh"])
    ]
    if not candidates:
        return None
    # Sidecars do not merge VirtualServices of one host: the oldest is the one that counts.
    item = min(candidates, key=lambda each: (each["metadata"].get("creationTimestamp", ""), each["metadata"]["name"]))
    rules = item["spec"].get("http", [])
    plain, special = _split([(rule, _takes_all(rule.get("match"), "uri", "prefix")) for rule in rules])
    return Route(
        "VirtualService",
        item["metadata"]["name"],
        _istio_arms(plain, profile, objects),
        _istio_arms(special, profile, objects),
        _mirror(plain, profile, objects),
    )


def _istio_arms(rule: Object, profile: ServiceProfile, objects: Objects) -> tuple[Arm, ...]:
    route = rule.get("route", [])
    weights = [int(entry.get("weight", 0)) for entry in route]
    return tuple(
        _of_destination(entry["destination"], profile, objects, spread=(weight, share))
        for entry, weight, share in zip(route, weights, shares(weights), strict=True)
    )


def _mirror(rule: Object, profile: ServiceProfile, objects: Objects) -> Arm | None:
    if "mirror" not in rule:
        return None
    percent = float(rule.get("mirrorPercentage", {}).get("value", 100))
    return _of_destination(rule["mirror"], profile, objects, spread=(0, percent / 100))


def _of_destination(
    destination: Object, profile: ServiceProfile, objects: Objects, *, spread: tuple[int, float]
) -> Arm:
    weight, share = spread
    host, subset = str(destination["host"]), destination.get("subset")
    if not subset:
        return _of_host(host, profile.namespace, weight=weight, share=share)
    service = full_name(host, profile.namespace).split(".")[0]
    version = _subset_version(full_name(host, profile.namespace), subset, profile.namespace, objects)
    if version is None:
        return Arm(subset, weight, share, service, UNKNOWN, UNKNOWN)
    return Arm(subset, weight, share, service, f"{service}-{version}", version)


def _subset_version(host: str, subset: str, namespace: str, objects: Objects) -> str | None:
    for rule in _within(objects.destinationrules, namespace):
        if full_name(rule["spec"].get("host", ""), namespace) != host:
            continue
        for entry in rule["spec"].get("subsets", ()):
            if entry["name"] == subset:
                return str(entry.get("labels", {}).get("version", subset))
    return None


def _trafficsplit(profile: ServiceProfile, objects: Objects) -> Route | None:
    wanted = full_name(profile.service, profile.namespace)
    for item in _within(objects.trafficsplits, profile.namespace):
        if full_name(item["spec"].get("service", ""), profile.namespace) == wanted:
            backends = [(entry["service"], int(entry.get("weight", 0))) for entry in item["spec"].get("backends", ())]
            return Route("TrafficSplit", item["metadata"]["name"], _backend_arms(backends, profile.namespace))
    return None


def _httproute(profile: ServiceProfile, objects: Objects) -> Route | None:
    for item in _within(objects.httproutes, profile.namespace):
        if not any(_is_parent(parent, profile.service) for parent in item["spec"].get("parentRefs", ())):
            continue
        rules = item["spec"].get("rules", [])
        plain, special = _split([(rule, _takes_all(rule.get("matches"), "path", "value")) for rule in rules])
        arms, matched = (_backend_arms(_refs(rule), profile.namespace) for rule in (plain, special))
        return Route("HTTPRoute", item["metadata"]["name"], arms, matched)
    return None


def _refs(rule: Object) -> list[tuple[str, int]]:
    return [(entry["name"], int(entry.get("weight", 1))) for entry in rule.get("backendRefs", ())]


def _is_parent(parent: Object, service: str) -> bool:
    return parent.get("kind") == "Service" and parent.get("name") == service


def _backend_arms(backends: Sequence[tuple[str, int]], namespace: str) -> tuple[Arm, ...]:
    spread = shares([weight for _, weight in backends])
    return tuple(
        _of_host(host, namespace, weight=weight, share=share)
        for (host, weight), share in zip(backends, spread, strict=True)
    )


def _of_host(host: str, namespace: str, *, weight: int, share: float) -> Arm:
    """Return the arm of a Service: `web-v2` has the pods of that version, a plain `web` is taken to have v1 pods."""
    service = full_name(host, namespace).split(".")[0]
    base, _, suffix = service.rpartition("-")
    versioned = bool(base) and suffix[:1] == "v" and suffix[1:].isdigit()
    version = suffix if versioned else NO_ROUTE_VERSION
    return Arm(service, weight, share, service, service if versioned else f"{service}-{version}", version)


def _split(rules: Sequence[tuple[Object, bool]]) -> tuple[Object, Object]:
    """Return the first rule that takes every request and the first that asks for more; `{}` when there is none."""
    plain = next((rule for rule, takes_all in rules if takes_all), {})
    special = next((rule for rule, takes_all in rules if not takes_all), {})
    return plain, special


def _takes_all(matches: Sequence[Object] | None, key: str, text: str) -> bool:
    """Tell whether a rule takes the simulated requests: no match at all, or one that asks only for the path /."""
    return not matches or any(set(match) == {key} and match[key].get(text) == "/" for match in matches)


def _within(items: Iterable[Object], namespace: str) -> list[Object]:
    return [item for item in items if item["metadata"].get("namespace") == namespace]
