"""The line to one repository's server, over HTTP or SSH: for each exchange a client of dulwich's that is bounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from dulwich.client import GitClient, TraditionalGitClient, Urllib3HttpGitClient
from dulwich.protocol import Protocol

from mesh.domain.repositories import Repository, SshAddress, over_ssh
from workers.git.transport import DIRECT, Bounded, Proxies, token


class Line:
    """The way to one repository's server. Connects for each exchange, with what its files hold at that time."""

    def __init__(self, repository: Repository, proxies: Proxies = DIRECT) -> None:
        """Connect to nothing yet."""
        self._repository, self._proxies = repository, proxies
        self._ssh = over_ssh(repository.url)
        self._pool: Bounded | None = None

    @property
    def path(self) -> str:
        """What the client must be told, to mean this repository."""
        return self._ssh.path if self._ssh else ""

    def connections(self) -> Bounded:
        """Return fresh ones for HTTP, to the API of merge requests."""
        return Bounded(self._repository, self._proxies)

    @contextmanager
    def exchange(self) -> Iterator[GitClient]:
        """Lend a client for one exchange; it raises Refused, Unavailable and what dulwich raises."""
        if self._ssh is None:
            yield self._over_http()
            return
        client = _SshClient(self._repository, self._ssh)
        try:
            yield client
        finally:
            client.close()

    def _over_http(self) -> GitClient:
        at, secret = self._repository, token(self._repository)
        if self._pool is None:
            self._pool = self.connections()
        self._pool.begin()
        user = at.username if secret else None
        return Urllib3HttpGitClient(at.url, pool_manager=self._pool, username=user, password=secret or None, quiet=True)


class _SshClient(TraditionalGitClient):
    """dulwich's client over a session of ours, for one exchange."""

    def __init__(self, repository: Repository, address: SshAddress) -> None:
        super().__init__(quiet=True)
        self._repository, self._address = repository, address
        self._endings: list[Callable[[], None]] = []

    def _connect(
        self,
        cmd: bytes,
        path: str | bytes,
        protocol_version: int | None = None,  # noqa: ARG002 (the library's signature)
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        from workers.git.ssh import Session  # noqa: PLC0415 (15 MB and half a second, for those who have SSH)

        told = path.decode() if isinstance(path, bytes) else path
        # Git's own way to write a home into an address, and its own quotes: `git-shell` understands no others.
        quoted = re.sub(r"(['!])", r"'\\\1'", told[1:] if told.startswith("/~") else told)
        session = Session(self._repository, self._address, f"git-{cmd.decode()} '{quoted}'".encode())
        packets = Protocol(session.read, session.write, session.close)
        self._endings.append(packets.close)
        return packets, session.can_read, None

    def close(self) -> None:
        """End what is still open: the library leaves sessions behind that ended in an error."""
        while self._endings:
            self._endings.pop()()
