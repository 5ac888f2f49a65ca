"""What stands in or looks on in `bench_patch`: a Slack and a Prometheus that answer at once, and two counters."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator

from aiohttp import web

from playground.serving import free_port
from tests.e2e.admin import Admin
from workers.cluster.rights import RIGHTS

_REQUESTS = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def stands() -> web.Application:
    """Return Slack's Web API under /api/, and Prometheus: every arm has 1000 good requests, each of them quick."""
    app = web.Application()
    app.router.add_post("/api/{method}", _slack)
    app.router.add_get("/api/v1/query", _prometheus)
    return app


async def _slack(_: web.Request) -> web.Response:
    return web.json_response({"ok": True, "channel": "C0PROD", "ts": f"{time.time():.6f}"})


async def _prometheus(request: web.Request) -> web.Response:
    query = request.query["query"]
    # The age of the newest sample, the share of good answers, the latency, the number of requests.
    known = {"time() - max": "2", "100 * (": "100", "histogram_quantile": "20"}
    value = next((value for begin, value in known.items() if query.startswith(begin)), "1000")
    sample = {"metric": {"reporter": "source"} if value == "2" else {}, "value": [time.time(), value]}
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": [sample]}})


class Doorway:
    """A TCP port in front of the API server that counts connections: each of them is one TLS handshake there."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self.port = free_port()
        self.opened = 0

    @contextlib.contextmanager
    def open(self) -> Iterator[Doorway]:
        """Let connections through until the end of the block."""
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(self._through, "127.0.0.1", self.port))
        thread = threading.Thread(target=loop.run_forever, name="doorway", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(server.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def requests_seen(admin: Admin) -> Counter[str]:
    """Return how many requests the API server counts so far, by `VERB plural`, for whatever workers ask."""
    known = {(group, plural) for group, plural, _ in RIGHTS}
    seen: Counter[str] = Counter()
    for labels, value in _REQUESTS.findall(admin.do("GET", "/metrics").body["text"]):
        label = dict(_LABEL.findall(labels))
        if (label["group"], label["resource"]) in known:
            seen[f"{label['verb']} {label['resource']}"] += int(float(value))
    return seen
