"""What is checked before weights are written: rights, order, plan, freezes, limits, gates. Each raises what is wrong.

The same for whoever writes them, and for a vote on what waits for one.
"""

from __future__ import annotations

from dataclasses import replace

from mesh.domain.commands import Verb
from mesh.domain.errors import Denied, Held, Refused, Unavailable
from mesh.domain.gates import GateResult, Verdict, overall
from mesh.domain.limits import rise_of
from mesh.domain.operations import Operation, State, Step
from mesh.domain.plans import Plan
from mesh.domain.policy import Decision
from mesh.domain.routes import STAMP_OPERATION, Route
from mesh.operations import approving, beginning, following, gatekeeping, moves, proving, rollouts
from mesh.operations.authorising import authorise_again
from mesh.operations.incidents import Guard
from mesh.operations.judging import judge_plan
from mesh.operations.patching import unaccepted
from mesh.operations.planning import make_plan
from mesh.operations.raising import check_rise, rights
from mesh.operations.recording import Record
from mesh.operations.refusing import gates_failed, remedy
from mesh.operations.silence import Unheard, can_wait
from mesh.operations.stage import Stage
from mesh.operations.undoing import may_be_written

_UNCHANGED = "Nothing was changed."
_OVERTAKEN = "Nothing was changed. Repeat it if it is still wanted."


class Checks:
    """All that one worker checks of one operation."""

    def __init__(self, stage: Stage, record: Record) -> None:
        """Check the operation that `record` holds."""
        self.stage = stage
        self.record = record
        self.parent: Operation | None = None
        """The rollout whose step this is."""
        self.decision = Decision(True, "promised", "going back was promised when the rollout began")
        """By which roles this may be, once that was asked."""

    @property
    def operation(self) -> Operation:
        """The operation as the store has it."""
        return self.record.operation

    def recheck(self) -> None:
        """Do all that is checked before weights are written, for what waits for approval; raise what is wrong.

        Unavailable where that cannot be known now, Unheard where Slack alone could say.
        """
        if self.operation.command.verb is Verb.FLAGGER:
            # What it asks about is in its name: another revision is another question.
            gatekeeping.refuse_replaced(self.stage, self.operation)
            return
        self.still_asks()
        if self.operation.command.verb is Verb.CANARY:
            begun = self._begun_anew()
            check_rise(self.stage, self.operation, self.decision, beginning.whole_rise(*begun[:2]))
            self.judge_first(begun)
            return
        plan, route = self._planned_anew()
        self.check_rise(plan)
        self.judge(plan, self.gates(plan, route), asking=True)

    def still_asks(self) -> None:
        """Raise Denied where whoever asked for it may not any more, Unheard where only a silent Slack could say so."""
        try:
            active = self.stage.directory.active(self.operation.actor)
        except Unavailable as error:
            raise Unheard(error.message.removesuffix(".")) from error
        if not active:
            # The record would still count for its minute, and nobody who left asks for anything.
            raise Denied("Whoever asked for it is no full member of the workspace any more.", hint=_UNCHANGED)
        self.authorise()

    def still_holds(self) -> None:
        """Plan again what waits for approval; raise Refused where people were asked about something else."""
        stage, operation = self.stage, self.operation
        if operation.command.verb is Verb.FLAGGER:
            # It plans by itself.
            gatekeeping.refuse_replaced(stage, operation)
        elif operation.command.verb is Verb.CANARY:
            self._begun_anew()
        else:
            self._planned_anew()

    def _begun_anew(self) -> beginning.Begun:
        stage, operation = self.stage, self.operation
        self.not_overtaken()
        rollouts.refuse_beside(stage, operation)
        strategy, plan, route = beginning.first_step(operation, stage.catalog, stage.cluster, stage.operations)
        approving.check_plan(operation, plan, strategy)
        return strategy, plan, route

    def judge_first(self, begun: beginning.Begun) -> tuple[GateResult, ...]:
        """Raise Refused or Held where the gates do not pass the first step of a rollout; else return their rows."""
        gates = self.timed(moves.judge_first(self.operation, *begun, self.stage))
        self.judge(begun[1], gates, asking=True)
        return gates

    def _planned_anew(self) -> tuple[Plan, Route]:
        stage, operation = self.stage, self.operation
        self.not_overtaken()
        self.make_way()
        plan, route = make_plan(operation, stage.catalog, stage.cluster, stage.operations)
        approving.check_plan(operation, plan)
        return plan, route

    def authorise(self, *, rises: bool = False) -> None:
        """Raise Denied where whoever asked for it, or answers for the rollout whose step this is, may not any more.

        Refused where that rollout does not want the step any more; Unheard for what can wait, while Slack says nothing.
        """
        stage, operation = self.stage, self.operation
        if operation.command.rollout and operation.command.goes_back:
            # Whoever began the rollout was allowed to have it turned back; that is never taken away.
            return
        if operation.command.rollout:
            self.decision = rights(stage, moves.check_wanted(stage, operation))
            return
        verdict = authorise_again(operation, stage.catalog, stage.directory, now=stage.time.now(), rises=rises)
        if not verdict.allowed and verdict.unheard and can_wait(operation):
            raise Unheard(verdict.unheard)
        if not verdict.allowed:
            raise Denied(f"No longer allowed: {verdict.why}.", hint=_UNCHANGED)
        self.decision = verdict

    def not_overtaken(self) -> None:
        """Refuse what a newer change has overtaken: who rolls back means what still waits in the queue, too."""
        op = self.operation
        if op.command.verb is Verb.ROLLBACK and not op.went(Step.UNANSWERED):
            # One that had to wait for Git is of another moment: what others have written since, they wanted then.
            return
        for newer in self._newer():
            # Also one that did not end well: traffic went back, and nobody accepted it, or read it back, in time.
            written = may_be_written(newer) or newer.commit is not None
            if written and not (op.went(Step.UNANSWERED) and _wrote_nothing(newer)):
                raise _overtaken(newer)

    def not_overtaken_by_merge(self, route: Route) -> None:
        """Refuse a way back that waited for Git where a proposal was merged since, or somebody else committed."""
        if self.operation.went(Step.UNANSWERED):
            for newer in self._newer():
                if newer.went(Step.PROPOSED) and route.annotation(STAMP_OPERATION) == newer.id:
                    raise _overtaken(newer)
                if why := following.unsigned(newer, route):
                    # Whoever wrote it, they wrote it later.
                    raise Refused(f"{why}.", hint=_OVERTAKEN)
            following.refuse_overtaken(route, self.operation)

    def _newer(self) -> list[Operation]:
        """Return the changes of weights that were received after this one, done or not."""
        found = self.stage.operations.since(self.operation)
        return [one for one in found if not (one.command.steers or one.command.freezes or one.rollout)]

    def make_way(self) -> None:
        """Keep two hands off one set of weights: a rollout's, and a person's."""
        if self.operation.command.rollout:
            self.parent = moves.check_wanted(self.stage, self.operation)
        elif not self.operation.command.goes_back:
            rollouts.refuse_beside(self.stage, self.operation)

    def not_shared(self, plan: Plan) -> None:
        """Refuse what gives more, or is no way back, on weights that a rollout of another service moves."""
        if not self.operation.command.goes_back or (self.operation.command.verb is Verb.UNDO and rise_of(plan)):
            rollouts.refuse_shared(self.stage, self.operation, plan)

    def check_rise(self, plan: Plan) -> None:
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
            self.authorise(rises=True)

    def prove(self, plan: Plan, gates: tuple[GateResult, ...]) -> None:
        """Raise Refused where the step-up check does not let whoever asked give more traffic."""
        try:
            proving.prove_for_plan(self.stage, self.operation, plan, plan.intent)
        except Refused:
            self.record.operation = replace(self.operation, plan=plan, gates=gates)
            raise

    def gates(self, plan: Plan, route: Route) -> tuple[GateResult, ...]:
        """Return the rows of every gate, those of incidents last: one may be opened while the others are asked."""
        stage = self.stage
        if self.parent is not None:
            self._check_drift(self.parent, plan, route)
            return moves.judge_step(self.parent, plan, route, stage)
        sources = (stage.cluster, stage.metrics)
        rows = judge_plan(plan, route, self.operation, catalog=stage.catalog, sources=sources)
        return (*rows, *Guard(stage.catalog, stage.incidents, stage.time).judge_plan(plan, self.operation.target))

    def _check_drift(self, parent: Operation, plan: Plan, route: Route) -> None:
        try:
            moves.check_drift(parent, route)
        except Refused:
            # What it would have written over is what the rollout tells people of.
            self.record.operation = replace(self.operation, plan=plan)
            raise

    def timed(self, rows: tuple[GateResult, ...]) -> tuple[GateResult, ...]:
        """Return the rows, each with the moment in which it was judged."""
        now = self.stage.time.now()
        return tuple(replace(row, at=row.at or now) for row in rows)

    def must_count(self, route: Route) -> None:
        """Raise Unavailable where a rollout would take weights for moved that the mesh does not say it took."""
        if self.parent is not None and (why := unaccepted(route)):
            raise Unavailable(
                f"The weights already are as asked, but {why}.",
                hint="Look at the route's status and at that controller.",
            )

    def same_wish(self, plan: Plan) -> None:
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

    def judge(self, plan: Plan, gates: tuple[GateResult, ...], *, asking: bool = False) -> None:
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


def _wrote_nothing(operation: Operation) -> bool:
    """Tell whether a change that ended certainly moved nothing: it is not in the way of what goes back."""
    return operation.went(Step.UNCHANGED) or operation.went(Step.PROPOSED)


def _overtaken(newer: Operation) -> Refused:
    return Refused(
        f"{newer.id} ({newer.command.verb}) was asked for after this, and is done already.",
        hint=_OVERTAKEN,
    )
