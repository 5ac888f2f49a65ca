"""HTTP to one server: bounded in time and size, no redirects, and no word of a token in any error."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # left out of the library's types

import urllib3
from urllib3.exceptions import HTTPError, ProxySchemeUnknown

from mesh.domain.errors import Refused, Unavailable
from mesh.domain.repositories import Repository
from workers.git import budget

WAIT_S = 10.0
"""How long a connection, or one piece of an answer, is waited for at most."""

_TURNED_AWAY = re.compile(r"Tunnel connection failed: (4\d\d)")
_UNREADABLE = re.compile(r"NO_CERTIFICATE|PEM|No such file|Permission denied")
"""How the libraries say that of a proxy, and of a file of certificates."""


@dataclass(frozen=True)
class Proxies:
    """The HTTP proxy that the environment names, and what is reached without it."""

    https: str = field(default="", repr=False)
    """Address of the proxy, perhaps with user and password; empty for none."""
    no: str = ""
    """Hosts and domains with commas between them, as in `NO_PROXY`; `*` for all."""

    def lead(self, url: str) -> bool:
        """Tell whether the way to `url` is through the proxy: only HTTPS is, as a tunnel."""
        parts = urlsplit(url)
        told = {"no": self.no} if self.no else {}
        away = proxy_bypass_environment(parts.netloc.rpartition("@")[2], told)
        return bool(self.https) and parts.scheme == "https" and not away


DIRECT = Proxies()


class Bounds:
    """How long one exchange may take, and how many bytes it may bring."""

    def __init__(self, repository: Repository) -> None:
        """Begin the first exchange."""
        self._repository = repository
        self._until, self._left = 0.0, 0
        self.begin()

    def begin(self) -> None:
        """Begin another exchange."""
        self._until = min(time.monotonic() + self._repository.timeout_s, budget.over_at())
        self._left = self._repository.max_bytes

    @property
    def left_s(self) -> float:
        """How long may be waited for the next piece; never 0, which would mean not to wait at all."""
        return max(0.001, min(WAIT_S, self._until - time.monotonic()))

    def spend(self, amount: int) -> None:
        """Count so many bytes."""
        self._left -= amount

    def check(self) -> None:
        """Raise Unavailable where the time is over, Refused where there was too much."""
        if time.monotonic() > self._until:
            if self._until == budget.over_at():
                raise unavailable(self._repository, "too slow for all that had to be asked")
            raise unavailable(self._repository, f"no end within {self._repository.timeout_s:g} s")
        if self._left < 0:
            raise Refused(
                f"The repository {self._repository.name} is larger than {self._repository.max_bytes} bytes.",
                hint=f"Raise `repositories.{self._repository.name}.max_mb`.",
            )


class Bounded(urllib3.PoolManager):
    """Connections to one server. `begin` starts an exchange, which may take so long and so many bytes in all."""

    def __init__(self, repository: Repository, proxies: Proxies = DIRECT) -> None:
        """Connect to nothing yet. Raises Refused for a proxy that cannot be used."""
        wait_s = min(WAIT_S, repository.timeout_s)
        said: dict[str, Any] = {"timeout": urllib3.Timeout(connect=wait_s, read=wait_s), "retries": False}
        said |= {"ca_certs": repository.ca_file} if repository.ca_file else {}
        super().__init__(**said)
        self._repository, self._proxies = repository, proxies
        self._proxied = _through(proxies.https, said) if proxies.https else None
        self._bounds = Bounds(repository)

    def begin(self) -> None:
        """Start an exchange."""
        self._bounds.begin()

    def clear(self) -> None:
        """Close the connections."""
        super().clear()
        if self._proxied:
            self._proxied.clear()

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> urllib3.BaseHTTPResponse:
        """Ask once; raise Refused where the server turns us away, Unavailable where it does not answer well."""
        self._bounds.check()
        through = self._proxied if self._proxies.lead(url) else None
        ask = through.request if through else super().request
        # Never longer than the exchange has left.
        said = {"redirect": False, "preload_content": False, "timeout": self._bounds.left_s}
        try:
            response = ask(method, url, *args, **{**kwargs, **said})
        except (HTTPError, OSError) as error:
            if through and (status := _TURNED_AWAY.search(str(error))):
                raise self._not_let_through(int(status[1])) from error
            raise self._silent(error) from error
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
                self._bounds.check()
                piece = read(amount - len(found))
                if not piece:
                    break
                self._bounds.spend(len(piece))
                found += piece
            return found

        return counted

    def _silent(self, error: Exception) -> Unavailable:
        """Return what it means that nothing was answered."""
        name = self._repository.name
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Unavailable(
                f"The certificate of the Git server of {name} is not trusted.",
                hint=f"See `repositories.{name}.ca_file`: it must hold who signed it.",
            )
        if self._repository.ca_file and _UNREADABLE.search(str(error)):
            return Unavailable(
                f"The certificates to trust for {name} cannot be read.",
                hint=f"See `repositories.{name}.ca_file`.",
            )
        return unavailable(self._repository, type(error).__name__)

    def _not_let_through(self, status: int) -> Refused:
        return Refused(
            f"The HTTP proxy does not let us through to the server of {self._repository.name} (HTTP {status}).",
            hint="See HTTPS_PROXY (it may hold a user and a password) and NO_PROXY, and what the proxy allows.",
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


def _through(proxy: str, said: dict[str, Any]) -> urllib3.ProxyManager:
    """Return the way through a proxy; user and password go to the proxy alone."""
    parts = urlsplit(proxy)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    try:
        return urllib3.ProxyManager(address, proxy_headers=headers, **said)
    except (ProxySchemeUnknown, ValueError, HTTPError) as error:
        # Its words may hold the address, and that a password.
        raise Refused(
            "HTTPS_PROXY names no HTTP proxy.", hint="Write http://host:port, or https://host:port."
        ) from error


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
