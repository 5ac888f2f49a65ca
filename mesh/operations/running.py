"""Running an operation in a worker: resume or start, plan, judge, write down, patch, read back, tell.

A worker may die between any two lines. What is on record then decides how the next one goes on; the object's own
generation and our stamp on it tell whether the patch arrived.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from mesh.domain.catalog import Catalog
from mesh.domain.errors import Conflict, Denied, Held, LostLease, MeshbotError, Refused, Unavailable
from mesh.domain.gates import GateResult, Verdict, overall
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.plans import Plan
from mesh.domain.routes import STAMP_OPERATION, Route
from mesh.operations import facts, reading
from mesh.operations.judging import judge_plan
from mesh.operations.planning import make_plan
from mesh.operations.receiving import decision
from mesh.ports import AuditLog, Cards, Cluster, Directory, Lease, Locks, Metrics, Operations, Time

LOCK_WAIT_S = 2.0
"""How long a worker waits for another change of the same service before it gives its place to the next job."""
REPLANS = 3
"""How often an operation is planned anew because somebody else wrote first."""
TELL_AGAIN_S = 5.0
"""When to try again to tell people the end, after Slack could not take it."""
GIVE_UP_S = 60.0
"""How long an interrupted patch is looked for while the API server does not answer."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """Everything a running operation needs of the world."""

    catalog: Catalog
    operations: Operations
    locks: Locks
    cluster: Cluster
    metrics: Metrics
    auditlog: AuditLog
    cards: Cards
    directory: Directory
    time: Time


def run(operation_id: str, stage: Stage) -> Operation:
    """Bring the operation to its end, or leave it to the clock; safe to call any number of times, from anywhere."""
    operation = stage.operations.get(operation_id)
    if operation.settled:
        return operation
    if operation.done or not operation.command.changes_traffic:
        return _Run(stage, operation).go()
    with stage.locks.hold(str(operation.target), wait_s=LOCK_WAIT_S) as lease:
        if lease is None:
            stage.operations.later(operation_id, seconds=0.5)
            return operation
        return _Run(stage, stage.operations.get(operation_id), lease).go()


class _Run:
    """One worker's try at one operation. `self.operation` is always what the store has."""

    def __init__(self, stage: Stage, operation: Operation, lease: Lease | None = None) -> None:
        self.stage = stage
        self.operation = operation
        self.lease = lease

    def go(self) -> Operation:
        """Run to the end and tell it; whatever cannot be written down is left to the next worker."""
        try:
            if not self.operation.done:
                self._work()
            if self.operation.done and not self.operation.reported:
                self._report()
        except _LeftToTheNext as error:
            log.warning("%s is left to the next worker: %s", self.operation.id, error.message)
        return self.operation

    def _work(self) -> None:
        with self._told_errors():
            if self._expired():
                return
            self._begin()
            if self.operation.command.changes_traffic:
                self._change()
            else:
                self._read()

    def _report(self) -> None:
        """Tell people the end; only then is the operation settled."""
        try:
            shown = self.stage.cards.show(self.operation)
        except Unavailable as error:
            log.warning("%s ended and could not be told yet: %s", self.operation.id, error.message)
            self.stage.operations.later(self.operation.id, seconds=TELL_AGAIN_S)
            return
        if shown.command.changes_traffic:
            entry = self.stage.auditlog.latest(shown.id)
            self.stage.cards.announce(shown, f"{entry.facts['seq']} {entry.hash[:12]}" if entry else "")
        self._commit(replace(shown, reported=True))

    # --- steps ---------------------------------------------------------------------------------------------------

    def _expired(self) -> bool:
        """End an operation that waited too long for a worker; one that was begun goes on whatever the hour."""
        now, op = self.stage.time.now(), self.operation
        if op.state is State.RUNNING or not op.deadline or now <= op.deadline:
            return False
        text = f"It waited {now - op.created_at:.0f} s for a worker, so it was not started"
        self._end(State.EXPIRED, Step.EXPIRED, text, hint="Nothing was changed. Repeat it if it is still wanted.")
        return True

    def _begin(self) -> None:
        """Enter RUNNING: fresh, or resumed after another worker died."""
        if self.operation.state is State.RUNNING:
            self._tell(State.RUNNING, Step.RESUMED, "taken up again after an interruption")
            return
        self._tell(State.RUNNING, Step.CHECKING)
        # What must be fast tells people afterwards: posting the card first costs a rollback its first half second.
        if not self.operation.urgent:
            self._show()

    def _read(self) -> None:
        stage = self.stage
        sources = (stage.cluster, stage.metrics)
        self.operation = reading.read(
            self.operation, catalog=stage.catalog, operations=stage.operations, sources=sources
        )
        self._end(State.SUCCEEDED, Step.UNCHANGED, self.operation.outcome)

    def _change(self) -> None:
        self._authorise()
        if self._was_applied():
            return
        for _ in range(REPLANS):
            if self._try_once():
                return
        raise Refused(
            f"The route was changed by somebody else {REPLANS} times while this ran; nothing was written.",
            hint="See who writes to it (/mesh status), then repeat.",
        )

    def _try_once(self) -> bool:
        """Plan, judge, write down, patch; False when somebody else wrote to the object first."""
        stage, target = self.stage, self.operation.target
        plan, route = make_plan(self.operation, stage.catalog, stage.cluster, stage.operations)
        if self.operation.plan and route.annotation(STAMP_OPERATION) == self.operation.id:
            # A patch of ours that got no answer has arrived in the meantime.
            return self._settle_patch(self.operation.plan, route)
        self._same_wish(plan)
        if not plan.changes:
            self._end(State.SUCCEEDED, Step.UNCHANGED, "The weights already are as asked", plan=plan)
            return True
        sources = (stage.cluster, stage.metrics)
        gates = judge_plan(plan, route, target, catalog=stage.catalog, sources=sources)
        self._judge(plan, gates)
        self._tell(State.RUNNING, Step.PATCHING, plan.label, plan=plan, gates=gates)
        return self._patch(plan)

    def _authorise(self) -> None:
        """Rights may have changed since the request."""
        op = self.operation
        verdict = decision(self.stage.catalog, self.stage.directory, op.command, op.actor, op.target)
        if not verdict.allowed:
            raise Denied(f"No longer allowed: {verdict.why}.", hint="Nothing was changed.")

    def _was_applied(self) -> bool:
        """After an interruption between audit and report: find out from the object whether the patch arrived."""
        plan = self.operation.plan
        if plan is None or not _patch_is_open(self.operation):
            return False
        return self._settle_patch(plan, self._look(plan))

    def _look(self, plan: Plan) -> Route | None:
        """Read the object again after a patch was sent; an API server that is away is asked again later."""
        try:
            return self.stage.cluster.reread(plan, self.operation.target)
        except Unavailable as error:
            raise _TryLaterError(error.message) from error

    def _settle_patch(self, plan: Plan, route: Route | None) -> bool:
        """Return True when the recorded patch arrived, False when it did not; raise Refused when nobody can know."""
        if route is not None and route.annotation(STAMP_OPERATION) == self.operation.id:
            self._tell(State.RUNNING, Step.PATCHED, "found on the object")
            self._verify(plan, route)
            return True
        # The API server counts the generation up with every change of the spec, and weights are spec.
        if route is not None and (route.uid, route.generation) == (plan.uid, plan.generation):
            return False
        now = "it is gone" if route is None else f"now it is {_shown(route)}"
        raise Refused(
            f"{plan.label} was changed by somebody else while this operation was interrupted; {now}.",
            hint="Nothing more was done. Look at /mesh status, and repeat it if it is still wanted.",
        )

    def _same_wish(self, plan: Plan) -> None:
        """Refuse a plan made again that is not the one made before: same object, same weights before and after."""
        former = self.operation.plan
        if former is not None and former.intent != plan.intent:
            raise Refused(
                f"The weights of {plan.label} changed while this ran: {_before(former)} became {_before(plan)}.",
                hint="Nothing was changed. Repeat it if it is still wanted.",
            )

    def _judge(self, plan: Plan, gates: tuple[GateResult, ...]) -> None:
        verdict = overall(gates) if gates else Verdict.PASS
        if verdict is Verdict.PASS:
            return
        why = "; ".join(f"{row.arm} {row.name}: {row.why}" for row in gates if row.verdict is verdict)
        if self.operation.command.force:
            self._tell(State.RUNNING, Step.FORCED, f"gates said {verdict} ({why})", plan=plan, gates=gates)
            return
        # Recorded before the refusal, so that the card and the audit show the numbers.
        self.operation = replace(self.operation, plan=plan, gates=gates)
        if verdict is Verdict.FAIL:
            raise Refused(f"Gates failed: {why}.", hint="The weights stay. Look at the canary, or roll back.")
        raise Held(f"Gates could not decide: {why}.", hint="The weights stay. Wait for traffic, or see /mesh gates.")

    def _patch(self, plan: Plan) -> bool:
        """Send the patch; False when somebody else wrote first and it must be planned again."""
        try:
            self.stage.cluster.patch(plan, self.operation.target)
        except Conflict as error:
            self._tell(State.RUNNING, Step.CONFLICT, error.message)
            return False
        except Unavailable:
            # No answer came: the object itself knows whether the patch arrived.
            return self._settle_patch(plan, self._look(plan))
        self._tell(State.RUNNING, Step.PATCHED, _after(plan))
        self._verify(plan, self._look(plan))
        return True

    def _verify(self, plan: Plan, route: Route | None) -> None:
        if route is None or route.weights != plan.weights:
            now = "the object is gone" if route is None else f"now it is {_shown(route)}"
            text = f"The patch was written, but somebody changed it since: {now}"
            self._end(State.FAILED, Step.FAILED, text, hint="See /mesh status.")
            return
        self._end(State.SUCCEEDED, Step.VERIFIED, _after(plan))

    # --- writing down and telling ------------------------------------------------------------------------------------

    def _tell(self, state: State, step: Step, text: str = "", **changes: Any) -> None:
        event = Event(step, self.stage.time.now(), text)
        operation = self.operation.move(state, event, **changes)
        more: dict[str, Any] = {"state": str(state)}
        if step in _WITH_PLAN and operation.plan:
            more |= facts.of_plan(operation.plan, operation.gates)
        # Readings leave one line (that they were asked for), or the log would drown in them.
        entries = [facts.of_event(operation, event, **more)] if operation.command.changes_traffic else []
        self._commit(operation, *entries)

    def _end(self, state: State, step: Step, text: str, **changes: Any) -> None:
        self._tell(state, step, text, outcome=text, **changes)

    def _show(self) -> None:
        """Show how far it is. That is worth no delay and no failure; only the end must reach people."""
        try:
            shown = self.stage.cards.show(self.operation)
        except Unavailable as error:
            log.warning("%s runs and could not be shown: %s", self.operation.id, error.message)
            return
        if shown.card != self.operation.card:
            self._commit(shown)

    def _commit(self, operation: Operation, *entries: dict[str, Any]) -> None:
        """Write to the store. When that fails, nothing may be concluded: what was done is found on the object later."""
        try:
            self.operation = self.stage.operations.commit(operation, entries, lease=self.lease)
        except (LostLease, Conflict, Unavailable) as error:
            raise _LeftToTheNext(error.message) from error

    @contextmanager
    def _told_errors(self) -> Iterator[None]:
        """Turn an error into an end by its type, here and nowhere else: refused, failed, or tried again later."""
        try:
            yield
        except _LeftToTheNext:
            raise
        except _TryLaterError as error:
            self._later(error)
        except Refused as error:
            self._fail(State.REFUSED, Step.REFUSED, error)
        except MeshbotError as error:
            self._fail(State.FAILED, Step.FAILED, error)

    def _fail(self, state: State, step: Step, error: MeshbotError) -> None:
        self._end(state, step, error.message.removesuffix("."), hint=error.hint, choices=error.choices)

    def _later(self, error: MeshbotError) -> None:
        started = next(event.at for event in self.operation.story if event.step is Step.PATCHING)
        if self.stage.time.now() - started > GIVE_UP_S:
            text = f"The patch was sent and its outcome is not known: {error.message}"
            hint = "Look at the object before doing anything else."
            self._fail(State.FAILED, Step.FAILED, Unavailable(text, hint=hint))
            return
        self._show()
        self.stage.operations.later(self.operation.id, seconds=2.0)


class _TryLaterError(MeshbotError):
    """The outcome of a patch cannot be read yet."""


class _LeftToTheNext(MeshbotError):
    """This worker can no longer write down what it does, so it does nothing more."""


_WITH_PLAN = frozenset({Step.PATCHING, Step.FORCED, Step.REFUSED})


def _patch_is_open(operation: Operation) -> bool:
    """Tell whether a patch was announced and nothing is on record of what came of it."""
    outcomes = (Step.PATCHING, Step.PATCHED, Step.CONFLICT)
    last = next((event.step for event in reversed(operation.story) if event.step in outcomes), None)
    return last is not None and last is not Step.CONFLICT


def _before(plan: Plan) -> str:
    return " / ".join(f"{arm.name} {arm.share_before:.4g} %" for arm in plan.arms)


def _after(plan: Plan) -> str:
    return " / ".join(f"{arm.name} {arm.share_after:.4g} %" for arm in plan.arms)


def _shown(route: Route) -> str:
    return " / ".join(f"{arm.name} {route.share(arm):.4g} %" for arm in route.arms)
