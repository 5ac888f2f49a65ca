"""Twins of the cluster and of the metrics without a network, for tests and for trying things out.

`MemoryCluster` is the real adapter over plain dicts: the same readers, the same rules, and JSON patches by `jsonpatch`,
which comes with the `playground` extra and not with production.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import jsonpatch

from mesh.domain.commands import Target
from mesh.domain.errors import Unavailable
from mesh.domain.gates import Reading
from mesh.domain.routes import Arm
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.faults import Asked, fault
from workers.cluster.resources import Resource
from workers.cluster.routing import Object
from workers.cluster.served import WANTED, Served


class MemoryClient:
    """One cluster's objects as dicts, with a resourceVersion that grows with each write; reading gives copies."""

    def __init__(self, objects: Iterable[Object], *, cluster: str = "demo") -> None:
        """Hold copies of `objects`; those without uid and resourceVersion get one."""
        self.cluster = cluster
        self.broken: Exception | None = None
        """Raised by every call while set, as an API server that is away would."""
        self._version = 0
        self._held: dict[tuple[str, str, str], Object] = {}
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
        self._held[obj["kind"], metadata.get("namespace", ""), metadata["name"]] = held
        return copy.deepcopy(held)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object; KeyError when there is none."""
        del self._held[kind, namespace, name]

    def discover(self) -> Served:
        """Serve each kind in the version of its first object, else in the one meshbot likes best."""
        self._answer()
        versions = {}
        for wanted in WANTED:
            spoken = (obj["apiVersion"] for (kind, _, _), obj in self._held.items() if kind == wanted.kind)
            versions[wanted.group, wanted.plural] = next(spoken, f"/{wanted.versions[0]}").rpartition("/")[2]
        return Served(versions)

    def objects(
        self,
        resource: Resource,
        namespace: str,
        *,
        labels: str = "",
        cached: bool = False,  # noqa: ARG002 (the client's signature: here nothing is ever old)
    ) -> list[Object] | None:
        """Return the objects of a namespace that carry `labels`."""
        self._answer()
        wanted = dict(pair.split("=", 1) for pair in labels.split(",") if pair).items()
        return [
            copy.deepcopy(obj)
            for (kind, where, _), obj in sorted(self._held.items())
            if (kind, where) == (resource.kind, namespace) and wanted <= (obj["metadata"].get("labels") or {}).items()
        ]

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
    """`mesh.ports.Metrics` that says what it was told; an arm without a reading had no traffic."""

    def __init__(self, readings: Mapping[str, Reading] | None = None) -> None:
        """Take readings by the arm's name; change `readings` to change the truth."""
        self.readings = dict(readings or {})

    def read(self, arm: Arm, target: Target, *, window_s: int) -> Reading:  # noqa: ARG002 - the port's signature
        """Return the arm's reading."""
        return self.readings.get(arm.name, Reading())

    def count(self, arm: Arm, target: Target, *, window_s: int) -> float:  # noqa: ARG002 - the port's signature
        """Return the requests of the arm's reading."""
        reading = self.readings.get(arm.name, Reading())
        if reading.problem:
            raise Unavailable(reading.problem)
        return reading.requests or 0.0
