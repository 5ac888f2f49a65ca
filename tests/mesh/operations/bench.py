"""A bench for the verbs: every port in memory, one call from typed text to the end of the operation."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from chat.at_home import CardsAtHome
from chat.memory import FixedDirectory, RecordedCards, RecordedIncidentCards, RecordedWhispers
from mesh.domain.approvals import People, Rule
from mesh.domain.audit import AuditEntry
from mesh.domain.catalog import Catalog, Cluster, Flood, Service
from mesh.domain.counts import Counts
from mesh.domain.freezes import Closure
from mesh.domain.grammar import parse
from mesh.domain.operations import Operation, Origin, State, Step
from mesh.domain.policy import Actor, Policy, Role
from mesh.domain.stepups import StepUp
from mesh.operations.desk import Desk
from mesh.operations.receiving import receive
from mesh.operations.recording import Record
from mesh.operations.running import run, worked
from mesh.operations.stage import Stage
from mesh.ports import Prover
from store.memory import (
    MemoryAuditLog,
    MemoryBuckets,
    MemoryFreezes,
    MemoryLocks,
    MemoryOperations,
    MemoryRounds,
    MemoryWatches,
)
from store.memory_incidents import MemoryIncidents
from tests.builders import JIN, healthy
from workers.memory import MemoryCluster, MemoryMetrics

HOST = "api.mesh-demo.svc.cluster.local"
POLICY = Policy(
    (Role("sre", users=(JIN.user,), verbs=("*",)), Role("team", usergroups=("S0TEAM",), verbs=("promote",)))
)

JUDGED = ("requests", "success", "p99", "errors", "slow")
"""The rows of an arm that is compared with a stable one."""


class Apart:
    """A directory that is asked while nobody holds a service's lock, or fails: no Slack that hangs holds up others."""

    def __init__(self, directory: Any, locks: MemoryLocks) -> None:
        self._directory = directory
        self._locks = locks
        self._others = dict(locks.held().items())

    def __getattr__(self, name: str) -> Any:
        """Whatever the directory has; only what is on record may be looked up under a lock."""
        found = self._locks.held().items()
        held = [key for key, token in found if key.count("/") == 2 and self._others.get(key) != token]
        if held and name != "changed_lately":
            # Not an assertion: what is shown on the way catches every Exception.
            pytest.fail(f"Slack is asked ({name}) while {held} is held")
        return getattr(self._directory, name)


class SetTime:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def now(self) -> float:
        """Return the time that was set."""
        return self.at


def virtual_service(v1: int = 90, v2: int = 10, *, name: str = "api-vs", host: str = HOST) -> dict[str, Any]:
    """The seed's VirtualService: one host, two weighted subsets."""
    arms = [{"destination": {"host": host, "subset": arm}, "weight": w} for arm, w in (("v1", v1), ("v2", v2))]
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "mesh-demo"},
        "spec": {"hosts": [host], "http": [{"route": arms}]},
    }


def surroundings(*, v1: int = 2, v2: int = 2, ready: bool = True) -> list[dict[str, Any]]:
    """The subsets, the Service, its pods and its endpoints; with `ready=False` those of v2 are there and not ready."""
    subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
    pods = [(f"api-v1-{number}", "v1", True) for number in range(v1)]
    pods += [(f"api-v2-{number}", "v2", ready) for number in range(v2)]
    return [
        _object("networking.istio.io/v1beta1", "DestinationRule", "api", spec={"host": HOST, "subsets": subsets}),
        _object("v1", "Service", "api", spec={"selector": {"app": "api"}}),
        endpoints("api", pods),
        *(_pod(*pod) for pod in pods),
    ]


def _pod(name: str, version: str, ready: bool) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    status = {"phase": "Running", "podIP": "10.0.0.2", "conditions": [condition]}
    return _object("v1", "Pod", name, labels={"app": "api", "version": version}, spec={}, status=status)


def endpoints(service: str, pods: list[tuple[str, str, bool]]) -> dict[str, Any]:
    """The EndpointSlice of a Service: one endpoint for each (pod, version, ready)."""
    found = [
        {
            "addresses": [f"10.0.0.{number + 2}"],
            "conditions": {"ready": ready},
            "targetRef": {"kind": "Pod", "name": name, "namespace": "mesh-demo"},
        }
        for number, (name, _, ready) in enumerate(pods)
    ]
    labels, rest = {"kubernetes.io/service-name": service}, {"addressType": "IPv4", "endpoints": found}
    return _object("discovery.k8s.io/v1", "EndpointSlice", f"{service}-1", labels=labels, **rest)


def _object(version: str, kind: str, name: str, *, labels: dict[str, str] | None = None, **rest: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "mesh-demo", "labels": labels or {}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


@dataclass
class Bench:
    """Everything in memory; change any part, then `do("promote api 50")`."""

    objects: list[dict[str, Any]] = field(default_factory=lambda: [virtual_service(), *surroundings()])
    services: tuple[Service, ...] = ()
    policy: Policy = POLICY
    readings: Mapping[str, Counts | str] = field(default_factory=lambda: {"v1": healthy(), "v2": healthy()})
    members: dict[str, set[str]] = field(default_factory=dict)
    closures: tuple[Closure, ...] = ()
    flood: Flood = field(default_factory=Flood)
    approvals: tuple[Rule, ...] = ()
    people: People = ()
    break_glass: Rule | None = None
    step_up: StepUp | None = None
    prover: Prover | None = None

    def __post_init__(self) -> None:
        """Wire the ports."""
        self.time = SetTime()
        self.cluster = MemoryCluster(copy.deepcopy(self.objects))
        self.metrics = MemoryMetrics(self.readings)
        self.log = MemoryAuditLog()
        self.locks = MemoryLocks()
        self.operations = MemoryOperations(self.time, log=self.log, locks=self.locks)
        self.watches = MemoryWatches(self.operations)
        self.freezes = MemoryFreezes(self.time)
        self.buckets = MemoryBuckets(self.time)
        self.rounds = MemoryRounds()
        self.cards = RecordedCards()
        self.incidents = MemoryIncidents(self.time, log=self.log)
        self.incident_cards = RecordedIncidentCards()
        self.whispers = RecordedWhispers()
        self.directory = FixedDirectory(self.members)
        self.deliveries = itertools.count()

    @property
    def catalog(self) -> Catalog:
        """The configuration as it is now."""
        cluster = Cluster("demo", namespace="mesh-demo")
        return Catalog(
            (cluster,),
            self.services,
            policy=self.policy,
            approvals=self.approvals,
            people=self.people,
            break_glass=self.break_glass,
            step_up=self.step_up,
            freezes=self.closures,
            flood=self.flood,
        )

    @property
    def desk(self) -> Desk:
        """What the bot has."""
        memory = (self.incidents, self.freezes, self.buckets)
        return Desk(self.catalog, self.operations, self.directory, self.time, *memory, rounds=self.rounds)

    @property
    def stage(self) -> Stage:
        """What a worker has."""
        names = ("catalog", "operations", "locks", "cluster", "metrics", "freezes")
        parts = {name: getattr(self, name) for name in names}
        slack = Apart(self.directory, self.locks)
        parts |= {
            "auditlog": self.log,
            "cards": CardsAtHome(self.cards, slack),
            "directory": slack,
            "time": self.time,
            "watches": self.watches,
        }
        parts |= {"prover": self.prover, "whispers": self.whispers}
        return Stage(**parts, incidents=self.incidents, incident_cards=self.incident_cards)

    def ask(self, text: str, actor: Actor = JIN, *, delivery: str = "", channel: str = "C0PROD") -> Operation:
        """Receive a command; each call is a delivery of its own unless it is named."""
        dedupe = delivery or f"delivery-{next(self.deliveries)}"
        return receive(self.desk, parse(text), actor, Origin("slash", channel), dedupe=dedupe).operation

    def do(self, text: str, actor: Actor = JIN) -> Operation:
        """Receive a command and run it to its end."""
        return run(self.ask(text, actor).id, self.stage)

    def work(self, operation: Operation) -> None:
        """Begin it and do its work, as a worker does that dies right after: nobody is told, nothing else is begun."""
        record = Record(self.stage, operation, None)
        record.tell(State.RUNNING, Step.CHECKING)
        worked(self.stage, record.operation)

    def route_object(self, name: str = "api-vs") -> dict[str, Any]:
        """The VirtualService as it is now."""
        return self.cluster.client._held["VirtualService", "mesh-demo", name]

    def weights(self, name: str = "api-vs") -> list[int]:
        """Its weights as they are now."""
        return [arm["weight"] for arm in self.route_object(name)["spec"]["http"][-1]["route"]]

    def audit_steps(self, operation: Operation) -> list[str]:
        """The steps on record of one operation."""
        return [entry["step"] for entry in self.audit() if entry["operation"] == operation.id]

    def audit(self) -> list[dict[str, Any]]:
        """Every audit entry as a mapping."""
        return [AuditEntry(entry.body, entry.hash).facts for entry in self.log.entries()]
