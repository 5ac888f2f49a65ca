"""A route: the object that carries weights, read into one shape whatever API it is written in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mesh.domain.errors import NotFound

PREFIX = "meshbot.dev/"
"""Prefix of the annotations that meshbot stamps on every object it patches."""
STAMP_OPERATION = PREFIX + "operation"
STAMP_ACTOR = PREFIX + "actor"
STAMP_CANARY = PREFIX + "canary"
STAMP_STABLE = PREFIX + "stable"
STAMP_PREVIOUS = PREFIX + "previous"
STAMP_ATTEMPT = PREFIX + "attempt"
"""Written alone, to give the object a new version that shuts out a patch without an answer."""


@dataclass(frozen=True)
class Arm:
    """One destination of a route."""

    name: str
    """Istio subset, else the backend service: `v2`, `web-v2`."""
    weight: int | None
    """The integer in the object; None when the key is absent."""
    effective: int
    """The weight the mesh uses: `weight`, or what an absent key means (0 for Istio and SMI, 1 for Gateway API)."""
    pointer: str
    """JSON pointer of the weight leaf, e.g. `/spec/http/1/route/0/weight`."""
    identity: tuple[tuple[str, Any], ...] = ()
    """(JSON pointer, value) pairs that say which destination this is; each becomes a `test` of the patch."""
    service: str = ""
    """Kubernetes Service that receives this arm's traffic, without namespace."""
    namespace: str = ""
    """Namespace of that Service."""
    subset: str = ""
    """Istio subset, empty when the whole Service is the destination."""
    absent: int = 0
    """What an absent weight key means beside other arms: 0 for Istio and SMI, 1 for the Gateway API."""
    version: str = ""
    """Version label of the pods behind a subset, as their metrics carry it; empty when nothing says it."""


def in_words(shares: Iterable[tuple[str, float]]) -> str:
    """Write (arm, per cent) pairs for people: `v1 90 % / v2 10 %`."""
    return " / ".join(f"{name} {share:.4g} %" for name, share in shares)


@dataclass(frozen=True)
class RouteRef:
    """Which weighted rule of which object, at which version of it."""

    kind: str
    """VirtualService, TrafficSplit or HTTPRoute."""
    group: str
    version: str
    plural: str
    namespace: str
    name: str
    rule: str
    """Which rule inside the object, for people: `http[1]`, `http "canary"`, `rules[0]`; empty for the only one."""
    uid: str
    resource_version: str
    generation: int
    """Counted up by the API server with every change of the spec: unchanged means that nobody touched it since."""

    @property
    def label(self) -> str:
        """Name for people: `VirtualService mesh-demo/api-vs http[1]`."""
        return " ".join(filter(None, (f"{self.kind} {self.namespace}/{self.name}", self.rule)))


@dataclass(frozen=True)
class Route(RouteRef):
    """One weighted rule of one object. An object with two weighted rules is read as two routes."""

    arms: tuple[Arm, ...]
    annotations: tuple[tuple[str, str], ...] | None
    """The object's annotations; None when it has no such key (a patch must then add the whole map)."""
    owner: str = ""
    """The controller that owns the weights (`Flagger`, `Argo Rollouts`); such a route is read and never patched."""
    warnings: tuple[str, ...] = ()
    """What a person should know of this object, e.g. that its API is deprecated."""

    @property
    def total(self) -> int:
        """Sum of the effective weights."""
        return sum(arm.effective for arm in self.arms)

    def share(self, arm: Arm) -> float:
        """Share of the traffic that `arm` gets now, in per cent; 0 when every weight is 0."""
        return 100.0 * arm.effective / self.total if self.total else 0.0

    @property
    def weights(self) -> dict[str, int | None]:
        """The integers in the object, by arm."""
        return {arm.name: arm.weight for arm in self.arms}

    @property
    def shares(self) -> str:
        """The split for people: `v1 90 % / v2 10 %`."""
        return in_words((arm.name, self.share(arm)) for arm in self.arms)

    def annotation(self, key: str) -> str:
        """Value of one annotation, empty when absent."""
        return dict(self.annotations or ()).get(key, "")

    def find(self, version: str, service: str) -> Arm:
        """Return the arm a person means by `version`: its name, or `<service>-<version>`.

        Raises NotFound naming the arms there are.
        """
        for arm in self.arms:
            if version in (arm.name, arm.name.removeprefix(f"{service}-")):
                return arm
        names = tuple(arm.name for arm in self.arms)
        raise NotFound(f"{self.label} has no arm {version!r}.", hint=f"It has {', '.join(names)}.", choices=names)
