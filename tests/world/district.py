"""A world of many services, each with a route, two versions and traffic of its own: scenes play there side by side."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from mesh.domain.operations import Operation
from mesh.domain.rollouts import Phase, Rollout
from playground.parts import OBJECTS, World
from playground.serving import free_port
from store.auditlog import RedisAuditLog
from store.connection import patient
from tests.world.town import JIN, PATHS, PROD, Town, call, operation_in, until

ROUTES = PATHS["VirtualService"]
STAMP = "meshbot.dev/operation"
CHANNELS = (PROD, "C0INC", "C0PRIV", "C0AUDIT")
"""Where meshbot is a member."""
GATES = {"window": "10s", "requests_min": 30, "success_min": 99, "p99_max_ms": 500, "warm_up": "1s", "slo": 0}
"""Low floors and no incident guard: a person's minutes become a test's seconds."""
QUICK = {"steps": [25, 50, 100], "every": "3s", "patience": "10s"}
STRATEGIES: Mapping[str, Any] = {
    "default": QUICK,
    "patient": {**QUICK, "every": "5m"},
    "asking": {**QUICK, "steps": [25, {"share": 50, "confirm": "60s"}, 100]},
    "halves": {**QUICK, "steps": [50, 100], "every": "60s"},
}
POLICY = {"roles": {"sre": {"usergroups": ["S0SRE"], "may": "*"}}}


@dataclass(frozen=True)
class House:
    """One service of the district."""

    name: str
    rps: float = 200.0
    error_rate: float = 0.0
    """Share of requests that fail while nothing is broken: by default none but those that a test orders."""
    strategy: str = "default"
    gates: Mapping[str, object] = field(default_factory=dict)
    """What differs from `GATES`."""
    traffic: Mapping[str, object] = field(default_factory=dict)
    """Further keys of the traffic's profile."""


def make_district(directory: Path, houses: Sequence[House], *, look: str = "1s", lag: str = "1s") -> World:
    """Return a world, not yet started, with these services, all traffic on v1.

    `lag` is for how long samples are waited for: as in production, unless a test says otherwise.
    """
    port = free_port()
    metrics = {"urls": [f"http://127.0.0.1:{port}"], "lag": lag}
    directory.mkdir(parents=True, exist_ok=True)
    services = {
        house.name: {"stable": "v1", "canary": "v2", "strategy": house.strategy, "gates": {**GATES, **house.gates}}
        for house in houses
    }
    config = {
        "clusters": {"demo": {"namespace": "mesh-demo", "mesh": "istio", "prometheus": metrics}},
        "services": services,
        "rollouts": {"look": look, "strategies": dict(STRATEGIES)},
        "policy": POLICY,
    }
    common = {"namespace": "mesh-demo", "mesh": "istio"}
    traffic = [
        {**common, "service": house.name, "rps": house.rps, "error_rate": house.error_rate, **house.traffic}
        for house in houses
    ]
    objects = "\n---\n".join(_built(house.name, number) for number, house in enumerate(houses))
    files = {"meshbot.yaml": yaml.safe_dump(config), "profile.yaml": yaml.safe_dump({"services": traffic})}
    for name, text in {**files, "objects.yaml": objects}.items():
        (directory / name).write_text(text)
    return World(
        directory,
        objects=directory / "objects.yaml",
        configuration=directory / "meshbot.yaml",
        profile=directory / "profile.yaml",
        prometheus_port=port,
    )


def _built(name: str, number: int) -> str:
    """Return the demo world's service `api` under another name and at other addresses, with all traffic on v1."""
    docs = [doc for doc in yaml.safe_load_all(OBJECTS.read_text()) if doc and _is_api(doc)]
    if number:
        docs = [doc for doc in docs if doc["kind"] != "Namespace"]
    text = re.sub(r"\bapi\b", name, yaml.safe_dump_all(docs))
    text = text.replace("10.244.1.", f"10.244.{number + 2}.").replace("10.96.1.1", f"10.96.{number + 2}.1")
    return text.replace("weight: 90", "weight: 100").replace("weight: 10\n", "weight: 0\n")


def _is_api(doc: Mapping[str, Any]) -> bool:
    name = str(doc["metadata"]["name"])
    return doc["kind"] == "Namespace" or name == "api" or name.startswith("api-")


# --- what really happened ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """One version of a route that the API server had."""

    at: float
    """When it was heard of: Unix time in seconds."""
    generation: int
    canary: int
    """Weight of v2."""
    operation: str
    """Id of the operation stamped on the object."""


class RouteLog:
    """Everything that was ever written to the routes, by a watch of the cluster that begins with the first versions."""

    def __init__(self, cluster_url: str) -> None:
        self._url = f"{cluster_url}{ROUTES}"
        self._written: dict[str, list[Written]] = {}
        self._ended = threading.Event()
        self._version = ""
        self._thread = threading.Thread(target=self._follow, name="route log", daemon=True)

    def of(self, service: str) -> list[Written]:
        """Every version of a service's route, oldest first."""
        return list(self._written.get(f"{service}-vs", ()))

    def weights(self, service: str) -> list[int]:
        """The weights that v2 had one after the other; a version that changed none is not counted again."""
        seen = [one.canary for one in self.of(service)]
        return [weight for place, weight in enumerate(seen) if place == 0 or weight != seen[place - 1]]

    @contextmanager
    def kept(self) -> Iterator[RouteLog]:
        """Keep it inside a `with` block."""
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join(5)

    def _follow(self) -> None:
        while not self._ended.is_set():
            # A second without news ends the connection, and the next one goes on where it stopped.
            query = urlencode({"watch": "true", "timeoutSeconds": 1, "resourceVersion": self._version})
            try:
                with urllib.request.urlopen(f"{self._url}?{query}", timeout=10) as lines:
                    for line in lines:
                        self._hear(json.loads(line))
            except (urllib.error.URLError, OSError, ValueError):
                time.sleep(0.1)

    def _hear(self, event: dict[str, Any]) -> None:
        route = event["object"]
        metadata = route["metadata"]
        self._version = metadata["resourceVersion"]
        weights = [int(arm.get("weight", 0)) for arm in route["spec"]["http"][0]["route"]]
        stamp = str(metadata.get("annotations", {}).get(STAMP, ""))
        written = Written(time.time(), int(metadata["generation"]), weights[1], stamp)
        self._written.setdefault(metadata["name"], []).append(written)


# --- the district -----------------------------------------------------------------------------------------------------


@dataclass
class District(Town):
    """A running world of many services. Its methods may be called from several threads."""

    log: RouteLog

    def __post_init__(self) -> None:
        """Open the store, to read only."""
        super().__post_init__()
        self._typing = threading.Lock()
        self._channels = cycle(CHANNELS)
        self._redis = patient(self.world.redis.url)

    def answer(self, text: str, user: str = JIN, channel: str = PROD) -> str:
        """Type a command and return what the person is answered; one person types at a time."""
        with self._typing:
            return super().answer(text, user, channel)

    def begin(self, service: str, words: str = "", *, channel: str = "") -> str:
        """Ask for a rollout and return its id.

        Without `channel` each in the next one: Slack takes one message a second of each.
        """
        text = f"/mesh canary {service} {words}".strip()
        return operation_in(self.answer(text, channel=channel or next(self._channels)))

    def canary(self, service: str, words: str = "") -> str:
        """Begin a rollout and return its id once its first step is written."""
        rollout = self.begin(service, words)
        self.await_phase(rollout, Phase.BAKING, timeout_s=60)
        return rollout

    def rollout(self, operation_id: str) -> Rollout:
        """The rollout as it is on record."""
        found = self.operations.get(operation_id)
        assert found.rollout, f"{operation_id} is {found.state}: {found.outcome} {found.hint}"
        return found.rollout

    def await_phase(self, operation_id: str, phase: Phase, *, timeout_s: float = 60) -> Rollout:
        """Wait until the rollout is in a phase; AssertionError with where it is instead."""
        self.await_that(operation_id, lambda found: found.phase is phase, str(phase), timeout_s=timeout_s)
        return self.rollout(operation_id)

    def await_that(
        self, operation_id: str, true: Callable[[Rollout], bool], what: str, *, timeout_s: float = 60
    ) -> None:
        """Wait until something is true of the rollout; AssertionError with where it is instead."""
        deadline = time.monotonic() + timeout_s
        while not ((found := self.operations.get(operation_id).rollout) and true(found)):
            assert time.monotonic() < deadline, f"not {what} but {self.where(operation_id)}"
            time.sleep(0.1)

    def where(self, operation_id: str) -> str:
        """Say where a rollout stands, and what its gates last said."""
        operation = self.operations.get(operation_id)
        rows = [f"{row.name} {row.verdict} {row.value} {row.why}" for row in operation.gates]
        rollout = operation.rollout
        place = (
            f"{rollout.phase} at {rollout.current.share} ({rollout.cause}: {rollout.why})" if rollout else "no rollout"
        )
        return f"{operation.target.service} {operation.state}, {place}; {operation.outcome}; {rows}"

    def ended(self, operation_id: str, *, timeout_s: float = 90) -> Operation:
        """Wait until people were told the end of a rollout."""
        deadline = time.monotonic() + timeout_s
        while not self._is_told(operation_id):
            assert time.monotonic() < deadline, f"no end: {self.where(operation_id)}"
            time.sleep(0.1)
        return replace(self.operations.get(operation_id), card=self.place(operation_id))

    def weight(self, service: str) -> int:
        """What v2 has now."""
        found: int = self.object("VirtualService", f"{service}-vs")["spec"]["http"][0]["route"][1]["weight"]
        return found

    def set_by_hand(self, service: str, canary: int) -> None:
        """Write other weights past meshbot, as somebody with kubectl does."""
        patch = [
            {"op": "replace", "path": f"/spec/http/0/route/{place}/weight", "value": weight}
            for place, weight in enumerate((100 - canary, canary))
        ]
        url = f"{self.world.cluster_url}{ROUTES}/{service}-vs"
        request = urllib.request.Request(url, json.dumps(patch).encode(), method="PATCH")
        request.add_header("Content-Type", "application/json-patch+json")
        with urllib.request.urlopen(request, timeout=60):
            return

    def press(self, operation_id: str, action: str, user: str = JIN) -> None:
        """Press a button of the rollout's card."""
        until(lambda: self._has(operation_id, action), f"the card has no {action}: {self.where(operation_id)}")
        self.world.slack.click(user, self._message(operation_id), action)

    def steps_on_record(self, operation_id: str) -> list[float]:
        """The shares that the audit log says the rollout's own operations had verified, in order."""
        entries = self._audited()
        moves = {entry["move"]: entry["share"] for entry in entries if _is_step(entry, operation_id)}
        done = [entry["operation"] for entry in entries if entry["step"] == "verified"]
        return [moves[move] for move in done if move in moves]

    def moves_on_record(self, operation_id: str) -> list[str]:
        """The ids of the operations that wrote the rollout's steps, in order."""
        return list(dict.fromkeys(entry["move"] for entry in self._audited() if _is_step(entry, operation_id)))

    def failing(self) -> list[str]:
        """The services of which Prometheus knows a failed request."""
        query = 'sum by (destination_service_name) (istio_requests_total{response_code=~"5.*"}) > 0'
        assert self.world.prometheus is not None
        found = call("GET", f"{self.world.prometheus.url}/api/v1/query?{urlencode({'query': query})}")
        return [sample["metric"]["destination_service_name"] for sample in found["data"]["result"]]

    def _audited(self) -> list[dict[str, Any]]:
        return [entry.facts for entry in RedisAuditLog(self._redis).entries()]

    def _has(self, operation_id: str, action: str) -> bool:
        if self.place(operation_id) is None:
            return False
        blocks = self._message(operation_id)["blocks"]
        return any(part.get("action_id") == action for block in blocks for part in block.get("elements", ()))

    def _message(self, operation_id: str) -> dict[str, Any]:
        place = self.place(operation_id)
        assert place, f"{operation_id} has no card"
        return self.world.slack.wait_for(lambda m: (m["channel"], m["ts"]) == (place.channel, place.ts))


def _is_step(entry: Mapping[str, Any], operation_id: str) -> bool:
    return entry["operation"] == operation_id and entry.get("phase") == Phase.MOVING
