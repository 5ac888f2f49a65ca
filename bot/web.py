"""The HTTP side: one address for Slack, some for other systems, two for whoever watches over the process."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from slack_bolt import App, BoltRequest

from bot.arrival import arrival
from bot.gate import Gate, Letter, Turned
from bot.hooks import HOOKS_PATH, Hooks, Reply
from telemetry.counting import acknowledged

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SLACK_PATH = "/slack/events"
PLAIN = "text/plain; charset=utf-8"

Health = Callable[[], tuple[bool, dict[str, Any]]]
"""Whether requests should come here, and what is known about it."""

log = logging.getLogger(__name__)


def web(app: App, gate: Gate, ready: Health, hooks: Hooks) -> WSGIApplication:
    """Return the WSGI application. Only POST to /slack/events and to a hook does anything."""
    others = beside(ready, hooks)

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Before anything else, so that this thread's next request does not inherit it.
        came = arrival()
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD", "GET")
        if path != SLACK_PATH:
            return others(environ, start_response)
        if method != "POST":
            return _answer(start_response, 405, "POST only.", PLAIN)
        passed = gate.open(_letter(environ))
        if isinstance(passed, Turned):
            return _answer(start_response, passed.status, passed.why, PLAIN)
        try:
            # Only what the signature covers goes on; headers are not signed, and Bolt would obey some of them.
            headers: Any = {"content-type": environ.get("CONTENT_TYPE", "")}
            request = BoltRequest(body=passed.decode("utf-8"), headers=headers, context={"arrival": came})
        except ValueError:
            return _answer(start_response, 400, "The body is not what its content type says.", PLAIN)
        response = app.dispatch(request)
        acknowledged("http", came.at)
        return _answer(start_response, response.status, response.body, response.first_headers()["content-type"])

    return serve


def beside(ready: Health, hooks: Hooks) -> WSGIApplication:
    """Return the WSGI application of everything but Slack: hooks and health. In Socket Mode there is no more."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(HOOKS_PATH):
            return _told(start_response, hooks.answer(path, environ))
        return watched(path, ready, start_response)

    return serve


def watched(path: str, ready: Health, start_response: StartResponse) -> Iterable[bytes]:
    """Answer /healthz (the process lives) and /readyz (it can do its work)."""
    if path == "/healthz":
        return _answer(start_response, 200, "ok", PLAIN)
    if path == "/readyz":
        well, facts = ready()
        return _answer(start_response, 200 if well else 503, json.dumps(facts), "application/json")
    return _answer(start_response, 404, "There is nothing here.", PLAIN)


def _told(start_response: StartResponse, reply: Reply) -> Iterable[bytes]:
    more = [("Retry-After", str(reply.wait_s))] if reply.wait_s else []
    return _answer(start_response, reply.status, json.dumps(reply.said), "application/json", more)


def _letter(environ: WSGIEnvironment) -> Letter:
    return Letter(
        content_type=environ.get("CONTENT_TYPE", ""),
        length=environ.get("CONTENT_LENGTH", ""),
        timestamp=environ.get("HTTP_X_SLACK_REQUEST_TIMESTAMP", ""),
        signature=environ.get("HTTP_X_SLACK_SIGNATURE", ""),
        read=environ["wsgi.input"].read,
    )


def _answer(
    start_response: StartResponse, status: int, text: str, content_type: str, more: Sequence[tuple[str, str]] = ()
) -> Iterable[bytes]:
    body = text.encode()
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body))), *more]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", "Bearer"))
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [body]
