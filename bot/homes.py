"""App Homes: drawn when somebody looks, and again after what they do, at most every few seconds for each person."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from bot.chores import Chores
from chat.form import View
from chat.screens import Screens

GAP_S = 3.0
"""Seconds between two drawings of one person's Home: views.publish is good for 100 a minute in a workspace."""
WATCHED_S = 900.0
"""How long after somebody looked at their Home it is kept up with what they do."""
FOLLOWED_S = 120.0
FOLLOW_GAP_S = 10.0
"""For how long, and how often, it follows what runs for them without any doing of theirs."""
MOST = 2000
"""People whose Homes are kept in mind."""


@dataclass
class _Seen:
    looked_at: float
    drawn_at: float = float("-inf")
    due_at: float = float("inf")
    """When `waiting` ends."""
    waiting: threading.Timer | None = None


class Homes:
    """Publishes Homes; drawings that come close together become one, and the last one counts."""

    def __init__(self, screens: Screens, chores: Chores, *, gap_s: float = GAP_S) -> None:
        self._screens = screens
        self._chores = chores
        self._gap_s = gap_s
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        # Drawing may ask for the next drawing.
        self._lock = threading.RLock()

    def looked(self, user: str, draw: Callable[[], View]) -> None:
        """Somebody looks: draw it now, or once the gap is over."""
        with self._lock:
            seen = self._looking(user)
            self._plan(user, seen, draw, max(0.0, seen.drawn_at + self._gap_s - seen.looked_at))

    def pressed(self, user: str, draw: Callable[[], View]) -> None:
        """Somebody pressed something on their Home, which another process may have drawn: draw it after the gap."""
        with self._lock:
            self._plan(user, self._looking(user), draw, self._gap_s)

    def touched(self, user: str, draw: Callable[[], View]) -> None:
        """Something of theirs changed: draw it after the gap, if they looked at it lately."""
        with self._lock:
            seen = self._seen.get(user)
            if seen is not None and time.monotonic() - seen.looked_at < WATCHED_S:
                self._plan(user, seen, draw, self._gap_s)

    def running(self, user: str, draw: Callable[[], View]) -> None:
        """Something runs for them: draw it again in a while, as long as they looked at it a moment ago."""
        with self._lock:
            seen = self._seen.get(user)
            if seen is not None and time.monotonic() - seen.looked_at < FOLLOWED_S:
                self._plan(user, seen, draw, FOLLOW_GAP_S)

    def _looking(self, user: str) -> _Seen:
        now = time.monotonic()
        seen = self._seen.setdefault(user, _Seen(now))
        seen.looked_at = now
        self._seen.move_to_end(user)
        while len(self._seen) > MOST:
            self._seen.popitem(last=False)
        return seen

    def _plan(self, user: str, seen: _Seen, draw: Callable[[], View], wait_s: float) -> None:
        due_at = time.monotonic() + wait_s
        if seen.waiting is not None:
            if seen.due_at <= due_at:
                # What is drawn then is what is true then.
                return
            seen.waiting.cancel()
            seen.waiting = None
        if wait_s == 0:
            seen.drawn_at = time.monotonic()
            self._chores.later("an App Home", lambda: self._screens.publish(user, draw()))
            return
        seen.due_at, seen.waiting = due_at, threading.Timer(wait_s, self._due, (user, draw))
        seen.waiting.daemon = True
        seen.waiting.start()

    def _due(self, user: str, draw: Callable[[], View]) -> None:
        with self._lock:
            seen = self._seen.get(user)
            if seen is None:
                return
            seen.waiting, seen.drawn_at = None, time.monotonic()
        self._chores.later("an App Home", lambda: self._screens.publish(user, draw()))
