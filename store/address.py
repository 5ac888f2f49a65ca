"""Where Redis is and how to log in there, read from one URL and what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from redis.connection import parse_url

from mesh.domain.errors import Refused

SENTINEL_PORT = 26379
FORM = "redis+sentinel://host:26379,host:26379/name-of-the-master/0, with rediss+sentinel:// for TLS"
SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")


class Where(Protocol):
    """Where Redis is, as the environment says it; `settings.environment.RedisSettings` is one."""

    @property
    def url(self) -> str:
        """`redis://`, `rediss://`, `unix://`, or one of the two with `+sentinel`."""

    @property
    def username(self) -> str:
        """ACL user; empty: that of the URL, or Redis's default user."""

    @property
    def password(self) -> str:
        """Empty: that of the URL, or none."""

    @property
    def sentinel_username(self) -> str:
        """The same for the sentinels."""

    @property
    def sentinel_password(self) -> str:
        """The same for the sentinels; that of Redis is never sent to them."""

    @property
    def tls_files(self) -> tuple[str, str, str]:
        """Paths of CA bundle, client certificate and its key; empty ones are not used."""

    @property
    def copies(self) -> int | None:
        """How many replicas must have a write before anybody acts on it; None: 1 behind Sentinel, else 0."""


@dataclass(frozen=True)
class Address:
    """The same, taken apart."""

    scheme: str
    url: str = field(repr=False)
    login: dict[str, str] = field(default_factory=dict, repr=False)
    sentinel_login: dict[str, str] = field(default_factory=dict, repr=False)
    tls: dict[str, str] = field(default_factory=dict)
    sentinels: tuple[tuple[str, int], ...] = ()
    """None of them: the URL leads to Redis itself."""
    service: str = ""
    """What the sentinels call the master."""
    db: int = 0
    copies: int = 0

    @property
    def encrypted(self) -> bool:
        """True for TLS, to Redis and to the sentinels alike."""
        return self.scheme.startswith("rediss")


def parse(where: str | Where) -> Address:
    """Take it apart; raise Refused for what cannot be meant. No message repeats a part that may be secret."""
    url = where if isinstance(where, str) else where.url
    scheme = url.partition("://")[0]
    if scheme not in SCHEMES:
        hint = f"Write {' or '.join(f'{one}://' for one in SCHEMES)}. Redis Cluster cannot be used: docs/redis.md."
        raise Refused("REDIS_URL does not begin as the address of a Redis does.", hint=hint)
    _check_parts(url)
    beside = _beside(where, scheme) if not isinstance(where, str) else {}
    copies = None if isinstance(where, str) else where.copies
    if not scheme.endswith("+sentinel"):
        _check_plain(url, scheme)
        return Address(scheme, url, copies=copies or 0, **beside)
    return _behind_sentinels(url, scheme, 1 if copies is None else copies, beside)


def _check_parts(url: str) -> None:
    """Raise Refused for what is no URL at all."""
    try:
        urlsplit(url)
    except ValueError:
        # Not chained: its words may hold a part of the address.
        raise Refused("REDIS_URL cannot be read as an address.", hint="Write redis://host:6379/0.") from None


def _check_plain(url: str, scheme: str) -> None:
    """Raise Refused for what the Redis library would raise, or read as another database than was meant."""
    path = urlsplit(url).path.strip("/")
    try:
        port = parse_url(url).get("port", 6379)  # type: ignore[no-untyped-call]  # the library is typed in part
    except (ValueError, AttributeError):
        port = 0
    if not 0 < port < 65536 or (scheme != "unix" and path and not path.isdecimal()):
        raise Refused("REDIS_URL has a port, a database or an option that is none.", hint="Write redis://host:6379/0.")


def _beside(where: Where, scheme: str) -> dict[str, Any]:
    """Return what stands beside the URL: logins, and TLS."""
    if where.password and urlsplit(where.url).password:
        raise Refused("REDIS_URL holds a password and REDIS_PASSWORD is set.", hint="Leave one of them out.")
    files = dict(zip(("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"), where.tls_files, strict=True))
    tls = {name: path for name, path in files.items() if path}
    if tls and not scheme.startswith("rediss"):
        raise Refused("Files for TLS are named, and REDIS_URL is without TLS.", hint="Begin it with rediss.")
    return {
        "login": _login(where.username, where.password),
        "sentinel_login": _login(where.sentinel_username, where.sentinel_password),
        "tls": tls,
    }


def _behind_sentinels(url: str, scheme: str, copies: int, beside: dict[str, Any]) -> Address:
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    service, _, db = parts.path.strip("/").partition("/")
    if parts.query or parts.fragment:
        raise Refused("REDIS_URL says more behind the master's name than is read there.", hint=f"Write {FORM}.")
    if not service or not hosts or not (db or "0").isdecimal():
        raise Refused("REDIS_URL does not say which sentinels, or which master.", hint=f"Write {FORM}.")
    name, _, password = user.partition(":")
    login = {**_login(unquote(name), unquote(password)), **beside.pop("login", {})}
    sentinels = tuple(_host(one) for one in hosts.split(","))
    return Address(
        scheme, "", login=login, sentinels=sentinels, service=unquote(service), db=int(db or 0), copies=copies, **beside
    )


def _host(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(SENTINEL_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Refused("REDIS_URL names a sentinel that is no host and port.", hint=f"Write {FORM}.")
    return host.strip("[]"), int(port)


def _login(username: str, password: str) -> dict[str, str]:
    return {name: value for name, value in (("username", username), ("password", password)) if value}
