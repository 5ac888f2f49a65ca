"""Answers that are not what Slack promises, and a server that gives them to whatever is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


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

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.wfile.write(answer)
            self.close_connection = True

        do_GET = do_POST  # noqa: N815 (the base class's naming)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
