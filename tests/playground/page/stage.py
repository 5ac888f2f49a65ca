"""A server that plays the playground's part for the page: canned answers, recorded requests, faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from pathlib import Path
from typing import Any

from aiohttp import web

import playground.slack
from tests.playground.page import scenes

PAGE = Path(playground.slack.__file__).parent / "page"
CHART = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="420" height="120"><path d="M10 105L120 100L200 60L300 58L410 20" '
    'fill="none" stroke="#0f766e" stroke-width="3"/></svg>'
)


class Stage:
    """The canned world; tests read what the page sent and make things happen from their own thread."""

    def __init__(self) -> None:
        self.state = scenes.state()
        self.messages = scenes.messages()
        self.world = scenes.world()
        self.sent: list[dict[str, Any]] = []
        self.clicked: list[dict[str, Any]] = []
        self.broken: list[dict[str, Any]] = []
        self.alerted: list[dict[str, Any]] = []
        self.alert_error: str | None = None
        self.send_error: str | None = None
        self.world_runs = True
        self.streams_open = True
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def app(self) -> web.Application:
        """Return the server's application, to be run by playground.serving."""
        app = web.Application()
        app.on_startup.append(self._started)
        app.on_shutdown.append(self._stopping)
        app.add_routes(
            [
                web.get("/", self._index),
                web.static("/page/static", PAGE),
                web.get("/page/chart.svg", self._chart),
                web.get("/page/state", self._state),
                web.get("/page/messages", self._messages),
                web.get("/page/replies", self._replies),
                web.get("/page/events", self._events),
                web.post("/page/send", self._send),
                web.post("/page/click", self._click),
                web.get("/page/views", self._views),
                web.get("/page/world", self._world),
                web.post("/page/world/break", self._break),
                web.post("/page/world/alert", self._alert),
            ]
        )
        return app

    def wait_for_listener(self) -> None:
        """Return once a page listens to events; AssertionError after 60 s."""
        deadline = time.monotonic() + 60
        while not self._listeners:
            assert time.monotonic() < deadline, "no page opened /page/events within 60 s"
            time.sleep(0.01)

    def emit(self, kind: str, message: dict[str, Any]) -> None:
        """Tell every open page of a change, as the server would."""
        self._put(f"data: {json.dumps({'type': kind, 'message': message})}\n\n")

    def drop_streams(self, *, refuse_new: bool) -> None:
        """End every event stream; with `refuse_new` the page cannot come back until `streams_open` is set."""
        self.streams_open = not refuse_new
        self._put(None)

    def say(self, by: str, text: str, /, **more: Any) -> dict[str, Any]:
        """Post a new message now and tell the pages; return it."""
        message = scenes.message(time.time() - scenes.START, by, text, **more)
        self.messages.append(message)
        self.emit("message", message)
        return message

    def _put(self, line: str | None) -> None:
        assert self._loop is not None, "run the application before telling its pages anything"
        for queue in list(self._listeners):
            self._loop.call_soon_threadsafe(queue.put_nowait, line)

    async def _started(self, app: web.Application) -> None:
        self._loop = asyncio.get_running_loop()

    async def _stopping(self, app: web.Application) -> None:
        for queue in self._listeners:
            queue.put_nowait(None)

    async def _index(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / "index.html")

    async def _chart(self, request: web.Request) -> web.Response:
        return web.Response(text=CHART, content_type="image/svg+xml")

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(self.state)

    async def _messages(self, request: web.Request) -> web.Response:
        channel, reader = request.query["channel"], request.query["as"]
        seen = [m for m in self.messages if m["channel"] == channel and m["ephemeral_to"] in (None, reader)]
        return web.json_response({"messages": seen})

    async def _replies(self, request: web.Request) -> web.Response:
        root = request.query["ts"]
        return web.json_response({"messages": [m for m in self.messages if root in (m["ts"], m["thread_ts"])]})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if not self.streams_open:
            return web.Response(status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._listeners.add(queue)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while (line := await queue.get()) is not None:
                await response.write(line.encode())
        self._listeners.discard(queue)
        return response

    async def _send(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.sent.append(body)
        if self.send_error:
            return web.json_response({"ok": False, "error": self.send_error})
        self.say(body["as"], body["text"], channel=body["channel"], thread_ts=body.get("thread_ts"))
        return web.json_response({"ok": True})

    async def _click(self, request: web.Request) -> web.Response:
        self.clicked.append(await request.json())
        return web.json_response({"ok": True})

    async def _views(self, request: web.Request) -> web.Response:
        return web.json_response({"views": []})

    async def _world(self, request: web.Request) -> web.Response:
        if not self.world_runs:
            return web.json_response({"error": "the simulator is not running"}, status=503)
        for service in self.world["services"]:
            for arm in service["arms"]:
                self._wobble(arm)
        return web.json_response(self.world)

    def _wobble(self, arm: dict[str, Any]) -> None:
        if arm["success"] is None:
            return
        arm["success"] = 100 - 100 * arm["broken"]["errors"] * random.uniform(0.9, 1.1) - random.uniform(0, 0.09)
        arm["p99_ms"] = 180.0 + arm["broken"]["latency_ms"] + random.uniform(-9, 9)

    async def _alert(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.alert_error:
            return web.json_response({"ok": False, "error": self.alert_error})
        self.alerted.append(body)
        key = f"{body['namespace']}/{body['service']}"
        self.world["alerts"] = [*{*self.world["alerts"], key} - (set() if body["firing"] else {key})]
        return web.json_response({"ok": True})

    async def _break(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.broken.append(body)
        for service in self.world["services"]:
            for arm in service["arms"]:
                if (service["service"], arm["name"]) == (body["service"], body["version"]):
                    arm["broken"] = {"errors": body["errors"], "latency_ms": body["latency_ms"]}
        return web.json_response({"ok": True})
