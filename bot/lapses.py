"""What a request leaves behind that came to nothing by time, load or an absent part: whoever asked is told, and we are.

A line in the log, a number, and an entry in the audit log. A refusal that somebody decided on has its entry already.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.arrival import Arrival
from bot.chores import Chores
from bot.requests import Request
from mesh.domain.errors import Denied, Flooded, MeshbotError, Unsure
from mesh.operations.admitting import Caller, Door, lapsed
from telemetry.counting import given_up, spoken

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lapses:
    """Looks on while requests are answered."""

    door: Door
    """For the audit log."""
    chores: Chores
    """It is written there after the acknowledgement: what is too late already must not become later."""

    @contextmanager
    def watched(self, request: Request, arrival: Arrival) -> Iterator[None]:
        """Leave a trace of what the block raises, if it is a lapse; it goes on to whoever makes words of it."""
        try:
            yield
        except MeshbotError as error:
            if error.lapse is not None:
                self._trace(request, arrival, error)
            raise

    def _trace(self, request: Request, arrival: Arrival, error: MeshbotError) -> None:
        way, about = request.origin.way, error.operation if isinstance(error, Unsure) else ""
        what = spoken(request.text) if request.text else "press" if request.button else "view"
        log.warning(
            "%s of %s, by %s, came to nothing: %s (%s after %.2f s; request %s)%s",
            what,
            request.actor.user,
            way,
            error.lapse,
            _root(error),
            time.monotonic() - arrival.at,
            name_of(request),
            f"; look for {about}" if about else "",
        )
        given_up(way, error.lapse)
        if not isinstance(error, Denied | Flooded):
            caller = caller_of(request)
            self.chores.later("a line of the audit log", lambda: lapsed(self.door, caller, error))


def caller_of(request: Request) -> Caller:
    """Return who is at the door, and what they ask for."""
    asked = request.text or " ".join(filter(None, (request.button, request.claim)))
    return Caller(request.actor, request.origin, asked, request.machine, request.shared)


def name_of(request: Request) -> str:
    """Return what a request is called in the log: the same for every repeat of a delivery.

    Slack's own name of it may be a right to open a form, so it is not written down.
    """
    return hashlib.sha256(request.dedupe.encode()).hexdigest()[:12]


def _root(error: BaseException) -> str:
    """Return what was at the bottom of it, as the kind of the error: its text may hold an address or a secret."""
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__
