"""What a person should know of a VirtualService before its weights move: whose callers follow it, and which do not."""

from __future__ import annotations

from collections.abc import Sequence

from mesh.domain.routes import Arm
from workers.cluster.routing import BEHIND, Object, age, full_host, namespace_of, service_of, spec, title
from workers.cluster.virtualservice_matches import is_reached

_MESH = "mesh"
"""The gateway that means the sidecars; what is meant when no gateway is named."""


def hosts_of(obj: Object) -> list[str]:
    """Return the hosts whose callers the object directs; none for a delegate."""
    hosts: list[str] = spec(obj).get("hosts") or []
    return hosts


def is_for_gateways(obj: Object) -> bool:
    """Tell whether a gateway, and not only the mesh, follows the object."""
    return any(gateway != _MESH for gateway in _gateways(obj))


def warnings_of(obj: Object, arms: Sequence[Arm]) -> tuple[str, ...]:
    """Return what the object's own text gives away; `arms` are those of one rule."""
    return (
        *_gateway_only(obj),
        *_exported(obj),
        *_shared(obj),
        *_wildcards(obj),
        *_literal(obj, arms),
        *_connections(arms),
    )


def delegation(obj: Object, by: Object, rules: Sequence[str]) -> tuple[str, ...]:
    """Say that `by` delegates to `obj`, by which of its rules, and which of the two is edited."""
    where = " ".join(filter(None, (title(by), ", ".join(filter(None, rules)))))
    said = f"{where} delegates to {title(obj)}; the delegate is what is edited."
    if _is_visible_in(obj, namespace_of(by)):
        return (said,)
    return said, (
        f"{title(obj)} is not exported to namespace {namespace_of(by)}, so Istio ignores the delegation: "
        f"add {namespace_of(by)} to its spec.exportTo."
    )


def behind(rule: Object, earlier: Sequence[Object]) -> tuple[str, ...]:
    """Warn of a rule that never gets a request; Istio reports it as IST0130."""
    return () if is_reached(rule, earlier) else (BEHIND,)


def beside(obj: Object, others: Sequence[Object]) -> tuple[str, ...]:
    """Warn where an older VirtualService has one of the hosts: sidecars follow one per host, and do not merge them.

    Gateways do merge them. Istio takes the older one, of two of one age the first by name and namespace; it reports the
    overlap as IST0109, and `exportTo` may tell the two apart.
    """
    older = [one for one in others if age(one) < age(obj) and _is_for_mesh(one) and _hosts(one) & _hosts(obj)]
    if not older or not _is_for_mesh(obj):
        return ()
    first = title(min(older, key=age))
    return (
        f"{first} is older and has the same host: inside the mesh Istio follows only one of them, so a change here may "
        "move nothing. Merge the two, or tell them apart by spec.exportTo.",
    )


def _gateways(obj: Object) -> list[str]:
    gateways: list[str] = spec(obj).get("gateways") or []
    return gateways


def _is_for_mesh(obj: Object) -> bool:
    return not _gateways(obj) or _MESH in _gateways(obj)


def _hosts(obj: Object) -> set[str]:
    """Return the hosts as Istio completes them."""
    return {full_host(host, namespace_of(obj)) for host in hosts_of(obj)}


def _is_visible_in(obj: Object, namespace: str) -> bool:
    exported: list[str] = spec(obj).get("exportTo") or ["*"]
    return any(one in ("*", namespace) or (one, namespace) == (".", namespace_of(obj)) for one in exported)


def _gateway_only(obj: Object) -> list[str]:
    if _is_for_mesh(obj):
        return []
    gateways = ", ".join(_gateways(obj))
    return [f"Only what comes through gateway {gateways} follows this VirtualService, not calls inside the mesh."]


def _exported(obj: Object) -> list[str]:
    exported: list[str] = spec(obj).get("exportTo") or ["*"]
    if "*" in exported or not hosts_of(obj):
        return []
    namespaces = ", ".join(sorted({namespace_of(obj) if one == "." else one for one in exported} - {"~"})) or "none"
    return [f"Only callers in these namespaces follow this VirtualService (spec.exportTo): {namespaces}."]


def _shared(obj: Object) -> list[str]:
    services = {service_of(host, namespace_of(obj)) for host in hosts_of(obj)} - {None}
    if len(services) < 2:
        return []
    names = ", ".join(sorted(f"{service[0]}.{service[1]}" for service in services if service))
    return [f"This VirtualService directs the callers of several services: {names}."]


def _wildcards(obj: Object) -> list[str]:
    if not any(host.startswith("*.") and host.endswith(".svc.cluster.local") for host in hosts_of(obj)):
        return []
    return ["Its host is a wildcard: callers of a service that another VirtualService names follow that one instead."]


def _literal(obj: Object, arms: Sequence[Arm]) -> list[str]:
    """Warn of half names: Istio completes a name without dots, and takes any other as it is (its `hosts` reference)."""
    sent = (str(value) for arm in arms for pointer, value in arm.identity if pointer.endswith("/destination/host"))
    own = f".{namespace_of(obj)}"
    half = (host for host in {*hosts_of(obj), *sent} if host.removesuffix(".svc").count(".") == 1)
    return [
        f"Istio does not complete the host {host}: as a Service it is {host.removesuffix('.svc')}.svc.cluster.local."
        for host in sorted(half)
        if host.endswith((own, ".svc"))
    ]


def _connections(arms: Sequence[Arm]) -> list[str]:
    protocols = {arm.protocol for arm in arms} - {"http"}
    return [
        f"Weights of {protocol} rules hold for new connections; open ones stay where they are."
        for protocol in protocols
    ]
