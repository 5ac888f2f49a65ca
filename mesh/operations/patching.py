"""Sending one patch, and finding out what came of it when no answer came: written, never to be written, or unknown."""

from __future__ import annotations

from mesh.domain.errors import Conflict, MeshbotError, Refused, Unavailable
from mesh.domain.operations import State, Step
from mesh.domain.plans import Plan, touch
from mesh.domain.routes import STAMP_ATTEMPT, STAMP_OPERATION, Route
from mesh.operations.recording import Record
from mesh.operations.stage import Stage


class TryLater(MeshbotError):
    """The outcome of a patch cannot be found out yet."""


class Patching:
    """The patch of one operation, as one worker sends it or finds it."""

    def __init__(self, stage: Stage, record: Record) -> None:
        """Work on the operation that `record` holds."""
        self._stage = stage
        self._record = record

    def send(self, plan: Plan) -> bool:
        """Send the patch; False when it was not written and must be planned again."""
        try:
            self._stage.cluster.patch(plan, self._record.operation.target)
        except Conflict as error:
            self._record.tell(State.RUNNING, Step.CONFLICT, error.message)
            return False
        except Unavailable:
            return self._settle(plan)
        self._record.tell(State.RUNNING, Step.PATCHED, plan.shares_after)
        self._verify(plan, self._look(plan))
        return True

    def was_applied(self) -> bool:
        """After an interruption between audit and report: find out from the object whether the patch arrived."""
        plan = self._record.operation.plan
        return plan is not None and self._record.operation.patch_is_open and self._settle(plan)

    def _settle(self, plan: Plan) -> bool:
        """Find out what became of a patch without an answer: True when it arrived, False when it never will.

        Raises Unavailable when somebody else changed the object since, so that nobody can know.
        """
        route = self._look(plan)
        if route is not None and route.annotation(STAMP_OPERATION) == self._record.operation.id:
            if self._record.operation.patch_step is not Step.PATCHED:
                self._record.tell(State.RUNNING, Step.PATCHED, "found on the object")
            self._verify(plan, route)
            return True
        # The API server counts the generation up with every change of the spec, and weights are spec.
        if route is not None and (route.uid, route.generation) == (plan.uid, plan.generation):
            self._shut_out(plan, route)
            self._record.tell(State.RUNNING, Step.UNWRITTEN, "no answer came, and it was not written")
            return False
        now = "it is gone" if route is None else f"now it is {route.shares}"
        by = (route and route.annotation(STAMP_OPERATION)) or "somebody else"
        # Not a refusal: the patch may have been written before the other change came.
        raise Unavailable(
            f"{plan.label} was changed by {by} while this operation was interrupted; {now}.",
            hint="Nothing more was done. Look at /mesh status, and repeat it if it is still wanted.",
        )

    def _look(self, plan: Plan) -> Route | None:
        """Read the object again after a patch was sent; an API server that is away is asked again later."""
        try:
            return self._stage.cluster.reread(plan, self._record.operation.target)
        except Unavailable as error:
            raise TryLater(error.message) from error
        except Refused as error:
            # Not a refusal of the change: its patch was sent.
            text = f"The patch was sent, and {plan.label} cannot be read since: {error.message}"
            raise Unavailable(text, hint=error.hint) from error

    def _shut_out(self, plan: Plan, route: Route) -> None:
        """Give the object a new version, so that the patch, should it still be on its way, is turned away.

        Without this a patch that hung in the API server could be written after people were told that it was not.
        """
        stamp = f"{self._record.operation.id} {self._record.operation.revision}"
        try:
            self._stage.cluster.patch(touch(plan, route, {STAMP_ATTEMPT: stamp}), self._record.operation.target)
        except (Conflict, Refused, Unavailable) as error:
            raise TryLater(error.message) from error

    def _verify(self, plan: Plan, route: Route | None) -> None:
        """End it by what the object says now."""
        if route is None or route.weights != plan.weights:
            now = "the object is gone" if route is None else f"now it is {route.shares}"
            text = f"The patch was written, but somebody changed it since: {now}"
            self._record.end(State.FAILED, Step.FAILED, text, hint="See /mesh status.")
            return
        self._record.end(State.SUCCEEDED, Step.VERIFIED, plan.shares_after)
