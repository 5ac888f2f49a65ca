"""A stand-in for the merge requests of GitLab and GitHub: it takes what their documents say, and nothing else.

GitLab: docs.gitlab.com/api/merge_requests, "Create MR" and "List project merge requests". GitHub:
docs.github.com/en/rest/pulls/pulls, "Create a pull request" and "List pull requests". What a token may do is told as
docs.gitlab.com/api/{projects,branches,personal_access_tokens} and docs.github.com/en/rest/{repos,branches} show it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.workers.git.papers import Papers
from tests.workers.git.server import TOKEN

GITLAB = "/api/v4/projects/platform%2Fapps/merge_requests"
GITHUB = "/repos/platform/apps/pulls"
_NEEDED = {GITLAB: {"source_branch", "target_branch", "title"}, GITHUB: {"head", "base", "title"}}
_ALLOWED = {GITLAB: _NEEDED[GITLAB] | {"description", "remove_source_branch"}, GITHUB: _NEEDED[GITHUB] | {"body"}}


class Forge:
    """Requests by branch; a second one for the same branch is refused as the real ones do."""

    def __init__(self, papers: Papers | None = None) -> None:
        """Serve; with `papers` over TLS."""
        self.requests: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.told: dict[str, Any] = {}
        """Path → what is answered there, beside requests: set by `tell`."""
        self.scopes: str | None = None
        """What GitHub's header says; None for a token with fine-grained rights."""
        self.denied = False
        """True for a token that may do nothing."""
        self.before: Callable[[str], None] = lambda _method: None
        self.after: Callable[[str], None] = lambda _method: None
        outer = self

        class Handler(_Handler):
            forge = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # dropped connections are meant
        scheme = papers.serve(self._server) if papers else "http"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    def tell_gitlab(self, *, level: int = 30, scopes: Sequence[str] = ("api",), can_push: bool = True) -> None:
        """Tell what GitLab tells of a token whose user is a member of the project."""
        project, access = GITLAB.removesuffix("/merge_requests"), {"access_level": level, "notification_level": 3}
        permissions = {"project_access": access, "group_access": None}
        self.told = {
            project: {"id": 4, "path_with_namespace": "platform/apps", "archived": False, "permissions": permissions},
            f"{project}/repository/branches/main": {"name": "main", "protected": True, "can_push": can_push},
            "/api/v4/personal_access_tokens/self": {"id": 1, "revoked": False, "active": True, "scopes": list(scopes)},
        }

    def tell_github(self, *, push: bool = True, scopes: str | None = None, protected: bool = False) -> None:
        """Tell what GitHub tells of a token; `scopes` of a classic one."""
        at, self.scopes = GITHUB.removesuffix("/pulls"), scopes
        permissions = {"admin": False, "maintain": False, "push": push, "triage": push, "pull": True}
        self.told = {
            at: {"id": 4, "full_name": "platform/apps", "private": True, "archived": False, "permissions": permissions},
            f"{at}/branches/main": {"name": "main", "protected": protected},
        }

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
        if path.startswith("/api/v4/"):
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
        if parts.path not in (GITLAB, GITHUB):
            found = self.forge.told.get(parts.path)
            self._answer(200 if found else 404, found or {"message": "404 Not Found"})
            return
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        branch = asked["source_branch"] if parts.path == GITLAB else asked["head"].removeprefix("platform:")
        target = asked["target_branch"] if parts.path == GITLAB else asked["base"]
        made = self.forge.requests.get(branch)
        self._answer(200, [made] if made and target == "main" and asked["state"] == "all" else [])

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
        if self.forge.scopes is not None:
            self.send_header("X-OAuth-Scopes", self.forge.scopes)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
