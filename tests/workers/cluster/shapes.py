"""Builders of route objects, with defaults."""

from __future__ import annotations

from typing import Any

from mesh.domain.commands import Target

Obj = dict[str, Any]
TARGET = Target("demo", "shop", "api")


def made(api_version: str, kind: str, name: str, spec: Obj, **metadata: Any) -> Obj:
    """Return an object of namespace `shop` as a server would show it."""
    defaults = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": "7", "generation": 3}
    return {"apiVersion": api_version, "kind": kind, "metadata": defaults | metadata, "spec": spec}


def arm(host: str = "api", subset: str = "", weight: Any = None, **more: Any) -> Obj:
    """Return one destination of a VirtualService."""
    destination = {"host": host, **({"subset": subset} if subset else {}), **more}
    return {"destination": destination} | ({} if weight is None else {"weight": weight})


def virtual_service(*http: Obj, name: str = "api-vs", hosts: Any = ("api",), **spec: Any) -> Obj:
    """Return a VirtualService; each `http` is one rule."""
    return made("networking.istio.io/v1", "VirtualService", name, {"hosts": list(hosts), "http": list(http), **spec})


def canary(v1: Any = 90, v2: Any = 10, **rule: Any) -> Obj:
    """Return a rule of a VirtualService that splits `api` between v1 and v2."""
    return {"route": [arm(subset="v1", weight=v1), arm(subset="v2", weight=v2)], **rule}


def traffic_split(*backends: Obj, service: str = "api", version: str = "v1alpha2") -> Obj:
    """Return a TrafficSplit."""
    return made(
        f"split.smi-spec.io/{version}", "TrafficSplit", "api-split", {"service": service, "backends": list(backends)}
    )


MESH_PARENT = {"group": "", "kind": "Service", "name": "api"}
GATEWAY_PARENT = {"name": "public"}


def http_route(*rules: Obj, parents: Any = (MESH_PARENT,), **more: Any) -> Obj:
    """Return an HTTPRoute."""
    spec = {"parentRefs": list(parents), "rules": list(rules)}
    return made("gateway.networking.k8s.io/v1", "HTTPRoute", "api-route", spec) | more


def backends(*refs: tuple[str, int | None]) -> Obj:
    """Return a rule of an HTTPRoute."""
    return {"backendRefs": [{"name": name} | ({} if weight is None else {"weight": weight}) for name, weight in refs]}


def destination_rule(name: str = "api", host: str = "api", **metadata: Any) -> Obj:
    """Return a DestinationRule with subsets v1 and v2, whose pods are labelled `version: 1.0` and `2.0`."""
    subsets = [{"name": f"v{n}", "labels": {"version": f"{n}.0"}} for n in (1, 2)]
    return made("networking.istio.io/v1", "DestinationRule", name, {"host": host, "subsets": subsets}, **metadata)


def service(name: str = "api", selector: Obj | None = None) -> Obj:
    """Return a Service that selects `app: api`."""
    return made("v1", "Service", name, {"selector": {"app": "api"} if selector is None else selector})


def pod(name: str, *, ready: str = "True", labels: Obj | None = None, **metadata: Any) -> Obj:
    """Return a pod of version 2.0."""
    labels = {"app": "api", "version": "2.0"} if labels is None else labels
    obj = made("v1", "Pod", name, {}, labels=labels, **metadata)
    return obj | {"status": {"conditions": [{"type": "Ready", "status": ready}]}}


def endpoint_slice(name: str, owner: str, *endpoints: Obj) -> Obj:
    """Return an EndpointSlice of the Service `owner`."""
    obj = made("discovery.k8s.io/v1", "EndpointSlice", name, {}, labels={"kubernetes.io/service-name": owner})
    return obj | {"endpoints": list(endpoints)}
