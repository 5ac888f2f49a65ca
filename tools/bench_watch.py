"""How long a look at a thousand active rollouts takes, and what it asks: `make bench-watch`.

Real: Redis, and a Prometheus that scrapes simulated sidecars. In memory: the cluster's routes. The looks are those of
the worker of the watch queue, taken here in one process at their own pace, the last of them with clocks running.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import redis
import requests

from chat.memory import FixedDirectory, RecordedCards, RecordedIncidentCards
from mesh.domain.catalog import Catalog, Cluster, MetricsServer
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.operations import Operation, Origin, State
from mesh.domain.plans import Roles, plan
from mesh.domain.policy import Actor
from mesh.domain.rollouts import Move, Phase, Rollout
from mesh.domain.strategies import RolloutStep as Step
from mesh.domain.strategies import Strategy
from mesh.operations.looking import Looked, look
from mesh.operations.stage import Stage
from playground.processes import Child
from playground.servers import PrometheusServer, RedisServer
from playground.serving import free_port
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.connection import patient
from store.freezes import RedisFreezes
from store.incidents import RedisIncidents
from store.jobs import JobQueue
from store.locks import RedisLocks
from store.operations import RedisOperations
from store.watches import RedisWatches
from workers.cluster.virtualservice import VIRTUAL_SERVICE
from workers.memory import MemoryCluster
from workers.metrics.adapter import PrometheusMetrics

LOOK_S = 5.0
LOOKS = 12
ROLLOUTS = 1000
NAMESPACES = 20
RPS = {"v1": 190.0, "v2": 10.0}
"""Requests per second of each arm of each service; one in a thousand fails."""
BOUNDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5, 1.8e6, 3.6e6, math.inf)
"""The buckets of istio-proxy; all requests take between 25 and 50 ms."""
_STRATEGY = Strategy((Step(5.0, 3600.0), Step(100.0, 3600.0)))


def targets(count: int) -> list[Target]:
    """Return the services of the bench."""
    return [Target("demo", f"ns-{number % NAMESPACES}", f"svc-{number}") for number in range(count)]


# --- the sidecars --------------------------------------------------------------------------------------------------


class Sidecars:
    """What proxies would show of every service, as Prometheus text; each line but its number is made once."""

    def __init__(self, count: int) -> None:
        self._begun = time.monotonic()
        self._lines = [line for target in targets(count) for line in _series(target)]

    def text(self) -> str:
        """Return the counters as they are now."""
        seconds = time.monotonic() - self._begun + 600.0
        values = {rate: f"{rate * seconds:.0f}\n" for rate in {rate for _, rate in self._lines}}
        return "".join([line + values[rate] for line, rate in self._lines])


def _series(target: Target) -> Iterator[tuple[str, float]]:
    for version, rps in RPS.items():
        workload = f'destination_workload="{target.service}-{version}",destination_version="{version}"'
        service = f'destination_service_name="{target.service}",destination_service_namespace="{target.namespace}"'
        labels = f'reporter="source",source_workload="gateway",request_protocol="http",{workload},{service}'
        for code, share in (("200", 0.999), ("503", 0.001)):
            yield f'istio_requests_total{{{labels},response_code="{code}"}} ', rps * share
        for bound in BOUNDS:
            rate = rps if bound >= 50 else 0.0
            le = "+Inf" if math.isinf(bound) else f"{bound:g}"
            yield f'istio_request_duration_milliseconds_bucket{{{labels},le="{le}"}} ', rate


def show_sidecars(port: int, count: int) -> None:
    """Serve the sidecars' counters until the process is ended."""
    sidecars = Sidecars(count)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = sidecars.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


# --- the rollouts --------------------------------------------------------------------------------------------------


def a_route(target: Target) -> dict[str, Any]:
    """Return a VirtualService that gives its canary 5 %."""
    arms = [
        {"destination": {"host": target.service, "subset": version}, "weight": weight}
        for version, weight in (("v1", 95), ("v2", 5))
    ]
    metadata = {"name": f"{target.service}-vs", "namespace": target.namespace, "uid": f"uid-{target.service}"}
    spec = {"hosts": [target.service], "http": [{"route": arms}]}
    metadata |= {"resourceVersion": "1"}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata, "spec": spec}


def a_rollout(target: Target, now: float) -> Operation:
    """Return a rollout whose canary has 5 % and bakes for an hour."""
    [route] = VIRTUAL_SERVICE.read(a_route(target))
    arms = tuple(replace(arm, version=arm.name) for arm in route.arms)
    weights = {"v1": 100, "v2": 0}
    former = replace(route, arms=tuple(replace(arm, weight=weights[arm.name]) for arm in arms))
    rollout = Rollout(
        _STRATEGY, Phase.BAKING, entered_at=now, moved_at=now - 60, moves=(Move(now - 60, 5.0),), arms=arms
    )
    return Operation(
        id=f"op-{target.service.replace('-', '')}",
        command=Command(verb=Verb.CANARY, service=target.service),
        target=target,
        actor=Actor("U0JIN", "T0MESH"),
        origin=Origin("slash", "C0PROD"),
        created_at=now,
        state=State.RUNNING,
        plan=plan(former, {"v1": 95, "v2": 5}, Roles("v1", "v2"), stamps={}),
        rollout=rollout,
    )


@dataclass
class Trips:
    """How often a Redis client of this process waited for an answer."""

    count: int = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count in this block."""
        kind, counter = redis.connection.Connection, self
        send = kind.send_packed_command

        def counting(self: Any, *args: Any, **more: Any) -> None:
            counter.count += 1
            send(self, *args, **more)  # type: ignore[no-untyped-call]  # the library's own, typed in part

        kind.send_packed_command = counting  # type: ignore[method-assign]  # for as long as it is counted
        try:
            yield
        finally:
            kind.send_packed_command = send  # type: ignore[method-assign]  # as it was


def say(line: str) -> None:
    """Print one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def queries_seen(prometheus_url: str) -> int:
    """Return how many queries Prometheus says it has answered."""
    lines = requests.get(f"{prometheus_url}/metrics", timeout=5).text.splitlines()
    counted = [line for line in lines if line.startswith("prometheus_http_requests_total{") and "/api/v1/query" in line]
    return sum(int(float(line.rpartition(" ")[2])) for line in counted)


def make_stage(redis_url: str, prometheus_url: str, count: int) -> Stage:
    """Return what the watch worker has, with the cluster in memory, and the rollouts begun."""
    client, now = patient(redis_url), SystemTime()
    server = MetricsServer((prometheus_url,))
    catalog = Catalog((Cluster("demo", prometheus=server),), look_s=LOOK_S)
    operations = RedisOperations(client, now, enqueue=JobQueue(client).enqueue)
    for target in targets(count):
        wish = a_rollout(target, now.now())
        plain = replace(wish, state=State.QUEUED, rollout=None, plan=None)
        received = operations.receive(plain, dedupe=wish.id, intent=wish.id, facts={}).operation
        operations.commit(replace(wish, revision=received.revision))
    return Stage(
        catalog=catalog,
        operations=operations,
        locks=RedisLocks(client),
        cluster=MemoryCluster([a_route(target) for target in targets(count)]),
        metrics=PrometheusMetrics(catalog),
        watches=RedisWatches(client),
        freezes=RedisFreezes(client, now),
        auditlog=RedisAuditLog(client),
        cards=RecordedCards(),
        directory=FixedDirectory({}),
        time=now,
        incidents=RedisIncidents(client, now, enqueue=JobQueue(client).incident),
        incident_cards=RecordedIncidentCards(),
    )


# --- the measurement -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """One look."""

    found: Looked
    seconds: float
    cpu_s: float
    queries: int
    trips: int


def take(stage: Stage, prometheus_url: str) -> Taken:
    """Take one look and measure it."""
    before, trips = queries_seen(prometheus_url), Trips()
    with trips.counted():
        begun, cpu = time.perf_counter(), time.process_time()
        found = look("demo", stage)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return Taken(found, seconds, cpu, queries_seen(prometheus_url) - before, trips.count)


def run(stage: Stage, prometheus_url: str, looks: int) -> list[Taken]:
    """Take looks, one each `LOOK_S`, and print each."""
    say(f"{'look':>4} {'rollouts':>8} {'unknown':>8} {'seconds':>8} {'CPU s':>6} {'queries':>8} {'round trips':>11}")
    taken = []
    begun = time.monotonic()
    for number in range(1, looks + 1):
        one = take(stage, prometheus_url)
        watches = stage.watches.load([rolling.id for rolling in stage.watches.active("demo")])
        unknown = sum(any(row.verdict == "unknown" for row in watch.rows) for watch in watches.values())
        say(
            f"{number:>4} {one.found.rollouts:>8} {unknown:>8} {one.seconds:>8.2f} {one.cpu_s:>6.2f}"
            f" {one.queries:>8} {one.trips:>11}",
        )
        taken.append(one)
        time.sleep(max(0.0, begun + number * LOOK_S - time.monotonic()))
    return taken


def verdict(taken: list[Taken]) -> str:
    """Say whether each look ended within its interval, leaving out the first, which opens connections."""
    slowest, middle = max(one.seconds for one in taken[1:]), median(one.seconds for one in taken[1:])
    queries = sorted({one.queries for one in taken[1:]})
    word = "within" if slowest < LOOK_S else "NOT within"
    asked = " or ".join(map(str, queries))
    return f"slowest look {slowest:.2f} s, median {middle:.2f} s, {word} its {LOOK_S:g} s; queries of a look: {asked}"


def main(count: int = ROLLOUTS, looks: int = LOOKS) -> int:
    """Start the servers, begin the rollouts, take the looks."""
    port = free_port()
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        argv = [sys.executable, "-m", "tools.bench_watch", "sidecars", str(port), str(count)]
        address = {"sidecars": f"127.0.0.1:{port}"}
        with (
            Child("sidecars", argv, log_path=directory / "sidecars.log"),
            RedisServer(directory / "redis") as redis_server,
            PrometheusServer(directory / "prometheus", address, scrape_interval="5s") as prometheus,
        ):
            stage = make_stage(redis_server.url, prometheus.url, count)
            prometheus.wait_until_scraped("sidecars", 40)
            time.sleep(2 * LOOK_S)
            said = verdict(run(stage, prometheus.url, looks))
    say(f"{count} rollouts: {said}")
    return "NOT" in said


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["sidecars", port, count]:
            show_sidecars(int(port), int(count))
        case words:
            sys.exit(main(*map(int, words)))
