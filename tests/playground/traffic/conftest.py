"""A cluster API that only lists: the routing objects of the demo world, for a test to change as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

import playground.world
from playground.serving import ServerThread
from playground.traffic.routing import Objects

WORLD = Path(playground.world.__file__).with_name("cluster.yaml")
PLURALS = {
    "VirtualService": "virtualservices",
    "DestinationRule": "destinationrules",
    "TrafficSplit": "trafficsplits",
    "HTTPRoute": "httproutes",
}


class RouteLists:
    """Serves lists of routing objects and says 503 while `broken`."""

    def __init__(self) -> None:
        self.lists: dict[str, list[Any]] = {plural: [] for plural in PLURALS.values()}
        for item in yaml.safe_load_all(WORLD.read_text()):
            if item["kind"] in PLURALS:
                self.lists[PLURALS[item["kind"]]].append(item)
        self.broken = False
        self.url = ""

    def objects(self) -> Objects:
        """Return the objects as the reader would."""
        return Objects(**{plural: tuple(items) for plural, items in self.lists.items()})

    def one(self, plural: str, name: str) -> Any:
        """Return the object of that name, to be changed in place."""
        return next(item for item in self.lists[plural] if item["metadata"]["name"] == name)

    def weigh_api(self, v1: int, v2: int) -> None:
        """Set the two weights of the api's VirtualService."""
        arms = self.one("virtualservices", "api-vs")["spec"]["http"][0]["route"]
        arms[0]["weight"], arms[1]["weight"] = v1, v2

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one list request."""
        if self.broken:
            return web.json_response({"kind": "Status", "code": 503}, status=503)
        items = [
            item
            for item in self.lists[request.match_info["plural"]]
            if item["apiVersion"] == f"{request.match_info['group']}/{request.match_info['version']}"
        ]
        return web.json_response({"kind": "List", "items": items})


@pytest.fixture
def world() -> RouteLists:
    """Return the demo world's routes, not served."""
    return RouteLists()


@pytest.fixture(scope="module")
def cluster() -> Iterator[RouteLists]:
    """Yield the demo world's routes, served; one for the module."""
    lists = RouteLists()
    app = web.Application()
    app.router.add_get("/apis/{group}/{version}/namespaces/mesh-demo/{plural}", lists.answer)
    with ServerThread(app) as server:
        lists.url = server.url
        yield lists
