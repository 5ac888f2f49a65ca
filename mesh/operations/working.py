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
from mesh.domain.errors import Barred, Denied, Held, MeshbotError, NotFound, Refused, Unavailable, Unreadable
from mesh.domain.gates import GateResult, Verdict, overall
from mesh.domain.limits import rise_of
from mesh.domain.operations import UNSENT, Operation, State, Step
from mesh.domain.plans import Plan
from mesh.domain.policy import Decision, is_bound, named_groups
from mesh.domain.routes import STAMP_OPERATION, Route
from mesh.operations import (
    approving,
    following,
    gatekeeping,
    moves,
    passing,
    proving,
    reading,
    rollouts,
    voting,
)
from mesh.operations.authorising import authorise_again
from mesh.operations.digests import gather, of_channel
from mesh.operations.freezing import carry_out, refuse_frozen
from mesh.operations.incidents import Guard, warned
from mesh.operations.judging import judge_plan
from mesh.operations.patching import LOOK_AGAIN_S, Patching, TryLater, unaccepted
from mesh.operations.planning import make_plan
from mesh.operations.raising import Unheard, check_rise, put_off, rights
from mesh.operations.recording import LeftToTheNext, Record, incident
from mesh.operations.refusing import gates_failed, remedy
from mesh.operations.stage import Stage
from mesh.operations.steering import steer
from mesh.operations.unanswered import KUBECTL, given_up, wait_for_git
from mesh.operations.undoing import may_be_written

REPLANS = 3
"""How often an operation is planned anew because somebody else wrote first."""

_FRESH = frozenset({Step.CHECKING, Step.RESUMED, Step.AWAITING, Step.APPROVED, Step.UNWRITTEN, Step.UNANSWERED})
"""What the story ends with where no worker was interrupted."""
_UNCHANGED = "Nothing was changed."
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
    if why := given_up(operation, now):
        text, hint = why, KUBECTL
    record.end(State.EXPIRED, Step.EXPIRED, text, hint=hint)
    return True


class Work:
    """One worker's try at one operation."""

    def __init__(self, stage: Stage, record: Record) -> None:
        self.stage = stage
        self.record = record
        self.patching = Patching(stage, record)
        self.parent: Operation | None = None
        """The rollout whose step this is."""
        self.decision = Decision(True, "promised", "going back was promised when the rollout began")
        """By which roles this may be, once that was asked."""

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
                approving.attend(self.stage, self.record, self._still_holds)
                return self.operation
            if self.operation.story[-1].step not in _FRESH:
                self.record.tell(State.RUNNING, Step.RESUMED, "taken up again after an interruption")
            if self.operation.command.votes:
                voting.cast(
                    self.stage,
                    self.record,
                    lambda held: Work(self.stage, held).recheck(),
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

    def recheck(self) -> None:
        """Do all that is checked before weights are written, for what waits for approval; raise what is wrong.

        Unavailable where that cannot be known now.
        """
        if self.operation.command.verb is Verb.FLAGGER:
            # What it asks about is in its name: another revision is another question.
            gatekeeping.refuse_replaced(self.stage, self.operation)
            return
        # A Slack that is silent for a moment must not look like a right that was taken away.
        actor, channel, policy = self.operation.actor, self.operation.origin.channel, self.stage.catalog.policy
        if not self.stage.directory.active(actor):
            # The record would still count for its minute, and nobody who left asks for anything.
            raise Denied("Whoever asked for it is no full member of the workspace any more.", hint=_UNCHANGED)
        self.stage.directory.groups(actor, named_groups(policy))
        if is_bound(policy, channel):
            self.stage.directory.place(channel)
        self._authorise()
        if self.operation.command.verb is Verb.CANARY:
            begun = self._begun_anew()
            check_rise(self.stage, self.operation, self.decision, rollouts.whole_rise(*begun[:2]))
            self._judge_first(begun)
            return
        plan, route = self._planned_anew()
        self._check_rise(plan)
        self._judge(plan, self._gates(plan, route), asking=True)

    def _still_holds(self) -> None:
        """Plan again what waits for approval; raise Refused where people were asked about something else."""
        stage, operation = self.stage, self.operation
        if operation.command.verb is Verb.FLAGGER:
            # It plans by itself.
            gatekeeping.refuse_replaced(stage, operation)
        elif operation.command.verb is Verb.CANARY:
            self._begun_anew()
        else:
            self._planned_anew()

    def _begun_anew(self) -> rollouts.Begun:
        stage, operation = self.stage, self.operation
        self._not_overtaken()
        rollouts.refuse_beside(stage, operation)
        strategy, plan, route = rollouts.first_step(operation, stage.catalog, stage.cluster, stage.operations)
        approving.check_plan(operation, plan, strategy)
        return strategy, plan, route

    def _judge_first(self, begun: rollouts.Begun) -> tuple[GateResult, ...]:
        """Raise Refused or Held where the gates do not pass the first step of a rollout; else return their rows."""
        gates = self._timed(moves.judge_first(self.operation, *begun, self.stage))
        self._judge(begun[1], gates, asking=True)
        return gates

    def _planned_anew(self) -> tuple[Plan, Route]:
        stage, operation = self.stage, self.operation
        self._not_overtaken()
        self._make_way()
        plan, route = make_plan(operation, stage.catalog, stage.cluster, stage.operations)
        approving.check_plan(operation, plan)
        return plan, route

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
        self._authorise()
        if self.operation.command.freezes:
            carry_out(self.stage, self.record)
            return
        if self.operation.command.steers:
            steer(self.stage, self.record, self.decision)
            return
        self._not_overtaken()
        if self.operation.command.verb is Verb.CANARY:
            rollouts.begin(self.stage, self.record, self.decision, judge=self._judge_first)
            return
        self._make_way()
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

    def _make_way(self) -> None:
        """Keep two hands off one set of weights: a rollout's, and a person's."""
        if self.operation.command.rollout:
            self.parent = moves.check_wanted(self.stage, self.operation)
        elif not self.operation.command.goes_back:
            rollouts.refuse_beside(self.stage, self.operation)

    def _take_over(self) -> None:
        """End the rollout of the service, now that it is certain that this goes back: a refusal must not end it."""
        if self.operation.command.goes_back and not self.operation.command.rollout:
            rollouts.take_over(self.stage, self.operation, self.record.lease)

    def _gates(self, plan: Plan, route: Route) -> tuple[GateResult, ...]:
        stage = self.stage
        if self.parent is not None:
            moves.check_drift(self.parent, route)
            return moves.judge_step(self.parent, plan, route, stage)
        sources = (stage.cluster, stage.metrics)
        rows = judge_plan(plan, route, self.operation, catalog=stage.catalog, sources=sources)
        # Last, for an incident may be opened while the gates are asked.
        return (*rows, *Guard(stage.catalog, stage.incidents, stage.time).judge_plan(plan, self.operation.target))

    def _timed(self, rows: tuple[GateResult, ...]) -> tuple[GateResult, ...]:
        now = self.stage.time.now()
        return tuple(replace(row, at=row.at or now) for row in rows)

    def _try_once(self) -> bool:
        """Plan, judge, ask people or write down and patch; False when somebody else wrote to the object first."""
        stage = self.stage
        plan, route = make_plan(self.operation, stage.catalog, stage.cluster, stage.operations)
        self._same_wish(plan)
        if not plan.changes:
            self._must_count(route)
            following.check_counts(route)
            self._take_over()
            self.record.end(State.SUCCEEDED, Step.UNCHANGED, "The weights already are as asked", plan=plan)
            return True
        self._settle_stamped(route)
        self._check_rise(plan)
        gates = self._timed(self._gates(plan, route))
        plan = warned(plan, gates)
        asks = not approving.may_go(stage, self.operation, plan)
        self._judge(plan, gates, asking=asks)
        # Before others are asked, so that nobody agrees to what its own asker cannot stand up for.
        self._prove(plan, gates)
        if asks:
            approving.request(stage, self.record, plan, gates)
            return True
        # Again, at the last moment: gates take their time, and a freeze that began meanwhile counts.
        self._check_rise(plan)
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

    def _check_rise(self, plan: Plan) -> None:
        """Raise Barred or Denied where this gives more than a freeze or the person's limits let it; force or not."""
        if self.operation.command.verb is not Verb.ROLLBACK:
            try:
                self._check_undo(plan)
                check_rise(self.stage, self.operation, self.decision, rise_of(plan))
            except Refused:
                self.record.operation = replace(self.operation, plan=plan)
                raise

    def _check_undo(self, plan: Plan) -> None:
        """Raise Refused or Denied where an undo that gives more is not let be what it is, a promotion.

        That is known by its plan; until then it is let through as what goes back.
        """
        if self.operation.command.verb is Verb.UNDO and rise_of(plan):
            rollouts.refuse_beside(self.stage, self.operation)
            self._authorise(rises=True)

    def _prove(self, plan: Plan, gates: tuple[GateResult, ...]) -> None:
        """Raise Refused where the step-up check does not let whoever asked give more traffic."""
        try:
            proving.prove_for_plan(self.stage, self.operation, plan, plan.intent)
        except Refused:
            self.record.operation = replace(self.operation, plan=plan, gates=gates)
            raise

    def _prove_vote(self, waiting: Record) -> None:
        """Raise Refused where this vote may not count yet, with what waits left as it is."""
        passing.check_shown(self.stage, waiting)
        proving.prove_for_vote(self.stage, self.operation, waiting.operation)

    def _must_count(self, route: Route) -> None:
        """Raise Unavailable where a rollout would take weights for moved that the mesh does not say it took."""
        if self.parent is not None and (why := unaccepted(route)):
            raise Unavailable(
                f"The weights already are as asked, but {why}.",
                hint="Look at the route's status and at that controller.",
            )

    def _settle_stamped(self, route: Route) -> None:
        """Write down the arrival of another service's change of this object before our stamp covers its trace."""
        try:
            other = self.stage.operations.get(route.annotation(STAMP_OPERATION))
        except (NotFound, Unavailable):
            return
        if other.patch_is_open and other.target != self.operation.target:
            # Without its lock: the revision lets only one worker write, and nothing is patched here.
            Work(self.stage, Record(self.stage, other, None)).settle()

    def _authorise(self, *, rises: bool = False) -> None:
        """Rights may have changed since the request, or since the rollout began whose step this is."""
        stage, operation = self.stage, self.operation
        if operation.command.rollout and operation.command.goes_back:
            # Whoever began the rollout was allowed to have it turned back; that is never taken away.
            return
        if operation.command.rollout:
            self.decision = rights(stage, stage.operations.get(operation.command.rollout))
            return
        verdict = authorise_again(operation, stage.catalog, stage.directory, now=stage.time.now(), rises=rises)
        if not verdict.allowed:
            raise Denied(f"No longer allowed: {verdict.why}.", hint=_UNCHANGED)
        self.decision = verdict

    def _may_try_git_again(self) -> bool:
        """Tell whether this goes back in Git, nothing was sent, and time is left to end with the last error."""
        operation = self.operation
        left_s = operation.deadline - self.stage.time.now()
        return operation.ahead and operation.patch_step in _UNSENT and left_s > 5 * LOOK_AGAIN_S

    def _not_overtaken(self) -> None:
        """Refuse what a newer change has overtaken: who rolls back means what still waits in the queue, too."""
        op = self.operation
        if op.command.verb is Verb.ROLLBACK and not op.went(Step.UNANSWERED):
            # One that had to wait for Git is of another moment: what others have written since, they wanted then.
            return
        for newer in self.stage.operations.beside(op):
            # Also one that did not end well: traffic went back, and nobody accepted it, or read it back, in time.
            writes = not (newer.command.steers or newer.command.freezes or newer.rollout)
            written = may_be_written(newer) or newer.commit is not None
            if writes and written and newer.created_at > op.created_at:
                raise Refused(
                    f"{newer.id} ({newer.command.verb}) was asked for after this, and is done already.",
                    hint="Nothing was changed. Repeat it if it is still wanted.",
                )

    def _same_wish(self, plan: Plan) -> None:
        """Refuse a plan made again that is not the one made before: same object, same weights before and after."""
        former = self.operation.plan
        # "Everything to stable" is the same wish whatever the weights were before.
        absolute = self.operation.command.verb is Verb.ROLLBACK
        if former is not None and former.intent != plan.intent and not absolute:
            raise Refused(
                f"The weights of {plan.label} changed while this ran: "
                f"{former.shares_before} became {plan.shares_before}.",
                hint="Nothing was changed. Repeat it if it is still wanted.",
            )

    def _judge(self, plan: Plan, gates: tuple[GateResult, ...], *, asking: bool = False) -> None:
        """Refuse what the gates do not pass, with the numbers on record; `--force` is told, loudly, and goes on.

        While people are only asked, nothing is forced yet.
        """
        verdict = overall(gates) if gates else Verdict.PASS
        if verdict is Verdict.PASS:
            return
        why = "; ".join(f"{row.arm} {row.name}: {row.why}" for row in gates if row.verdict is verdict)
        if self.operation.command.force and asking:
            return
        if self.operation.command.force:
            self.record.tell(State.RUNNING, Step.FORCED, f"gates said {verdict} ({why})", plan=plan, gates=gates)
            return
        self.record.operation = replace(self.operation, plan=plan, gates=gates)
        if verdict is Verdict.FAIL:
            raise gates_failed(self.operation, gates, why)
        raise Held(f"Gates could not decide: {why}.", hint=f"The weights stay. {remedy(gates)}")

    # --- errors --------------------------------------------------------------------------------------------------

    @contextmanager
    def _told_errors(self) -> Iterator[None]:
        """Turn an error into an end by its type, here and nowhere else: refused, failed, or tried again later."""
        try:
            yield
        except (LeftToTheNext, Unreadable):
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
