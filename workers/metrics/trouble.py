"""What is said when a metrics server is not well."""

from __future__ import annotations

from urllib.parse import urlsplit


class Trouble(Exception):
    """Why there is no value, in words for people. Never holds a token or a password."""

    def __init__(self, said: str, *, everywhere: bool = False) -> None:
        """Say it; `everywhere` when every other server would answer the same."""
        super().__init__(said)
        self.everywhere = everywhere


def name_of(url: str) -> str:
    """Return the address without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def stranger(name: str, status: int) -> Trouble:
    """Return what to say of an answer that is no JSON object."""
    if status in (401, 403):
        return Trouble(f"Prometheus at {name} refused meshbot's credentials ({status})")
    if status >= 500:
        return Trouble(f"Prometheus answered with status {status}")
    return Trouble(f"what answers at {name} is not Prometheus (status {status}, no JSON)")


def refusal(name: str, status: int, why: str) -> Trouble:
    """Return what to say of an answer that is an error in Prometheus's own form."""
    if status in (401, 403):
        return Trouble(f"Prometheus at {name} refused meshbot's credentials ({status})")
    if status in (400, 422):
        return Trouble(f"Prometheus refused the query: {why}", everywhere=True)
    return Trouble(f"Prometheus answered with status {status}: {why}")
