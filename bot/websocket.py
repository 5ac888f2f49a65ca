"""Socket Mode: Slack's websocket, watched by what arrives on it, and left in order.

Rules: docs.slack.dev/apis/events-api/using-socket-mode. Slack answers each ping of ours (every 5 s), so a line on which
nothing arrives for a minute is dead, whatever its flags say (python-slack-sdk#1701, #1446, #1462).
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slack_bolt import App, BoltRequest
from slack_bolt.adapter.socket_mode.internals import send_response
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.arrival import Arrival
from bot.serving import GRACE_S, THREADS, Place, serve_beside
from bot.web import Health
from chat.trouble import TROUBLE, word
from mesh.domain.errors import Unavailable
from telemetry.counting import acknowledged

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SILENCE_S = 60.0
"""How long nothing may arrive before the line is opened anew, and how long each new line has to say hello."""
HOPELESS_S = 180.0
"""How long nothing may arrive before the process ends, so that its supervisor starts a fresh one."""
SETTLE_S = 0.2
"""How long what was read may take to reach a thread."""
AGAIN_S = 5.0
"""How long after a first connection that failed the next one is tried."""
LEAVE_S = 4.0
"""How long closing may take: a little more than the library waits for the socket (3 s)."""

log = logging.getLogger(__name__)


class _Stamped(str):
    """One websocket message, with the time it was read."""

    __slots__ = ("arrived",)
    arrived: float


class Line(SocketModeClient):
    """The client of the library, which also notes when anything arrived: messages, pings and pongs."""

    def __init__(self, app_token: str, **options: Any) -> None:
        self.heard_at = self.opened_at = time.monotonic()
        self.greeted = False
        """Whether this connection has said anything but pongs; the first message is Slack's hello."""
        self._ponged: float | None = None
        super().__init__(app_token, **options)
        # Which knows of NO_PROXY; the library would take the proxy of the environment here in any case.
        self.proxy = self.web_client.proxy

    def connect(self) -> None:
        """Open a new connection, and listen to its pings, which the library answers without a word."""
        # Before, not after: the hello may come at once.
        self.opened_at, self.greeted, self._ponged = time.monotonic(), False, None
        super().connect()
        session = self.current_session
        if session is not None:
            answer = session.pong

            def pong(payload: str | bytes = "") -> None:
                self.heard_at = time.monotonic()
                answer(payload)

            session.pong = pong  # type: ignore[method-assign]  # the only trace that a ping leaves

    def enqueue_message(self, message: str) -> None:
        """Stamp the message when it was read from the socket, before it waits for a thread."""
        stamped = _Stamped(message)
        self.heard_at = stamped.arrived = time.monotonic()
        self.greeted = True
        super().enqueue_message(stamped)

    def close(self) -> None:
        """Leave within LEAVE_S: the library's threads may close one socket twice, or wait for each other for ever."""
        leaving = threading.Thread(target=self._leave, name="leaving", daemon=True)
        leaving.start()
        leaving.join(LEAVE_S)

    def _leave(self) -> None:
        try:
            super().close()
        except Exception as error:  # noqa: BLE001 (whatever it is, we are going)
            log.warning("Slack's websocket was not left in order: %s", type(error).__name__)

    def silent_s(self) -> float:
        """Return for how many seconds nothing has arrived: no message, no ping, no pong."""
        session = self.current_session
        ponged = session.last_ping_pong_time if session else None
        if ponged is not None and ponged != self._ponged:
            self._ponged, self.heard_at = ponged, time.monotonic()
        return time.monotonic() - self.heard_at


@dataclass
class Watchdog:
    """Looks after a line; `look` wants to be called every second."""

    line: Line
    silence_s: float = SILENCE_S
    hopeless_s: float = HOPELESS_S
    reopened: int = 0
    """How often the line was opened anew."""
    _tried_at: float = field(default_factory=time.monotonic)

    def well(self) -> bool:
        """Tell whether anything arrived lately on a line that is open."""
        return self.line.silent_s() < self.silence_s and self.line.is_connected()

    def look(self) -> bool:
        """Open the line anew when nothing arrives or no hello came; False when that has not helped for long."""
        silent_s, now = self.line.silent_s(), time.monotonic()
        if silent_s > self.hopeless_s:
            return False
        unheard = not self.line.greeted and now - self.line.opened_at > self.silence_s
        if (silent_s > self.silence_s or unheard) and now - self._tried_at > self.silence_s:
            self._tried_at = now
            self._reopen(silent_s)
        return True

    def _reopen(self, silent_s: float) -> None:
        log.error("Nothing came over Slack's websocket for %.0f s; opening it anew.", silent_s)
        self.reopened += 1
        try:
            self.line.connect_to_new_endpoint(force=True)
        except TROUBLE as error:
            log.warning("Slack did not open a websocket (%s).", word(error))
        except Exception as error:  # noqa: BLE001 (the library closes one socket from two threads)
            log.warning("The websocket was not opened anew: %s.", type(error).__name__)
            self._tried_at = float("-inf")


class Work:
    """What is being answered at this moment."""

    def __init__(self) -> None:
        self._under_way = 0
        self._changed = threading.Condition()

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Count what happens in the `with` block as under way."""
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def done(self, *, within_s: float) -> bool:
        """Wait until nothing is under way; False when that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._under_way == 0, within_s)


def open_line(app: App, app_token: str, work: Work) -> Line:
    """Return a client that gives what it receives to `app`; not connected yet.

    An envelope must be acknowledged within 3 s.
    """
    # The library's own logger, which the process keeps at WARNING: it logs messages below that.
    library = logging.getLogger("slack_sdk.socket_mode")
    line = Line(app_token, logger=library, web_client=app.client, concurrency=THREADS)

    def receive(client: BaseSocketModeClient, message: dict[str, Any], raw: str | None) -> None:
        request = SocketModeRequest.from_dict(message)
        if request is None:
            return
        came = Arrival(raw.arrived if isinstance(raw, _Stamped) else time.monotonic())
        bolt = BoltRequest(mode="socket_mode", body=request.payload, context={"arrival": came})
        with work.begun():
            send_response(client, request, app.dispatch(bolt), time.time())
        acknowledged("websocket", came.at)

    line.message_listeners.append(receive)
    return line


def serve_socket(
    app: App, app_token: str, place: Place, ready: Health, beside: Callable[[Health], WSGIApplication]
) -> None:
    """Receive over Slack's websocket until SIGTERM, then finish what was begun.

    What is not Slack's is served on `place`: `beside` makes that of the health, which knows of the websocket here.
    Ends the process with status 1 when nothing comes over the websocket whatever is tried.
    """
    work, stop = Work(), threading.Event()
    line = open_line(app, app_token, work)
    dog = Watchdog(line)
    serve_beside(place, beside(_readiness(ready, dog, stop)))
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if connect(line, stop.wait, within_s=HOPELESS_S):
        log.info("Receiving from Slack over its websocket.")
        watch(dog, stop.wait)
    drain(line, work)


def connect(line: SocketModeClient, stopped: Callable[[float], bool], *, within_s: float = 0.0) -> bool:
    """Open the line for the first time; False when `stopped`, which waits for so many seconds, says so before.

    A Slack that is away is asked again for `within_s` seconds: a supervisor would wait longer each time, up to minutes
    after Slack is back. Raises Unavailable when it stays away, and at once when it refuses.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            line.connect()
        except TROUBLE as error:
            if isinstance(error, SlackApiError) or time.monotonic() >= deadline:
                # Its threads would keep the process alive.
                line.close()
                hint = "Check SLACK_APP_TOKEN and its scope connections:write, and that Slack is reachable."
                raise Unavailable(f"Slack did not open a websocket ({word(error)}).", hint=hint) from error
            log.warning("Slack did not open a websocket (%s); trying again in %g s.", word(error), AGAIN_S)
            # Its address is good for one connection.
            line.wss_uri = None
        else:
            return True
        if stopped(AGAIN_S):
            return False


def watch(dog: Watchdog, stopped: Callable[[float], bool]) -> None:
    """Look after the line until `stopped`, which waits for so many seconds, says so; end the process if it is vain."""
    while not stopped(1.0):
        if not dog.look():
            log.critical("Nothing came over Slack's websocket for %.0f s; ending, for a fresh start.", HOPELESS_S)
            logging.shutdown()
            # Not sys.exit: it would wait for the threads that are stuck.
            os._exit(1)


def drain(line: SocketModeClient, work: Work) -> None:
    """Acknowledge what was received, then leave: an answer needs the line it was asked on."""
    # What arrived just now is still on its way to a thread.
    time.sleep(SETTLE_S)
    if not work.done(within_s=GRACE_S):
        log.warning("Not everything was answered within %s s of the end.", GRACE_S)
    line.close()


def _readiness(ready: Health, dog: Watchdog, stop: threading.Event) -> Health:
    def connected() -> tuple[bool, dict[str, Any]]:
        well, facts = ready()
        alive = dog.well()
        more = {"socket": alive, "silent_s": round(dog.line.silent_s()), "reopened": dog.reopened}
        return well and alive and not stop.is_set(), {**facts, **more}

    return connected
