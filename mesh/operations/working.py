"""One worker's try at one operation: plan, judge, write down, patch, read back; and where errors become ends.

A worker may die between any two lines. What is on record then decides how the next one goes on; our stamp on the object
and its generation tell whether the patch arrived.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mesh.domain.commands import Verb
from mesh.domain.errors import Barred, MeshbotError, NeedsGit, NotFound, Refused, Unavailable, Unreadable
from mesh.domain.gates import GateResult
from mesh.domain.limits import rise_of
from mesh.domain.operations import UNSENT, Operation, State, Step
from mesh.domain.plans import Plan
from mesh.domain.routes import STAMP_OPERATION, Route
from mesh.operations import (
    approving,
    beginning,
    following,
    gatekeeping,
    passing,
    proving,
    reading,
    rollouts,
    voting,
)
from mesh.operations.beforehand import Unasked
from mesh.operations.checking import Checks
from mesh.operations.digests import gather, of_channel
from mesh.operations.freezing import carry_out, refuse_frozen
from mesh.operations.incidents import Guard, warned
from mesh.operations.patching import LOOK_AGAIN_S, Patching, TryLater
from mesh.operations.planning import make_plan
from mesh.operations.recording import LeftToTheNext, Record, incident
from mesh.operations.silence import Unheard, put_off
from mesh.operations.stage import Stage
from mesh.operations.steering import steer
from mesh.operations.unanswered import given_up, wait_for_git

REPLANS = 3
"""How often an operation is planned anew because somebody else wrote first."""

_FRESH = frozenset(
    {
        Step.CHECKING,
        Step.RESUMED,
        Step.AWAITING,
        Step.APPROVED,
        Step.UNWRITTEN,
        Step.UNANSWERED,
        # Said of a rollout that has not begun.
        Step.PAUSED,
        Step.CONTINUED,
    }
)
"""What the story ends with where no worker was interrupted."""
_UNSENT = frozenset({None, Step.CONFLICT, Step.UNWRITTEN})
"""How far a patch came that certainly was not written."""

log = logging.getLogger(__name__)


def expired(record: Record, now: float) -> bool:
    """End what nobody waits for any more: what comes late, begun or not, comes out of the blue."""
    operation = record.operation
    if not operation.deadline or now <= operation.deadline:
        return False
    text = f"It waited {now - operation.created_at:.0f} s for its turn, so it was not carried out"
    if operation.story[-1].text == UNSENT:
        text = f"For {now - operation.created_at:.0f} s no replica of Redis had the plan, so the patch was not sent"
    hint = "Nothing was changed. Repeat it if it is still wanted."
    why, instead = given_up(operation, now)
    if why:
        text, hint = why, instead
    record.end(State.EXPIRED, Step.EXPIRED, text, hint=hint)
    return True


class Work:
    """One worker's try at one operation."""

    def __init__(self, stage: Stage, record: Record) -> None:
        self.stage = stage
        self.record = record
        self.patching = Patching(stage, record)
        self._checks = Checks(stage, record)

    @property
    def operation(self) -> Operation:
        """The operation as the store has it."""
        return self.record.operation

    def work(self) -> Operation:
        """Go as far as possible; every error becomes an end here, or is left to the next worker."""
        with self._told_errors():
            if self.operation.active_rollout:
                self._advance()
                return self.operation
            if self.operation.state is State.WAITING:
                approving.attend(self.stage, self.record, self._checks.still_holds)
                return self.operation
            if self.operation.story[-1].step not in _FRESH:
                self.record.tell(State.RUNNING, Step.RESUMED, "taken up again after an interruption")
            if self.operation.command.votes:
                voting.cast(
                    self.stage,
                    self.record,
                    lambda held: Checks(self.stage, held).recheck(),
                    prove=self._prove_vote,
                )
            elif self.operation.command.verb is Verb.FLAGGER:
                gatekeeping.keep(self.stage, self.record)
            elif self.operation.command.changes_traffic:
                self._change()
            else:
                self._read()
        return self.operation

    def settle(self) -> None:
        """Find out what became of a patch that a dead worker left, and do nothing more."""
        with self._told_errors():
            if self.operation.story[-1].step is not Step.AWAITING:
                self.record.tell(State.RUNNING, Step.RESUMED, "looked after, for another change of this service came")
            self.patching.was_applied()

    def _read(self) -> None:
        stage = self.stage
        if self.operation.command.verb is Verb.DIGEST:
            edition = gather(stage, of_channel(stage.catalog, self.operation), at=stage.time.now())
            self.record.end(State.SUCCEEDED, Step.UNCHANGED, "Read", edition=edition)
            return
        sources = (stage.cluster, stage.metrics)
        found = reading.read(
            self.operation,
            catalog=stage.catalog,
            operations=stage.operations,
            sources=sources,
            guard=Guard(stage.catalog, stage.incidents, stage.time),
        )
        answers = {
            "statuses": found.statuses,
            "gates": found.gates,
            "plan": found.plan,
            "unshown": found.unshown,
            "hint": found.hint,
        }
        outcome = self._frozen(found.plan) or found.outcome
        self.record.end(State.SUCCEEDED, Step.UNCHANGED, outcome, **answers)

    def _frozen(self, plan: Plan | None) -> str:
        """Say that what was only planned would be refused now, whatever its gates say; else an empty string."""
        try:
            if plan is not None and rise_of(plan):
                refuse_frozen(self.stage, self.operation.target)
        except Barred as error:
            return f"It would be refused now: {error.message.removesuffix('.')}"
        return ""

    # --- changing traffic ----------------------------------------------------------------------------------------

    def _change(self) -> None:
        # First what is done already: a right that was lost since must not turn a patch that arrived into a refusal.
        if self.patching.was_applied() or expired(self.record, self.stage.time.now()):
            return
        self._checks.authorise()
        if self.operation.command.freezes:
            carry_out(self.stage, self.record)
            return
        if self.operation.command.steers:
            steer(self.stage, self.record, self._checks.decision)
            return
        self._checks.not_overtaken()
        if self.operation.command.verb is Verb.CANARY:
            beginning.begin(self.stage, self.record, self._checks.decision, judge=self._checks.judge_first)
            return
        self._checks.make_way()
        for _ in range(REPLANS):
            if self._try_once():
                return
        if not self.operation.went(Step.CONFLICT):
            raise Unavailable(
                f"The API server did not take the patch in {REPLANS} tries; nothing was written.",
                hint="Look at its health and at /mesh status, then repeat.",
            )
        raise Refused(
            f"The route was changed by somebody else {REPLANS} times while this ran; nothing was written.",
            hint="See who writes to it (/mesh status), then repeat.",
        )

    def _advance(self) -> None:
        """Take a rollout one transition further; trouble leaves it where it is."""
        try:
            watch = self.stage.watches.load([self.operation.id]).get(self.operation.id)
            rollouts.advance_or_hold(self.stage, self.record, watch=watch)
        except MeshbotError as error:
            raise LeftToTheNext(error.message) from error

    def _take_over(self) -> None:
        """End the rollout of the service, now that it is certain that this goes back: a refusal must not end it."""
        if self.operation.command.goes_back and not self.operation.command.rollout:
            rollouts.take_over(self.stage, self.operation, self.record.lease)

    def _try_once(self) -> bool:
        """Plan, judge, ask people or write down and patch; False when somebody else wrote to the object first."""
        stage = self.stage
        plan, route = make_plan(self.operation, stage.catalog, stage.cluster, stage.operations)
        self._checks.same_wish(plan)
        self._checks.not_overtaken_by_merge(route)
        if not plan.changes:
            self._checks.must_count(route)
            following.check_counts(route)
            self._take_over()
            self.record.end(State.SUCCEEDED, Step.UNCHANGED, "The weights already are as asked", plan=plan)
            return True
        self._checks.not_shared(plan)
        self._settle_stamped(route)
        self._checks.check_rise(plan)
        gates = self._checks.timed(self._checks.gates(plan, route))
        plan = warned(plan, gates)
        asks = not approving.may_go(stage, self.operation, plan)
        self._checks.judge(plan, gates, asking=asks)
        # Before others are asked, so that nobody agrees to what its own asker cannot stand up for.
        self._checks.prove(plan, gates)
        if asks:
            approving.request(stage, self.record, plan, gates)
            return True
        # Again, at the last moment: gates take their time, and a freeze that began meanwhile counts.
        self._checks.check_rise(plan)
        self._take_over()
        self._announce(plan, gates)
        return self.patching.send(plan)

    def _announce(self, plan: Plan, gates: tuple[GateResult, ...]) -> None:
        """Write down what is about to be written, past which freezes; once it is told there is no way back."""
        passed = passing.passed_by(self.stage, self.operation, plan)
        text = ", ".join(filter(None, (plan.label, passing.in_words(passed))))
        # What stood in the way of it, in Git, does no more.
        changes: dict[str, Any] = {"plan": plan, "gates": gates, "outcome": ""}
        if self.operation.approval is not None:
            changes["approval"] = replace(self.operation.approval, passes=passed)
        self.record.tell(State.RUNNING, Step.PATCHING, text, **changes)

    def _prove_vote(self, waiting: Record) -> None:
        """Raise Refused where this vote may not count yet, with what waits left as it is."""
        passing.check_shown(self.stage, waiting)
        proving.prove_for_vote(self.stage, self.operation, waiting.operation)

    def _settle_stamped(self, route: Route) -> None:
        """Write down the arrival of another service's change of this object before our stamp covers its trace."""
        try:
            other = self.stage.operations.get(route.annotation(STAMP_OPERATION))
        except (NotFound, Unavailable):
            return
        if other.patch_is_open and other.target != self.operation.target:
            # Without its lock: the revision lets only one worker write, and nothing is patched here.
            Work(self.stage, Record(self.stage, other, None)).settle()

    def _may_try_git_again(self) -> bool:
        """Tell whether this goes back in Git, nothing was sent, and time is left to end with the last error."""
        operation = self.operation
        left_s = operation.deadline - self.stage.time.now()
        return operation.ahead and operation.patch_step in _UNSENT and left_s > 5 * LOOK_AGAIN_S

    # --- errors --------------------------------------------------------------------------------------------------

    @contextmanager
    def _told_errors(self) -> Iterator[None]:
        """Turn an error into an end by its type, here and nowhere else: refused, failed, or tried again later."""
        try:
            yield
        except (LeftToTheNext, NeedsGit, Unreadable, Unasked):
            raise
        except TryLater as error:
            self._later(error)
        except Unheard as error:
            put_off(self.stage, self.record, error)
        except Refused as error:
            void = self.operation.approval is not None and self.operation.patch_step in _UNSENT
            refused = State.REFUSED, Step.BARRED if isinstance(error, Barred) else Step.REFUSED
            self.record.fail(*((State.VOID, Step.VOID) if void else refused), error)
        except MeshbotError as error:
            if isinstance(error, Unavailable) and self._may_try_git_again():
                # It is left alone by this process, or hiccups: another one, or the same a little later, can do it.
                wait_for_git(self.stage, self.record, error)
                return
            self.record.fail(State.FAILED, Step.FAILED, error)
        except Exception as error:  # noqa: BLE001 (a bug must end the operation and be told, not be tried for ever)
            self.record.fail(State.FAILED, Step.FAILED, incident(self.operation, error))

    def _later(self, error: TryLater) -> None:
        sent = next(event.at for event in reversed(self.operation.story) if event.step is Step.PATCHING)
        if self.stage.time.now() - sent > error.give_up_s:
            text = f"The patch was sent and its outcome is not known: {error.message}"
            hint = "Look at the object before doing anything else."
            self.record.fail(State.FAILED, Step.FAILED, Unavailable(text, hint=hint))
            return
        self.stage.operations.later(self.operation.id, seconds=error.seconds)
