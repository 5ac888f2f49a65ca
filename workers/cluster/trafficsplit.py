"""SMI's TrafficSplit (split.smi-spec.io): one rule, whose backends are Services of the same namespace.

Integer weights since v1alpha2, relative; an absent one beside others counts as 0. v1alpha1 wrote quantities, which are
refused. The SMI repositories were archived in 2023 and Linkerd documents TrafficSplit as deprecated.
"""

from __future__ import annotations

from mesh.domain.commands import Target
from mesh.domain.routes import Arm, Route
from workers.cluster.routing import (
    Claim,
    Object,
    RoutingApi,
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


def read(obj: Object) -> list[Route]:
    """Return the object's one Route, nothing when it has no backends."""
    backends: list[Object] = spec(obj).get("backends") or []
    if not backends:
        return []
    return [route_of(obj, PLURAL, "", _arms(obj, backends), warnings=(DEPRECATED,))]


def claim(obj: Object, target: Target) -> Claim:
    """Claim by `spec.service`."""
    root = service_of(spec(obj).get("service", ""), namespace_of(obj))
    return Claim.ALL if root == (target.service, target.namespace) else Claim.NONE


def names(obj: Object) -> set[str]:
    """Return the root service."""
    root = service_of(spec(obj).get("service", ""), namespace_of(obj))
    return {root[0]} if root and root[1] == namespace_of(obj) else set()


def _arms(obj: Object, backends: list[Object]) -> list[Arm]:
    arm_names = distinct([(backend.get("service", ""),) for backend in backends])
    arms = []
    for index, (backend, name) in enumerate(zip(backends, arm_names, strict=True)):
        weight = weight_of(backend, f"{title(obj)}, arm {name},")
        service, namespace = service_of(backend.get("service", ""), namespace_of(obj)) or ("", "")
        pointer = f"/spec/backends/{index}"
        arms.append(
            Arm(
                name=name,
                weight=weight,
                effective=effective(weight, absent=0, alone=len(backends) == 1),
                pointer=f"{pointer}/weight",
                identity=identity(backend, pointer, ("service",)),
                service=service,
                namespace=namespace,
            )
        )
    return arms


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
