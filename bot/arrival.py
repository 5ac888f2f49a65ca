"""When a request arrived, on the monotonic clock: as early as the server can tell, before it waited for a thread."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from mesh.domain.errors import Lapse, Refused

LATEST_S = 2.5
"""Slack tells the person `operation_timeout` after 3 s (docs.slack.dev/interactivity/implementing-slash-commands).
Whoever reads that tries again, so from here on nothing is started any more."""

_accepted = threading.local()


class Late(Refused):
    """The person was told `operation_timeout` already."""

    lapse = Lapse.LATE


class Old(Refused):
    """It was written long before it came here: Slack sends an event again after minutes."""

    lapse = Lapse.OLD


@dataclass(frozen=True)
class Arrival:
    """One request's clock."""

    at: float
    """`time.monotonic()` in seconds."""

    def over(self) -> bool:
        """Tell whether Slack has given up waiting, or is about to."""
        return time.monotonic() - self.at > LATEST_S

    def check(self) -> None:
        """Raise Late when Slack has given up waiting, or is about to."""
        if self.over():
            raise Late("The request took too long, so nothing was started.", hint="Send it again.")


def accepted(at: float) -> None:
    """Note, for this thread, when the server took in the connection whose request comes next."""
    _accepted.at = at


def arrival() -> Arrival:
    """Return when this thread's request arrived; now, when the server did not say."""
    at = getattr(_accepted, "at", None)
    _accepted.at = None
    return Arrival(time.monotonic() if at is None else at)
