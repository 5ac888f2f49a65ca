"""A stand-in for the merge requests of GitLab and GitHub: it takes what their documents say, and nothing else.

GitLab: docs.gitlab.com/api/merge_requests, "Create MR" and "List project merge requests". GitHub:
docs.github.com/en/rest/pulls/pulls, "Create a pull request" and "List pull requests".
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.workers.git.server import TOKEN

GITLAB = "/api/v4/projects/platform%2Fapps/merge_requests"
GITHUB = "/repos/platform/apps/pulls"
_NEEDED = {GITLAB: {"source_branch", "target_branch", "title"}, GITHUB: {"head", "base", "title"}}
_ALLOWED = {GITLAB: _NEEDED[GITLAB] | {"description", "remove_source_branch"}, GITHUB: _NEEDED[GITHUB] | {"body"}}


class Forge:
    """Requests by branch; a second one for the same branch is refused as the real ones do."""

    def __init__(self) -> None:
        """Serve."""
        self.requests: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.denied = False
        """True for a token that may do nothing."""
        self.before: Callable[[str], None] = lambda _method: None
        self.after: Callable[[str], None] = lambda _method: None
        outer = self

        class Handler(_Handler):
            forge = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # dropped connections are meant
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Serve no longer."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    forge: Forge
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _allowed(self, path: str) -> bool:
        self.forge.calls.append(f"{self.command} {self.path}")
        self.forge.before(self.command)
        if self.forge.denied:
            return False
        if path == GITLAB:
            return self.headers.get("PRIVATE-TOKEN") == TOKEN
        agent, accept = self.headers.get("User-Agent"), self.headers.get("Accept")
        well = bool(agent) and accept == "application/vnd.github+json"
        return well and self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def do_GET(self) -> None:
        """List requests of one branch."""
        parts = urlsplit(self.path)
        if not self._allowed(parts.path):
            self._answer(403, {"message": "403 Forbidden"})
            return
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        branch = asked["source_branch"] if parts.path == GITLAB else asked["head"].removeprefix("platform:")
        target = asked["target_branch"] if parts.path == GITLAB else asked["base"]
        found = self.forge.requests.get(branch)
        self._answer(200, [found] if found and target == "main" and asked["state"] == "all" else [])

    def do_POST(self) -> None:
        """Make a request."""
        path = urlsplit(self.path).path
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._allowed(path):
            self._answer(403, {"message": "403 Forbidden"})
            return
        if self.headers["Content-Type"] != "application/json" or not _NEEDED[path] <= set(body) <= _ALLOWED[path]:
            self._answer(400, {"message": "bad request"})
            return
        branch = body["source_branch" if path == GITLAB else "head"]
        if branch in self.forge.requests:
            self._answer(409 if path == GITLAB else 422, {"message": ["Another open merge request already exists"]})
            return
        number = len(self.forge.requests) + 1
        key = "web_url" if path == GITLAB else "html_url"
        self.forge.requests[branch] = {key: f"https://git.example.com/apps/requests/{number}", **body}
        self.forge.after(self.command)
        self._answer(201, self.forge.requests[branch])

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
