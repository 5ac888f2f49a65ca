"""The lines of one watch, as they come in."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import urllib3

from mesh.domain.errors import Unavailable

SPOKEN = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")


class Changes:
    """An open watch: yields its events, and ends when the server ends it or it is closed."""

    def __init__(self, response: urllib3.BaseHTTPResponse, broken: Callable[[Exception], Unavailable]) -> None:
        """Read `response`, whose status was 200; `broken` makes the error for why it cannot be read on."""
        self._response = response
        self._broken = broken
        self._lock = threading.Lock()
        self._closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each event; raises Unavailable when the stream breaks, or says that it cannot go on (410 and others).

        After `close` it ends without an error.
        """
        rest = b""
        try:
            for chunk in self._response.stream():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from map(self._event, filter(None, lines))
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # A socket that is closed under its reader shows as any of these.
            if not self._closed:
                raise self._broken(error) from error
        finally:
            self._release()

    def close(self) -> None:
        """End the stream from another thread; doing so twice makes no difference."""
        with self._lock:
            self._closed = True
            # Closing a socket does not wake who reads from it; shutting it down does.
            with suppress(ValueError, RuntimeError, OSError):
                self._response.shutdown()

    def _release(self) -> None:
        with self._lock:
            self._response.close()

    def _event(self, line: bytes) -> dict[str, Any]:
        try:
            event = json.loads(line)
            word, metadata = event["type"], event["object"].get("metadata")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._broken(ValueError("what it sent is no watch event")) from error
        if word not in SPOKEN or not isinstance(metadata, dict):
            said = event["object"].get("message") if isinstance(event["object"], dict) else ""
            raise self._broken(ValueError(f"the server ended the watch: {said or word}"))
        return dict(event)
