"""Sending one patch, and finding out what came of it when no answer came: written, never to be written, or unknown."""

from __future__ import annotations

from dataclasses import replace

from mesh.domain.errors import Conflict, MeshbotError, Refused, Unavailable
from mesh.domain.operations import State, Step
from mesh.domain.plans import Plan, touch
from mesh.domain.reasons import because
from mesh.domain.routes import STAMP_ATTEMPT, STAMP_OPERATION, Acceptance, Kept, Route
from mesh.operations import following
from mesh.operations.recording import Record
from mesh.operations.stage import Stage

ACCEPT_S = 10.0
"""How long a route's parents have to say that they accept it; controllers do within a second or two."""
LOOK_AGAIN_S = 2.0
"""When to try again, after the API server could not say whether a patch arrived."""
ACCEPTED_AGAIN_S = 0.5
"""When to look again whether the parents accept."""
GIVE_UP_S = 60.0
"""How long a patch is looked for; after that people are told that its outcome is not known."""
SYNC_MOST_S = 3600.0
"""How long a commit is looked after while Git or the cluster cannot be asked."""


class TryLater(MeshbotError):
    """The outcome of a patch cannot be found out yet; look again in `seconds`, and no more `give_up_s` after it."""

    def __init__(self, message: str, *, seconds: float = LOOK_AGAIN_S, give_up_s: float = GIVE_UP_S) -> None:
        """Say what is not known."""
        super().__init__(message)
        self.seconds = seconds
        self.give_up_s = give_up_s


class Patching:
    """The patch of one operation, as one worker sends it or finds it."""

    def __init__(self, stage: Stage, record: Record) -> None:
        """Work on the operation that `record` holds."""
        self._stage = stage
        self._record = record

    def send(self, plan: Plan) -> bool:
        """Send the patch; False when it was not written and must be planned again."""
        try:
            said = replace(plan, because=because(self._record.operation))
            written = self._stage.cluster.patch(said, self._record.operation.target)
        except Conflict as error:
            self._record.tell(State.RUNNING, Step.CONFLICT, error.message)
            return False
        except Unavailable:
            return self._settle(plan)
        commit = written.kept and written.kept.commit
        if commit and commit.request:
            text, hint = following.proposed(commit)
            self._record.end(State.SUCCEEDED, Step.PROPOSED, text, hint=hint, commit=commit)
            return True
        told = following.committed(plan.shares_after, written)
        if self._record.uncopied:
            told += "; no replica of Redis has this on record"
        self._record.tell(State.RUNNING, Step.PATCHED, told, **following.recorded(written))
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
        if route is not None and self._arrived(route):
            if self._record.operation.patch_step not in (Step.PATCHED, Step.AWAITING):
                found = "found on the branch" if route.kept else "found on the object"
                self._record.tell(
                    State.RUNNING, Step.PATCHED, following.committed(found, route), **following.recorded(route)
                )
            self._verify(plan, route)
            return True
        commit = self._record.operation.commit
        if commit and route is not None and route.untouched_since(plan):
            # Written for certain, and taken back: to write it again would be to do it twice.
            text, hint = following.taken_out(commit)
            self._record.end(State.FAILED, Step.FAILED, text, hint=hint)
            return True
        if route is not None and route.untouched_since(plan):
            self._shut_out(plan, route)
            self._record.tell(State.RUNNING, Step.UNWRITTEN, "no answer came, and it was not written")
            return False
        now = "it is gone" if route is None else f"now it is {route.shares}"
        if self._record.operation.patch_step is Step.AWAITING:
            if route is not None and (route.uid, route.weights) == (plan.uid, plan.weights):
                # Another rule of the object was changed; this one is as it was read back.
                self._verify(plan, route)
                return True
            self._unaccepted(f"the object was changed before its parents had accepted them; {now}")
            return True
        by = (route and route.annotation(STAMP_OPERATION)) or "somebody else"
        # Not a refusal: the patch may have been written before the other change came.
        raise Unavailable(
            f"{plan.label} was changed by {by} while this operation was interrupted; {now}.",
            hint="Nothing more was done. Look at /mesh status, and repeat it if it is still wanted.",
        )

    def _arrived(self, route: Route) -> bool:
        """Tell whether the patch left its trace: our stamp on the object, or our commit on the branch."""
        stamped = route.annotation(STAMP_OPERATION) == self._record.operation.id
        return stamped or bool(route.kept and route.kept.commit)

    def _look(self, plan: Plan) -> Route | None:
        """Read the object again after a patch was sent; an API server that is away is asked again later."""
        try:
            return self._stage.cluster.reread(plan, self._record.operation.target)
        except Unavailable as error:
            # What is on the branch for certain may be waited for as long as a sync may take.
            give_up_s = SYNC_MOST_S if self._record.operation.commit else GIVE_UP_S
            pause_s = following.pause(self._since(Step.PATCHING))
            raise TryLater(error.message, seconds=pause_s, give_up_s=give_up_s) from error
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
        if route.kept and not route.synced:
            self._await_sync(route.kept)
        elif route.acceptance is Acceptance.ACCEPTED or not plan.moves:
            self._record.end(State.SUCCEEDED, Step.VERIFIED, plan.shares_after, plan=_as_accepted(plan, route))
        elif route.acceptance is Acceptance.REFUSED:
            self._unaccepted(_refusals(route))
        else:
            self._await(route)

    def _await(self, route: Route) -> None:
        """Wait for the parents to accept the new generation, without holding up a worker; give up after `ACCEPT_S`."""
        operation, silent = self._record.operation, _silent(route)
        patience_s = ACCEPT_S + (route.kept.sync_s if route.kept else 0.0)
        if self._since(Step.PATCHED) > patience_s:
            self._unaccepted(f"{silent} did not say within {patience_s:g} s that it accepts them")
            return
        if operation.patch_step is not Step.AWAITING:
            self._record.tell(State.RUNNING, Step.AWAITING, f"for {silent} to accept it, {ACCEPT_S:g} s at most")
        raise TryLater(f"{silent} has not accepted it yet", seconds=ACCEPTED_AGAIN_S, give_up_s=patience_s + GIVE_UP_S)

    def _await_sync(self, kept: Kept) -> None:
        """Wait for the cluster to show what was committed, without holding up a worker; say so when it does not."""
        operation, waited_s = self._record.operation, self._since(Step.PATCHED)
        if waited_s > kept.sync_s:
            text, hint = following.not_synced(kept, operation.commit)
            self._record.end(State.FAILED, Step.UNACCEPTED, text, hint=hint)
            return
        if operation.patch_step is not Step.AWAITING:
            self._record.tell(State.RUNNING, Step.AWAITING, following.awaited(kept, operation.commit))
        raise TryLater(
            "the commit is not synced yet", seconds=following.pause(waited_s), give_up_s=kept.sync_s + GIVE_UP_S
        )

    def _since(self, step: Step) -> float:
        """Return how long ago this step of the newest patch was on record, in seconds."""
        at = next(event.at for event in reversed(self._record.operation.story) if event.step is step)
        return self._stage.time.now() - at

    def _unaccepted(self, why: str) -> None:
        """End it where the weights are written for certain, and the mesh does not say that they count."""
        back = "" if self._record.operation.command.goes_back else "; undo, or roll back, if traffic goes astray"
        hint = f"Look at the route's status and at that controller{back}."
        self._record.end(State.FAILED, Step.UNACCEPTED, f"The weights are written, but {why}", hint=hint)


def _as_accepted(plan: Plan, route: Route) -> Plan:
    """Leave out what parents said against the route before this change and do not say any more."""
    old = f"{plan.kind} {plan.namespace}/{plan.name} is not accepted by "
    kept = tuple(text for text in plan.warnings if not text.startswith(old) or text in route.warnings)
    return replace(plan, warnings=kept)


def unaccepted(route: Route) -> str:
    """Say why the weights in the object may not count, by what its parents say of it; empty where they do."""
    if route.acceptance is Acceptance.REFUSED:
        return _refusals(route)
    return f"{_silent(route)} has not accepted them yet" if route.acceptance is Acceptance.PENDING else ""


def _silent(route: Route) -> str:
    """Return the parents that have not spoken of this generation."""
    return ", ".join(one.name for one in route.parents if one.said(route.generation) is Acceptance.PENDING)


def _refusals(route: Route) -> str:
    refusing = [one for one in route.parents if one.said(route.generation) is Acceptance.REFUSED]
    return "; ".join(f"{one.name} does not accept them: {one.why or 'it gives no reason'}" for one in refusing)
