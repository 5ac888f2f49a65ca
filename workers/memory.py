"""Twins of the cluster and of the metrics without a network, for tests and for trying things out.

`MemoryCluster` is the real adapter over plain dicts: the same readers, the same rules, and JSON patches by `jsonpatch`,
which comes with the `playground` extra and not with production.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jsonpatch

from mesh.domain.commands import Target
from mesh.domain.counts import Counts
from mesh.domain.errors import Refused
from mesh.domain.gates import CustomGate, GateResult, Lack
from mesh.domain.measures import Burn, Measured, Subject
from mesh.domain.routes import Arm
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.faults import Asked, fault
from workers.cluster.resources import Resource
from workers.cluster.routing import Object
from workers.cluster.served import WANTED, Served
from workers.metrics.asking import judged, literals, unknown


class MemoryClient:
    """One cluster's objects as dicts, with a resourceVersion that grows with each write; reading gives copies."""

    def __init__(self, objects: Iterable[Object], *, cluster: str = "demo") -> None:
        """Hold copies of `objects`; those without uid and resourceVersion get one."""
        self.cluster = cluster
        self.broken: Exception | None = None
        """Raised by every call while set, as an API server that is away would."""
        self._version = 0
        self._held: dict[tuple[str, str, str], Object] = {}
        self._names: dict[tuple[str, str], set[str]] = {}
        """(kind, namespace) -> what lies there, so that a list need not go through everything."""
        for obj in objects:
            self.put(obj)

    def put(self, obj: Object) -> Object:
        """Create or replace an object as `kubectl replace` would, and return it as it is now."""
        self._version += 1
        metadata = {"uid": f"uid-{self._version}", "generation": 1, **obj["metadata"]}
        former = self._held.get((obj["kind"], metadata.get("namespace", ""), metadata["name"]))
        if former is not None and former.get("spec") != obj.get("spec"):
            metadata["generation"] = former["metadata"]["generation"] + 1
        metadata["resourceVersion"] = str(self._version)
        held = copy.deepcopy({**obj, "metadata": metadata})
        kind, namespace, name = obj["kind"], metadata.get("namespace", ""), metadata["name"]
        self._held[kind, namespace, name] = held
        self._names.setdefault((kind, namespace), set()).add(name)
        return copy.deepcopy(held)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object; KeyError when there is none."""
        del self._held[kind, namespace, name]
        self._names[kind, namespace].remove(name)

    def discover(self) -> Served:
        """Serve each kind in the version of its first object, else in the one meshbot likes best."""
        self._answer()
        versions = {}
        for wanted in WANTED:
            spoken = (obj["apiVersion"] for (kind, _, _), obj in self._held.items() if kind == wanted.kind)
            versions[wanted.group, wanted.plural] = next(spoken, f"/{wanted.versions[0]}").rpartition("/")[2]
        return Served(versions)

    def objects(
        self, resource: Resource, namespace: str, *, labels: str = "", cached: bool = False
    ) -> list[Object] | None:
        """Return the objects of a namespace that carry `labels`; `cached` ones are shared and no copies."""
        self._answer()
        wanted = dict(pair.split("=", 1) for pair in labels.split(",") if pair).items()
        names = sorted(self._names.get((resource.kind, namespace), ()))
        held = (self._held[resource.kind, namespace, name] for name in names)
        found = [obj for obj in held if wanted <= (obj["metadata"].get("labels") or {}).items()]
        return found if cached else copy.deepcopy(found)

    def everywhere(self, resource: Resource) -> tuple[list[Object], str] | None:
        """Return the objects of all namespaces, and the version of the last write."""
        self._answer()
        found = (self._held[key] for key in sorted(self._held) if key[0] == resource.kind)
        return [copy.deepcopy(obj) for obj in found], str(self._version)

    def read(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Return one object; None when there is none."""
        self._answer()
        return copy.deepcopy(self._held.get((resource.kind, namespace, name)))

    def patch(self, resource: Resource, namespace: str, name: str, operations: list[dict[str, Any]]) -> Object | None:
        """Apply a JSON patch whole or not at all; raise Conflict when it does not fit."""
        held = self.read(resource, namespace, name)
        if held is None:
            return None
        try:
            return self.put(jsonpatch.apply_patch(held, operations))
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
            raise self._misfit(resource, namespace, name) from error

    def _misfit(self, resource: Resource, namespace: str, name: str) -> Exception:
        asked = Asked(self.cluster, "patch", resource.group, resource.plural, namespace, name)
        return fault(asked, 422, {})

    def _answer(self) -> None:
        if self.broken is not None:
            raise self.broken


class MemoryCluster(KubernetesCluster):
    """`mesh.ports.Cluster` over dicts: `MemoryCluster(objects)` is one cluster called `demo`."""

    def __init__(
        self, objects: Iterable[Object] = (), *, cluster: str = "demo", route_namespaces: Iterable[str] = ()
    ) -> None:
        """Hold `objects` in a cluster of that name; its routes are looked for in `route_namespaces` as well."""
        self.client = MemoryClient(objects, cluster=cluster)
        super().__init__({cluster: self.client}, route_namespaces={cluster: tuple(route_namespaces)})


class MemoryMetrics:
    """`mesh.ports.Metrics` that says what it was told, whatever the window; change any part to change the truth."""

    def __init__(self, readings: Mapping[str, Counts | str] | None = None) -> None:
        """Take by the arm's name what was counted, or why nothing was; an arm that is not named had no traffic."""
        self.readings = dict(readings or {})
        self.problems: dict[str, str] = {}
        """By the arm's name, why nothing can ever be told of it."""
        self.source = ""
        """Which server answers."""
        self.age_s = 1.0
        """How old the newest sample is."""
        self.burn = Burn(0.0, 0.0, 0.0, 0.0)
        """How fast every service fails."""
        self.values: dict[str, float | str] = {}
        """By the name of a custom gate, its number, or why the server does not say; neither: nothing is found."""

    def measure(
        self,
        cluster: str,  # noqa: ARG002 (the port's signature)
        subjects: Sequence[Subject],
        *,
        until: float,  # noqa: ARG002
        seconds: float,  # noqa: ARG002
        source: str = "",  # noqa: ARG002
    ) -> list[Measured]:
        """Return what was told of the arms of each subject."""
        return [self._of([arm.name for arm in subject.arms]) for subject in subjects]

    def burns(self, cluster: str, subjects: Sequence[Subject]) -> list[Burn]:  # noqa: ARG002 (the port's signature)
        """Return the same for every service."""
        return [self.burn for _ in subjects]

    def ask(self, gate: CustomGate, arm: Arm, target: Target, *, window_s: int) -> GateResult:
        """Judge the number that was told for this gate."""
        try:
            query = literals(gate, arm, target, window_s=window_s)
        except Refused as error:
            return unknown(gate, arm, error.message.removesuffix("."), window_s=window_s)
        value = self.values.get(gate.name)
        if isinstance(value, str):
            return replace(unknown(gate, arm, value, window_s=window_s, lack=Lack.SILENT), query=query)
        found = () if value is None else (value,)
        return replace(judged(gate, arm, [({}, one) for one in found], window_s=window_s), query=query)

    def _of(self, names: Sequence[str]) -> Measured:
        problems = {name: self.problems[name] for name in names if name in self.problems}
        said = {name: self.readings[name] for name in names if name in self.readings and name not in problems}
        problem = next((why for why in said.values() if isinstance(why, str)), "")
        if problem:
            return Measured(problems=problems, problem=problem, source=self.source)
        counts = {name: counted for name, counted in said.items() if isinstance(counted, Counts)}
        return Measured(counts, problems, age_s=self.age_s if counts else None, source=self.source)
