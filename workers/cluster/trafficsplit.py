"""SMI's TrafficSplit (split.smi-spec.io): one rule, whose backends are Services of the same namespace.

Weights are relative; an absent one beside others counts as 0, and a lone backend gets everything. Since v1alpha2 they
are whole numbers; v1alpha1 has Kubernetes quantities (`900m` beside `1`). The SMI repositories were archived in 2023
and Linkerd documents TrafficSplit as deprecated.
"""

from __future__ import annotations

from dataclasses import replace

from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from mesh.domain.quantities import thousandths
from mesh.domain.routes import Arm, Route
from workers.cluster.routing import (
    Claim,
    Object,
    RoutingApi,
    RuleName,
    ServiceName,
    all_of,
    distinct,
    effective,
    identity,
    namespace_of,
    route_of,
    service_of,
    spec,
    title,
    weight_of,
)

PLURAL = "trafficsplits"
DEPRECATED = "TrafficSplit is deprecated by Linkerd and archived by SMI: HTTPRoute is its successor."
_QUANTITIES = "v1alpha1"


def read(obj: Object) -> list[Route]:
    """Return the object's one Route, nothing when it has no backends.

    Versions are not converted into each other (Linkerd's definition has the conversion strategy None): a quantity that
    v1alpha1 wrote shows in every version, and can be patched through v1alpha1 only, whatever version was asked for.
    """
    backends = _backends(obj)
    if not backends:
        return []
    quantity = _has_quantities(obj)
    arms = [_arm(obj, index, name, quantity=quantity) for index, name in enumerate(_arm_names(backends))]
    route = route_of(obj, PLURAL, RuleName(""), arms, warnings=(DEPRECATED, *_matched(obj), *_circular(obj)))
    return [replace(route, version=_QUANTITIES) if quantity else route]


def claim(obj: Object, target: Target) -> Claim:
    """Claim by `spec.service`."""
    return Claim.ALL if _root(obj) == (target.service, target.namespace) else Claim.NONE


def names(obj: Object) -> set[str]:
    """Return the root service."""
    root = _root(obj)
    return {root[0]} if root and root[1] == namespace_of(obj) else set()


def _backends(obj: Object) -> list[Object]:
    backends: list[Object] = spec(obj).get("backends") or []
    return backends


def _root(obj: Object) -> ServiceName | None:
    return service_of(spec(obj).get("service", ""), namespace_of(obj))


def _has_quantities(obj: Object) -> bool:
    version = str(obj["apiVersion"]).rpartition("/")[2]
    return version == _QUANTITIES or any(isinstance(backend.get("weight"), str) for backend in _backends(obj))


def _arm_names(backends: list[Object]) -> list[str]:
    hosts = [str(backend.get("service", "")) for backend in backends]
    return distinct([(host.split(".")[0], host) for host in hosts])


def _arm(obj: Object, index: int, name: str, *, quantity: bool) -> Arm:
    backend, where = _backends(obj)[index], f"{title(obj)} spec.backends[{index}]"
    parts = _parts_of(backend, where) if quantity else weight_of(backend, where)
    service, namespace = service_of(backend.get("service", ""), namespace_of(obj)) or ("", "")
    pointer = f"/spec/backends/{index}"
    return Arm(
        name=name,
        weight=backend.get("weight"),
        effective=effective(parts, absent=0, alone=len(_backends(obj)) == 1),
        pointer=f"{pointer}/weight",
        identity=identity(backend, pointer, ("service",)),
        service=service,
        namespace=namespace,
        quantity=quantity,
    )


def _parts_of(backend: Object, where: str) -> int | None:
    """Return a quantity in thousandths, None when the key is absent; raise Refused for anything else."""
    weight = backend.get("weight")
    if weight is None:
        return None
    if not isinstance(weight, int | str):
        raise Refused(f"{where}.weight is {weight!r}, which is no quantity.", hint="Write it as text: 1 or 900m.")
    try:
        return thousandths(weight)
    except Refused as refused:
        raise Refused(f"{where}.weight: {refused.message}", hint=refused.hint) from refused


def _matched(obj: Object) -> tuple[str, ...]:
    """Warn that the split is for some requests only (`matches`, since v1alpha3)."""
    matches: list[Object] = spec(obj).get("matches") or []
    if not matches:
        return ()
    groups = ", ".join(f"{one.get('kind', 'HTTPRouteGroup')} {one.get('name', '')}" for one in matches)
    return (
        f"{title(obj)} splits only the requests that match {groups}: all others go to Service "
        f"{spec(obj).get('service', '')}.",
    )


def _circular(obj: Object) -> tuple[str, ...]:
    """Warn of a backend that is the root itself, whose pods may be of every version (SMI advises against it)."""
    root, namespace = _root(obj), namespace_of(obj)
    if root is None or all(service_of(one.get("service", ""), namespace) != root for one in _backends(obj)):
        return ()
    return (f"{title(obj)} has its own root {root[0]} as a backend: that share goes to every pod it selects.",)


TRAFFIC_SPLIT = RoutingApi(
    kind="TrafficSplit",
    group="split.smi-spec.io",
    versions=("v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1"),
    plural=PLURAL,
    read=read,
    claim=claim,
    owns=all_of,
    names=names,
)
