"""HTTP to one server: bounded in time and size, no redirects, and no word of a token in any error."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from mesh.domain.errors import Refused, Unavailable
from mesh.domain.repositories import Repository


class Bounded(urllib3.PoolManager):
    """Connections to one server. `begin` starts an exchange, which may take so long and so many bytes in all."""

    def __init__(self, repository: Repository) -> None:
        """Connect to nothing yet."""
        wait_s = min(10.0, repository.timeout_s)
        trusted: dict[str, Any] = {"ca_certs": repository.ca_file} if repository.ca_file else {}
        super().__init__(timeout=urllib3.Timeout(connect=wait_s, read=wait_s), retries=False, **trusted)
        self._repository = repository
        self._until, self._left = 0.0, 0
        self.begin()

    def begin(self) -> None:
        """Start an exchange."""
        self._until = time.monotonic() + self._repository.timeout_s
        self._left = self._repository.max_bytes

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> urllib3.BaseHTTPResponse:
        """Ask once; raise Refused where the server turns us away, Unavailable where it does not answer well."""
        self._check()
        try:
            response = super().request(method, url, *args, **{**kwargs, "redirect": False, "preload_content": False})
        except (HTTPError, OSError) as error:
            raise unavailable(self._repository, type(error).__name__) from error
        try:
            self._check_status(response.status)
        except Exception:
            response.close()
            raise
        response.read = self._counted(response.read1)  # type: ignore[assignment, method-assign]  # what the users of a response call
        return response

    def _counted(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Return a reader of so many bytes that looks at time and size after each piece that arrives."""

        def counted(amount: int) -> bytes:
            found = b""
            while len(found) < amount:
                self._check()
                piece = read(amount - len(found))
                if not piece:
                    break
                self._left -= len(piece)
                found += piece
            return found

        return counted

    def _check(self) -> None:
        if time.monotonic() > self._until:
            raise unavailable(self._repository, f"no end within {self._repository.timeout_s:g} s")
        if self._left < 0:
            raise Refused(
                f"The repository {self._repository.name} is larger than {self._repository.max_bytes} bytes.",
                hint=f"Raise `repositories.{self._repository.name}.max_mb`.",
            )

    def _check_status(self, status: int) -> None:
        name = self._repository.name
        if status in (401, 403):
            raise Refused(
                f"The Git server does not let us in to {name} (HTTP {status}).",
                hint=f"See that the token of `repositories.{name}` may read and write it.",
            )
        if status == 404 or 300 <= status < 400:
            raise Refused(
                f"The Git server does not have {name} at its address (HTTP {status}).",
                hint=f"Correct `repositories.{name}`: the address must be the final one.",
            )


def token(repository: Repository) -> str:
    """Return the token; an empty string where none is configured. Raises Unavailable where it cannot be read."""
    if not repository.token_file:
        return ""
    try:
        return Path(repository.token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"The token of the repository {repository.name} cannot be read ({type(error).__name__}).",
            hint=f"See `repositories.{repository.name}.token_file`.",
        ) from error


def unavailable(repository: Repository, why: str) -> Unavailable:
    """Say that the server does not answer; `why` has no address in it, for that could hold a secret."""
    return Unavailable(
        f"The Git server of {repository.name} does not answer as it should ({why}).",
        hint="Try again later; traffic that must go back at once goes back with kubectl, once the sync is paused.",
    )
