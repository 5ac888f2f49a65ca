"""Makes chosen requests fail on purpose, the way networks and API servers fail; and verdicts on routes go wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from aiohttp import web

from playground.cluster.statuses import ApiError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_KINDS = ("status", "hang", "drop_before", "drop_after")
_VERDICTS = ("accept_never", "accept_late", "accept_refused")
_KEYS = {"method", "path_contains", "times", "kind", "status", "seconds", "reason", "message", "then"}
_REASONS = {
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "forbidden by the playground"),
    404: ("NotFound", "the server could not find the requested resource"),
    409: ("Conflict", "the object has been modified; please apply your changes to the latest version and try again"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the server was unable to return a response in the time allotted"),
}
_OTHER = ("InternalError", "an error on the server has prevented the request from succeeding")


@dataclass(frozen=True)
class Trouble:
    """One kind of failure for the next few requests, or generations of a Gateway API route, that match."""

    method: str
    """HTTP method in capitals; "" matches every method."""
    path_contains: str
    """Part of the path; "" matches every path."""
    times: int
    """How many requests or generations it will still hit, at least 1."""
    kind: str
    """status: answer it. hang: wait, or until troubles are over, then go on as if nothing was. drop_before: close the
    socket, apply nothing. drop_after: apply, then close the socket without an answer. For what parents say of a route,
    see acceptance.py: accept_never: they say nothing. accept_late: they accept after the wait. accept_refused: they
    refuse."""
    status: int
    """HTTP status of kind `status`."""
    seconds: float
    """Wait of the kinds `hang` and `accept_late`."""
    reason: str = "NoMatchingParent"
    """Why the parents refuse, in one word of the Gateway API."""
    message: str = "refused by the playground"
    """Why the parents refuse, for people."""
    then: Trouble | None = None
    """What waits from the moment on at which this one has hit all it hits: nothing earlier can meet it."""

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Trouble:
        """Return the trouble a request asks for; ValueError says what is wrong with it."""
        unknown, kinds = set(given) - _KEYS, (*_KINDS, *_VERDICTS)
        if unknown or given.get("kind") not in kinds or int(given.get("times", 1)) < 1:
            raise ValueError(f"unknown keys {sorted(unknown)}, or kind not one of {kinds}, or times below 1")
        return cls(
            method=str(given.get("method", "")).upper(),
            path_contains=str(given.get("path_contains", "")),
            times=int(given.get("times", 1)),
            kind=given["kind"],
            status=int(given.get("status", 500)),
            seconds=float(given.get("seconds", 2)),
            then=cls.from_json(given["then"]) if given.get("then") else None,
            **{key: str(given[key]) for key in ("reason", "message") if key in given},
        )

    def hits_request(self, method: str, path: str) -> bool:
        """Return whether this request is one to hit."""
        return self.kind in _KINDS and self.method in ("", method) and self.path_contains in path

    def hits_verdict(self, path: str) -> bool:
        """Return whether the verdict on the route at this path is one to hit."""
        return self.kind in _VERDICTS and self.path_contains in path


class Troubles:
    """The troubles waiting for what they hit, oldest first; each request and each verdict meets at most one."""

    def __init__(self) -> None:
        self._waiting: list[Trouble] = []
        self._over = asyncio.Event()

    def add(self, trouble: Trouble) -> None:
        """Queue a trouble."""
        self._waiting.append(trouble)

    def clear(self) -> None:
        """Forget all troubles."""
        self._waiting.clear()

    async def hang(self, seconds: float) -> None:
        """Wait for so many seconds, or until what hangs is let go."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    def let_go(self) -> None:
        """Let go on now whatever hangs."""
        self._over.set()
        self._over = asyncio.Event()

    def waiting(self) -> list[dict[str, Any]]:
        """Return the troubles still to come, `times` being what is left."""
        return [asdict(trouble) for trouble in self._waiting]

    def take(self, method: str, path: str) -> Trouble | None:
        """Return the first trouble for this request and count it, or None."""
        return self._take(lambda trouble: trouble.hits_request(method, path))

    def take_verdict(self, path: str) -> Trouble | None:
        """Return the first trouble for the verdict on the route at this path and count it, or None."""
        return self._take(lambda trouble: trouble.hits_verdict(path))

    def _take(self, hits: Callable[[Trouble], bool]) -> Trouble | None:
        for place, trouble in enumerate(self._waiting):
            if hits(trouble):
                left = replace(trouble, times=trouble.times - 1) if trouble.times > 1 else trouble.then
                self._waiting[place : place + 1] = [left] if left else []
                return trouble
        return None


async def suffer(trouble: Trouble, request: web.Request, handler: Handler, among: Troubles) -> web.StreamResponse:
    """Answer `request` with its trouble; ConnectionResetError stands for an answer that was never sent."""
    if trouble.kind == "status":
        reason, message = _REASONS.get(trouble.status, _OTHER)
        headers = {"Retry-After": "1"} if trouble.status in (429, 503) else {}
        body = ApiError(trouble.status, reason, message).body()
        return web.json_response(body, status=trouble.status, headers=headers)
    if trouble.kind == "hang":
        await request.read()  # a server that hangs has the request already
        await among.hang(trouble.seconds)
        return await handler(request)
    await request.read()
    if trouble.kind == "drop_after":
        await handler(request)
    if request.transport is not None:
        request.transport.close()
    raise ConnectionResetError("dropped by the playground")
