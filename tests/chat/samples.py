"""Operations in every state people see, made with the domain's own rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mesh.domain.commands import Command, Target, Verb
from mesh.domain.gates import GateResult, Limits, Verdict, judge_capacity
from mesh.domain.grammar import parse
from mesh.domain.incidents import Alert, Incident, judge_incident
from mesh.domain.operations import ArmStatus, Event, Operation, Origin, RouteStatus, State, Step
from mesh.domain.plans import Plan, Roles, adoption, plan
from mesh.domain.policy import Actor
from mesh.domain.quantities import Weight, thousandths
from mesh.domain.repositories import Commit
from mesh.domain.routes import Arm, Drift, Owner, Parent, Route
from mesh.domain.shares import promoted
from mesh.domain.splits import SplitSeen, seen, unknown

AT = 1_700_000_000.0
ROLES = Roles(stable="v1", canary="v2")
API = Target("prod", "mesh-demo", "api")


@dataclass(frozen=True)
class Reading:
    """What was measured of one arm."""

    requests: int = 0
    success: float | None = None
    p99_ms: float | None = None
    why: str = ""
    """Why nothing can be told."""


HEALTHY = Reading(requests=12431, success=99.9312, p99_ms=181.62)
FAILING = Reading(requests=2310, success=97.4049, p99_ms=500.02)
QUIET = Reading(requests=20, success=100.0, p99_ms=20.0, why="80 more requests needed")
SILENT = Reading(why="Prometheus did not answer in 3 s")


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


def quantities(*weights: tuple[str, str]) -> Route:
    """Return a TrafficSplit of v1alpha1, whose weights are quantities."""
    arms = tuple(
        Arm(name, weight, thousandths(weight), f"/spec/backends/{index}/weight", service=name, quantity=True)
        for index, (name, weight) in enumerate(weights)
    )
    named = {"kind": "TrafficSplit", "group": "split.smi-spec.io", "version": "v1alpha1", "plural": "trafficsplits"}
    return replace(route(), **named, name="web-split", rule="", arms=arms)  # type: ignore[arg-type]  # all are names


def planned(before: Route, roles: Roles = ROLES, **wanted: Weight) -> Plan:
    """Return the plan that brings `before` to the wanted weights."""
    return plan(before, dict(wanted), roles, stamps={"meshbot.dev/operation": "op-k3v9x2m4ta"})


def rounded() -> Plan:
    """Return the plan of a promotion among three arms, where whole weights do not meet every proportion."""
    before = route(("v1", 60), ("v2", 10), ("v3", 30))
    split = promoted(before, before.arms[1], 50)
    return plan(before, split.weights, ROLES, stamps={}, notes=split.notes)


def measured(change: Plan | None = None, **requests: float) -> SplitSeen:
    """Return the split that is seen with so many requests of each arm, by default after `HALF`."""
    return seen(change or HALF, requests, window_s=40)


def capacity(arm: str, share: float, ready: int, *, busiest: float = 30.0) -> GateResult:
    """Judge ready endpoints under the default limits."""
    return judge_capacity(arm, share, ready=ready, busiest=busiest, load_max=Limits().load_max)


_ALERT = Alert("8a1b", "HighErrorRate", "critical", "api fails in 5 % of its requests", AT, AT)
INCIDENT = Incident("in-k3v9x2m4ta", API, AT, alerts=(_ALERT, replace(_ALERT, fingerprint="9c2d", since=AT + 1)))
HALF = planned(route(("v1", 90), ("v2", 10)), v1=50, v2=50)
COMMIT = Commit("8f3a91c2" * 5, "apps", url="https://git.example.com/platform/apps/-/commit/8f3a91c2?view=inline&w=1")
_IN_GIT = "Kept in Git: written by a commit to apps/api/routing.yaml on main of apps; traffic moves when that is synced"
HALF_OF_ALL = replace(HALF, rule="")
"""The same where the object has no other rule."""
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


def looked(*statuses: RouteStatus, outcome: str = "v1 90 %, v2 10 %") -> Operation:
    """Return a `status api` that found these routes."""
    return operation(
        "status api", Step.CHECKING, Step.UNCHANGED, state=State.SUCCEEDED, statuses=statuses, outcome=outcome
    )


def gates(*readings: tuple[str, Reading]) -> tuple[GateResult, ...]:
    """Return rows as the domain makes them, of these figures."""
    return tuple(row for arm, reading in readings for row in judged(arm, reading))


def judged(arm: str, reading: Reading) -> tuple[GateResult, ...]:
    """Return the three absolute rows of an arm under the default limits. How they are judged is not tested here."""

    def row(name: str, value: float | None, limit: float, unit: str) -> GateResult:
        at_most, samples = unit == "ms", reading.requests
        if reading.why or value is None:
            return GateResult(name, arm, Verdict.UNKNOWN, value, limit, unit, samples, 300, reading.why, at_most)
        good = value <= limit if at_most else value >= limit
        why = "" if good else f"{'above' if at_most else 'below'} the limit"
        return GateResult(
            name, arm, Verdict.PASS if good else Verdict.FAIL, value, limit, unit, samples, 300, why, at_most
        )

    requests = float(reading.requests) if reading.requests else None
    return (
        row("requests", requests, 100, "requests"),
        row("success", reading.success, 99.0, "%"),
        row("p99", reading.p99_ms, 500.0, "ms"),
    )


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
CANARY = RouteStatus(
    'VirtualService mesh-demo/api-vs http "canary"',
    (ArmStatus("v1", "stable", 90, 90.0, 3), ArmStatus("v2", "canary", 10, 10.0, 1)),
    key='VirtualService/api-vs/http "canary"',
)
DEFAULT = RouteStatus(
    "VirtualService mesh-demo/api-vs http default",
    (ArmStatus("v1", "stable", 100, 100.0, 3), ArmStatus("v2", "canary", 0, 0.0, 1)),
    ("the rule stands in VirtualService mesh-demo/api-routes, which api-vs delegates to: that object is edited",),
    key="VirtualService/api-vs/http default",
)
DRIFT = Drift("v1=50 v2=50", "kubectl-edit", "2023-11-14T21:50:00Z")
OWNED = replace(
    STATUS,
    warnings=(),
    last_operation="",
    owner=Owner(
        "Argo Rollouts",
        "Rollout mesh-demo/api",
        "Progressing, canary weight 10",
        ("kubectl argo rollouts promote api -n mesh-demo", "kubectl argo rollouts abort api -n mesh-demo"),
    ),
)
_DONE = (Step.CHECKING, Step.PATCHING, Step.PATCHED, Step.VERIFIED)
_SUCCEEDED = State.SUCCEEDED
_PASSING = gates(("v2", HEALTHY))
_TOLD = operation("promote api 50", *_DONE[:3]).story

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
        gates=(capacity("v2", 10, 3),),
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
    "refused_in_an_incident": operation(
        "promote api 50",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        plan=HALF,
        gates=(*gates(("v2", HEALTHY)), *judge_incident(INCIDENT, "refuse", service="api", at=AT)),
        outcome="api has an open incident in-k3v9x2m4ta: HighErrorRate (critical) and 1 more",
        hint='The weights stay. Wait for its end, roll back, or overrule this with --force --reason "why".',
        choices=("/mesh incidents api", "/mesh rollback api"),
    ),
    "held_unknown": operation(
        "promote api 50",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        plan=HALF,
        gates=gates(("v2", QUIET)),
        outcome="Gates could not decide: v2 requests: 80 more requests needed",
        hint="The weights stay. Wait for traffic, or see /mesh gates.",
    ),
    "refused_frozen": operation(
        "promote api 50",
        Step.CHECKING,
        Step.BARRED,
        state=State.REFUSED,
        plan=HALF,
        outcome="api is frozen until 2026-11-30 17:00 UTC (op-w7q2n8c4rt, prod/mesh-demo/api)",
        hint="Reason: `incident 4412`. --force does not pass a freeze. Going back stays possible: /mesh rollback api. "
        "/mesh freezes shows what holds.",
    ),
    "frozen": operation(
        "freeze api for 2h --reason 'incident 4412'",
        Step.CHECKING,
        Step.FROZEN,
        state=State.SUCCEEDED,
        outcome="Nothing of prod/mesh-demo/api is given more traffic until 2026-11-30 17:00 UTC; going back stays "
        "possible",
        choices=("/mesh unfreeze op-k3v9x2m4ta",),
    ),
    "frozen_everything": operation(
        "freeze all --reason holidays",
        Step.CHECKING,
        Step.FROZEN,
        state=State.SUCCEEDED,
        target=Target("*", "*", "*"),
        outcome="Nothing is given more traffic until it is lifted; going back stays possible",
        choices=("/mesh unfreeze op-k3v9x2m4ta",),
    ),
    "unfreeze_refused": operation(
        "unfreeze api",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="No freeze of exactly prod/mesh-demo/api holds",
        hint="It is frozen by op-w7q2n8c4rt (everything), op-m3k8v5x2zq (prod/any/any).",
        choices=("/mesh unfreeze op-w7q2n8c4rt", "/mesh unfreeze op-m3k8v5x2zq"),
    ),
    "unfrozen": operation(
        "unfreeze -n shop",
        Step.CHECKING,
        Step.LIFTING,
        Step.LIFTED,
        state=State.SUCCEEDED,
        target=Target("*", "shop", "*"),
        outcome="Lifted op-w7q2n8c4rt",
        hint="Still frozen by weekend: see /mesh freezes.",
    ),
    "refused_unclear": operation(
        "promote api 50",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="2 routes of api carry weights, and nothing says which one is meant. Nothing was changed",
        hint="Choose one, or name it once and for all in the configuration: services.api.route.",
        choices=tuple(f"/mesh promote api 50 --route '{one.key}'" for one in (CANARY, DEFAULT)),
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
        gates=(*_PASSING, capacity("v3", 10, 1)),
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
    "awaiting": operation(
        "promote api 50",
        *_DONE[:3],
        state=State.RUNNING,
        plan=HALF,
        gates=_PASSING,
        story=(*_TOLD, Event(Step.AWAITING, AT + 4, "for Gateway infra/public to accept it")),
    ),
    "commit_awaiting": operation(
        "promote api 50",
        *_DONE[:3],
        state=State.RUNNING,
        plan=replace(HALF, notes=(_IN_GIT,)),
        gates=_PASSING,
        story=(*_TOLD, Event(Step.AWAITING, AT + 4, "for the cluster to show commit 8f3a91c2, 10 min at most")),
        commit=COMMIT,
    ),
    "commit_unanswered": operation(
        "rollback api",
        Step.CHECKING,
        Step.UNANSWERED,
        state=State.RUNNING,
        outcome="The Git server of apps does not answer as it should (ConnectTimeoutError)",
        deadline=AT + 120,
    ),
    "commit_unsynced": operation(
        "promote api 50",
        *_DONE[:3],
        Step.AWAITING,
        Step.UNACCEPTED,
        state=State.FAILED,
        plan=replace(HALF, notes=(_IN_GIT,)),
        gates=_PASSING,
        commit=COMMIT,
        outcome="Committed as 8f3a91c2, but the cluster does not show it after 10 min",
        hint="It is in apps/api/routing.yaml on main of apps and counts as soon as it is synced: sync the application "
        "(Argo CD asks Git every few minutes, Flux at its interval; a webhook of the Git server makes it at once), or "
        "undo it.",
    ),
    "commit_done": operation(
        "promote api 50",
        *_DONE[:3],
        Step.AWAITING,
        Step.VERIFIED,
        state=State.SUCCEEDED,
        plan=replace(HALF, notes=(_IN_GIT,)),
        gates=_PASSING,
        commit=COMMIT,
        outcome="v1 50 % / v2 50 %",
    ),
    "commit_proposed": operation(
        "promote api 50",
        *_DONE[:2],
        Step.PROPOSED,
        state=State.SUCCEEDED,
        plan=replace(HALF, notes=(_IN_GIT.replace("written by a commit to", "proposed by a merge request for"),)),
        gates=_PASSING,
        commit=replace(COMMIT, request="https://git.example.com/platform/apps/-/merge_requests/12"),
        outcome="Proposed as https://git.example.com/platform/apps/-/merge_requests/12 (commit 8f3a91c2); no weight "
        "was moved",
        hint="Traffic moves when it is merged and synced.",
    ),
    "unaccepted": operation(
        "promote api 50",
        *_DONE[:3],
        Step.AWAITING,
        Step.UNACCEPTED,
        state=State.FAILED,
        plan=HALF,
        gates=_PASSING,
        outcome="The weights are written, but Gateway infra/public did not say within 10 s that it accepts them",
        hint="Look at the route's status and at that controller; undo, or roll back, if traffic goes astray.",
    ),
    "measured": operation(
        "promote api 50",
        *_DONE[:3],
        Step.AWAITING,
        Step.VERIFIED,
        Step.MEASURED,
        state=_SUCCEEDED,
        plan=HALF,
        gates=_PASSING,
        outcome="v1 50 % / v2 50 %",
        split=measured(v1=605, v2=595),
    ),
    "measured_astray": operation(
        "promote api 50",
        *_DONE,
        Step.MEASURED,
        state=_SUCCEEDED,
        plan=HALF_OF_ALL,
        gates=_PASSING,
        outcome="v1 50 % / v2 50 %",
        split=measured(HALF_OF_ALL, v1=1081, v2=119),
    ),
    "measured_among_rules": operation(
        "promote api 50",
        *_DONE,
        Step.MEASURED,
        state=_SUCCEEDED,
        plan=HALF,
        gates=_PASSING,
        outcome="v1 50 % / v2 50 %",
        split=measured(v1=1081, v2=119),
    ),
    "measured_unknown": operation(
        "promote api 50",
        *_DONE,
        Step.MEASURED,
        state=_SUCCEEDED,
        plan=HALF,
        gates=_PASSING,
        outcome="v1 50 % / v2 50 %",
        split=unknown("only 3 requests in 87 s", window_s=87, requests=3),
    ),
    "promoted_among_three": operation(
        "promote api 50",
        *_DONE,
        state=_SUCCEEDED,
        plan=rounded(),
        gates=_PASSING,
        outcome="v1 33 % / v2 50 % / v3 17 %",
    ),
    "set_quantities": operation(
        "set web web-v1=500m web-v2=500m",
        *_DONE,
        state=_SUCCEEDED,
        plan=planned(
            quantities(("web-v1", "900m"), ("web-v2", "100m")),
            Roles("web-v1", "web-v2"),
            **{"web-v1": "500m", "web-v2": "500m"},
        ),
        gates=gates(("web-v2", HEALTHY)),
        outcome="web-v1 50 % / web-v2 50 %",
    ),
    "refused_by_capacity": operation(
        "promote api 80",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        plan=planned(route(("v1", 90), ("v2", 10)), v1=20, v2=80),
        gates=(*_PASSING, capacity("v2", 80, 1, busiest=10.0)),
        outcome="Gates failed: v2 ready: " + capacity("v2", 80, 1, busiest=10.0).why,
        hint='The weights stay. Bring up more ready endpoints, or overrule this with --force --reason "why".',
    ),
    "refused_canary_unclear": operation(
        "promote api 50 --force --reason 'customer is down'",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="v2 already has all traffic of api; which version is next is unclear",
        hint="Name the version, or roll back.",
        choices=(
            *(f"/mesh promote api {arm} 50 --reason 'customer is down' --force" for arm in ("v1", "v2", "v3")),
            "/mesh rollback api --reason 'customer is down'",
        ),
    ),
    "refused_stable_unclear": operation(
        "rollback api",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="It is not known which arm of api is stable: only v2 was named, as the canary",
        hint="Send everything to one:",
        choices=("/mesh rollback api to v1", "/mesh rollback api to v2"),
    ),
    "refused_many_routes": operation(
        "status api",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="8 routes of api carry weights, and nothing says which one is meant",
        hint="Choose one, or name it once and for all in the configuration: services.api.route.",
        choices=tuple(f"/mesh gates api --route 'VirtualService/api-vs/http[{place}]'" for place in range(8)),
    ),
    "refused_owned": operation(
        "promote api 50",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="Argo Rollouts (Rollout mesh-demo/api) owns the weights of VirtualService mesh-demo/api-vs and would "
        "write its own over ours. It says: Progressing, canary weight 10",
        hint="Change it through Argo Rollouts; /mesh status shows the weights.",
        choices=OWNED.owner.advice if OWNED.owner else (),
    ),
    "refused_by_git": operation(
        "promote api 50",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="Argo CD keeps VirtualService mesh-demo/api-vs in Git and would put the old weights back",
        hint="Change it in Git, or let meshbot write it: services.api.git: patch. Argo CD keeps this object and may "
        "put the old weights back: add `ignoreDifferences` for `.spec.http[].route[].weight` (or this API's weights) "
        "with `RespectIgnoreDifferences=true` to its Application.",
    ),
    "adopted": operation(
        "adopt api",
        *_DONE,
        state=_SUCCEEDED,
        plan=adoption(route(("v1", 70), ("v2", 30)), ROLES, stamps={}),
        outcome="v1 70 % / v2 30 %",
    ),
    "reapplied": operation(
        "reapply api",
        *_DONE,
        state=_SUCCEEDED,
        plan=planned(route(("v1", 70), ("v2", 30)), v1=50, v2=50),
        gates=_PASSING,
        outcome="v1 50 % / v2 50 %",
    ),
    "reapply_refused": operation(
        "reapply api",
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="meshbot never wrote the weights of VirtualService mesh-demo/api-vs",
        hint="There is nothing that could drift.",
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
    "status": looked(STATUS),
    "status_in_git": looked(
        replace(
            STATUS,
            kept="Kept in Git: apps/api/routing.yaml on main of apps. Not synced: v1 50 % / v2 50 % in Git, "
            "v1 90 % / v2 10 % in the cluster",
        )
    ),
    "status_drift": looked(replace(STATUS, warnings=(), drift=DRIFT)),
    "status_unclear": looked(
        replace(
            STATUS,
            arms=(ArmStatus("v1", "", 10, 10.0, 3), ArmStatus("v2", "", 90, 90.0, 1)),
            warnings=(),
            unclear="the record says v1, and the shares, which somebody else wrote, say v2",
        ),
        outcome="v1 10 %, v2 90 %",
    ),
    "status_parents": looked(
        replace(
            STATUS,
            label="HTTPRoute mesh-demo/api-route",
            warnings=(),
            generation=3,
            parents=(Parent("Service mesh-demo/api", 3, accepted=True), Parent("Gateway infra/public", 2)),
        )
    ),
    "status_owned": looked(OWNED),
    "status_several": looked(
        CANARY, replace(DEFAULT, drift=replace(DRIFT, by="", at="")), outcome="v1 90 %, v2 10 %; v1 100 %, v2 0 %"
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


def _bad_status(word: str) -> RouteStatus:
    arms = (ArmStatus(word, word, word, 50.0, 1), ArmStatus(word, "canary", 1, 50.0, 1))
    owner = Owner(word, word, word, (word,))
    return RouteStatus(word, arms, (word,), word, Drift(word, word, word), owner, word, unclear=word)


def hostile(word: str) -> list[Operation]:
    """Return operations with `word` in every field a person or a cluster can fill."""
    bad_route = replace(
        route((word, 90), (f"{word}2", 10), warnings=(word,)), kind=word, namespace=word, name=word, rule=word
    )
    bad_plan = replace(
        planned(bad_route, Roles(word, f"{word}2"), **{word: 50, f"{word}2": 50}), notes=(word, f"`{word}`")
    )
    bad_gates = (
        *judged(word, Reading(why=word)),
        GateResult(word, word, Verdict.FAIL, None, 1, word, 3, 300, word, query=word),
        GateResult(word, word, Verdict.FAIL, 2, 1, word, 3, 300, word, True, word, 1.0, 12.0, 500.0, 60.0, word, AT),
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
        statuses=(_bad_status(word), _bad_status(word)),
        split=SplitSeen(((word, 50.0), (f"{word}2", 50.0)), 100, 40, Verdict.FAIL, word),
        story=tuple(Event(step, AT, word) for step in (Step.QUEUED, Step.FORCED, Step.RESUMED, *_DONE)),
        outcome=word,
        hint=word,
        choices=(
            word,
            f"/mesh promote {word}",
            f"/mesh promote api {word} 50",
            f"/mesh rollback api --reason '{word}'",
        ),
    )
    commands = (
        command,
        replace(command, verb=Verb.SET, weights=((word, 5), (f"{word}2", 6))),
        replace(command, verb=Verb.ROLLBACK),
        replace(command, verb=Verb.UNDO),
        replace(command, verb=Verb.ADOPT),
        replace(command, verb=Verb.REAPPLY),
        replace(command, verb=Verb.CANARY),
        replace(command, verb=Verb.PAUSE),
        replace(command, verb=Verb.STATUS),
        replace(command, verb=Verb.GATES),
        replace(command, dry_run=True),
    )
    states = (State.RUNNING, State.SUCCEEDED, State.REFUSED, State.FAILED)
    return [replace(base, command=wish, state=state) for wish in commands for state in states]
