"""Connections that leave a Redis that is no longer the master, so that the next try finds the one that is."""

from __future__ import annotations

from typing import Any

from redis import Connection, ConnectionError, ResponseError, SSLConnection, UnixDomainSocketConnection
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection

DEMOTED = ("READONLY", "UNBLOCKED", "MASTERDOWN")
"""How a server says that it is a replica now. Before Redis 7 a script's error has the word further behind."""


class DemotedError(ConnectionError):
    """The server said that it is a replica now; counts as a lost connection."""


class _Leaving:
    """Ends the connection when its server says that it is a replica; that counts as lost, so it is tried again.

    Behind a name or an address that always leads to the master (Sentinel, a managed Redis, a Service), connecting anew
    is all that is needed, and without it a connection to the former master would be refused every write for ever.
    """

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return the next answer."""
        try:
            return super().read_response(*args, **kwargs)  # type: ignore[misc]  # of the connection it is mixed into
        except ResponseError as error:
            if not any(word in str(error) or word in type(error).__name__.upper() for word in DEMOTED):
                raise
            self.disconnect()  # type: ignore[attr-defined]  # as above
            raise DemotedError("This Redis is no longer the master.") from error


class _Link(_Leaving, Connection):
    pass


class _Socket(_Leaving, UnixDomainSocketConnection):
    pass


class _Secret(_Leaving, SSLConnection):
    pass


class _Asking(_Leaving):
    """Asks the sentinels again before it connects again; redis-py would go back to where the master was."""

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send one command, over a new connection where the old one was lost."""
        if not self._sock:  # type: ignore[attr-defined]  # of the connection it is mixed into
            # Once: whoever sends has tries of its own.
            self._connect_retry()  # type: ignore[attr-defined]  # as above
        super().send_packed_command(command, check_health)  # type: ignore[misc]  # as above


class _Managed(_Asking, SentinelManagedConnection):
    pass


class _ManagedSecret(_Asking, SentinelManagedSSLConnection):
    pass


_LINKS: dict[str, type[Connection | UnixDomainSocketConnection]] = {
    "redis": _Link,
    "rediss": _Secret,
    "unix": _Socket,
    "redis+sentinel": _Managed,
    "rediss+sentinel": _ManagedSecret,
}


def link_of(scheme: str) -> type[Connection | UnixDomainSocketConnection]:
    """Return the kind of connection for a URL's scheme."""
    return _LINKS[scheme]
