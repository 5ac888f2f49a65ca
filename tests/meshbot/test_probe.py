"""`meshbot probe` beside a real server."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner

from meshbot.probe import probe
from playground.serving import free_port


class Sick(BaseHTTPRequestHandler):
    """Alive, and not ready."""

    def do_GET(self) -> None:
        """Answer 200 for health and 503 for readiness."""
        well = self.path == "/healthz"
        self.send_response(200 if well else 503)
        self.end_headers()
        self.wfile.write(b"ok" if well else b"Redis is away")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """Where a process answers that is alive and not ready."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sick)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_health_is_told_by_the_exit_code(port: int) -> None:
    """What is alive exits 0; the answer is printed."""
    ended = CliRunner().invoke(probe, ["--port", str(port)])
    assert (ended.exit_code, ended.output) == (0, "ok\n")


def test_what_is_not_ready_says_why(port: int) -> None:
    """A 503 exits 1 with the reason, which `docker inspect` and `kubectl describe` show."""
    ended = CliRunner().invoke(probe, ["--ready"], env={"MESHBOT_METRICS_PORT": str(port)})
    assert (ended.exit_code, ended.output) == (1, "Redis is away\n")


def test_silence_is_no_health() -> None:
    """Where nobody listens, nobody is well; a proxy of the environment is not asked."""
    ended = CliRunner().invoke(probe, ["--port", str(free_port())], env={"http_proxy": "http://127.0.0.1:9"})
    assert ended.exit_code == 1
    assert "No answer from http://127.0.0.1:" in ended.output
