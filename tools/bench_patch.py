"""How long a change takes from the queue to the API server, beside the least it could take: `make bench-patch`.

Real: etcd, kube-apiserver with RBAC, Redis, the worker processes, kubectl. Stood in for: Slack and Prometheus, which
answer at once what is wanted. All is measured in turns in one run, so that a busy machine is unfair to all alike.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from chat.memory import FixedDirectory
from mesh.domain.commands import Target
from mesh.domain.grammar import parse
from mesh.domain.operations import Operation, Origin, State, Step
from mesh.domain.policy import Actor
from mesh.operations.desk import Desk
from mesh.operations.receiving import receive
from playground.processes import Child
from playground.servers import RedisServer
from playground.serving import ServerThread
from settings.file import read_catalog
from settings.time import SystemTime
from store.buckets import RedisBuckets
from store.connection import quick
from store.freezes import RedisFreezes
from store.incidents import RedisIncidents
from store.jobs import JobQueue
from store.operations import RedisOperations
from tests.e2e.admin import Admin, Obj, until
from tests.e2e.binaries import SERVERS, build, cache
from tests.e2e.objects import apply_example, filled
from tests.e2e.servers import install, servers
from tests.workers.cluster.shapes import endpoint_slice, pod
from tools.bench_stands import Doorway, requests_seen, stands
from workers.cluster.client import KubernetesClient
from workers.cluster.resources import Resource

ROUNDS = 60
WARM_ROUNDS = 5
"""Rounds before the first that counts."""
COUNTED = 10
"""Rounds of the second part, in which requests and connections are counted and nothing is timed."""
LONGEST_S = 240.0
"""No round begins later than this after the start."""
BARE, KUBECTL, ROLLBACK, PROMOTE = "bare PATCH", "kubectl patch", "rollback", "promote"
PARTS = {"queue": Step.CHECKING, "read, plan, judge, write down": Step.PATCHING, "PATCH": Step.PATCHED}
"""What an operation's time is spent on -> the step that ends it."""
GOAL = 3.0
"""How many bare PATCHes a rollback may take, at the median."""
TARGET = Target("demo", "mesh-demo", "api")
ROUTE = Resource("networking.istio.io", "v1", "virtualservices", "VirtualService")
JIN = Actor("U0JIN", "T0MESH")
CONFIGURATION = """
clusters: {demo: {namespace: mesh-demo}}
services: {api: {stable: v1, canary: v2}}
policy: {roles: {sre: {users: [U0JIN], may: "*"}}}
"""


@dataclass
class World:
    """The servers, and what workers on them are told."""

    directory: Path
    admin: Admin
    kubeconfig: Path
    redis_url: str
    stands_url: str

    @property
    def configuration(self) -> Path:
        """The configuration file."""
        path = self.directory / "meshbot.yaml"
        path.write_text(CONFIGURATION)
        return path

    @contextmanager
    def workers(self, kubeconfig: Path) -> Iterator[None]:
        """Run `meshbot worker`: a process for urgent work and one for the rest."""
        environment = {
            "SLACK_BOT_TOKEN": "xoxb-bench",
            "SLACK_API_URL": f"{self.stands_url}/api/",
            "REDIS_URL": self.redis_url,
            "KUBECONFIG": str(kubeconfig),
            "PROMETHEUS_URL": self.stands_url,
            "MESHBOT_CONFIG": str(self.configuration),
        }
        argv = [sys.executable, "-m", "meshbot", "worker"]
        with Child("worker", argv, environment, self.directory / "worker.log"):
            redis = quick(self.redis_url)
            until(lambda: redis.scard("rq:workers") == 3, "the workers did not start")
            yield


class Stopwatch:
    """Hands operations to RQ and notes when."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self.at = 0.0

    def __call__(self, operation_id: str, *, urgent: bool, attempt: int, ahead: bool = False) -> None:
        """Enqueue."""
        self.at = time.time()
        self._queue.enqueue(operation_id, urgent=urgent, attempt=attempt, ahead=ahead)


class Bench:
    """Three ways to write the route's weights. Each returns how many milliseconds it took."""

    def __init__(self, world: World) -> None:
        self._kubectl = [str(cache() / "kubectl"), f"--kubeconfig={world.kubeconfig}"]
        self._kubectl += [f"--cache-dir={world.directory / 'kubectl-cache'}", "patch"]
        self._client = KubernetesClient("demo", kubeconfig=str(world.kubeconfig))
        redis = quick(world.redis_url)
        self._enqueued = Stopwatch(JobQueue(redis))
        self._operations = RedisOperations(redis, SystemTime(), enqueue=self._enqueued)
        catalog = read_catalog(str(world.configuration))
        incidents = RedisIncidents(redis, SystemTime(), enqueue=JobQueue(redis).incident)
        memory = {"incidents": incidents, "freezes": RedisFreezes(redis, SystemTime()), "buckets": RedisBuckets(redis)}
        self._desk = Desk(catalog, self._operations, FixedDirectory({}), SystemTime(), **memory)
        self._asked = 0

    def bare(self, canary: int) -> float:
        """PATCH once, by the workers' own client and over its warm connection."""
        patch = self._patch(canary)
        started = time.perf_counter()
        self._client.patch(ROUTE, TARGET.namespace, "api-vs", patch)
        return (time.perf_counter() - started) * 1e3

    def kubectl(self, canary: int) -> float:
        """Run one `kubectl patch` of the same patch; its discovery is cached after the first."""
        what = [f"{ROUTE.plural}.{ROUTE.version}.{ROUTE.group}", "api-vs", "-n", TARGET.namespace]
        argv = [*self._kubectl, *what, "--type=json", "-p", json.dumps(self._patch(canary))]
        started = time.perf_counter()
        subprocess.run(argv, check=True, capture_output=True, timeout=30)  # noqa: S603  # our own argv
        return (time.perf_counter() - started) * 1e3

    def operation(self, text: str) -> tuple[float, ...]:
        """Ask for an operation; return how long each of `PARTS` took, from the queue to the PATCH's answer."""
        done = self.done(text)
        moments = {event.step: event.at for event in reversed(done.story)}
        ends = [self._enqueued.at, *(moments[step] for step in PARTS.values())]
        return tuple((end - begin) * 1e3 for begin, end in pairwise(ends))

    def done(self, text: str) -> Operation:
        """Ask for an operation as the bot would, and return it once people were told of its end.

        No clock runs, so nothing measures the split eight seconds later beside what is timed then.
        """
        self._asked += 1
        origin = Origin("slash", "C0PROD")
        name = receive(self._desk, parse(text), JIN, origin, dedupe=f"delivery-{self._asked}").operation.id
        until(lambda: self._told(name), f"{name} did not end")
        operation = self._operations.get(name)
        if operation.state is not State.SUCCEEDED:
            raise SystemExit(f"{text} ended as {operation.state}: {operation.outcome} {operation.hint}")
        return operation

    def _told(self, name: str) -> bool:
        # Seldom, so that looking does not slow down what is looked at.
        time.sleep(0.02)
        operation = self._operations.get(name)
        return operation.done and operation.reported

    def _patch(self, canary: int) -> list[dict[str, object]]:
        """Return a patch of the kind that workers send: tests of what was read, weights, a stamp."""
        seen = self._client.read(ROUTE, TARGET.namespace, "api-vs")
        if seen is None:
            raise SystemExit("the route is gone")
        patch: list[dict[str, object]] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": seen["metadata"]["resourceVersion"]},
            {"op": "add", "path": "/metadata/annotations", "value": {"meshbot.dev/operation": f"op-bench{canary}"}},
        ]
        arms = seen["spec"]["http"][0]["route"]
        for index, (arm, weight) in enumerate(zip(arms, (100 - canary, canary), strict=True)):
            path = f"/spec/http/0/route/{index}"
            patch += [
                {"op": "test", "path": f"{path}/destination/subset", "value": arm["destination"]["subset"]},
                {"op": "test", "path": f"{path}/weight", "value": arm["weight"]},
                {"op": "replace", "path": f"{path}/weight", "value": weight},
            ]
        return patch


@dataclass
class Measured:
    """Milliseconds by what was done."""

    took: dict[str, list[float]] = field(default_factory=dict)
    parts: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    """Of an operation, as in `PARTS`."""

    def add(self, name: str, *parts: float) -> None:
        """Add one measurement."""
        self.took.setdefault(name, []).append(sum(parts))
        self.parts.setdefault(name, []).append(parts)

    def p50(self, name: str) -> float:
        """Return the median."""
        return statistics.median(self.took[name])

    def p95(self, name: str) -> float:
        """Return what 19 of 20 stayed within."""
        return statistics.quantiles(self.took[name], n=20)[-1]

    def table(self) -> str:
        """Return all of it, with ratios of medians."""
        lines = [f"{'':26}{'p50 ms':>9}{'p95 ms':>9}{'x bare':>9}{'x kubectl':>11}"]
        for name, what in (
            (BARE, "bare warm PATCH"), (KUBECTL, "one kubectl patch process"),
            (ROLLBACK, "rollback, queue to PATCH"), (PROMOTE, "promote, queue to PATCH"),
        ):  # fmt: skip
            ratios = [self.p50(name) / self.p50(other) for other in (BARE, KUBECTL)]
            lines.append(f"{what:26}{self.p50(name):9.1f}{self.p95(name):9.1f}{ratios[0]:9.2f}{ratios[1]:11.2f}")
        for name in (ROLLBACK, PROMOTE):
            medians = map(statistics.median, zip(*self.parts[name], strict=True))
            shown = (f"{part} {took:.1f}" for part, took in zip(PARTS, medians, strict=True))
            lines.append(f"{name}, p50 of its parts: {', '.join(shown)}")
        return "\n".join(lines)

    def goal(self) -> str:
        """Say whether the goal is met."""
        ratio, beside = self.p50(ROLLBACK) / self.p50(BARE), self.p50(ROLLBACK) / self.p50(KUBECTL)
        verdict = "met" if ratio <= GOAL and beside < 1 else "missed"
        return f"goal (rollback within {GOAL:g} bare PATCHes and faster than kubectl): {verdict}, {ratio:.2f} x"


def main() -> None:
    """Start everything, measure, count, print."""
    started = time.monotonic()
    build(names=(*SERVERS, "kubectl"))
    with tempfile.TemporaryDirectory() as directory, world(Path(directory)) as made:
        bench = Bench(made)
        with made.workers(made.kubeconfig):
            measured = timed(bench, lambda: time.monotonic() - started < LONGEST_S)
        seen = counted(made, bench)
    head = f"{len(measured.took[BARE])} rounds in turns, after {WARM_ROUNDS} to warm up"
    print(head, measured.table(), measured.goal(), seen, sep="\n\n")  # noqa: T201  # the answer


@contextmanager
def world(directory: Path) -> Iterator[World]:
    """Run the servers with the seed's route and the shipped account."""
    with ExitStack() as stack:
        admin = Admin(stack.enter_context(servers(directory / "kubernetes")))
        install(admin, cache())
        admin.namespace(TARGET.namespace)
        for name in ("app.yaml", "istio-traffic.yaml"):
            apply_example(admin, name)
        for obj in ready_pods():
            admin.apply(filled(obj))
        redis = stack.enter_context(RedisServer(directory / "redis"))
        stood_in = stack.enter_context(ServerThread(stands()))
        yield World(directory, admin, admin.shipped(), redis.url, stood_in.url)


def ready_pods() -> list[Obj]:
    """Return two ready pods of each version and the EndpointSlice that lists them: no kubelet runs to start any."""
    here = {"namespace": TARGET.namespace}
    names = {f"api-{version}-{number}": version for version in ("v1", "v2") for number in range(2)}
    pods = [pod(name, labels={"app": "api", "version": version}, **here) for name, version in names.items()]
    endpoints = [
        {
            "addresses": [f"10.0.0.{number}"],
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": name, **here},
        }
        for number, name in enumerate(names, 1)
    ]
    around = endpoint_slice("api", "api", *endpoints)
    around["metadata"]["namespace"] = TARGET.namespace
    return [*pods, around]


def timed(bench: Bench, may_go_on: Callable[[], bool]) -> Measured:
    """Write the weights in turns by every way there is: each finds other weights than it writes."""
    measured = Measured()
    for number in range(WARM_ROUNDS + ROUNDS):
        if not may_go_on():
            break
        took = {
            KUBECTL: (bench.kubectl(5),),
            BARE: (bench.bare(10),),
            PROMOTE: bench.operation("promote api 50"),
            ROLLBACK: bench.operation("rollback api"),
        }
        if number >= WARM_ROUNDS:
            for name, parts in took.items():
                measured.add(name, *parts)
    return measured


def counted(made: World, bench: Bench) -> str:
    """Let other workers do the same through a counting doorway; return what the API server saw for each job."""
    kubeconfig = yaml.safe_load(made.kubeconfig.read_text())
    [cluster] = kubeconfig["clusters"]
    doorway = Doorway(urlsplit(cluster["cluster"]["server"]).port or 443)
    cluster["cluster"]["server"] = f"https://127.0.0.1:{doorway.port}"
    path = made.kubeconfig.with_name("kubeconfig-doorway")
    path.write_text(yaml.safe_dump(kubeconfig))
    lines = [f"seen by the API server, per job, over {COUNTED} jobs of each kind:"]
    with doorway.open(), made.workers(path):
        totals: dict[str, Counter[str]] = {PROMOTE: Counter(), ROLLBACK: Counter()}
        for number in range(1 + COUNTED):
            for name, text in ((PROMOTE, "promote api 50"), (ROLLBACK, "rollback api")):
                if name == PROMOTE:
                    bench.bare(10)
                before, opened = requests_seen(made.admin), doorway.opened
                bench.done(text)
                if number:
                    totals[name] += requests_seen(made.admin) - before
                    totals[name]["TLS handshakes"] += doorway.opened - opened
        for name, total in totals.items():
            parts = (f"{total[what] / COUNTED:g} {what}" for what in sorted(total))
            lines.append(f"  {name}: {', '.join(parts)}; each queue's first job apart")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
