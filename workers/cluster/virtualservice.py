"""Istio's VirtualService (networking.istio.io): the rules of `http`, `tcp` and `tls`.

Weights are relative; an absent weight beside others counts as 0; a single destination gets everything whatever its
weight. That holds for all three lists: Istio's validator sums the weights of `tcp` and `tls` routes as it does those of
`http` routes, and refuses several destinations with a total of 0; its reference says the same of RouteDestination as of
HTTPRouteDestination.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from mesh.domain.routes import Arm, Protocol, Route
from workers.cluster.routing import (
    Claim,
    Object,
    RoutingApi,
    RuleName,
    ServiceName,
    all_of,
    distinct,
    effective,
    full_host,
    identity,
    namespace_of,
    route_of,
    rule_names,
    service_of,
    spec,
    title,
    unambiguous,
    weight_of,
)
from workers.cluster.virtualservice_matches import describe
from workers.cluster.virtualservice_warnings import behind, beside, delegation, hosts_of, is_for_gateways, warnings_of

PLURAL = "virtualservices"
_IDENTITY = ("host", "subset", "port/number")
_PROTOCOLS: tuple[Protocol, ...] = ("http", "tcp", "tls")
_DELEGATE = "This VirtualService is a delegate: other VirtualServices send it their traffic."
_ANSWERS = ("redirect", "directResponse", "delegate")
"""What a rule may do instead of sending requests to destinations."""


def read(obj: Object) -> list[Route]:
    """Return one Route for each rule with destinations; redirects, direct answers and delegations have none."""
    return _routes(obj, _PROTOCOLS, () if hosts_of(obj) else (_DELEGATE,))


def claim(obj: Object, target: Target) -> Claim:
    """Claim by host; without such a host, the weighted rules of gateways, delegates and wildcards by destination."""
    wanted = (target.service, target.namespace)
    if any(service_of(host, namespace_of(obj)) == wanted for host in hosts_of(obj)):
        return Claim.ALL
    return Claim.OWN if _is_by_destination(obj, wanted) else Claim.NONE


def names(obj: Object) -> set[str]:
    """Return the services among the hosts and, for gateways, delegates and wildcards, among the destinations."""
    namespace = namespace_of(obj)
    rules = [rule for protocol in _PROTOCOLS for rule in _rules(obj, protocol)]
    sent = {_service(_destination(entry), namespace) for rule in rules for entry in rule.get("route") or []}
    found = {service_of(host, namespace) for host in hosts_of(obj)}
    found |= {service for service in sent if _is_by_destination(obj, service)}
    return {service[0] for service in found if service and service[1] == namespace}


def follows(obj: Object) -> list[ServiceName]:
    """Return (name, namespace) of each VirtualService that an `http` rule delegates to.

    Without a namespace the delegate is in the object's own (Delegate in Istio's VirtualService reference).
    """
    delegates: list[Object] = [rule.get("delegate") or {} for rule in _rules(obj, "http")]
    found = ((one.get("name", ""), one.get("namespace") or namespace_of(obj)) for one in delegates)
    return list(dict.fromkeys(pair for pair in found if pair[0]))


def delegated(obj: Object, by: Object) -> list[Route]:
    """Return the `http` routes of a delegate, saying who delegates to it and that the delegate is what is edited.

    Raises Refused for a delegate with hosts and for one that delegates again: Istio takes only a VirtualService without
    hosts as a delegate, and supports one level (HTTPRoute.delegate in its reference, and its validator).
    """
    if hosts_of(obj):
        raise Refused(
            f"{title(by)} delegates to {title(obj)}, whose spec.hosts is not empty, so Istio does not follow it.",
            hint=f"Remove spec.hosts from {title(obj)}, or write its routes into {title(by)}.",
        )
    again = [f"http[{index}].delegate" for index, rule in enumerate(_rules(obj, "http")) if rule.get("delegate")]
    if again:
        raise Refused(
            f"{title(by)} delegates to {title(obj)}, whose {again[0]} delegates again: Istio supports one level only.",
            hint=f"Let {title(by)} delegate to the last one itself, or replace {again[0]} with a route.",
        )
    named = zip(_names(by)["http"], _rules(by, "http"), strict=True)
    return _routes(obj, ("http",), delegation(obj, by, [name.label for name, rule in named if _is_to(rule, obj, by)]))


def _routes(obj: Object, protocols: Sequence[Protocol], warnings: tuple[str, ...]) -> list[Route]:
    found = []
    named = _names(obj)
    for protocol in protocols:
        rules = _rules(obj, protocol)
        for index, (rule, name) in enumerate(zip(rules, named[protocol], strict=True)):
            if rule.get("route") and all(rule.get(answer) is None for answer in _ANSWERS):
                arms = _arms(obj, rule, protocol, index)
                said = (*warnings, *behind(rule, rules[:index]), *warnings_of(obj, arms))
                found.append(route_of(obj, PLURAL, name, arms, warnings=said))
    return found


def _rules(obj: Object, protocol: Protocol) -> list[Object]:
    rules: list[Object] = spec(obj).get(protocol) or []
    return rules


def _names(obj: Object) -> dict[Protocol, list[RuleName]]:
    """Name the rules of all three lists: what two of them would answer to names neither."""
    lists = {protocol: _rules(obj, protocol) for protocol in _PROTOCOLS}
    only = sum(map(len, lists.values())) == 1
    named = [name for protocol, rules in lists.items() for name in rule_names(protocol, rules, describe, only=only)]
    found = iter(unambiguous(named))
    return {protocol: list(islice(found, len(rules))) for protocol, rules in lists.items()}


def _is_to(rule: Object, obj: Object, by: Object) -> bool:
    delegate: Object = rule.get("delegate") or {}
    named = (delegate.get("name"), delegate.get("namespace") or namespace_of(by))
    return named == (obj["metadata"]["name"], namespace_of(obj))


def _is_by_destination(obj: Object, service: ServiceName) -> bool:
    """Tell whether the hosts leave it to the destinations which service the object speaks for.

    So it is when it is bound to a gateway, when it is a delegate (which has no hosts), and when a wildcard such as
    `*.shop.svc.cluster.local` covers the service.
    """
    name = full_host(*service)
    wild = (host[1:] for host in hosts_of(obj) if host.startswith("*."))
    return not hosts_of(obj) or is_for_gateways(obj) or any(name.endswith(suffix) for suffix in wild)


def _arms(obj: Object, rule: Object, protocol: Protocol, place: int) -> list[Arm]:
    entries: list[Object] = rule["route"]
    arm_names = distinct([_candidates(_destination(entry), index) for index, entry in enumerate(entries)])
    alone = len(entries) == 1
    arms = []
    for index, (entry, name) in enumerate(zip(entries, arm_names, strict=True)):
        pointer = f"/spec/{protocol}/{place}/route/{index}"
        weight = weight_of(entry, f"{title(obj)} {protocol}[{place}].route[{index}]")
        destination = _destination(entry)
        service, namespace = _service(destination, namespace_of(obj))
        arms.append(
            Arm(
                name=name,
                weight=weight,
                effective=effective(weight, absent=0, alone=alone),
                pointer=f"{pointer}/weight",
                identity=identity(destination, f"{pointer}/destination", _IDENTITY),
                service=service,
                namespace=namespace,
                subset=destination.get("subset", ""),
                protocol=protocol,
            )
        )
    return arms


def _destination(entry: Object) -> Object:
    destination: Object = entry.get("destination") or {}
    return destination


def _service(destination: Object, namespace: str) -> ServiceName:
    return service_of(destination.get("host", ""), namespace) or ("", "")


def _candidates(destination: Object, place: int) -> tuple[str, ...]:
    host, subset = destination.get("host", "") or f"route[{place}]", destination.get("subset", "")
    number: Any = (destination.get("port") or {}).get("number")
    short, port = host.split(".")[0], f":{number}" if number else ""
    if subset:
        return subset, f"{short}-{subset}", f"{host}-{subset}", f"{host}-{subset}{port}"
    return short, host, f"{host}{port}"


VIRTUAL_SERVICE = RoutingApi(
    kind="VirtualService",
    group="networking.istio.io",
    versions=("v1", "v1beta1", "v1alpha3"),
    plural=PLURAL,
    read=read,
    claim=claim,
    owns=all_of,
    names=names,
    follows=follows,
    delegated=delegated,
    beside=beside,
)
