"""What the tests of the whole world share: objects, talking to the stand-ins, waiting, killing."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from mesh.domain.gates import Verdict, overall
from mesh.domain.operations import Card, Operation
from playground.parts import OBJECTS, OtherCluster, World
from playground.slack.world import default_world
from settings.time import SystemTime
from store.connection import patient
from store.operations import RedisOperations
from store.outbox import RedisOutbox

EXAMPLES = Path(__file__).parents[2] / "manifests/examples"
WITH_SERVICES = "httproute.yaml"
"""Has the Services api-v1 and api-v2 as well, which a TrafficSplit needs too."""
ROUTING = {"VirtualService", "DestinationRule", "TrafficSplit", "HTTPRoute"}
LAG = "2s"
"""The gates' own lag is a second, and the question travels a moment."""
FAILED = ('response_code=~"5.*"', 'classification="failure"')
"""Selects failures, by Istio's labels and by Linkerd's."""
JIN, ANA, LEE = "U0JIN", "U0ANA", "U0LEE"
PROD = "C0PROD"
CONFIGURATION = """
clusters: {demo: {namespace: mesh-demo, mesh: MESH}}
channels: {audit: C0AUDIT, incidents: C0INC}
services:
  api: {stable: STABLE, gates: {window: 15s, requests_min: 30, success_min: 99, p99_max_ms: 500}}
policy:
  roles:
    sre: {usergroups: [S0SRE], may: "*"}
    api-owners: {usergroups: [S0APIOWN], may: [promote], services: [api]}
"""
PATHS = {
    "VirtualService": "/apis/networking.istio.io/v1beta1/namespaces/mesh-demo/virtualservices",
    "TrafficSplit": "/apis/split.smi-spec.io/v1alpha2/namespaces/mesh-demo/trafficsplits",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/namespaces/mesh-demo/httproutes",
}


def make_world(directory: Path, *, mesh: str, cluster: OtherCluster | None = None) -> World:
    """Return a world, not yet started, with traffic for the one service `api` of a mesh."""
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "meshbot.yaml"
    config.write_text(CONFIGURATION.replace("MESH", mesh).replace("STABLE", "v1"))
    profile = directory / "profile.yaml"
    # No failures but those that a test orders: one by chance among the first 60 requests would fail a gate of 99 %.
    traffic = f"namespace: mesh-demo, service: api, mesh: {mesh}, rps: 150, error_rate: 0"
    profile.write_text(f"services: [{{{traffic}}}]\n")
    objects = directory / "objects.yaml"
    objects.write_text(surroundings())
    return World(directory, objects=objects, configuration=config, profile=profile, cluster=cluster)


def surroundings(*examples: str) -> str:
    """The demo's workloads without its routes, a Service for each version, and the named example files as they are."""
    workloads = [doc for doc in yaml.safe_load_all(OBJECTS.read_text()) if doc and doc["kind"] not in ROUTING]
    workloads += _slices(next(doc for doc in workloads if doc["metadata"]["name"] == "api-1"))
    if WITH_SERVICES not in examples:
        found = yaml.safe_load_all((EXAMPLES / WITH_SERVICES).read_text())
        workloads += [doc for doc in found if doc["kind"] == "Service"]
    return yaml.safe_dump_all(workloads) + "".join(f"\n---\n{(EXAMPLES / name).read_text()}" for name in examples)


def _slices(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the EndpointSlices of api-v1 and api-v2, made of that of `api`."""
    made = []
    for service in ("api-v1", "api-v2"):
        labels = {"app": "api", "kubernetes.io/service-name": service}
        metadata = {"name": f"{service}-slice", "namespace": "mesh-demo", "labels": labels}
        theirs = [one for one in whole["endpoints"] if one["targetRef"]["name"].startswith(f"{service}-")]
        made.append(whole | {"metadata": metadata, "endpoints": theirs})
    return made


@dataclass
class Town:
    """A running world, and what a test does in it."""

    world: World

    def __post_init__(self) -> None:
        """Open the store, to read only."""
        redis = patient(self.world.redis.url)
        self.operations = RedisOperations(redis, SystemTime(), enqueue=_nothing)
        self.outbox = RedisOutbox(redis, SystemTime())

    def reset(self, *examples: str) -> None:
        """Let the cluster hold the workloads and these example files, nothing else."""
        call("POST", f"{self.world.cluster_url}/_playground/reset", surroundings(*examples).encode())
        weighted = ("VirtualService", "TrafficSplit", "HTTPRoute")
        until(lambda: any(self.objects(kind) for kind in weighted), "the cluster was not reset")

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a routing kind."""
        items: list[dict[str, Any]] = call("GET", self.world.cluster_url + PATHS[kind])["items"]
        return items

    def object(self, kind: str, name: str) -> dict[str, Any]:
        """One object as the API server has it, without what its controllers say of it."""
        found: dict[str, Any] = call("GET", f"{self.world.cluster_url}{PATHS[kind]}/{name}")
        return {key: value for key, value in found.items() if key != "status"}

    def cluster_trouble(self, **trouble: Any) -> None:
        """Make the next matching API request fail."""
        call("POST", f"{self.world.cluster_url}/_playground/trouble", json.dumps(trouble).encode())

    def await_gates(self, canary: str) -> None:
        """Wait until the canary's traffic is enough to be judged, and good: errors of an earlier test are forgotten."""
        assert self.world.prometheus is not None
        until(lambda: self._is_timed(canary), "the canary's latency was not known")
        until(lambda: self._requests(canary) > 60, "the canary had no traffic")
        until(lambda: self._requests(canary, *FAILED) < 0.5, "the canary did not recover")
        # These queries pass over a scrape that failed; to the gates, which compare two moments, it is a gap.
        asked = [self.ask("/mesh gates api")]

        def pass_() -> bool:
            if overall(self.settled(asked[-1]).gates) is Verdict.PASS:
                return True
            asked.append(self.ask("/mesh gates api"))
            return False

        until(pass_, lambda: f"the gates do not pass: {self.where(asked[-1])}")

    def await_errors(self, canary: str) -> None:
        """Wait until the gates can see the canary fail."""
        until(lambda: self._requests(canary, *FAILED) > 20, "no errors were seen")

    def end_trouble(self) -> None:
        """Forget the failures that are still to come, and let go on now what hangs."""
        call("DELETE", f"{self.world.cluster_url}/_playground/trouble")

    def await_trouble(self, operation_id: str) -> None:
        """Wait until every ordered failure of the cluster has met its request, on the way of an operation.

        AssertionError with how the operation stands where it never does, at once where that is over.
        """
        url = f"{self.world.cluster_url}/_playground/trouble"

        def met() -> bool:
            ended = self.operations.get(operation_id).done
            left = call("GET", url)["waiting"]
            assert not (left and ended), f"it ended before it met {left}: {self.where(operation_id)}"
            return not left

        until(met, lambda: f"it has not met {call('GET', url)['waiting']}: {self.where(operation_id)}")

    def where(self, operation_id: str) -> str:
        """Say where an operation stands, and what its gates last said."""
        operation = self.operations.get(operation_id)
        rows = [f"{row.arm} {row.name} {row.verdict} {row.value} {row.why}" for row in operation.gates]
        story = [str(event.step) for event in operation.story]
        return f"{operation_id} is {operation.state}: {operation.outcome} {operation.hint}; {story}; {rows}"

    def patch_statuses(self) -> list[int]:
        """The answers to all PATCH requests since the last reset; 0 for a closed socket."""
        seen = call("GET", f"{self.world.cluster_url}/_playground/requests")["requests"]
        return [request["status"] for request in seen if request["method"] == "PATCH"]

    def _is_timed(self, canary: str) -> bool:
        """Tell whether the canary's histogram is as old as the gates' window, the lag of samples, and one scrape."""
        histograms = (
            f'istio_request_duration_milliseconds_bucket{{destination_workload=~".*{canary}"}} offset 17s',
            f'response_latency_ms_bucket{{deployment=~".*{canary}"}} offset 17s',
        )
        assert self.world.prometheus is not None
        query = urlencode({"query": f"count({' or '.join(histograms)})"})
        return bool(call("GET", f"{self.world.prometheus.url}/api/v1/query?{query}")["data"]["result"])

    def _requests(self, canary: str, *only: str) -> float:
        """Requests of the canary's workload in a gates' window, by whichever mesh reports them.

        The window ends before the one that gates look at, which ends `LAG` ago: on a busy machine seconds of traffic
        come in one scrape, and what is here must be there as well.
        """
        selectors = (f'destination_workload=~".*{canary}"', f'deployment=~".*{canary}"')
        families = zip(("istio_requests_total", "response_total"), selectors, only or ("", ""), strict=True)
        query = " or ".join(f"sum(increase({name}{{{who},{what}}}[15s] offset {LAG}))" for name, who, what in families)
        assert self.world.prometheus is not None
        found = call("GET", f"{self.world.prometheus.url}/api/v1/query?{urlencode({'query': query})}")
        return max((float(sample["value"][1]) for sample in found["data"]["result"]), default=0.0)

    def answer(self, text: str, user: str = JIN, channel: str = PROD) -> str:
        """Type a command and return what the person is answered."""
        before = len(self.world.slack.deliveries())
        self.world.slack.send(user, channel, text)
        until(lambda: _answered(self.world.slack.deliveries(), before), f"{text} was not answered")
        return str(self.world.slack.deliveries()[before]["response_body"])

    def ask(self, text: str, user: str = JIN) -> str:
        """Type a command and return the id of its operation."""
        return operation_in(self.answer(text, user))

    def do(self, text: str, user: str = JIN) -> Operation:
        """Type a command and return its operation once people were told the end."""
        return self.settled(self.ask(text, user))

    def settled(self, operation_id: str, timeout_s: float = 60) -> Operation:
        """Wait until people see the end of an operation, and return it with its card's place.

        What the traffic does is measured later.
        """
        until(lambda: self._is_told(operation_id), lambda: f"no end: {self.where(operation_id)}", timeout_s=timeout_s)
        return replace(self.operations.get(operation_id), card=self.place(operation_id))

    def place(self, operation_id: str) -> Card | None:
        """Where the card of an operation is, if anywhere yet."""
        row = self.outbox.find(f"card {operation_id}")
        return row.place if row else None

    def _is_told(self, operation_id: str) -> bool:
        operation, row = self.operations.get(operation_id), self.outbox.find(f"card {operation_id}")
        return operation.done and operation.reported and (row is None or row.settled)

    def card(self, operation: Operation) -> str:
        """The operation's card as a person reads it now."""
        assert operation.card
        place = operation.card
        message = self.world.slack.wait_for(
            lambda m: (m["channel"], m["ts"]) == (place.channel, place.ts), timeout_s=60
        )
        return self.world.slack.render_text(message)

    def kill_worker(self, name: str = "worker") -> None:
        """`kill -9` of the worker with everything it started, at once."""
        pid = self.world.children[name].pid
        for victim in (pid, *descendants(pid)):
            kill(victim)


def operation_in(answer: str) -> str:
    """The id of the operation that an answer names."""
    found = re.search(r"op-[a-z0-9]{10}", answer)
    assert found, answer
    return found[0]


def bare(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without what every write changes: version, generation, field owners and our own annotations."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in ("resourceVersion", "generation", "managedFields")}
    theirs = {k: v for k, v in metadata.pop("annotations", {}).items() if not k.startswith("meshbot.dev/")}
    return {**obj, "metadata": {**metadata, **({"annotations": theirs} if theirs else {})}}


def with_weights(obj: dict[str, Any], weights: dict[str, int]) -> dict[str, Any]:
    """The same object, the weights of the named arms replaced wherever a weight stands beside that arm."""
    text = json.dumps(obj)
    changed: dict[str, Any] = json.loads(text)
    for arm in _leaves(changed):
        name = arm.get("service") or arm.get("name") or arm.get("destination", {}).get("subset")
        if name in weights:
            arm["weight"] = weights[name]
    return changed


def _leaves(value: Any) -> Iterable[dict[str, Any]]:
    if isinstance(value, dict):
        if "weight" in value:
            yield value
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)


def signed(body: bytes, *, secret: str = "", at: float | None = None) -> dict[str, str]:
    """Headers as Slack signs a request (v0)."""
    stamp = str(int(time.time() if at is None else at))
    key = (secret or default_world().bot.signing_secret).encode()
    digest = hmac.new(key, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
    }


def slash(text: str, *, user: str = JIN, trigger: str = "13345224609.738474920.8088930838d88f008e0") -> bytes:
    """The body of a slash command."""
    fields = {"command": "/mesh", "text": text, "user_id": user, "team_id": "T0MESH", "channel_id": PROD}
    more = {"trigger_id": trigger, "api_app_id": "A0MESH", "response_url": "", "user_name": "x", "channel_name": "prod"}
    return urlencode({**fields, **more}).encode()


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """POST and return status and body, whatever the status."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def call(method: str, url: str, body: bytes | None = None) -> Any:
    """One JSON call."""
    with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=60) as answer:
        return json.load(answer)


def until(true: Callable[[], object], complaint: str | Callable[[], str], *, timeout_s: float = 60) -> None:
    """Wait until something is true; AssertionError with the complaint when it never is."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, complaint if isinstance(complaint, str) else complaint()
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    """Every process below `pid`."""
    children = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _parent(path) == pid]
    return children + [below for child in children for below in descendants(child)]


def kill(pid: int) -> None:
    """SIGKILL one process, which may be gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _parent(path: Path) -> int:
    try:
        return int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return -1


def _answered(deliveries: list[dict[str, Any]], before: int) -> bool:
    return len(deliveries) > before and bool(deliveries[before]["attempts"])


def _nothing(operation_id: str, *, urgent: bool, attempt: int, ahead: bool = False) -> None:
    """Enqueue nothing: tests only read the store."""
