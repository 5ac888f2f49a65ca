"""A Slack that hangs, with real locks and a real client: what takes a bad canary back does not wait for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from chat.connection import web_client
from chat.directory import SlackDirectory
from mesh.domain.gates import Verdict, overall
from mesh.domain.operations import State
from mesh.domain.policy import Policy
from mesh.domain.rollouts import Phase
from mesh.operations.looking import look
from mesh.operations.running import run
from store.connection import patient
from store.locks import RedisLocks
from tests.builders import JIN, healthy
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_silence import TEAM
from tests.mesh.operations.voyage import LOOK_S, Voyage

pytestmark = pytest.mark.redis


class Deaf:
    """A server that takes every call and answers none, until it is closed."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._calls: list[socket.socket] = []
        self.called = threading.Event()
        """Set once somebody waits for an answer."""
        threading.Thread(target=self._take, daemon=True).start()

    @property
    def url(self) -> str:
        """Where Slack's Web API would be."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/api/"

    def close(self) -> None:
        """Let everybody go without an answer."""
        self._listening.close()
        for call in self._calls:
            call.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                self._calls.append(self._listening.accept()[0])
                self.called.set()


@contextmanager
def deaf() -> Iterator[Deaf]:
    """Such a server, inside a `with` block."""
    server = Deaf()
    try:
        yield server
    finally:
        server.close()


def about_to_step(bench: Bench) -> tuple[Voyage, str]:
    """A canary at 25 % whose next step is on record and not begun; and that step's operation."""
    voyage = Voyage(bench)
    voyage.start()
    bench.time.at += 61
    while voyage.phase is not Phase.MOVING:
        bench.time.at += LOOK_S
        look("demo", bench.stage)
    return voyage, voyage.operation.rollout.move  # type: ignore[union-attr]  # it is one


def test_a_worse_canary_goes_back_with_the_look_that_blames_it_while_slack_hangs(redis_url: str) -> None:
    """A worker waits for an answer about the next step all the while, and does not write it afterwards."""
    bench = Bench(policy=Policy((TEAM,)), members={"S0TEAM": {JIN.user}})
    bench.locks = bench.operations.locks = RedisLocks(patient(redis_url))  # type: ignore[assignment]  # the real ones
    voyage, step = about_to_step(bench)
    with deaf() as slack:
        bench.directory = SlackDirectory(web_client("xoxb-1", slack.url, timeout_s=60))  # type: ignore[assignment]  # as well
        asking = threading.Thread(target=run, args=(step, bench.stage), daemon=True)
        asking.start()
        assert slack.called.wait(60)
        bench.metrics.readings = {"v1": healthy(), "v2": healthy(success=20.0)}
        while overall(bench.watches.load([voyage.id])[voyage.id].rows) is not Verdict.FAIL:
            voyage.look()
        assert (bench.weights(), voyage.phase, asking.is_alive()) == ([100, 0], Phase.TURNED_BACK, True)
    asking.join(60)
    assert not asking.is_alive()
    voyage.look(6)
    assert bench.operations.get(step).state is State.REFUSED
    assert voyage.weights == [[90, 10], [75, 25], [100, 0]]
