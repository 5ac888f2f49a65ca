"""Runs one aiohttp application in a thread of its own, or as the whole process."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from contextlib import suppress
from types import TracebackType

from aiohttp import web

FREE_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago.

    Drawn from below those that systems give to outgoing connections, one of which could take it before its server does.
    """
    for port in random.sample(FREE_PORTS, len(FREE_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no port of 127.0.0.1 between {FREE_PORTS.start} and {FREE_PORTS.stop} is free")


class ServerThread:
    """Serve `app` on 127.0.0.1 in a daemon thread: `with ServerThread(app) as server: server.url`."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._port = free_port()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"server-{self._port}", daemon=True)

    @property
    def url(self) -> str:
        """The address without a trailing slash, e.g. http://127.0.0.1:40123."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> ServerThread:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Return once the socket listens; raise RuntimeError when it does not within 10 s."""
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError(f"the stand-in server on port {self._port} did not start")

    def stop(self) -> None:
        """Close the socket and end the thread; calling it twice is harmless."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = web.AppRunner(self._app, shutdown_timeout=0.2)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", self._port).start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()
