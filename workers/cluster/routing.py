"""The shape of a routing API, and what every reader of one needs: names of services, weights, labels of rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from mesh.domain.routes import Arm, Route
from workers.cluster.owners import owner_of, owner_warnings

Object = dict[str, Any]
"""One Kubernetes object as parsed JSON. Readers never change it."""

ServiceName = tuple[str, str]
"""(name, namespace) of a Kubernetes Service."""

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


class Claim(Enum):
    """Which routes of an object speak for a service."""

    NONE = "none"
    ALL = "all"
    """The object names the service as the one whose callers it directs."""
    OWN = "own"
    """The object directs callers of something else, a gateway: only weighted routes with no arm but the service's."""


@dataclass(frozen=True)
class RoutingApi:
    """One kind of object that carries weights."""

    kind: str
    group: str
    versions: tuple[str, ...]
    """Versions this reader understands, the preferred one first."""
    plural: str
    read: Callable[[Object], list[Route]]
    """Every rule of the object that has destinations, one Route each, weighted or not. Pure; raises Refused."""
    claim: Callable[[Object, Target], Claim]
    """Whether the object, which lives in the target's namespace, speaks for the target's service."""
    owns: Callable[[Sequence[Arm], Target], bool]
    """Whether the arms of one rule are the target's service and nothing else; asked for `Claim.OWN` only."""
    names: Callable[[Object], set[str]]
    """Services of the object's own namespace that a person could name to reach this object."""

    def speaking(self, obj: Object, target: Target) -> list[Route]:
        """Return the object's routes that speak for the target; raise Refused when they cannot be read.

        An object that does not concern the target is not read at all, so its faults trouble nobody else.
        """
        claim = self.claim(obj, target)
        if claim is Claim.NONE:
            return []
        routes = self.read(obj)
        if claim is Claim.ALL:
            return routes
        return [route for route in routes if len(route.arms) > 1 and self.owns(route.arms, target)]


def spec(obj: Object) -> Object:
    """Return the object's spec, empty when it has none."""
    found: Object = obj.get("spec") or {}
    return found


def namespace_of(obj: Object) -> str:
    """Return the namespace the object lives in."""
    return str(obj["metadata"].get("namespace", ""))


def service_of(host: str, namespace: str) -> ServiceName | None:
    """Return the Service a host name means to an object in `namespace`; None for wildcards and names from outside.

    Only whole names count: `api`, `api.ns`, `api.ns.svc`, `api.ns.svc.cluster.local`.
    """
    labels = host.split(".")
    if not all(_DNS_LABEL.fullmatch(label) for label in labels):
        return None
    if len(labels) == 1:
        return host, namespace
    if labels[2:] in ([], ["svc"], ["svc", "cluster", "local"]):
        return labels[0], labels[1]
    return None


def all_of(arms: Sequence[Arm], target: Target) -> bool:
    """Tell whether every arm's destination is the target's service."""
    return all((arm.service, arm.namespace) == (target.service, target.namespace) for arm in arms)


def weight_of(destination: Object, where: str) -> int | None:
    """Return the integer weight, None when the key is absent; raise Refused for anything else.

    SMI v1alpha1 wrote quantities ("900m", "1"); reading those as integers would move the wrong share.
    """
    weight = destination.get("weight")
    if weight is None or (isinstance(weight, int) and not isinstance(weight, bool) and weight >= 0):
        return weight
    raise Refused(
        f"{where} has the weight {weight!r}, which is not a whole number.",
        hint="meshbot changes integer weights only: rewrite the object in an API version with integer weights "
        "(for a TrafficSplit v1alpha2 or later), e.g. 900m as 900 and 1 as 1000.",
    )


def effective(weight: int | None, *, absent: int, alone: bool) -> int:
    """Return the weight the mesh uses. `alone`: the rule has one arm, which takes all whatever its weight."""
    if alone:
        return weight or 1
    return absent if weight is None else weight


def identity(destination: Object, pointer: str, keys: Iterable[str]) -> tuple[tuple[str, Any], ...]:
    """Return (JSON pointer, value) for those of the `keys` that are present; `a/b` is a key inside a key."""
    found = []
    for key in keys:
        value: Any = destination
        for part in key.split("/"):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            found.append((f"{pointer}/{key}", value))
    return tuple(found)


def distinct(candidates: Sequence[Sequence[str]]) -> list[str]:
    """Give each arm a name of its own: the first of its candidates (short to long) that no other arm could claim.

    Arms that stay alike to the end are told apart by their place, e.g. `v1#1`.
    """
    for level in range(max((len(names) for names in candidates), default=0)):
        chosen = [names[min(level, len(names) - 1)] for names in candidates]
        if len(set(chosen)) == len(chosen):
            return chosen
    return [f"{names[-1]}#{index}" for index, names in enumerate(candidates)]


def rule_labels(word: str, rules: Sequence[Object], *, only: bool = True) -> list[str]:
    """Return what people call each rule: nothing for the `only` one, `http "name"`, or `http[1]`."""
    names = [rule.get("name", "") for rule in rules]
    if len(rules) == 1 and only:
        return [""]
    return [
        f'{word} "{name}"' if name and names.count(name) == 1 else f"{word}[{index}]"
        for index, name in enumerate(names)
    ]


def route_of(obj: Object, plural: str, rule: str, arms: Sequence[Arm], *, warnings: tuple[str, ...] = ()) -> Route:
    """Return the Route of one rule of `obj`."""
    metadata = obj["metadata"]
    group, _, version = obj["apiVersion"].rpartition("/")
    annotations = metadata.get("annotations")
    return Route(
        kind=obj["kind"],
        group=group,
        version=version,
        plural=plural,
        namespace=namespace_of(obj),
        name=metadata["name"],
        rule=rule,
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        arms=tuple(arms),
        annotations=None if annotations is None else tuple(annotations.items()),
        owner=owner_of(obj),
        warnings=warnings + owner_warnings(obj),
    )


def title(obj: Object) -> str:
    """Return how messages call an object, e.g. `TrafficSplit mesh-demo/api-split`."""
    return f"{obj['kind']} {namespace_of(obj)}/{obj['metadata']['name']}"
