"""Operations in every state people see, made with the domain's own rules."""

from __future__ import annotations

from dataclasses import replace

from mesh.domain.commands import Command, Target, Verb
from mesh.domain.gates import GateResult, Limits, Reading, judge, judge_ready
from mesh.domain.grammar import parse
from mesh.domain.operations import ArmStatus, Event, Operation, Origin, RouteStatus, State, Step
from mesh.domain.plans import Plan, Roles, plan
from mesh.domain.policy import Actor
from mesh.domain.routes import Arm, Route

AT = 1_700_000_000.0
ROLES = Roles(stable="v1", canary="v2")
API = Target("prod", "mesh-demo", "api")
HEALTHY = Reading(requests=12431.4, success=99.9312, p99_ms=181.62, age_s=4)
FAILING = Reading(requests=2310, success=97.4049, p99_ms=500.02, age_s=4)
QUIET = Reading(requests=20, success=100.0, p99_ms=20.0, age_s=4)
SILENT = Reading(problem="Prometheus did not answer in 3 s")


def route(*weights: tuple[str, int | None], warnings: tuple[str, ...] = ()) -> Route:
    """Return a VirtualService with these arms."""
    arms = tuple(
        Arm(name, weight, weight or 0, f"/spec/http/1/route/{index}/weight", service="api", subset=name)
        for index, (name, weight) in enumerate(weights)
    )
    return Route(
        kind="VirtualService",
        group="networking.istio.io",
        version="v1",
        plural="virtualservices",
        namespace="mesh-demo",
        name="api-vs",
        rule="http[1]",
        uid="0b5c",
        resource_version="41",
        generation=7,
        arms=arms,
        annotations=(),
        warnings=warnings,
    )


def planned(before: Route, roles: Roles = ROLES, **wanted: int) -> Plan:
    """Return the plan that brings `before` to the wanted weights."""
    return plan(before, dict(wanted), roles, stamps={"meshbot.dev/operation": "op-k3v9x2m4ta"})


HALF = planned(route(("v1", 90), ("v2", 10)), v1=50, v2=50)
HOME = planned(route(("v1", 50), ("v2", 50)), v1=100, v2=0)


def operation(text: str = "promote api 50", *steps: Step, state: State = State.QUEUED, **fields: object) -> Operation:
    """Return the operation that `text` asks for, with a story of these steps a second apart."""
    story = tuple(Event(step, AT + index, f"told {step}") for index, step in enumerate((Step.QUEUED, *steps)))
    command = parse(text)
    made = Operation(
        id="op-k3v9x2m4ta",
        command=command,
        target=replace(API, service=command.service or API.service),
        actor=Actor("U0JIN", "T0MESH"),
        origin=Origin("slash", "C0PROD"),
        created_at=AT,
        state=state,
        story=story,
    )
    return replace(made, **fields)  # type: ignore[arg-type]  # replace() checks the names


def gates(*readings: tuple[str, Reading]) -> tuple[GateResult, ...]:
    """Judge readings under the default limits."""
    return tuple(row for arm, reading in readings for row in judge(arm, reading, Limits()))


STATUS = RouteStatus(
    "VirtualService mesh-demo/api-vs http[1]",
    (ArmStatus("v1", "stable", 90, 90.0, 3), ArmStatus("v2", "canary", 10, 10.0, None)),
    ("its API version v1alpha3 is deprecated",),
    "op-b7w4n8q2rs",
)
SPLIT = RouteStatus(
    "TrafficSplit mesh-demo/web-split",
    (ArmStatus("web-v1", "stable", 900, 90.0, 2), ArmStatus("web-v2", "", None, 0.0, 1)),
)
_DONE = (Step.CHECKING, Step.PATCHING, Step.PATCHED, Step.VERIFIED)
_SUCCEEDED = State.SUCCEEDED
_PASSING = gates(("v2", HEALTHY))

SAMPLES: dict[str, Operation] = {
    "queued": operation("promote api 50 --reason 'hotfix 4412'"),
    "checking": operation("promote api 50", Step.CHECKING, state=State.RUNNING),
    "verifying": operation("promote api 50", *_DONE[:3], state=State.RUNNING, plan=HALF, gates=_PASSING),
    "promoted": operation(
        "promote api 50 --reason 'hotfix 4412'",
        *_DONE,
        state=_SUCCEEDED,
        plan=HALF,
        gates=_PASSING,
        outcome="v1 50 % / v2 50 %",
    ),
    "promoted_first": operation(
        "promote api v2 10",
        *_DONE,
        state=_SUCCEEDED,
        plan=planned(route(("v1", 100), ("v2", 0)), v1=90, v2=10),
        gates=(judge_ready("v2", 3),),
        outcome="v1 90 % / v2 10 %",
    ),
    "promoted_by_thirds": operation(
        "promote api 66.7",
        *_DONE,
        state=_SUCCEEDED,
        plan=planned(route(("v1", 2), ("v2", 1)), v1=1, v2=2),
        gates=_PASSING,
        outcome="v1 33.33 % / v2 66.67 %",
    ),
    "promoted_after_conflict": operation(
        "promote api 50",
        *_DONE[:2],
        Step.CONFLICT,
        *_DONE[1:],
        state=_SUCCEEDED,
        plan=HALF,
        gates=_PASSING,
        outcome="v1 50 % / v2 50 %",
    ),
    "planning_again": operation(
        "promote api 50",
        *_DONE[:2],
        Step.RESUMED,
        Step.UNWRITTEN,
        Step.PATCHING,
        state=State.RUNNING,
        plan=HALF,
        gates=_PASSING,
    ),
    "forced": operation(
        "promote api 50 --force --reason 'customer is down, <!channel> knows'",
        Step.CHECKING,
        Step.FORCED,
        *_DONE[1:],
        state=_SUCCEEDED,
        plan=HALF,
        gates=gates(("v2", FAILING)),
        outcome="v1 50 % / v2 50 %",
    ),
    "force_not_needed": operation(
        "promote api 50 --force --reason sure", *_DONE, state=_SUCCEEDED, plan=HALF, gates=_PASSING
    ),
    "refused_by_gate": operation(
        "promote api 50",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        plan=HALF,
        gates=gates(("v2", FAILING)),
        outcome="Gates failed: v2 success: below the limit; v2 p99: above the limit",
        hint="The weights stay. Look at the canary, or roll back.",
        choices=("/mesh rollback api",),
    ),
    "held_unknown": operation(
        "promote api 50",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        plan=HALF,
        gates=gates(("v2", QUIET)),
        outcome="Gates could not decide: v2 requests: 80 more requests needed within 5 min",
        hint="The weights stay. Wait for traffic, or see /mesh gates.",
    ),
    "refused_unclear": operation(
        "promote api 50",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="Several routes of api carry weights",
        hint="Name one in the configuration.",
        choices=("VirtualService/api-vs/http[0]", "VirtualService/api-vs/http[1]", "promote api v2 50"),
    ),
    "expired": operation(
        "promote api 50",
        Step.EXPIRED,
        state=State.EXPIRED,
        outcome="It waited 121 s for a worker, so it was not started",
        hint="Nothing was changed. Repeat it if it is still wanted.",
    ),
    "failed_unsure": operation(
        "promote api 50",
        *_DONE[:2],
        Step.FAILED,
        state=State.FAILED,
        plan=HALF,
        gates=_PASSING,
        outcome="The patch was sent and its outcome is not known: the API server did not answer",
        hint="Look at the object before doing anything else.",
    ),
    "failed_overwritten": operation(
        "promote api 50",
        *_DONE[:3],
        Step.FAILED,
        state=State.FAILED,
        plan=HALF,
        gates=_PASSING,
        outcome="The patch was written, but somebody changed it since: now it is v1 70 % / v2 30 %",
        hint="See /mesh status.",
    ),
    "failed_unavailable": operation(
        "promote api 50",
        Step.CHECKING,
        Step.FAILED,
        state=State.FAILED,
        outcome="The API server of prod did not answer",
        hint="Nothing was changed. Try again in a minute.",
    ),
    "unchanged": operation(
        "promote api 10",
        Step.CHECKING,
        Step.UNCHANGED,
        state=_SUCCEEDED,
        plan=planned(route(("v1", 90), ("v2", 10)), v1=90, v2=10),
        outcome="The weights already are as asked",
    ),
    "set_three": operation(
        "set api v1=60 v2=30 v3=10",
        *_DONE,
        state=_SUCCEEDED,
        plan=planned(
            route(("v1", 80), ("v2", 20), ("v3", None), warnings=("v3 has no ready pods",)), v1=60, v2=30, v3=10
        ),
        gates=(*_PASSING, judge_ready("v3", 1)),
        outcome="v1 60 % / v2 30 % / v3 10 %",
    ),
    "rolled_back": operation(
        "rollback api",
        Step.CHECKING,
        Step.RESUMED,
        *_DONE[1:],
        state=_SUCCEEDED,
        plan=HOME,
        outcome="v1 100 % / v2 0 %",
        origin=Origin("button", "C0PROD"),
    ),
    "rollback_unsure": operation(
        "rollback api",
        *_DONE[:2],
        Step.FAILED,
        state=State.FAILED,
        plan=HOME,
        outcome="The patch was sent and its outcome is not known: the API server did not answer",
        hint="Look at the object before doing anything else.",
    ),
    "undone": operation(
        "undo op-b7w4n8q2rs",
        *_DONE,
        state=_SUCCEEDED,
        plan=planned(route(("v1", 50), ("v2", 50)), v1=90, v2=10),
        outcome="v1 90 % / v2 10 %",
    ),
    "plan": operation(
        "plan promote api 50",
        Step.CHECKING,
        Step.UNCHANGED,
        state=_SUCCEEDED,
        plan=HALF,
        gates=_PASSING,
        outcome="It would go ahead now",
    ),
    "plan_refused": operation(
        "promote nosuch 50 --dry-run",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="No route names nosuch",
        hint="Did you mean api?",
        choices=("api",),
    ),
    "status": operation(
        "status api", Step.CHECKING, Step.UNCHANGED, state=_SUCCEEDED, statuses=(STATUS,), outcome="v1 90 %, v2 10 %"
    ),
    "status_everything": operation(
        "status",
        Step.CHECKING,
        Step.UNCHANGED,
        state=_SUCCEEDED,
        statuses=(STATUS, SPLIT),
        outcome="v1 90 %, v2 10 %; web-v1 90 %, web-v2 10 %",
        target=replace(API, service=""),
    ),
    "gates": operation(
        "gates api",
        Step.CHECKING,
        Step.UNCHANGED,
        state=_SUCCEEDED,
        statuses=(STATUS,),
        gates=gates(("v1", SILENT), ("v2", HEALTHY)),
        outcome="v2: the gates pass, the share may rise",
    ),
}


def hostile(word: str) -> list[Operation]:
    """Return operations with `word` in every field a person or a cluster can fill."""
    bad_route = replace(
        route((word, 90), (f"{word}2", 10), warnings=(word,)), kind=word, namespace=word, name=word, rule=word
    )
    bad_plan = planned(bad_route, Roles(word, f"{word}2"), **{word: 50, f"{word}2": 50})
    bad_gates = (
        *judge(word, Reading(problem=word), Limits()),
        GateResult(word, word, judge_ready(word, 0).verdict, None, 1, word, 3, 300, word),
    )
    command = Command(
        verb=Verb.PROMOTE, service=word, version=word, share=50, reason=word, force=True, operation=word, topic=word
    )
    base = Operation(
        id=word,
        command=command,
        target=Target(word, word, word),
        actor=Actor(word, word),
        origin=Origin(word, word, word, word),
        created_at=AT,
        plan=bad_plan,
        gates=bad_gates,
        statuses=(RouteStatus(word, (ArmStatus(word, word, 1, 50.0, 1),), (word,), word),),
        story=tuple(Event(step, AT, word) for step in (Step.QUEUED, Step.FORCED, Step.RESUMED, *_DONE)),
        outcome=word,
        hint=word,
        choices=(word, f"promote {word}"),
    )
    commands = (
        command,
        replace(command, verb=Verb.SET, weights=((word, 5), (f"{word}2", 6))),
        replace(command, verb=Verb.ROLLBACK),
        replace(command, verb=Verb.UNDO),
        replace(command, verb=Verb.STATUS),
        replace(command, verb=Verb.GATES),
        replace(command, dry_run=True),
    )
    states = (State.RUNNING, State.SUCCEEDED, State.REFUSED, State.FAILED)
    return [replace(base, command=wish, state=state) for wish in commands for state in states]
