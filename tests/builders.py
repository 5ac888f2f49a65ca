"""Builders with defaults: a test names only what it is about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mesh.domain.commands import Command, Target
from mesh.domain.counts import Buckets, Counts
from mesh.domain.grammar import parse
from mesh.domain.operations import Event, Operation, Origin, Step
from mesh.domain.policy import Actor
from mesh.domain.quantities import Weight
from mesh.domain.routes import Arm, Route

TARGET = Target("default", "mesh-demo", "api")
JIN = Actor("U0JIN", "T0MESH")
LEE = Actor("U0LEE", "T0MESH")


def arm(name: str, weight: Weight | None, *, index: int = 0, absent: int = 0) -> Arm:
    """One arm of an Istio-like route; `absent` is what an absent key means."""
    return Arm(
        name=name,
        weight=weight,
        effective=weight if isinstance(weight, int) else absent,
        absent=absent,
        pointer=f"/spec/http/0/route/{index}/weight",
        identity=((f"/spec/http/0/route/{index}/destination/subset", name),),
        service="api",
        namespace="mesh-demo",
        subset=name,
    )


def route(weights: Mapping[str, Weight | None] | None = None, *, absent: int = 0, **changes: Any) -> Route:
    """A VirtualService with these weights, by default v1=90 v2=10."""
    pairs = ({"v1": 90, "v2": 10} if weights is None else weights).items()
    arms = tuple(arm(name, weight, index=index, absent=absent) for index, (name, weight) in enumerate(pairs))
    defaults: dict[str, Any] = {
        "kind": "VirtualService",
        "group": "networking.istio.io",
        "version": "v1",
        "plural": "virtualservices",
        "namespace": "mesh-demo",
        "name": "api-vs",
        "rule": "",
        "uid": "uid-1",
        "resource_version": "7",
        "generation": 1,
        "annotations": None,
    }
    return Route(arms=arms, **{**defaults, **changes})


def operation(text: str = "promote api 50", **changes: Any) -> Operation:
    """An operation just received from Jin in #prod."""
    defaults: dict[str, Any] = {
        "id": "op-k3v9x2m4ta",
        "command": parse(text),
        "target": TARGET,
        "actor": JIN,
        "origin": Origin("slash", "C0PROD"),
        "created_at": 1000.0,
        "story": (Event(Step.QUEUED, 1000.0),),
    }
    return Operation(**{**defaults, **changes})


BOUNDS_MS = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 10_000.0, math.inf)


def healthy(*, requests: float = 1000.0, success: float = 99.95, p99_ms: float = 180.0) -> Counts:
    """Counts of a healthy arm with plenty of traffic; success in per cent."""
    return Counts(requests, requests * (100.0 - success) / 100.0, buckets=_buckets(requests, p99_ms))


def _buckets(requests: float, p99_ms: float) -> Buckets:
    """Return buckets of which 99 % lie within `p99_ms`, which must be under 10 s."""
    high = next(bound for bound in BOUNDS_MS if bound > p99_ms)
    low = max((bound for bound in BOUNDS_MS if bound <= p99_ms), default=0.0)
    place = (p99_ms - low) / (high - low)
    under = requests * (0.99 - place) / (1 - place)
    return tuple((bound, requests if bound >= high else under * bound / low) for bound in BOUNDS_MS)


def command(text: str) -> Command:
    """The command that this text means."""
    return parse(text)
