"""Runs one aiohttp application in a thread of its own, or as the whole process."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from types import TracebackType

from aiohttp import web

FREE_PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections, one of which could take a port before its server does."""
BLOCK = 200
"""Ports that one process draws from while it lives."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free, and that no other process draws as long as this one lives.

    This one draws it again after `BLOCK` others at the earliest. Raises OSError where none is free.
    """
    return _PORTS.draw()


class _Ports:
    """A block of ports, locked against other processes of this user by a file that the system unlocks when we end."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner = 0
        self._ports: Iterator[int] = iter(())

    def draw(self) -> int:
        with self._guard:
            if self._owner != os.getpid():
                # A child that was forked has its parent's memory and its lock, and would draw the same.
                self._ports, self._owner = cycle(_locked_block()), os.getpid()
            for port in islice(self._ports, len(FREE_PORTS)):
                with socket.socket() as probe, suppress(OSError):
                    # As every server here does: connections of the last minute, which are over, keep no port.
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
                    return port
        raise OSError(f"no port of 127.0.0.1 between {FREE_PORTS.start} and {FREE_PORTS.stop} is free")


def _locked_block() -> range:
    """Return a block that nobody else has; all ports where every block is taken, or where no file can be locked."""
    directory = Path(tempfile.gettempdir(), f"meshbot-ports-{os.getuid()}")
    blocks = [FREE_PORTS[start : start + BLOCK] for start in range(0, len(FREE_PORTS), BLOCK)]
    for block in random.sample(blocks, len(blocks)):
        with suppress(OSError):
            directory.mkdir(exist_ok=True)
            # Never closed: it is what holds the lock. Python keeps it from programs that are started.
            lock = os.open(directory / str(block.start), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            return block
    return FREE_PORTS


_PORTS = _Ports()


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
        """Return once the socket listens; raise RuntimeError when it does not within a minute: machines are busy."""
        self._thread.start()
        if not self._ready.wait(60):
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
