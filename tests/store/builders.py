"""Operations with every field filled, for tests that write and read them."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

from mesh.domain.approvals import Approval, Demand, Vote
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.operations import ArmStatus, Card, Event, Operation, Origin, RouteStatus, State, Step
from mesh.domain.plans import ArmChange, PatchOp, Plan
from mesh.domain.policy import Actor
from settings.time import SystemTime

_numbers = itertools.count(1)
API = Target("prod", "mesh-demo", "api")


# The name that tests/meshbot still uses.
WallClock = SystemTime


@dataclass
class Handover:
    """An `enqueue` that only notes what it was given."""

    calls: list[tuple[str, bool, int]]
    ahead: list[str] = field(default_factory=list)
    """Ids of what was to overtake the others of its queue."""

    def __call__(self, operation_id: str, *, urgent: bool, attempt: int, ahead: bool = False) -> None:
        """Note the call."""
        self.calls.append((operation_id, urgent, attempt))
        self.ahead += [operation_id] * ahead


def an_operation(verb: Verb = Verb.PROMOTE, *, target: Target = API, channel: str = "C1", **changes: Any) -> Operation:
    """Return a new queued operation with an id of its own."""
    fields: dict[str, Any] = {
        "id": f"op-test{next(_numbers)}",
        "command": Command(verb=verb, service=target.service, share=50.0),
        "target": target,
        "actor": Actor("U1", "T1"),
        "origin": Origin("slash", channel),
        "created_at": time.time(),
    }
    return Operation(**(fields | changes))


def ended(operation: Operation, *, reported: bool = True) -> Operation:
    """Return the operation refused, and told unless `reported` is False."""
    return operation.move(State.REFUSED, Event(Step.REFUSED, time.time(), "no"), outcome="no", reported=reported)


def a_full_operation() -> Operation:
    """Return an operation in which no field has its default and no text is plain ASCII."""
    plan = Plan(
        **{name: f"{name}-é" for name in ("kind", "group", "version", "plural", "namespace", "name", "rule")},  # type: ignore[arg-type]  # text fields only
        uid="u-1",
        resource_version="77",
        generation=3,
        arms=(ArmChange("v1", 90, None, 90.0, 50.0), ArmChange("v2", None, 50, 10.0, 50.0)),
        patch=(
            PatchOp("test", "/metadata/resourceVersion", "77"),
            PatchOp("add", "/metadata/annotations", {"a": ["b", 1, None]}),
            PatchOp("remove", "/spec/http/0/route/0/weight"),
        ),
        stable="v1",
        canary="v2",
        judged=("v2",),
        exposed=("v3",),
        warnings=("old \u2028 API",),
    )
    return an_operation(
        Verb.SET,
        command=Command(verb=Verb.SET, service="api", weights=(("v1", 50), ("v2", 50)), reason="größer", force=True),
        state=State.RUNNING,
        plan=plan,
        gates=(GateResult("p99", "v2", Verdict.UNKNOWN, None, 500.0, "ms", 12, 300, "88 more requests needed"),),
        statuses=(RouteStatus("VirtualService x", (ArmStatus("v1", "stable", 90, 90.0, 3),), ("w",), "op-a"),),
        story=(Event(Step.QUEUED, 1.5), Event(Step.PATCHING, 2.25, "wörds")),
        outcome="o",
        hint="h",
        choices=("a", "b"),
        card=Card("C1", "1700000000.000100"),
        deadline=99.5,
        mirror=Card("C2", "1700000000.000200"),
        approval=Approval(
            plan="hash",
            uid="u-1",
            share=50.5,
            demands=(Demand("two", 2, ("S1",), ("U2",), ("S3",), 77.5, escalated=True),),
            asked_at=1.5,
            expires_at=901.5,
            steps=(5.0, 50.5),
            remind_at=301.5,
            reminded=True,
            votes=(Vote(Actor("U2", "T1"), "W2", "op-vote", 3.5, ("two",)),),
            denied="op-no",
            channel="C2",
        ),
    )
