"""The stand-in Slack with a real bolt app beside it."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from slack_bolt import App
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

from playground.serving import ServerThread, free_port
from playground.slack.driver import SlackDriver
from playground.slack.rules import Rules
from playground.slack.server import make_app
from playground.slack.world import World, default_world

WORLD = default_world()
VERIFIER = SignatureVerifier(WORLD.bot.signing_secret)


@dataclass
class Stage:
    """Everything a test acts with."""

    url: str
    """The stand-in Slack."""
    driver: SlackDriver
    """Acts as people."""
    client: WebClient
    """Acts as the app, without its bolt."""
    app: App
    """A real bolt app; tests add listeners."""
    heard: list[dict[str, Any]] = field(default_factory=list)
    """Headers and body of every HTTP delivery, and whether its signature was good."""

    def wait_delivery(self, number: int = 1, timeout_s: float = 60.0) -> dict[str, Any]:
        """Return the delivery with this number once it has an attempt; raises AssertionError."""
        found: dict[str, Any] = wait_until(lambda: self._attempted(number), timeout_s)
        return found

    def _attempted(self, number: int) -> dict[str, Any] | None:
        return next((d for d in self.driver.deliveries() if d["number"] == number and d["attempts"]), None)


def wait_until(probe: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    """Return the first truthy value of `probe`; raises AssertionError after `timeout_s`."""
    pause = threading.Event()
    for _ in range(int(timeout_s / 0.02)):
        if value := probe():
            return value
        pause.wait(0.02)
    raise AssertionError(f"nothing came within {timeout_s} s")


def web_client(url: str, token: str = WORLD.bot.bot_token) -> WebClient:
    """Return the real client, pointed at the stand-in."""
    return WebClient(token=token, base_url=f"{url}/api/")


@contextmanager
def open_stage(*, rules: Rules | None = None, over_http: bool = True, world: World = WORLD) -> Iterator[Stage]:
    """Open a stage; without `over_http` the stand-in knows no request URL (Socket Mode)."""
    port = free_port()
    request_url = f"http://127.0.0.1:{port}/slack/events" if over_http else None
    with ServerThread(make_app(world, request_url=request_url, rules=rules)) as server:
        client = web_client(server.url)
        app = App(client=client, signing_secret=world.bot.signing_secret)
        stage = Stage(server.url, SlackDriver(server.url), client, app)
        with serving(_listening(stage), port):
            yield stage


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(application: Any, port: int) -> Iterator[None]:
    """Serve a WSGI application on 127.0.0.1, a thread for each request."""
    server = make_server("127.0.0.1", port, application, server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listening(stage: Stage) -> Callable[..., Any]:
    inner = SlackRequestHandler(stage.app, path="/slack/events")

    def listen(environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {key[5:].lower().replace("_", "-"): value for key, value in environ.items() if key[:5] == "HTTP_"}
        stage.heard.append(
            {"headers": headers, "body": body.decode(), "signed": VERIFIER.is_valid_request(body, headers)}
        )
        return inner({**environ, "wsgi.input": io.BytesIO(body)}, start_response)

    return listen
