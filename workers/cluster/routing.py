"""The shape of a routing API, and what every reader of one needs: names of services, weights, labels of rules."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from mesh.domain.routes import Arm, Parent, Route
from workers.cluster.owners import keepers_of, owner_of, owner_warnings
from workers.cluster.writers import writer_of

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


def _follows_nobody(_obj: Object) -> list[ServiceName]:
    return []


def _takes_no_delegations(_obj: Object, _by: Object) -> list[Route]:
    return []


def _minds_nobody(_obj: Object, _others: Sequence[Object]) -> tuple[str, ...]:
    return ()


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
    """Whether the object, of whatever namespace, speaks for the target's service."""
    owns: Callable[[Sequence[Arm], Target], bool]
    """Whether the arms of one rule are the target's service and nothing else; asked for `Claim.OWN` only."""
    names: Callable[[Object], set[str]]
    """Services of the object's own namespace that a person could name to reach this object."""
    follows: Callable[[Object], list[ServiceName]] = _follows_nobody
    """(name, namespace) of the objects of the same kind, of any namespace, that the object's rules delegate to.

    Asked of objects that claim the target with `Claim.ALL`. An object that is followed is read by `delegated` and not
    by `speaking`, else its routes would be found twice: once by delegation, once by destination. Where two objects
    delegate to one, its routes are equal but for their warnings: they count once, with the warnings of both.
    """
    delegated: Callable[[Object, Object], list[Route]] = _takes_no_delegations
    """`delegated(obj, by)`: the routes of `obj`, to which `by` delegates, with a warning that names both.

    Raises Refused for a delegation that the mesh does not follow, and when `obj` cannot be read.
    """
    beside: Callable[[Object, Sequence[Object]], tuple[str, ...]] = _minds_nobody
    """`beside(obj, others)`: warnings for the routes of `obj`, given the other objects with the same `Claim.ALL`."""

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


def full_host(host: str, namespace: str) -> str:
    """Return a host as Istio completes it in an object of `namespace`: only a name without dots is short."""
    return host if "." in host or host == "*" else f"{host}.{namespace}.svc.cluster.local"


def age(obj: Object) -> tuple[str, str, str]:
    """Return what Istio orders objects by: the oldest first, of one age by name, then by namespace."""
    metadata = obj["metadata"]
    return metadata.get("creationTimestamp") or "", metadata["name"], namespace_of(obj)


def all_of(arms: Sequence[Arm], target: Target) -> bool:
    """Tell whether every arm's destination is the target's service."""
    return all((arm.service, arm.namespace) == (target.service, target.namespace) for arm in arms)


def weight_of(destination: Object, where: str) -> int | None:
    """Return the integer weight, None when the key is absent; raise Refused for anything else.

    `where` is the destination for people, e.g. `VirtualService shop/api-vs http[0].route[1]`.
    """
    weight = destination.get("weight")
    if weight is None or (isinstance(weight, int) and not isinstance(weight, bool) and weight >= 0):
        return weight
    raise Refused(
        f"{where}.weight is {weight!r}, which is not a whole number of 0 or more.",
        hint="Write a whole number there, e.g. 90 for 90 parts; only a TrafficSplit v1alpha1 has quantities like 900m.",
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


@dataclass(frozen=True)
class RuleName:
    """What one rule of an object is called."""

    label: str
    """See `RouteRef.rule`."""
    selectors: tuple[str, ...] = ()
    """See `Route.selectors`."""
    rules: tuple[str, ...] = field(default=("",), compare=False)
    """See `Route.rules`."""


OR = "or"
"""What `describe` puts between things of which any one will do; it names nothing by itself."""
BEHIND = (
    "Rules above this one take all that it matches, so it gets no request and a change here moves nothing. Change the "
    "rule above it, or move this one up."
)
LONGEST_MATCH = 80
"""Characters of a match in a label; what is longer ends in a digest, so that labels do not depend on the place."""
_PLACE = re.compile(r"\w+\[\d+\]")


def rule_names(
    word: str, rules: Sequence[Object], describe: Callable[[Object], tuple[str, ...]], *, only: bool = True
) -> list[RuleName]:
    """Name each rule: nothing for the `only` one, else by its own name, by what it matches, or by its place.

    `describe` returns what a rule matches, in short pieces such as `port:8080`; nothing for a rule that matches all.
    Labels are single lines and differ from each other; only those by place change when rules are moved.
    """
    names = [str(rule.get("name") or "") for rule in rules]
    matches = [tuple(one_line(piece) for piece in describe(rule)) for rule in rules]
    labels = [
        f"{word} {quoted(name) if name and names.count(name) == 1 else _what(pieces)}"
        for name, pieces in zip(names, matches, strict=True)
    ]
    found = []
    for index, (name, pieces, label) in enumerate(zip(names, matches, labels, strict=True)):
        place = f"{word}[{index}]"
        own = "" if _PLACE.fullmatch(name) else one_line(name)
        what = [piece for piece in pieces if piece != OR] or [_what(())]
        selectors = tuple(dict.fromkeys(filter(None, (own, place, *what))))
        alone, alike = len(rules) == 1 and only, labels.count(label) > 1
        found.append(RuleName("" if alone else place if alike else label, selectors))
    return unambiguous(found)


def unambiguous(names: Sequence[RuleName]) -> list[RuleName]:
    """Return the names without the selectors that another of these rules has too, as one of its own or as its label."""
    counts = Counter(word for name in names for word in {name.label, *name.selectors})
    rules = tuple(name.label for name in names)
    return [
        replace(name, selectors=tuple(one for one in name.selectors if counts[one] == 1), rules=rules) for name in names
    ]


def one_line(text: str) -> str:
    """Return `text` with line ends and everything else that cannot be seen escaped as JSON does."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def quoted(text: str) -> str:
    """Return `text` in double quotes, in one line; different texts stay different."""
    return one_line(json.dumps(text, ensure_ascii=False))


def _what(pieces: tuple[str, ...]) -> str:
    text = " ".join(pieces) or "default"
    if len(text) <= LONGEST_MATCH:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{text[: LONGEST_MATCH - len(digest) - 1]}~{digest}"


def route_of(  # noqa: PLR0913 (an object, its plural, and all that one rule adds to them)
    obj: Object,
    plural: str,
    rule: RuleName,
    arms: Sequence[Arm],
    *,
    parents: tuple[Parent, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Route:
    """Return the Route of one rule of `obj`."""
    metadata = obj["metadata"]
    group, _, version = obj["apiVersion"].rpartition("/")
    annotations = metadata.get("annotations")
    keepers = keepers_of(obj, [arm.pointer for arm in arms])
    return Route(
        kind=obj["kind"],
        group=group,
        version=version,
        plural=plural,
        namespace=namespace_of(obj),
        name=metadata["name"],
        rule=rule.label,
        selectors=rule.selectors,
        rules=rule.rules,
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        arms=tuple(arms),
        annotations=None if annotations is None else tuple(annotations.items()),
        owner=owner_of(obj),
        keepers=keepers,
        writer=writer_of(obj, arms[0].pointer) if arms else None,
        parents=parents,
        warnings=warnings + owner_warnings(obj, keepers),
    )


def title(obj: Object) -> str:
    """Return how messages call an object, e.g. `TrafficSplit mesh-demo/api-split`."""
    return f"{obj['kind']} {namespace_of(obj)}/{obj['metadata']['name']}"
