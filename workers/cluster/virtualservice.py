"""Istio's VirtualService (networking.istio.io): the `http` rules.

Weights are relative; an absent weight beside others counts as 0; a single destination gets everything whatever its
weight (Istio's own validator and `VirtualService` reference). `tcp` and `tls` rules are not read.
"""

from __future__ import annotations

from typing import Any

from mesh.domain.commands import Target
from mesh.domain.routes import Arm, Route
from workers.cluster.routing import (
    Claim,
    Object,
    RoutingApi,
    ServiceName,
    all_of,
    distinct,
    effective,
    identity,
    namespace_of,
    route_of,
    rule_labels,
    service_of,
    spec,
    title,
    weight_of,
)

PLURAL = "virtualservices"
_IDENTITY = ("host", "subset", "port/number")


def read(obj: Object) -> list[Route]:
    """Return one Route for each `http` rule with destinations; redirects, direct answers and delegations have none."""
    rules: list[Object] = spec(obj).get("http") or []
    others = [*(spec(obj).get("tcp") or []), *(spec(obj).get("tls") or [])]
    labels = rule_labels("http", rules, only=not others)
    return [
        route_of(obj, PLURAL, label, _arms(obj, rule, f"/spec/http/{index}/route"), warnings=_warnings(obj))
        for index, (rule, label) in enumerate(zip(rules, labels, strict=True))
        if rule.get("route")
    ]


def claim(obj: Object, target: Target) -> Claim:
    """Claim by host; without such a host, a gateway's or a delegate's weighted routes by their destinations."""
    hosts: list[str] = spec(obj).get("hosts") or []
    wanted = (target.service, target.namespace)
    if any(service_of(host, namespace_of(obj)) == wanted for host in hosts):
        return Claim.ALL
    return Claim.OWN if _by_destination(obj) else Claim.NONE


def names(obj: Object) -> set[str]:
    """Return the services among the hosts, or, for gateways and delegates, among the destinations."""
    namespace = namespace_of(obj)
    hosts: list[str] = list(spec(obj).get("hosts") or [])
    if _by_destination(obj):
        rules: list[Object] = spec(obj).get("http") or []
        hosts += [_destination(entry).get("host", "") for rule in rules for entry in rule.get("route") or []]
    found = (service_of(host, namespace) for host in hosts)
    return {name for name, where in filter(None, found) if where == namespace}


def _by_destination(obj: Object) -> bool:
    """Tell whether the hosts say nothing about services: bound to a gateway, or a delegate (which has no hosts)."""
    gateways: list[str] = spec(obj).get("gateways") or []
    return not spec(obj).get("hosts") or any(gateway != "mesh" for gateway in gateways)


def _arms(obj: Object, rule: Object, pointer: str) -> list[Arm]:
    entries: list[Object] = rule["route"]
    arm_names = distinct([_candidates(_destination(entry)) for entry in entries])
    alone = len(entries) == 1
    arms = []
    for index, (entry, name) in enumerate(zip(entries, arm_names, strict=True)):
        weight = weight_of(entry, f"{title(obj)}, arm {name},")
        service, namespace = _service(_destination(entry), namespace_of(obj))
        arms.append(
            Arm(
                name=name,
                weight=weight,
                effective=effective(weight, absent=0, alone=alone),
                pointer=f"{pointer}/{index}/weight",
                identity=identity(_destination(entry), f"{pointer}/{index}/destination", _IDENTITY),
                service=service,
                namespace=namespace,
                subset=_destination(entry).get("subset", ""),
            )
        )
    return arms


def _destination(entry: Object) -> Object:
    destination: Object = entry.get("destination") or {}
    return destination


def _service(destination: Object, namespace: str) -> ServiceName:
    return service_of(destination.get("host", ""), namespace) or ("", "")


def _candidates(destination: Object) -> tuple[str, ...]:
    host, subset = destination.get("host", ""), destination.get("subset", "")
    port: Any = (destination.get("port") or {}).get("number", "")
    short = host.split(".")[0]
    if subset:
        return subset, f"{short}-{subset}", f"{host}-{subset}", f"{host}-{subset}:{port}"
    return short, host, f"{host}:{port}"


def _warnings(obj: Object) -> tuple[str, ...]:
    if spec(obj).get("hosts"):
        return ()
    return ("This VirtualService is a delegate: other VirtualServices send it their traffic.",)


VIRTUAL_SERVICE = RoutingApi(
    kind="VirtualService",
    group="networking.istio.io",
    versions=("v1", "v1beta1", "v1alpha3"),
    plural=PLURAL,
    read=read,
    claim=claim,
    owns=all_of,
    names=names,
)
