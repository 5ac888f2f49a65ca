"""A real Git server over HTTP: `git http-backend` behind Python's own server, and a clone that plays other people."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

from tests.workers.git.papers import Papers

TOKEN = "glpat-very-secret"  # a word that must be found nowhere
AUTHORIZATION = "Basic " + base64.b64encode(f"meshbot:{TOKEN}".encode()).decode()
_IDENTITY = {"GIT_AUTHOR_NAME": "Lee", "GIT_AUTHOR_EMAIL": "lee@example.com"}
_IDENTITY |= {"GIT_COMMITTER_NAME": "Lee", "GIT_COMMITTER_EMAIL": "lee@example.com"}


def git(directory: Path, *words: str, stdin: IO[str] | None = None, dates: str = "") -> str:
    """Run git there and return what it printed; commits it makes have `dates`, where that is said."""
    quiet = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", **_IDENTITY}
    quiet |= {"GIT_AUTHOR_DATE": dates, "GIT_COMMITTER_DATE": dates} if dates else {}
    done = subprocess.run(
        ["git", *words],
        cwd=directory,
        env={**os.environ, **quiet},
        stdin=stdin,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


class GitServer:
    """One bare repository `apps.git` with the branch main, served over HTTP, for whoever has the token."""

    def __init__(self, directory: Path, papers: Papers | None = None) -> None:
        """Make the repository and serve it; with `papers` over TLS."""
        self.directory = directory
        self.bare, self.clone = directory / "apps.git", directory / "lee"
        git(directory, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        git(self.bare, "config", "http.receivepack", "true")
        git(directory, "clone", "--quiet", str(self.bare), str(self.clone))
        self.requests: list[str] = []
        self.pushes: list[bytes] = []
        """The bodies of pushes, to send them again."""
        self.before: Callable[[str], None] = lambda _path: None
        """Called with path and query of each request before git hears of it; may raise to drop the connection."""
        self.after: Callable[[str], None] = lambda _path: None
        """Called when git is done, before the answer is sent."""
        self.redirect = ""
        """Where every request is sent instead."""
        self.nonsense: bytes | None = None
        """What every request is answered with instead."""
        outer = self

        class Handler(_Handler):
            server_of = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # dropped connections are meant
        scheme = papers.serve(self._server) if papers else "http"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}/apps.git"

    def close(self) -> None:
        """Serve no longer."""
        self._server.shutdown()
        self._server.server_close()

    def push(self, files: dict[str, str | bytes], said: str = "Somebody's change", *, at: float | None = None) -> str:
        """Commit and push as another person, now or `at` a time by their clock; returns the commit."""
        git(self.clone, "fetch", "--quiet", "origin")
        if git(self.clone, "branch", "--remotes").strip():
            git(self.clone, "checkout", "--quiet", "-B", "main", "origin/main")
        for path, content in files.items():
            file = self.clone / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        git(self.clone, "add", "--all")
        dates = "" if at is None else f"@{at:.0f} +0000"
        git(self.clone, "commit", "--quiet", "--allow-empty", "--message", said, dates=dates)
        git(self.clone, "push", "--quiet", "origin", "HEAD:main")
        return self.head()

    def replay(self, push: bytes) -> bytes:
        """Let a push that hung arrive now; returns what git says to it."""
        words = {"Authorization": AUTHORIZATION, "Content-Type": "application/x-git-receive-pack-request"}
        asked = urllib.request.Request(f"{self.url}/git-receive-pack", data=push, headers=words, method="POST")
        with urllib.request.urlopen(asked) as answer:
            return bytes(answer.read())

    def head(self, branch: str = "main") -> str:
        """The newest commit of a branch."""
        return git(self.bare, "rev-parse", f"refs/heads/{branch}").strip()

    def read(self, path: str, at: str = "main") -> bytes:
        """A file as a commit has it."""
        return subprocess.run(["git", "show", f"{at}:{path}"], cwd=self.bare, check=True, capture_output=True).stdout

    def messages(self, branch: str = "main") -> list[str]:
        """The messages of the branch, newest first."""
        return git(self.bare, "log", "-z", "--format=%B", branch).rstrip("\0").split("\0")


class _Handler(BaseHTTPRequestHandler):
    server_of: GitServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Serve what is read."""
        self._serve(b"")

    def do_POST(self) -> None:
        """Serve what has a body."""
        self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _serve(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        self.server_of.requests.append(f"{self.command} {self.path}")
        if self.server_of.redirect:
            self._answer(302, [("Location", self.server_of.redirect)], b"")
            return
        if self.server_of.nonsense is not None:
            form = "application/x-git-upload-pack-advertisement"
            self._answer(200, [("Content-Type", form)], self.server_of.nonsense)
            return
        if self.headers.get("Authorization") != AUTHORIZATION:
            self._answer(401, [("WWW-Authenticate", "Basic")], b"")
            return
        if path.endswith("/git-receive-pack"):
            self.server_of.pushes.append(body)
        self.server_of.before(self.path)
        environ = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.server_of.directory),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_USER": "meshbot",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True, check=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        fields = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
        status = next((int(value.split()[0]) for key, value in fields if key == "Status"), 200)
        self.server_of.after(self.path)
        self._answer(status, [(key, value) for key, value in fields if key != "Status"], rest)

    def _answer(self, status: int, fields: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for key, value in fields:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
