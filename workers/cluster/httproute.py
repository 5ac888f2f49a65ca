"""Gateway API's HTTPRoute (gateway.networking.k8s.io): `rules[].backendRefs`.

Weights are relative; an absent one counts as 1, and a lone backend with weight 0 gets nothing (HTTPBackendRef in the
Gateway API reference). A parent of kind Service makes it a mesh route (GAMMA), a Gateway parent an ingress route.
"""

from __future__ import annotations

from collections.abc import Sequence

from mesh.domain.commands import Target
from mesh.domain.routes import Arm, Route
from workers.cluster.routing import (
    Claim,
    Object,
    RoutingApi,
    ServiceName,
    distinct,
    identity,
    namespace_of,
    route_of,
    rule_labels,
    service_of,
    spec,
    title,
    weight_of,
)

PLURAL = "httproutes"
_IDENTITY = ("name", "namespace", "port", "kind", "group")
_ABSENT = 1


def read(obj: Object) -> list[Route]:
    """Return one Route for each rule with backends; a redirecting rule has none."""
    rules: list[Object] = spec(obj).get("rules") or []
    return [
        route_of(obj, PLURAL, label, _arms(obj, rule, f"/spec/rules/{index}/backendRefs"), warnings=_unaccepted(obj))
        for index, (rule, label) in enumerate(zip(rules, rule_labels("rules", rules), strict=True))
        if rule.get("backendRefs")
    ]


def claim(obj: Object, target: Target) -> Claim:
    """Claim by a parent of kind Service; under a Gateway, weighted rules by the names of their backends."""
    if (target.service, target.namespace) in _service_parents(obj):
        return Claim.ALL
    return Claim.OWN if _has_gateway(obj) else Claim.NONE


def owns(arms: Sequence[Arm], target: Target) -> bool:
    """Tell whether the backends are versions of the service by name: `api` and `api-v2`, or `api-v1` and `api-v2`.

    What they have in common must be the service's whole name: `api-gateway-v1` and `api-gateway-v2` are not `api`'s.
    """
    return (
        all(arm.namespace == target.namespace for arm in arms)
        and _stem([arm.service for arm in arms]) == target.service
    )


def names(obj: Object) -> set[str]:
    """Return the parent services; under a Gateway, what the backends of a rule are versions of."""
    found = {name for name, namespace in _service_parents(obj) if namespace == namespace_of(obj)}
    if _has_gateway(obj):
        rules: list[Object] = spec(obj).get("rules") or []
        found |= {stem for rule in rules if (stem := _stem(_names(rule)))}
    return found


def _parents(obj: Object) -> list[Object]:
    parents: list[Object] = spec(obj).get("parentRefs") or []
    return parents


def _service_parents(obj: Object) -> set[ServiceName]:
    # An absent group means the Gateway API's own, which has no kind Service: the core group must be written.
    return {
        (parent.get("name", ""), parent.get("namespace") or namespace_of(obj))
        for parent in _parents(obj)
        if parent.get("kind") == "Service" and parent.get("group") in ("", "core")
    }


def _has_gateway(obj: Object) -> bool:
    return any(parent.get("kind", "Gateway") == "Gateway" for parent in _parents(obj))


def _names(rule: Object) -> list[str]:
    refs: list[Object] = rule.get("backendRefs") or []
    return [ref.get("name", "") for ref in refs]


def _stem(backends: Sequence[str]) -> str:
    """Return the longest `<service>` of which all backends are `<service>` or `<service>-…`; empty when none is."""
    words = [name.split("-") for name in backends]
    common = []
    for column in zip(*words, strict=False):
        if len(set(column)) > 1:
            break
        common.append(column[0])
    return "-".join(common) if len(words) > 1 else ""


def _arms(obj: Object, rule: Object, pointer: str) -> list[Arm]:
    refs: list[Object] = rule["backendRefs"]
    arm_names = distinct([_candidates(ref) for ref in refs])
    arms = []
    for index, (ref, name) in enumerate(zip(refs, arm_names, strict=True)):
        weight = weight_of(ref, f"{title(obj)}, arm {name},")
        service, namespace = _service(ref, namespace_of(obj))
        arms.append(
            Arm(
                name=name,
                weight=weight,
                effective=_ABSENT if weight is None else weight,
                absent=_ABSENT,
                pointer=f"{pointer}/{index}/weight",
                identity=identity(ref, f"{pointer}/{index}", _IDENTITY),
                service=service,
                namespace=namespace,
            )
        )
    return arms


def _service(ref: Object, namespace: str) -> ServiceName:
    """Return the backend's Service; ("", "") for backends of another kind."""
    if ref.get("kind", "Service") != "Service" or ref.get("group", "") not in ("", "core"):
        return "", ""
    return service_of(ref.get("name", ""), ref.get("namespace") or namespace) or ("", "")


def _candidates(ref: Object) -> tuple[str, ...]:
    name, namespace, port = ref.get("name", ""), ref.get("namespace", ""), ref.get("port", "")
    return name, f"{name}.{namespace}" if namespace else name, f"{name}:{port}"


def _unaccepted(obj: Object) -> tuple[str, ...]:
    """Warn of each parent that says it does not accept the route: then its weights have no effect there."""
    parents: list[Object] = (obj.get("status") or {}).get("parents") or []
    return tuple(
        f"{title(obj)} is not accepted by {(parent.get('parentRef') or {}).get('name', 'its parent')}: "
        f"{condition.get('message') or condition.get('reason', 'no reason given')}"
        for parent in parents
        for condition in parent.get("conditions") or []
        if condition.get("type") == "Accepted" and condition.get("status") == "False"
    )


HTTP_ROUTE = RoutingApi(
    kind="HTTPRoute",
    group="gateway.networking.k8s.io",
    versions=("v1", "v1beta1"),
    plural=PLURAL,
    read=read,
    claim=claim,
    owns=owns,
    names=names,
)
