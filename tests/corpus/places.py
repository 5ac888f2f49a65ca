"""Objects in a cluster of memory, and each weighted rule in it."""

from __future__ import annotations

from collections.abc import Sequence

from mesh.domain.commands import Target
from mesh.domain.routes import Route
from tests.corpus.cases import Obj
from tests.corpus.moves import Place, Spot
from workers.cluster.resources import Resource
from workers.memory import MemoryCluster


def place(objects: Sequence[Obj], target: Target) -> Place:
    """Return a cluster in memory that holds the objects."""
    cluster = MemoryCluster(objects)
    namespaces = {obj["metadata"]["name"]: obj["metadata"]["namespace"] for obj in objects}

    def raw(kind: str, name: str) -> Obj:
        found = cluster.client.read(Resource("", "", "", kind), namespaces[name], name)
        assert found is not None
        return found

    return Place(cluster, target, raw)


def spots(where: Place) -> dict[tuple[str, str], Spot]:
    """Return every rule that speaks for the target, by (object's name, pointer of its destinations)."""
    routes = {(route.name, _at(route)): route for route in where.cluster.routes(where.target)}
    return {key: Spot(where, route, key[1]) for key, route in routes.items()}


def fresh(spot: Spot) -> Spot:
    """Return the spot with its route read anew."""
    return spots(spot.place)[spot.route.name, spot.at]


def _at(route: Route) -> str:
    return route.arms[0].pointer.removesuffix("/0/weight")
