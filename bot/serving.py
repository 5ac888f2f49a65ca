"""Serving: gunicorn with threads for HTTP, Slack's websocket for Socket Mode.

Threads, because a request may wait for Redis (0.4 s at most); two processes, because a stuck one must not be all there
is. Nothing is shared between them: each builds its own application after the fork.
"""

from __future__ import annotations

import logging
import signal
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
from gunicorn.workers.gthread import TConn, ThreadWorker
from slack_bolt import App, BoltRequest
from slack_bolt.adapter.socket_mode.internals import send_response
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.arrival import Arrival, accepted
from bot.web import Health
from chat.trouble import TROUBLE, word
from mesh.domain.errors import Refused, Unavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

PROCESSES = 2
THREADS = 32
GRACE_S = 5
"""How long a stopping process may finish what it began: more than an acknowledgement may take."""
SILENCE_S = 60.0
"""How long the websocket may be down before the process ends, so that its supervisor starts a fresh one."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where to listen."""

    host: str
    port: int


class PunctualWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """A threaded worker that notes when a request came in, not when a thread was free for it."""

    def enqueue_req(self, conn: TConn) -> None:
        """Stamp the connection before it waits for a thread."""
        conn.meshbot_arrived = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Hand the stamp to this thread."""
        accepted(conn.meshbot_arrived)
        return super().handle(conn)


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, build: Callable[[], WSGIApplication], place: Place) -> None:
        self._build, self._place = build, place
        super().__init__()

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
        }
        if Path("/dev/shm").is_dir():  # noqa: S108 (gunicorn makes a private file there; heartbeats need no disk)
            settings["worker_tmp_dir"] = "/dev/shm"  # noqa: S108 (as above)
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """Build the application, in the worker process."""
        return self._build()


def serve_http(build: Callable[[], WSGIApplication], place: Place) -> None:
    """Serve until SIGTERM; ends the process."""
    _Server(build, place).run()


class _Stamped(str):
    """One websocket message, with the time it was read."""

    __slots__ = ("arrived",)
    arrived: float


class _PunctualClient(SocketModeClient):
    """Notes when a message was read from the socket, not when a thread was free for it."""

    def enqueue_message(self, message: str) -> None:
        """Stamp the message before it waits."""
        stamped = _Stamped(message)
        stamped.arrived = time.monotonic()
        super().enqueue_message(stamped)


def serve_socket(
    app: App, app_token: str, place: Place, ready: Health, beside: Callable[[Health], WSGIApplication]
) -> None:
    """Receive over Slack's websocket until SIGTERM, or until it stays down for a minute.

    What is not Slack's is served on `place`: `beside` makes that of the health, which knows of the websocket here.
    An envelope must be acknowledged within 3 s (docs.slack.dev/apis/events-api/using-socket-mode).
    """
    # The library's own logger, which the process keeps at WARNING: it logs messages below that.
    library = logging.getLogger("slack_sdk.socket_mode")
    client = _PunctualClient(app_token, logger=library, web_client=app.client, concurrency=THREADS)

    def receive(client: BaseSocketModeClient, message: dict[str, Any], raw: str | None) -> None:
        request = SocketModeRequest.from_dict(message)
        if request is None:
            return
        came = Arrival(raw.arrived if isinstance(raw, _Stamped) else time.monotonic())
        bolt = BoltRequest(mode="socket_mode", body=request.payload, context={"arrival": came})
        send_response(client, request, app.dispatch(bolt), time.time())

    def connected() -> tuple[bool, dict[str, Any]]:
        well, facts = ready()
        return well and client.is_connected(), {**facts, "socket": client.is_connected()}

    client.message_listeners.append(receive)
    _serve_beside(place, beside(connected))
    _connect(client)
    log.info("Receiving from Slack over its websocket.")
    _watch(client)


def _connect(client: SocketModeClient) -> None:
    try:
        client.connect()
    except TROUBLE as error:
        # Its threads would keep the process alive.
        client.close()
        hint = "Check SLACK_APP_TOKEN and its scope connections:write, and that Slack is reachable."
        raise Unavailable(f"Slack did not open a websocket ({word(error)}).", hint=hint) from error


def _watch(client: SocketModeClient) -> None:
    """Return on SIGTERM, after what was begun is done; end the process when the connection stays away."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    last_seen = time.monotonic()
    while not stop.wait(1.0):
        if client.is_connected():
            last_seen = time.monotonic()
        if time.monotonic() - last_seen > SILENCE_S:
            log.critical("Slack's websocket was away for %.0f s; ending, so that a fresh process starts.", SILENCE_S)
            sys.exit(1)
    client.close()


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


def _serve_beside(place: Place, application: WSGIApplication) -> None:
    try:
        server = make_server(place.host, place.port, application, server_class=_Threads, handler_class=_Quiet)
    except OSError as error:
        raise Refused(
            f"Port {place.port} cannot be opened: {error.strerror}.", hint="Choose another --port."
        ) from error
    threading.Thread(target=server.serve_forever, name="beside", daemon=True).start()
