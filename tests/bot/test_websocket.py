"""The websocket is judged by what arrives on it, and left only when everything is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from slack_bolt import Ack, App

from bot.websocket import HOPELESS_S, SILENCE_S, Line, Watchdog, Work, connect, drain, open_line, watch
from chat.connection import web_client
from mesh.domain.errors import Unavailable
from playground.serving import ServerThread
from playground.slack.driver import SlackDriver
from playground.slack.server import make_app
from playground.slack.world import default_world
from telemetry.metrics import REGISTRY

# The library leaves a socket to the garbage collector when it replaces a connection that hangs.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

WORLD = default_world()


@dataclass
class Wire:
    """A line to a stand-in Slack, with an app that answers `/mesh` after `slow_s`."""

    driver: SlackDriver
    line: Line
    work: Work
    slow_s: float = 0.0
    begun: int = 0

    def ask(self) -> None:
        """Type a command."""
        self.driver.send("U0JIN", "C0PROD", "/mesh status")

    @property
    def outcomes(self) -> list[str]:
        """How each delivery ended; empty for one that was acknowledged."""
        return [delivery["attempts"][-1]["error"] for delivery in self.driver.deliveries() if delivery["attempts"]]


def until(condition: Callable[[], object], timeout_s: float = 60) -> None:
    """Wait for `condition`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def never(_seconds: float) -> bool:
    """Nobody asks for the end."""
    return False


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A connected line, which pings five times a second."""
    with ServerThread(make_app(WORLD)) as server:
        app = App(client=web_client(WORLD.bot.bot_token, f"{server.url}/api/"), token_verification_enabled=False)
        work = Work()
        line = open_line(app, WORLD.bot.app_token, work)
        line.ping_interval = line.current_app_monitor.interval_seconds = 0.2
        made = Wire(SlackDriver(server.url), line, work)

        @app.command("/mesh")
        def _(ack: Ack) -> None:
            made.begun += 1
            time.sleep(made.slow_s)
            ack("done")

        assert connect(line, never)
        until(lambda: line.greeted)
        yield made
        line.close()


def test_pongs_are_a_sign_of_life(wire: Wire) -> None:
    """On a quiet line only pongs arrive; that is enough."""
    began = time.monotonic()
    # Without them the silence would only grow.
    until(lambda: wire.line.silent_s() < 0.6 and time.monotonic() - began > 1.0)


def test_pings_are_a_sign_of_life(wire: Wire) -> None:
    """What Slack pings is answered by the library without a word, and noted all the same."""
    session = wire.line.current_session
    assert session is not None
    wire.line.heard_at -= 100
    session.pong("x")
    assert wire.line.silent_s() < 50


def test_a_line_that_only_looks_alive_is_opened_anew(wire: Wire) -> None:
    """A zombie: the socket is open and the flags are well, but nothing arrives. The next line works."""
    dog = Watchdog(wire.line, silence_s=1.0, hopeless_s=60)
    wire.driver.trouble("disconnect", delivery="slash_commands", reason="silence")
    until(lambda: not dog.well())
    assert wire.line.is_connected()
    until(lambda: dog.look() and dog.reopened == 1)
    until(dog.well)
    before = len(wire.outcomes)
    for _ in range(10):
        wire.ask()
        time.sleep(0.3)
    until(lambda: "" in wire.outcomes[before:])


def test_a_line_without_a_hello_is_opened_anew(wire: Wire) -> None:
    """Pongs alone are not enough: a line that Slack never greeted brings nothing."""
    dog = Watchdog(wire.line, silence_s=0.5)
    wire.line.greeted = False
    until(lambda: dog.look() and dog.reopened == 1)
    until(lambda: wire.line.greeted)


def test_a_line_that_stays_silent_ends_the_process(monkeypatch: pytest.MonkeyPatch, wire: Wire) -> None:
    """When opening it anew has not helped for three minutes, a fresh process is asked for, without waiting."""
    ends: list[int] = []

    def end(status: int) -> None:
        ends.append(status)
        raise SystemExit

    monkeypatch.setattr("bot.websocket.os._exit", end)
    monkeypatch.setattr("bot.websocket.logging.shutdown", lambda: None)
    wire.line.close()
    assert wire.line.silent_s() < 10
    wire.line.heard_at = time.monotonic() - HOPELESS_S - 1
    with pytest.raises(SystemExit):
        watch(Watchdog(wire.line), lambda _: False)
    assert ends == [1]


def test_a_slack_that_is_away_is_tried_again_later(wire: Wire) -> None:
    """One try for each minute of silence, however often the dog looks; trouble with it is no end."""
    started = time.monotonic()
    dog = Watchdog(wire.line, silence_s=0.3)
    wire.driver.trouble("error", method="apps.connections.open", error="internal_error", times=5)
    wire.driver.trouble("disconnect", delivery="slash_commands", reason="silence")
    until(lambda: dog.look() and dog.reopened == 2)
    assert time.monotonic() - started > 0.6


def test_the_minute_is_what_slack_needs() -> None:
    """Twelve pings without an answer, and a third of an hour's quiet never counts as dead on a line that pongs."""
    assert (SILENCE_S, HOPELESS_S) == (60.0, 180.0)


def test_what_was_received_is_acknowledged_before_leaving(wire: Wire) -> None:
    """SIGTERM while a command is answered: its acknowledgement still goes over the line it came on, and is counted."""
    before = REGISTRY.get_sample_value("meshbot_ack_seconds_count", {"way": "websocket"}) or 0.0
    wire.slow_s = 1.0
    wire.ask()
    until(lambda: wire.begun)
    drain(wire.line, wire.work)
    until(lambda: wire.outcomes)
    assert wire.outcomes == [""]
    assert not wire.line.is_connected()
    until(lambda: REGISTRY.get_sample_value("meshbot_ack_seconds_count", {"way": "websocket"}) == before + 1)


def test_a_stuck_answer_does_not_keep_the_process() -> None:
    """Work that does not end is given up on."""
    work, release = Work(), threading.Event()

    def stuck() -> None:
        with work.begun():
            release.wait(60)

    thread = threading.Thread(target=stuck)
    thread.start()
    until(lambda: not work.done(within_s=0.01))
    release.set()
    thread.join()
    assert work.done(within_s=60)


def test_a_slack_that_is_away_at_the_start_is_asked_again() -> None:
    """The line is open soon after Slack is there; a supervisor would have waited longer each time."""
    slack = ServerThread(make_app(WORLD))
    app = App(client=web_client(WORLD.bot.bot_token, f"{slack.url}/api/"), token_verification_enabled=False)
    line = open_line(app, WORLD.bot.app_token, Work())
    with ExitStack() as later:

        def come(_seconds: float) -> bool:
            later.enter_context(slack)
            return False

        assert connect(line, come, within_s=60)
        until(lambda: line.greeted)
        line.close()


def test_a_slack_that_refuses_at_the_start_is_not_asked_again() -> None:
    """A wrong token is no matter of patience."""
    with ServerThread(make_app(WORLD)) as server:
        app = App(client=web_client(WORLD.bot.bot_token, f"{server.url}/api/"), token_verification_enabled=False)
        with pytest.raises(Unavailable, match="invalid_auth"):
            connect(open_line(app, "xapp-wrong", Work()), never, within_s=60)


def test_the_end_is_heard_while_slack_is_away() -> None:
    """Who waits for Slack can be stopped."""
    app = App(client=web_client(WORLD.bot.bot_token, "http://127.0.0.1:9/api/"), token_verification_enabled=False)
    assert not connect(open_line(app, WORLD.bot.app_token, Work()), lambda _: True, within_s=60)
