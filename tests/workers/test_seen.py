"""Whether a restart would help, as the worker's and the clock's ports say it: a stuck loop, a silent process."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from mesh.domain.catalog import Catalog
from store.connection import quick
from store.locks import RedisLocks
from store.pending import Pending
from telemetry.serving import Port
from telemetry.signs import Signs
from tests.workers.desk import wait
from workers import seen
from workers.clock import Clock
from workers.seen import Seen


@dataclass(frozen=True)
class InForce:
    """A configuration, or what became of it."""

    good: bool = True
    trouble: str = ""
    catalog: Catalog = field(default_factory=Catalog)


class Ear(Port):
    """A port that is asked without a socket."""

    def serve(self, application: Any) -> None:
        """Keep what would be served."""
        object.__setattr__(self, "answers", application)


class Wall:
    """The real time."""

    def now(self) -> float:
        """Return Unix time in seconds."""
        return time.time()


def status(application: Any, path: str) -> int:
    """Ask, and return the HTTP status."""
    said: list[str] = []
    application({"PATH_INFO": path, "wsgi.input": io.BytesIO()}, lambda line, _headers: said.append(line))
    return int(said[0].split()[0])


def test_a_stuck_clock_asks_for_a_restart(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it comes round it lives; one that hangs in a round does not, though its port still answers."""
    monkeypatch.setattr(seen, "STUCK_S", 0.5)
    client, hang, stop = quick(redis_url), threading.Event(), threading.Event()

    class Hanging:
        def begin(self, now: float) -> None:
            while hang.is_set() and not stop.is_set():
                time.sleep(0.01)

    def nothing(operation_id: str, *, urgent: bool, attempt: int, ahead: bool = False) -> None:
        """Enqueue nothing."""

    clock = Clock(Pending(client, enqueue=nothing), RedisLocks(client), Wall(), others=[Hanging()])
    port = Ear("clock", None)
    seen.clock_port(port, Seen(InForce, lambda: quick(redis_url)), clock)
    application: Any = cast(Any, port).answers
    thread = threading.Thread(target=clock.run, args=(stop,))
    thread.start()
    try:
        wait(lambda: clock.leads)
        wait(lambda: status(application, "/healthz") == 200)
        hang.set()
        wait(lambda: status(application, "/healthz") == 503)
        assert status(application, "/readyz") == 200
        hang.clear()
        wait(lambda: status(application, "/healthz") == 200)
    finally:
        stop.set()
        thread.join()


def answering(signs: Signs, standing: Callable[[], InForce], url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what a worker's port answers with."""
    kept: list[Any] = []
    monkeypatch.setattr(seen, "serve", lambda _listener, application: kept.append(application))
    seen.worker_port(Port("worker", cast(Any, object())), Seen(standing, lambda: quick(url)), signs)
    return kept[0]


def test_a_worker_process_without_a_sign_of_life_asks_for_a_restart(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its signs count, not its being there: one of several that hangs is enough."""
    monkeypatch.setattr(seen, "HUNG_S", 60)
    signs = Signs(["urgent", "normal"])
    application = answering(signs, InForce, redis_url, monkeypatch)
    assert status(application, "/healthz") == 200
    monkeypatch.setattr(seen, "HUNG_S", 0.3)
    wait(lambda: (signs.giver("urgent")(), status(application, "/healthz"))[1] == 503)
    wait(lambda: (signs.giver("normal")(), signs.giver("urgent")(), status(application, "/healthz"))[2] == 200)


@pytest.mark.parametrize(
    ("standing", "ready"),
    [(InForce(), 200), (InForce(trouble="line 3"), 200), (InForce(good=False, trouble="line 3"), 503)],
)
def test_a_worker_is_ready_with_the_last_good_configuration(
    standing: InForce, ready: int, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mistakes keep nobody from rolling back; without a first configuration nothing is worked on, and it lives."""
    monkeypatch.setattr(seen, "HUNG_S", 100.0 if standing.good else -1.0)
    application = answering(Signs(["urgent"]), lambda: standing, redis_url, monkeypatch)
    assert status(application, "/readyz") == ready
    assert status(application, "/healthz") == 200
