"""Whether a restart would help, as the worker's and the clock's ports say it: a stuck loop, a silent process."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import redis

from mesh.domain.catalog import Catalog
from playground.servers import RedisServer
from store.connection import quick
from store.locks import RedisLocks
from store.pending import Pending
from telemetry.serving import Port
from telemetry.signs import Signs
from tests.store.refusing import fill
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


def page(application: Any, path: str) -> str:
    """Ask, and return what is said."""
    asked = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "wsgi.input": io.BytesIO()}
    return b"".join(application(asked, lambda *_: None)).decode()


def clock_at(url: str) -> Any:
    """Return what a clock's port answers with; the clock itself does not run."""
    port, client = Ear("clock", None), quick(url)
    clock = Clock(Pending(client, enqueue=lambda *_, **__: None), RedisLocks(client), Wall())
    seen.clock_port(port, Seen(InForce, lambda: quick(url)), clock)
    return cast(Any, port).answers


@pytest.mark.parametrize("role", ["worker", "clock"])
def test_a_redis_that_is_full_is_no_redis_that_is_well(
    role: str, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers and nothing can be done with it: not ready, for that reason; the numbers tell it from one away."""
    url = own_redis.url
    application = clock_at(url) if role == "clock" else answering(Signs(["urgent"]), InForce, url, monkeypatch)
    assert status(application, "/readyz") == 200
    assert f'meshbot_redis_writable{{role="{role}"}} 1.0' in page(application, "/metrics")
    fill(url)
    assert status(application, "/readyz") == 503
    assert "is full and takes no writes" in page(application, "/readyz")
    numbers = page(application, "/metrics")
    assert f'meshbot_redis_up{{role="{role}"}} 1.0' in numbers
    assert f'meshbot_redis_writable{{role="{role}"}} 0.0' in numbers
    own_redis.stop()
    assert "does not answer" in page(application, "/readyz")
    assert "meshbot_redis_writable{" not in page(application, "/metrics")


def test_a_clock_tells_how_full_redis_is(own_redis: RedisServer) -> None:
    """A share of what it may use; nothing where it may use all there is."""
    with redis.Redis.from_url(own_redis.url) as admin:
        assert "meshbot_redis_memory_ratio " not in page(clock_at(own_redis.url), "/metrics")
        admin.config_set("maxmemory", 4 * int(admin.info("memory")["used_memory"]))
        numbers = page(clock_at(own_redis.url), "/metrics")
        [ratio] = re.findall(r"^meshbot_redis_memory_ratio (\S+)$", numbers, re.MULTILINE)
        assert 0.1 < float(ratio) < 0.5
