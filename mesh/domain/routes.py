"""A route: the object that carries weights, read into one shape whatever API it is written in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal

from mesh.domain.errors import NotFound, Refused
from mesh.domain.quantities import Weight, as_quantity, thousandths
from mesh.domain.repositories import Commit, InGit

PREFIX = "meshbot.dev/"
"""Prefix of the annotations that meshbot stamps on every object it patches."""
STAMP_OPERATION = PREFIX + "operation"
STAMP_ACTOR = PREFIX + "actor"
STAMP_CANARY = PREFIX + "canary"
STAMP_STABLE = PREFIX + "stable"
STAMP_PREVIOUS = PREFIX + "previous"
"""The weights before our last patch: JSON, by rule, by arm. What `undo` needs when our store has forgotten."""
STAMP_WRITTEN = PREFIX + "written"
"""The weights our last patch wrote, in the same form. Other weights on the object are drift."""
EVERY_RULE = "*"
"""Stands for every rule of an object in the stamps of roles."""
STAMP_ATTEMPT = PREFIX + "attempt"
"""Written alone, to give the object a new version that shuts out a patch without an answer."""


Protocol = Literal["http", "tcp", "tls"]


@dataclass(frozen=True)
class Arm:
    """One destination of a route."""

    name: str
    """Istio subset, else the backend service: `v2`, `web-v2`."""
    weight: Weight | None
    """What stands in the object; None when the key is absent."""
    effective: int
    """The weight the mesh uses, in parts: `weight`, or what an absent key means. Quantities count in thousandths."""
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
    quantity: bool = False
    """True where weights are quantities (SMI v1alpha1) and no whole numbers."""
    most: int = 2_147_483_647
    """The largest weight the API takes: int32 for Istio and SMI, 1000000 for the Gateway API."""
    unpermitted: str = ""
    """Where it lies in another namespace and a parent says that some such backend may not be referred to: its words."""
    alike: str = ""
    """Another arm that this one's requests cannot be told from by their labels; empty when they can."""
    protocol: Protocol = "http"
    """`tcp` and `tls` arms carry connections: nobody counts requests there."""

    def parts(self, weight: Weight | None) -> int:
        """Return what `weight` counts as beside other arms; raise Refused where that cannot be said."""
        if weight is None:
            return self.absent
        if self.quantity:
            return thousandths(weight)
        if isinstance(weight, str):
            raise Refused(f"{weight} is not a weight of {self.name}.", hint="Write a whole number.")
        return weight

    def written(self, parts: int) -> Weight:
        """Return how these parts are written in the object, in the fewest letters."""
        return as_quantity(parts) if self.quantity else parts


@dataclass(frozen=True)
class Owner:
    """The rollout controller that owns a route's weights: two writers of one weight would undo each other."""

    controller: str
    """`Flagger` or `Argo Rollouts`."""
    name: str = ""
    """Of its Canary or Rollout, as `kind namespace/name`; empty when the object does not say."""
    state: str = ""
    """What that says of itself, in words: `Progressing, canary weight 20`; empty when it could not be read."""
    advice: tuple[str, ...] = ()
    """Commands of that controller's own that do what people come to us for."""


@dataclass(frozen=True)
class Keeper:
    """Who keeps a route's object in Git and will put it back."""

    name: str
    """`Argo CD` or `Flux`."""
    exception: str
    """That it does so, and the setting there which lets moved weights stay."""


@dataclass(frozen=True)
class Writer:
    """Who last wrote to the weights besides ourselves, as the API server remembers it (managedFields)."""

    manager: str
    """Field manager, e.g. `kubectl-edit`, `argocd-controller`."""
    at: str
    """When, as the API server wrote it: RFC 3339 in UTC."""


@dataclass(frozen=True)
class Drift:
    """Weights that somebody else wrote after us."""

    written: str
    """What our last patch left, for people: `v1=50 v2=50`."""
    by: str = ""
    """Field manager of whoever changed them; empty when the API server does not tell."""
    at: str = ""
    """When, as the API server wrote it (RFC 3339, UTC)."""


class Acceptance(Enum):
    """Whether the mesh says that it took a route as it is now."""

    ACCEPTED = "accepted"
    """All parents did; also where an API has no word for it."""
    PENDING = "pending"
    """Some parent has not spoken of this generation yet."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Parent:
    """What one parent of a Gateway API route says of it (`status.parents`)."""

    name: str
    """Kind and name, e.g. `Gateway infra/public`."""
    observed: int | None = 0
    """Generation it speaks of; 0 when it has said nothing; None when it speaks without naming one."""
    accepted: bool = False
    why: str = ""
    """Its reason for not accepting, in its own words."""

    def said(self, generation: int) -> Acceptance:
        """Return what it says of the route at this generation of the object."""
        if self.observed is not None and self.observed < generation:
            return Acceptance.PENDING
        return Acceptance.ACCEPTED if self.accepted else Acceptance.REFUSED


Weights = dict[str, Weight | None]
"""Arm name to what stands in the object; None for an absent key."""


def in_words(shares: Iterable[tuple[str, float]]) -> str:
    """Write (arm, per cent) pairs for people: `v1 90 % / v2 10 %`."""
    return " / ".join(f"{name} {share:.4g} %" for name, share in shares)


@dataclass(frozen=True)
class RouteRef:
    """Which weighted rule of which object, at which version of it."""

    kind: str
    """VirtualService, TrafficSplit, HTTPRoute or GRPCRoute."""
    group: str
    version: str
    plural: str
    namespace: str
    name: str
    rule: str
    """Which rule inside the object: `http "canary"` by its name, `http port:8080` by what it matches, `http default`
    when it alone matches all, else `http[1]` by its place; empty for the only one. Moving rules changes only the last.
    """
    uid: str
    resource_version: str
    generation: int
    """Counted up by the API server with every change of the spec: unchanged means that nobody touched it since."""

    @property
    def label(self) -> str:
        """Name for people: `VirtualService mesh-demo/api-vs http[1]`."""
        return " ".join(filter(None, (f"{self.kind} {self.namespace}/{self.name}", self.rule)))


@dataclass(frozen=True)
class Pushed:
    """A commit that is not ours and moved the weights of a route in Git."""

    commit: str
    at: float
    """When it was made, or merged: Unix time in seconds, by the clock of whoever did that."""


@dataclass(frozen=True)
class Kept:
    """What Git says of a route that is written by commits. The route's own weights are then those in Git."""

    where: str
    """File, branch and repository, for people."""
    live: tuple[Arm, ...]
    """The arms as the cluster has them."""
    sync_s: float = 0.0
    """How long the cluster may take to show what was committed, in seconds."""
    in_git: InGit | None = None
    """How it is written; None where that was not asked about."""
    commit: Commit | None = None
    """The commit of the operation that was asked about, once it is there."""
    untouched: bool = False
    """True when the file is as it was when the plan that was asked about was made."""
    pushed: tuple[Pushed, ...] = ()
    """What others did to these weights in the last minutes, newest first."""
    trouble: str = ""
    """Why it cannot be written to; the route's weights are then those of the cluster."""
    hint: str = ""
    passing: bool = False
    """True for trouble that may be over in a moment."""


@dataclass(frozen=True)
class Route(RouteRef):
    """One weighted rule of one object. An object with two weighted rules is read as two routes."""

    arms: tuple[Arm, ...]
    annotations: tuple[tuple[str, str], ...] | None
    """The object's annotations; None when it has no such key (a patch must then add the whole map)."""
    selectors: tuple[str, ...] = ()
    """Other ways to name this rule within its object, e.g. `http[1]`, `canary`, `port:8080`, `sni:db.example.com`."""
    rules: tuple[str, ...] = ()
    """The labels of all rules of the object, with or without destinations."""
    owner: Owner | None = None
    """The controller that owns the weights; such a route is read and never patched."""
    keepers: tuple[Keeper, ...] = ()
    writer: Writer | None = None
    """Who wrote to the weights last, besides ourselves; None when nobody else is on record."""
    parents: tuple[Parent, ...] = ()
    """Parents that say whether they accept the route; empty where an API has no such word."""
    warnings: tuple[str, ...] = ()
    """What a person should know of this object, e.g. that its API is deprecated."""
    kept: Kept | None = None
    """Set where it is written by commits: `arms` has the weights in Git, and the cluster follows."""

    @property
    def synced(self) -> bool:
        """True when the cluster has the weights that Git has; always true where Git has no part in it."""
        return self.kept is None or self.stands({arm.name: arm.weight for arm in self.kept.live})

    @property
    def as_live(self) -> Route:
        """The route with the weights that the cluster has."""
        return replace(self, arms=self.kept.live) if self.kept else self

    def untouched_since(self, ref: RouteRef) -> bool:
        """Tell whether nobody wrote to what holds the weights since `ref` was read."""
        if self.kept:
            return self.uid == ref.uid and self.kept.untouched
        # The API server counts the generation up with every change of the spec, and weights are spec.
        return (self.uid, self.generation) == (ref.uid, ref.generation)

    @property
    def total(self) -> int:
        """Sum of the effective weights."""
        return sum(arm.effective for arm in self.arms)

    def share(self, arm: Arm) -> float:
        """Share of the traffic that `arm` gets now, in per cent; 0 when every weight is 0."""
        return 100.0 * arm.effective / self.total if self.total else 0.0

    @property
    def weights(self) -> Weights:
        """The weights in the object, by arm."""
        return {arm.name: arm.weight for arm in self.arms}

    @property
    def shares(self) -> str:
        """The split for people: `v1 90 % / v2 10 %`."""
        return in_words((arm.name, self.share(arm)) for arm in self.arms)

    def annotation(self, key: str) -> str:
        """Value of one annotation, empty when absent."""
        return dict(self.annotations or ()).get(key, "")

    @property
    def previous(self) -> Weights | None:
        """The weights of this rule before our last patch, as the object remembers them; None when it does not."""
        return self._remembered(STAMP_PREVIOUS)

    @property
    def written(self) -> Weights | None:
        """The weights that our last patch left in this rule, as the object remembers them; None when it does not."""
        return self._remembered(STAMP_WRITTEN)

    @property
    def drift(self) -> Drift | None:
        """What somebody else made of the weights that we wrote; None where they are as we left them."""
        if self.written is None or self.stands(self.written):
            return None
        by, at = (self.writer.manager, self.writer.at) if self.writer else ("", "")
        return Drift(shown(self.written), by, at)

    def stands(self, weights: Weights) -> bool:
        """Tell whether these weights are the ones in the object, however they are written (`1` and `1000m`)."""
        try:
            return weights.keys() == self.weights.keys() and all(
                arm.parts(weights[arm.name]) == arm.parts(arm.weight) for arm in self.arms
            )
        except Refused:
            return False

    @property
    def acceptance(self) -> Acceptance:
        """Whether the parents accept the route as it is now."""
        said = {parent.said(self.generation) for parent in self.parents}
        # In the order of what people must hear first.
        return next((one for one in (Acceptance.REFUSED, Acceptance.PENDING) if one in said), Acceptance.ACCEPTED)

    def role(self, key: str) -> str:
        """Return the arm that a stamp of a role names for this rule: rules of one object may have different ones.

        A plain name, as a person writes it, is for every rule that has no word of its own.
        """
        said = self._roles(key)
        found = said.get(self.rule, said.get(EVERY_RULE, ""))
        return found if isinstance(found, str) else ""

    def has_role(self, key: str) -> bool:
        """Tell whether a stamp of a role has a word for this very rule, as we write it, and not just one for all."""
        return self.rule in self._roles(key)

    @property
    def left_open(self) -> bool:
        """Tell whether our last patch of this rule said that nobody knows its stable arm: not that nothing was said."""
        return self.has_role(STAMP_STABLE) and not self.role(STAMP_STABLE)

    def plain_role(self, key: str) -> str:
        """Return the arm that a person named for every rule in a stamp of a role, also where we wrote beside it."""
        found = self._roles(key).get(EVERY_RULE, "")
        return found if isinstance(found, str) else ""

    @property
    def lost_roles(self) -> bool:
        """Tell whether our stamps hold roles of a rule that no longer has that label, and none of this rule.

        Who adds, removes, names or matches rules gives them other labels: the roles may be those of this rule.
        """
        stamps = [self._roles(key) for key in (STAMP_STABLE, STAMP_CANARY)]
        return any(self.rule not in said and said.keys() - {EVERY_RULE, *self.rules} for said in stamps)

    def remember_role(self, key: str, name: str) -> str:
        """Return the value of a role's stamp: what it says of other rules, and `name` for this one."""
        return json.dumps({**self._others(self._roles(key)), self.rule: name}, separators=(",", ":"))

    def _roles(self, key: str) -> dict[str, Any]:
        said = self.annotation(key)
        return _by_rule(said) or ({EVERY_RULE: said} if said and not said.startswith("{") else {})

    def remember(self, key: str, weights: Weights) -> str:
        """Return the value of a stamp by rule: what it says of other rules, and `weights` for this one."""
        return json.dumps({**self._others(_by_rule(self.annotation(key))), self.rule: weights}, separators=(",", ":"))

    def _others(self, by_rule: dict[str, Any]) -> dict[str, Any]:
        """Return what is said of rules there may be: beside other rules none is without a label."""
        return {rule: said for rule, said in by_rule.items() if rule or not self.rule}

    def _remembered(self, key: str) -> Weights | None:
        found = _by_rule(self.annotation(key)).get(self.rule)
        return found if isinstance(found, dict) and all(map(_is_weight, found.values())) else None

    def find(self, version: str, service: str) -> Arm:
        """Return the arm a person means by `version`: its name, or `<service>-<version>`.

        Raises NotFound naming the arms there are.
        """
        # A full name first: beside `api-v2`, `v2` may be an arm of its own.
        for short in ("", f"{service}-"):
            for arm in self.arms:
                if version == arm.name.removeprefix(short):
                    return arm
        names = tuple(arm.name for arm in self.arms)
        raise NotFound(f"{self.label} has no arm {version!r}.", hint=f"It has {', '.join(names)}.", choices=names)


def shown(weights: Mapping[str, Weight | None]) -> str:
    """Write weights for people: `v1=90 v2=10`."""
    return " ".join(f"{name}={'absent' if weight is None else weight}" for name, weight in weights.items())


def _by_rule(annotation: str) -> dict[str, Any]:
    """Read a stamp that keeps something for each rule. Anybody may write annotations: what is not ours is nothing."""
    try:
        found = json.loads(annotation or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_weight(value: Any) -> bool:
    return value is None or isinstance(value, str) or (type(value) is int and value >= 0)
