"""Streams changes to one client, as `?watch=true` asks."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from playground.cluster.objects import Cluster, Obj
from playground.cluster.paths import Target
from playground.cluster.selectors import Test
from playground.cluster.statuses import ApiError, bad_request, server_error

_LONGEST = 1800.0
_LOOK_UP = 1.0  # seconds between looks at whether the client is still there; changes wake the stream at once


@dataclass
class Doors:
    """Whether the server is closing, so that streams end with it."""

    closing: bool = field(default=False)
    """Set once, on shutdown."""


@dataclass(frozen=True)
class Watch:
    """What one client watches."""

    cluster: Cluster
    """Where."""
    target: Target
    """Which collection."""
    test: Test
    """Which objects of it: selectors and namespace."""
    start: str
    """resourceVersion to go on from; "" or "0" begins with an ADDED for each present object."""
    seconds: float
    """How long at most."""
    bookmarks: bool
    """Whether the last event before the time is up tells the resourceVersion reached."""


def watch_of(cluster: Cluster, target: Target, test: Test, *, query: Any) -> Watch:
    """Return the watch a request's query asks for; ApiError 400 or 500 for numbers that are none."""
    start, seconds = query.get("resourceVersion", ""), whole_number(query, "timeoutSeconds")
    if start and not start.isdecimal():
        raise server_error(unparsed("resourceVersion", start))
    bookmarks = query.get("allowWatchBookmarks", "") in ("1", "true")
    return Watch(cluster, target, test, start, float(seconds) or _LONGEST, bookmarks)


def whole_number(query: Any, name: str) -> int:
    """Return a query parameter that is a whole number, 0 when it is absent; ApiError 400 when it is none."""
    given = query.get(name, "")
    if given and not re.fullmatch(r"[+-]?\d+", given):
        raise bad_request(f'strconv.ParseInt: parsing "{given}": invalid syntax')
    return int(given or 0)


def unparsed(name: str, given: str) -> str:
    """Return the words for a resourceVersion that is no number."""
    return f'{name}: Invalid value: "{given}": strconv.ParseUint: parsing "{given}": invalid syntax'


async def stream(request: web.Request, watch: Watch, doors: Doors) -> web.StreamResponse:
    """Answer with one JSON event a line until the time is up, the client leaves or the server closes.

    A start that is too old is answered by an ERROR event with code 410 on a 200 stream, as kube-apiserver does.
    """
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    wake = asyncio.Event()
    unsubscribe = watch.cluster.history.subscribe(wake.set)
    try:
        await _send(response, watch, wake=wake, gone=lambda: doors.closing or request.transport is None)
    except ConnectionError:
        return response
    finally:
        unsubscribe()
    return response


async def _send(response: web.StreamResponse, watch: Watch, *, wake: asyncio.Event, gone: Any) -> None:
    clock = asyncio.get_running_loop().time
    deadline = clock() + watch.seconds
    position, lines = _beginning(watch)
    while position is not None:
        if lines:
            await response.write(b"".join(lines))
        if gone() or clock() >= deadline:
            break
        await _wait(wake, min(_LOOK_UP, deadline - clock()))
        position, lines = _more(watch, position)
    await response.write(b"".join([*lines, *_farewell(watch, position)]))


async def _wait(wake: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(wake.wait(), seconds)
    except TimeoutError:
        return
    wake.clear()


def _beginning(watch: Watch) -> tuple[int | None, list[bytes]]:
    if watch.start not in ("", "0"):
        return _more(watch, int(watch.start))
    present = watch.cluster.list(watch.target.kind, watch.target.namespace, watch.test)
    return watch.cluster.version, [_line(watch, "ADDED", obj) for obj in present]


def _more(watch: Watch, position: int) -> tuple[int | None, list[bytes]]:
    """Return (new position, lines); the position is None when it was too old to go on from."""
    try:
        changes = watch.cluster.history.since(position)
    except ApiError as error:
        return None, [json.dumps({"type": "ERROR", "object": error.body()}).encode() + b"\n"]
    events = [change.event(watch.test) for change in changes if change.kind == watch.target.kind]
    return max(position, watch.cluster.version), [_line(watch, *event) for event in events if event is not None]


def _farewell(watch: Watch, position: int | None) -> list[bytes]:
    if position is None or not watch.bookmarks:
        return []
    return [_line(watch, "BOOKMARK", {"kind": watch.target.kind.kind, "metadata": {"resourceVersion": str(position)}})]


def _line(watch: Watch, word: str, obj: Obj) -> bytes:
    shown = {**obj, "apiVersion": watch.target.kind.api_version(watch.target.version)}
    return json.dumps({"type": word, "object": shown}, separators=(",", ":")).encode() + b"\n"
