"""Answers that are not what Slack promises, and a server that gives them to whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.answering import answering


def _http(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


ODD = {
    "a page": (_http("502 Bad Gateway", "<html>SECRET</html>"), "no answer of Slack's"),
    "a page in JSON": (_http("200 OK", '{"ok": false, "error": "<html>SECRET</html>"}'), "no answer of Slack's"),
    "no word": (_http("200 OK", '{"ok": false, "error": {"SECRET": 1}}'), "no answer of Slack's"),
    "nothing": (_http("200 OK", ""), "no answer of Slack's"),
    "a torn answer": (_http("200 OK", '{"SECRET').replace(b"Length: 8", b"Length: 999"), "IncompleteRead"),
    "no HTTP": (b"SECRET", "BadStatusLine"),
}
"""What comes back, and the word for it."""


@contextmanager
def proxy(answer: bytes) -> Iterator[str]:
    """Answer every request with these bytes; yields the base URL to give as Slack's API."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(answer)
        request.close_connection = True

    with answering(reply) as url:
        yield f"{url}/api/"
