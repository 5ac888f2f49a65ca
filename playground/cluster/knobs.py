"""The knobs beside the API, under /_playground/: load worlds, read the request log, cause trouble, accept routes."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

from playground.cluster.acceptance import Controller
from playground.cluster.manifests import Obj, documents
from playground.cluster.objects import Cluster
from playground.cluster.statuses import ApiError
from playground.cluster.trouble import Trouble, Troubles

PREFIX = "/_playground/"
REQUESTS_KEPT = 5000


@dataclass(frozen=True)
class Seen:
    """One API request that was answered, or dropped on purpose; a watch is logged when it ends."""

    method: str
    """HTTP method."""
    path: str
    """Path without the query."""
    query: str
    """Query string, still encoded."""
    status: int
    """HTTP status; 0 when the socket was closed without an answer."""
    seconds: float
    """From the first line read to the answer handed to the socket."""
    user_agent: str
    """"" when the client sent none."""
    content_type: str
    """"" when the client sent none."""


class Knobs:
    """The state behind the knobs and their handlers."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.troubles = Troubles()
        self.controller = Controller(cluster, self.troubles)
        self.seen: deque[Seen] = deque(maxlen=REQUESTS_KEPT)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put every knob under PREFIX."""
        router.add_post(f"{PREFIX}reset", self.reset)
        router.add_post(f"{PREFIX}load", self.load)
        router.add_get(f"{PREFIX}requests", self.requests)
        router.add_delete(f"{PREFIX}requests", self.forget_requests)
        router.add_post(f"{PREFIX}trouble", self.trouble)
        router.add_get(f"{PREFIX}trouble", self.waiting_trouble)
        router.add_delete(f"{PREFIX}trouble", self.end_trouble)
        router.add_put(f"{PREFIX}acceptance", self.accept)
        router.add_get(f"{PREFIX}acceptance", self.accepting)
        router.add_delete(f"{PREFIX}acceptance", self.end_acceptance)

    async def reset(self, request: web.Request) -> web.Response:
        """Replace the world by the YAML body; troubles and the request log go too."""
        objects = await _objects(request)
        self.cluster.reset(objects)
        self.troubles.clear()
        self.seen.clear()
        return web.json_response({"loaded": len(objects), "resourceVersion": str(self.cluster.version)})

    async def load(self, request: web.Request) -> web.Response:
        """Add the objects of the YAML body, overwriting those of the same name."""
        objects = await _objects(request)
        self.cluster.load(objects)
        return web.json_response({"loaded": len(objects), "resourceVersion": str(self.cluster.version)})

    async def requests(self, _: web.Request) -> web.Response:
        """Return the API requests since the last reset or DELETE, oldest first."""
        return web.json_response({"requests": [asdict(seen) for seen in self.seen]})

    async def forget_requests(self, _: web.Request) -> web.Response:
        """Empty the request log."""
        self.seen.clear()
        return web.json_response({})

    async def trouble(self, request: web.Request) -> web.Response:
        """Queue the trouble of the JSON body."""
        try:
            given: Any = json.loads(await request.text())
            self.troubles.add(Trouble.from_json(given))
        except (ValueError, TypeError, AttributeError) as error:
            raise ApiError(400, "BadRequest", f"cannot read this trouble: {error}") from error
        return web.json_response({"waiting": self.troubles.waiting()})

    async def waiting_trouble(self, _: web.Request) -> web.Response:
        """Return the troubles still to come."""
        return web.json_response({"waiting": self.troubles.waiting()})

    async def end_trouble(self, _: web.Request) -> web.Response:
        """Forget all troubles, and let go on now what hangs."""
        self.troubles.clear()
        self.troubles.let_go()
        return web.json_response({})

    async def accept(self, request: web.Request) -> web.Response:
        """Let parents speak of Gateway API routes `seconds` after each change: a JSON body {"seconds": 0 or more}."""
        try:
            seconds = float(json.loads(await request.text())["seconds"])
        except (ValueError, TypeError, KeyError) as error:
            raise ApiError(400, "BadRequest", f'send {{"seconds": number}}: {error}') from error
        if not 0 <= seconds < 3600:
            raise ApiError(400, "BadRequest", f"seconds is {seconds:g}: send 0 or more, and less than 3600")
        self.controller.turn(seconds)
        return await self.accepting(request)

    async def accepting(self, _: web.Request) -> web.Response:
        """Return how long parents take to speak; null when they never do."""
        return web.json_response({"seconds": self.controller.seconds})

    async def end_acceptance(self, request: web.Request) -> web.Response:
        """Let parents say nothing from now on."""
        self.controller.turn(None)
        return await self.accepting(request)


async def _objects(request: web.Request) -> list[Obj]:
    try:
        return documents(await request.text())
    except ValueError as error:
        raise ApiError(400, "BadRequest", f"cannot load this: {error}") from error
