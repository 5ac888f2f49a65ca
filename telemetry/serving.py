"""The port of each process where others see how it is: /metrics, /healthz and /readyz, in a thread of its own."""

from __future__ import annotations

import json
import logging
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app

from telemetry.looks import Looked, Numbers
from telemetry.sharing import Shared, share

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Health = Callable[[], tuple[bool, dict[str, Any]]]
"""Whether it is well, and what is known about it."""

log = logging.getLogger(__name__)

_PAUSES_S = (0.02, 0.1, 0.5)


def application(numbers: Numbers, alive: Health, ready: Health) -> WSGIApplication:
    """Return what answers: the numbers, whether it lives (503: a restart would help), and whether it can work."""
    health = {"/healthz": alive, "/readyz": ready}

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return _numbers(numbers, environ, start_response)
        if path in health:
            well, facts = health[path]()
            return _answer(start_response, 200 if well else 503, json.dumps(facts))
        return _answer(start_response, 404, json.dumps({"there is": ["/metrics", *health]}))

    return serve


def _numbers(numbers: Numbers, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the numbers; tried anew where the file of a process that begins or ends is of no length yet, or gone.

    A loop of our own: the libraries there are try only what goes over their connections again (Redis, HTTP), and one
    more library for five lines would be more to look after than the lines.
    """
    for pause in _PAUSES_S:
        try:
            return _put_together(numbers, environ, start_response)
        except (OSError, struct.error, ValueError):
            time.sleep(pause)
    return _put_together(numbers, environ, start_response)


def _put_together(numbers: Numbers, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the numbers, all of them put together before the first byte is sent."""
    with numbers.registry() as registry:
        told: Iterable[bytes] = make_wsgi_app(registry)(environ, start_response)
        return told


@dataclass(frozen=True)
class Port:
    """Where a process, or several of one pod, answer whoever watches."""

    role: str
    listener: socket.socket | None
    shared: Shared | None = None
    """None where one process counts for itself."""

    @classmethod
    def open(cls, role: str, number: int, *, several: bool) -> Self:
        """Open the port (0: none) before the first fork; with `several` what the forked processes count is added up."""
        if not number:
            return cls(role, None)
        return cls(role, listen(number), Shared(share(role)) if several else None)

    def application(self, looks: Sequence[Looked], alive: Health, ready: Health) -> WSGIApplication:
        """Return what answers: the numbers, whether a restart would help, and whether it can work."""
        return application(Numbers(looks, self.shared), alive, ready)

    def serve(self, application: WSGIApplication) -> None:
        """Answer in a thread, if the port is open."""
        if self.listener is not None:
            threading.Thread(target=serve, args=(self.listener, application), name="metrics", daemon=True).start()


def listen(port: int, host: str = "") -> socket.socket | None:
    """Return a socket on which processes that are forked may listen together; None, told in the log, for a taken port.

    Whoever works without being watched still works.
    """
    try:
        listener = socket.create_server((host, port), backlog=16)
    except OSError as error:
        log.error("Port %d for metrics cannot be opened (%s); see MESHBOT_METRICS_PORT.", port, error.strerror)  # noqa: TRY400 (the traceback says no more)
        return None
    # Who is woken for a connection that another process has taken must not wait for the next one.
    listener.setblocking(False)
    return listener


def serve(listener: socket.socket, application: WSGIApplication) -> None:
    """Answer on `listener` until the process ends; does not return."""
    server = _Threads(listener.getsockname()[:2], _Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_name, server.server_port = "meshbot", listener.getsockname()[1]
    server.setup_environ()
    server.set_app(application)
    server.serve_forever()


class _Threads(ThreadingMixIn, WSGIServer):
    """One thread a request: who reads slowly holds up nobody else."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 (its signature)
        """Say what broke a connection in one word."""
        log.info("a connection to the metrics ended: %s", type(sys.exc_info()[1]).__name__)


class _Quiet(WSGIRequestHandler):
    timeout = 10
    """How long a sender may be silent, in seconds."""

    def log_message(self, format: str, *args: Any) -> None:
        """Keep probes and scrapes out of the log."""


def _answer(start_response: StartResponse, status: int, text: str) -> Iterable[bytes]:
    body = text.encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [body]
