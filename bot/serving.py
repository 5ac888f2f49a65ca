"""Serving: gunicorn with threads for HTTP, and probes for both kinds of process.

Threads, because a request may wait for Redis (0.4 s at most); two processes, because a stuck one must not be all there
is. Nothing is shared between them: each builds its own application after the fork, from what the master knows by then.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from bot.arrival import accepted
from mesh.domain.errors import Refused
from telemetry.metrics import BOT_RESTARTS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

PROCESSES = 2
THREADS = 32
GRACE_S = 8
"""How long a stopping process may finish what it began: more than an acknowledgement may take, and than answers are
waited for (`bot.replies.PATIENCE_S`) and written down. After that it is killed."""


@dataclass(frozen=True)
class Place:
    """Where to listen."""

    host: str
    port: int


@dataclass(frozen=True)
class Served:
    """What a process serves, and what it does when it ends."""

    application: WSGIApplication
    finish: Callable[[], None]
    """Called once, in a thread of its own, while the last requests are answered; the process waits for it."""


class PunctualWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """A threaded worker that notes when a request came in, not when a thread was free for it, and ends in time."""

    _ends = False

    def run(self) -> None:
        """Serve until SIGTERM or SIGQUIT, or until the master is gone."""
        try:
            super().run()
        finally:
            self._end()

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin to end at once: kept-alive connections alone take 2 s, and GRACE_S is soon over."""
        if self.alive:
            # In the loop, not here, where this thread may be in the middle of anything.
            self.method_queue.defer(self._end)
        super().handle_exit(sig, frame)

    def _end(self) -> None:
        if not self._ends:
            self._ends = True
            threading.Thread(target=self.app.finish, name="ending").start()

    def enqueue_req(self, conn: TConn) -> None:
        """Stamp the connection before it waits for a thread."""
        conn.meshbot_arrived = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Hand the stamp to this thread."""
        accepted(conn.meshbot_arrived)
        return super().handle(conn)


class PlainLogger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Leaves what gunicorn says to the log of this process: its form, and that no secret stands there."""

    def setup(self, cfg: Config) -> None:
        """Have no handlers of its own."""
        super().setup(cfg)
        self.error_log.propagate = True


class _Master(Arbiter):  # type: ignore[misc]  # gunicorn ships no types
    """The process that forks the others; it has one thread, so nothing is half done in what they inherit."""

    _began = False

    def manage_workers(self) -> None:
        """See that all are there, as every second; first learn what one that is forked now must know."""
        self.app.tick()
        if self._began:
            # None ends by itself: it was killed, hung too long, or broke.
            BOT_RESTARTS.labels("died").inc(max(0, self.num_workers - len(self.WORKERS)))
        self._began = True
        super().manage_workers()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, build: Callable[[], Served], place: Place, tick: Callable[[], object]) -> None:
        self._build, self._place, self.tick = build, place, tick
        self.finish: Callable[[], None] = lambda: None
        super().__init__()

    def run(self) -> None:
        """Serve until SIGTERM."""
        _Master(self).run()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        settings = {
            "bind": f"{self._place.host}:{self._place.port}",
            "worker_class": PunctualWorker,
            "workers": PROCESSES,
            "threads": THREADS,
            "graceful_timeout": GRACE_S,
            "keepalive": 30,
            "preload_app": False,
            # No socket in the home directory that takes commands.
            "control_socket_disable": True,
            "proc_name": "meshbot-bot",
            "loglevel": "warning",
            "logger_class": PlainLogger,
            "errorlog": None,
        }
        if Path("/dev/shm").is_dir():  # noqa: S108 (gunicorn makes a private file there; heartbeats need no disk)
            settings["worker_tmp_dir"] = "/dev/shm"  # noqa: S108 (as above)
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """Build the application, in the worker process."""
        served = self._build()
        self.finish = served.finish
        return served.application


def serve_http(build: Callable[[], Served], place: Place, *, tick: Callable[[], object]) -> None:
    """Serve until SIGTERM; ends the process. `tick` is called every second in the process that forks the others."""
    _Server(build, place, tick).run()


class _Threads(ThreadingMixIn, WSGIServer):
    """One thread a request: who sends slowly holds up nobody else, health least of all."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 (its signature)
        """Say what broke a connection in one word: who is silent, or hangs up, is worth no traceback."""
        log.info("a connection beside Slack's ended: %s", type(sys.exc_info()[1]).__name__)


class _Quiet(WSGIRequestHandler):
    timeout = 10
    """How long a sender may be silent, in seconds."""

    def log_message(self, format: str, *args: Any) -> None:
        """Keep probes out of the log."""


def serve_beside(place: Place, application: WSGIApplication) -> None:
    """Answer what is not Slack's on `place`, in a thread of its own; raise Refused when the port is taken."""
    try:
        server = make_server(place.host, place.port, application, server_class=_Threads, handler_class=_Quiet)
    except OSError as error:
        raise Refused(
            f"Port {place.port} cannot be opened: {error.strerror}.", hint="Choose another --port."
        ) from error
    threading.Thread(target=server.serve_forever, name="beside", daemon=True).start()
