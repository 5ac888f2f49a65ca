"""The one controller of the stand-in: says of HTTPRoutes and GRPCRoutes whether their parents accept them.

It speaks a moment after a route was made or changed, at the route's generation, for parents of kind Service (as Linkerd
does) and Gateway (as Istio does). How long the moment is, is a knob; that it is longer, never comes or brings a refusal
is a trouble, see trouble.py. A bare API server has no such controller, so it is off until the knob is turned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from playground.cluster.kinds import Kind
from playground.cluster.metadata import Ref, now
from playground.cluster.objects import Cluster, Obj, Write
from playground.cluster.trouble import Trouble, Troubles

GROUP = "gateway.networking.k8s.io"
_ROUTES = ("httproutes", "grpcroutes")
_CONTROLLERS = {"Service": "linkerd.io/policy-controller", "Gateway": "istio.io/gateway-controller"}


class Controller:
    """Watches a cluster and writes statuses; `seconds` is how long it takes to, None for never."""

    def __init__(self, cluster: Cluster, troubles: Troubles) -> None:
        self.seconds: float | None = None
        self._cluster = cluster
        self._troubles = troubles
        self._judged: set[tuple[str, int]] = set()

    def turn(self, seconds: float | None) -> None:
        """Speak after `seconds` from now on, also of the routes there are; None ends it."""
        self.seconds = seconds
        self._cluster.history.wake()

    async def run(self) -> None:
        """Work until cancelled."""
        wake = asyncio.Event()
        unsubscribe = self._cluster.history.subscribe(wake.set)
        try:
            while True:
                self._look()
                await wake.wait()
                wake.clear()
        finally:
            unsubscribe()

    def _look(self) -> None:
        if self.seconds is None:
            return
        for kind, obj in self._routes():
            key = (obj["metadata"]["uid"], obj["metadata"]["generation"])
            if key not in self._judged:
                self._judged.add(key)
                self._prepare(kind, obj, self.seconds)

    def _routes(self) -> Iterator[tuple[Kind, Obj]]:
        for kind in self._cluster.kinds:
            if kind.group == GROUP and kind.plural in _ROUTES:
                yield from ((kind, obj) for obj in self._cluster.list(kind, "", lambda _: True))

    def _prepare(self, kind: Kind, obj: Obj, seconds: float) -> None:
        ref = Ref(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
        path = f"/apis/{GROUP}/{kind.versions[0]}/namespaces/{ref.namespace}/{kind.plural}/{ref.name}"
        trouble = self._troubles.take_verdict(path)
        if trouble is not None and trouble.kind == "accept_never":
            return
        if trouble is not None and trouble.kind == "accept_late":
            seconds = trouble.seconds
        asyncio.get_running_loop().call_later(seconds, self._say, ref, obj, trouble)

    def _say(self, ref: Ref, judged: Obj, trouble: Trouble | None) -> None:
        """Write the verdict on a route, unless the route changed since: that change has its own."""
        present = self._cluster.list(ref.kind, ref.namespace, lambda obj: obj["metadata"]["name"] == ref.name)
        same = [obj for obj in present if _identity(obj) == _identity(judged)]
        if same:
            refusal = trouble if trouble is not None and trouble.kind == "accept_refused" else None
            status = {"parents": [self._entry(same[0], parent, refusal) for parent in _parents(same[0])]}
            write = Write("playground-controller", ref.kind.versions[0], status=True)
            self._cluster.patch(ref, lambda obj: {**obj, "status": status}, write=write)

    def _entry(self, obj: Obj, parent: Obj, refusal: Trouble | None) -> Obj:
        accepted = _condition(obj, "Accepted", ok=refusal is None)
        if refusal is not None:
            accepted |= {"reason": refusal.reason, "message": refusal.message}
        resolved = _condition(obj, "ResolvedRefs", ok=True)
        if missing := self._missing(obj):
            resolved |= {"status": "False", "reason": "BackendNotFound", "message": f"no Service {missing}"}
        controller = _CONTROLLERS.get(parent["kind"], _CONTROLLERS["Gateway"])
        return {"parentRef": parent, "controllerName": controller, "conditions": [accepted, resolved]}

    def _missing(self, obj: Obj) -> str:
        """Return the names of the backends that are Services and not there, "" for none."""
        services = next(kind for kind in self._cluster.kinds if kind.qualified == "services")
        named = {
            (ref.get("namespace") or obj["metadata"]["namespace"], ref["name"])
            for rule in obj["spec"].get("rules") or []
            for ref in rule.get("backendRefs") or []
            if (ref.get("group"), ref.get("kind")) == ("", "Service")
        }
        there = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in self._all(services)}
        return ", ".join("/".join(one) for one in sorted(named - there))

    def _all(self, kind: Kind) -> list[Obj]:
        return self._cluster.list(kind, "", lambda _: True)


def _identity(obj: Mapping[str, Any]) -> tuple[str, int]:
    return obj["metadata"]["uid"], obj["metadata"]["generation"]


def _parents(obj: Obj) -> list[Obj]:
    return list(obj["spec"].get("parentRefs") or [])


def _condition(obj: Obj, kind: str, *, ok: bool) -> Obj:
    return {
        "type": kind,
        "status": "True" if ok else "False",
        "reason": kind,
        "message": "",
        "lastTransitionTime": now(),
        "observedGeneration": obj["metadata"]["generation"],
    }
