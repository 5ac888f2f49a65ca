"""Rollouts in every phase people see, brought there by the domain's own transitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mesh.domain.commands import Command, Verb, Wish
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.operations import Event, Operation, Origin, State, Step
from mesh.domain.plans import Plan
from mesh.domain.policy import Actor
from mesh.domain.rollouts import Happening, Phase, Rollout, enter
from mesh.domain.strategies import RolloutStep, Strategy
from tests.chat.samples import API, AT, HEALTHY, Reading, gates, planned, route

STRATEGY = Strategy((RolloutStep(5), RolloutStep(25), RolloutStep(50, confirm=True), RolloutStep(100)))
COMMAND = Command(
    verb=Verb.CANARY,
    service="api",
    version="v2",
    steps=(Wish(5), Wish(25), Wish(50, confirm=True), Wish(100)),
    every_s=300,
)
WORSE = "v2 fails 5x as often as v1: 2 % of 4 120 requests against 0.4 % of 78 000"
ERRORS = f"errors of v2: {WORSE}"
QUERY = (
    'sum(rate(istio_requests_total{destination_service_name="api",response_code=~"5.*"}[5m])) by (destination_version)'
)
FIVE = planned(route(("v1", 100), ("v2", 0)), v1=95, v2=5)
QUARTER = planned(route(("v1", 95), ("v2", 5)), v1=75, v2=25)
ALL = planned(route(("v1", 50), ("v2", 50)), v1=0, v2=100)
BACK = planned(route(("v1", 75), ("v2", 25)), v1=100, v2=0)
H = Happening


def compared(name: str, verdict: Verdict, *values: float, evidence: float, why: str = "") -> GateResult:
    """Return a row that compares v2 with v1: `values` are theirs."""
    return GateResult(
        name,
        "v2",
        verdict,
        values[0],
        0.0,
        "%",
        4120,
        300,
        why,
        True,
        "v1",
        values[1],
        evidence,
        500.0,
        None,
        QUERY,
        AT,
    )


def watched(*rows: GateResult, at: float = AT + 420) -> tuple[GateResult, ...]:
    """Return the three absolute rows of a healthy v2, and these; measured then."""
    return tuple(replace(row, at=at) for row in (*gates(("v2", HEALTHY)), *rows))


PASSING = watched(
    compared("errors", Verdict.PASS, 0.12, 0.11, evidence=1.24), compared("slow", Verdict.PASS, 4.9, 5.2, evidence=0.3)
)
FAILED = watched(
    compared("errors", Verdict.FAIL, 2.0, 0.4, evidence=812.7, why=WORSE),
    compared("slow", Verdict.PASS, 4.9, 5.2, evidence=0.3),
)
FEW = Reading(20, 100.0, 20.0, "80 more requests needed")
UNDECIDED = tuple(
    replace(row, eta_s=170.0, at=AT + 200)
    for row in (*gates(("v2", FEW)), compared("errors", Verdict.UNKNOWN, 0.0, 0.1, evidence=1.0, why=FEW.why))
)
BLIND = tuple(
    replace(row, verdict=Verdict.UNKNOWN, value=None, samples=0, why="no traffic reached v2")
    for row in watched(at=AT + 1500)
)
INCIDENT = (
    *PASSING,
    GateResult(
        "incident",
        "api",
        Verdict.FAIL,
        21.0,
        14.4,
        "x",
        90_000,
        3600,
        "api burns 21 times its error budget",
        True,
        at=AT,
    ),
)


def rolled(*happenings: Happening | tuple[Happening, str] | tuple[Happening, str, str], start: float = AT) -> Rollout:
    """Return the rollout to which these happened, two minutes apart, each with its reason and person."""
    rollout = Rollout(STRATEGY, entered_at=start)
    for at, happening in enumerate(happenings):
        what, why, by = (*happening, "", "")[:3] if isinstance(happening, tuple) else (happening, "", "")
        rollout = enter(rollout, what, now=start + 120 * (at + 1), why=why, by=by)
    return rollout


def canary(
    rollout: Rollout | None,
    plan: Plan | None,
    rows: Sequence[GateResult] = (),
    *steps: Step | tuple[Step, str],
    **fields: object,
) -> Operation:
    """Return the operation of a rollout with this story, running until it is ended."""
    told = [(step, f"told {step}") if isinstance(step, Step) else step for step in (Step.QUEUED, *steps)]
    made = Operation(
        id="op-k3v9x2m4ta",
        command=COMMAND,
        target=API,
        actor=Actor("U0JIN", "T0MESH"),
        origin=Origin("slash", "C0PROD"),
        created_at=AT,
        state=_state(rollout),
        plan=plan,
        gates=tuple(rows),
        story=tuple(
            # Whoever made the newest event happen is on record with it.
            Event(step, AT + 120 * at, text, rollout.by if rollout and at == len(told) - 1 else "")
            for at, (step, text) in enumerate(told)
        ),
        rollout=rollout,
    )
    return replace(made, **fields)  # type: ignore[arg-type]  # replace() checks the names


def _state(rollout: Rollout | None) -> State:
    """Return the state that the operation of a rollout has in this phase."""
    if rollout is None or rollout.active:
        return State.RUNNING
    return {Phase.COMPLETED: State.SUCCEEDED, Phase.EXPIRED: State.EXPIRED}.get(rollout.phase, State.FAILED)


FIRST = (H.MOVED, H.RIPE)
SECOND = (*FIRST, H.MOVED)
THIRD = (*SECOND, H.RIPE, (H.CONFIRM, "", "U0ANA"), H.MOVED)
BEGUN = (Step.CHECKING, Step.STEPPING, Step.STEPPED)
TWICE = (*BEGUN, Step.STEPPING, Step.STEPPED)
PEOPLE_ASKED = (Step.HELD, ERRORS)

ROLLOUTS: dict[str, Operation] = {
    "canary_queued": canary(None, None, state=State.QUEUED, command=replace(COMMAND, reason="release 4412")),
    "canary_moving": canary(rolled(), FIVE, (), Step.CHECKING, Step.STEPPING),
    "canary_baking": canary(rolled(*SECOND), QUARTER, PASSING, *TWICE, chart="F0MESHCHART"),
    "canary_undecided": canary(rolled(H.MOVED), FIVE, UNDECIDED, *BEGUN),
    "canary_overdue": canary(rolled(H.MOVED), FIVE, BLIND, *BEGUN),
    "canary_confirming": canary(
        rolled(*SECOND, H.RIPE), QUARTER, PASSING, *TWICE, Step.CONFIRMING, chart="F0MESHCHART"
    ),
    "canary_confirmed": canary(
        rolled(*SECOND, H.RIPE, (H.CONFIRM, "", "U0ANA")), QUARTER, PASSING, *TWICE, Step.CONFIRMING, Step.STEPPING
    ),
    "canary_paused": canary(
        rolled(*SECOND, (H.PAUSE, "lunch, <!here> watches", "U0ANA")), QUARTER, PASSING, *TWICE, (Step.PAUSED, "paused")
    ),
    "canary_paused_first": canary(
        rolled((H.PAUSE, "wait for the fair", "U0ANA")), FIVE, (), Step.CHECKING, Step.STEPPING, (Step.HELD, "paused")
    ),
    "canary_held_worse": canary(
        replace(rolled(*SECOND, H.PAUSE), phase=Phase.HELD, cause=H.WORSE, why=ERRORS),
        QUARTER,
        FAILED,
        *TWICE,
        PEOPLE_ASKED,
    ),
    "canary_held_blind": canary(
        rolled(H.MOVED, (H.BLIND, "requests of v2: no traffic reached v2")), FIVE, BLIND, *BEGUN, Step.HELD
    ),
    "canary_held_incident": canary(
        rolled(*SECOND, (H.INCIDENT, "api burns 21 times its error budget")), QUARTER, INCIDENT, *TWICE, Step.HELD
    ),
    "canary_held_frozen": canary(
        rolled(*SECOND, (H.BARRED, "api is frozen until it is lifted (op-w7q2n8c4rt, prod/any/any)")),
        QUARTER,
        PASSING,
        *TWICE,
        Step.HELD,
    ),
    "canary_held_drift": canary(
        rolled(*SECOND, (H.DRIFTED, "the route has v1 60 % / v2 40 %, and v1 75 % / v2 25 % was written")),
        QUARTER,
        PASSING,
        *TWICE,
        Step.HELD,
    ),
    "canary_turning_back": canary(
        rolled(*SECOND, (H.WORSE, ERRORS), H.UNTURNED),
        QUARTER,
        FAILED,
        *TWICE,
        (Step.TURNING_BACK, f"all traffic goes back to v1: {ERRORS}"),
    ),
    "canary_completed": canary(
        rolled(*THIRD, H.RIPE, H.MOVED, H.RIPE),
        ALL,
        PASSING,
        *TWICE,
        Step.CONFIRMING,
        *TWICE[1:],
        Step.COMPLETED,
        outcome="v2 has 100 % and is healthy",
        chart="F0MESHCHART",
    ),
    "canary_turned_back": canary(
        rolled(*SECOND, (H.WORSE, ERRORS), H.TURNED),
        BACK,
        FAILED,
        *TWICE,
        (Step.TURNING_BACK, f"all traffic goes back to v1: {ERRORS}"),
        Step.TURNED_BACK,
        outcome=f"all traffic is back on v1: {ERRORS}",
        chart="F0MESHCHART",
    ),
    "canary_aborted": canary(
        rolled(*SECOND, (H.ABORT, "wrong build", "U0ANA"), H.TURNED),
        BACK,
        PASSING,
        *TWICE,
        Step.TURNING_BACK,
        Step.ABORTED,
    ),
    "canary_stopped": canary(
        rolled(*SECOND, (H.TAKEN_OVER, "rollback op-b7w4n8q2rs takes traffic back", "U0ANA")),
        QUARTER,
        PASSING,
        *TWICE,
        Step.STOPPED,
    ),
    "canary_expired": canary(
        rolled(*SECOND, (H.PAUSE, "pause op-b7w4n8q2rs", "U0ANA"), (H.LATE, "nobody decided in time")),
        QUARTER,
        PASSING,
        *TWICE,
        Step.PAUSED,
        Step.EXPIRED,
    ),
    "canary_refused": canary(
        rolled((H.UNMOVED, "Gates failed")),
        FIVE,
        (),
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        outcome="Gates failed: v2 ready: no ready endpoint can serve v2",
        hint="The weights stay. Bring up ready endpoints.",
    ),
    "canary_plan": canary(
        None,
        FIVE,
        (),
        Step.CHECKING,
        Step.UNCHANGED,
        state=State.SUCCEEDED,
        command=replace(COMMAND, dry_run=True),
        outcome="It would go ahead now; then 25 %, 50 % (to be confirmed) and 100 %",
    ),
    "steered": canary(
        None,
        QUARTER,
        (),
        Step.CHECKING,
        Step.STEERED,
        state=State.SUCCEEDED,
        command=Command(verb=Verb.PAUSE, service="api", reason="lunch"),
        outcome="op-k3v9x2m4ta: step 2 of 4 (v2 at 25 %), paused",
    ),
    "steered_in_vain": canary(
        None,
        None,
        (),
        Step.CHECKING,
        Step.REFUSED,
        state=State.REFUSED,
        command=Command(verb=Verb.CONFIRM, service="api"),
        outcome="The canary of api waits for nobody: it is baking at v2 25 %",
        hint="See its card, or /mesh status api.",
    ),
}
