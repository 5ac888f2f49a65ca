"""A rollout under way: taken one transition further at a time, under its service's lock.

The record says what is to be done before it is done, and each move of weights is an operation of its own whose id is
on record first. Whoever comes next, after any interruption, finds out how far it came and goes on from there.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from mesh.domain.choices import about
from mesh.domain.commands import Command, Verb
from mesh.domain.due import Sight, due
from mesh.domain.errors import MeshbotError, NeedsGit, NotFound, Refused
from mesh.domain.gates import Verdict, span
from mesh.domain.operations import Operation, State, Step
from mesh.domain.plans import Plan
from mesh.domain.rollouts import MOVES, STALE_S, Happening, Phase, Rollout, after, enter
from mesh.domain.routes import Arm
from mesh.operations.choosing import again_with
from mesh.operations.moves import Drifted, drift, landed, start_move
from mesh.operations.naming import new_id
from mesh.operations.raising import barred
from mesh.operations.recording import LeftToTheNext, Record, incident
from mesh.operations.stage import Stage
from mesh.operations.telling import in_words, the_plan, the_rollout, where
from mesh.operations.undoing import may_be_written
from mesh.operations.words import decides_in_time, on_card
from mesh.ports import Lease, Watch

log = logging.getLogger(__name__)


def advance(stage: Stage, record: Record, *, watch: Watch | None, suspect: bool = False) -> bool:
    """Take the one transition that is due now, if any; tells whether one was taken. Safe to call at any time.

    `watch` is what the latest look found. `suspect`: somebody else may have changed the weights, so the route is read.
    Raises Unavailable when a part does not answer: nothing was changed then.
    """
    rollout = the_rollout(record.operation)
    if rollout.phase in MOVES and _follow(stage, record):
        return True
    if not rollout.watched and rollout.phase is not Phase.HELD:
        return False
    # What stands while a step is being written may be that step: it finds out itself.
    looked = suspect and rollout.phase is not Phase.MOVING
    if looked and after(rollout, Happening.DRIFTED) and (seen := _drifted(stage, record.operation)):
        return step(stage, record, Happening.DRIFTED, seen.why, found=seen.found)
    found = _due(record.operation, watch, now=stage.time.now())
    if found and (why := barred(stage, record.operation, found[0])):
        # Held already, it stays so, and nobody is told again.
        return rollout.phase is not Phase.HELD and step(stage, record, Happening.BARRED, why)
    if found and found[0] is Happening.CLEARED and rollout.cause is Happening.BARRED:
        found = (Happening.CLEARED, "nothing on record bars it any more, and the gates pass")
    if found and found[0] is Happening.LATE and decides_in_time(stage, record.operation):
        return False
    return found is not None and _take(stage, record, found, watch)


def _drifted(stage: Stage, operation: Operation) -> Drifted | None:
    """Say what somebody else changed that nobody was told of yet."""
    rollout = the_rollout(operation)
    return drift(stage, operation, known=rollout.found if rollout.cause is Happening.DRIFTED else None)


def _take(stage: Stage, record: Record, found: tuple[Happening, str], watch: Watch | None) -> bool:
    """Take the transition that is due; nobody is told of weights that are others, or would be a moment later."""
    rollout, plan = the_rollout(record.operation), record.operation.plan
    follows = after(rollout, found[0])
    if follows is Phase.COMPLETED and (seen := drift(stage, record.operation)):
        # That the canary has everything is not for a look to say: a route that is gone looks like none.
        return step(stage, record, Happening.DRIFTED, seen.why, found=seen.found)
    if follows is Phase.HELD and rollout.phase is Phase.MOVING:
        plan = landed(stage, record) or plan
    return step(stage, record, *found, gates=watch.rows if watch else (), plan=plan)


def advance_alone(stage: Stage, operation: Operation, *, watch: Watch | None, suspect: bool = False) -> bool:
    """Advance under the service's lock, where nobody holds it; who cannot now is looked at again.

    Nobody is told here: another worker draws the card, for a slow Slack must not delay what watches over traffic.
    """
    try:
        with stage.locks.hold(str(operation.target), wait_s=0) as lease:
            if lease is None:
                return False
            record = Record(stage, stage.operations.get(operation.id), lease)
            taken = advance_or_hold(stage, record, watch=watch, suspect=suspect)
        if taken:
            stage.operations.later(operation.id, seconds=0)
    except NeedsGit:
        # Only where its service was configured to be kept in Git since it began. Whoever may ask Git goes on with it.
        stage.operations.later(operation.id, seconds=0)
        return False
    except (LeftToTheNext, MeshbotError) as error:
        log.warning("%s is looked at again: %s", operation.id, error.message)
        return False
    return taken


def advance_or_hold(stage: Stage, record: Record, *, watch: Watch | None, suspect: bool = False) -> bool:
    """Advance a rollout that has not ended; a bug holds it and is told to people, and is nobody else's trouble."""
    if not record.operation.active_rollout:
        return False
    try:
        return advance(stage, record, watch=watch, suspect=suspect)
    except (LeftToTheNext, MeshbotError, NeedsGit):
        raise
    except Exception as error:  # noqa: BLE001 (a bug must be told and not be tried for ever)
        why = incident(record.operation, error).message.removesuffix(".")
        held = after(the_rollout(record.operation), Happening.BROKEN) is not None
        # What is on its way back is tried again.
        return held and step(stage, record, Happening.BROKEN, why)


def fresh(operation: Operation, watch: Watch | None, *, now: float) -> Watch | None:
    """Return what a look found, unless that is about another step or too old to decide anything."""
    current = watch is not None and watch.since == the_rollout(operation).moved_at
    # A look of the future was had before somebody set the clock back: nobody knows how old it is.
    return watch if watch and current and abs(now - watch.looked_at) < STALE_S else None


def is_due(operation: Operation, watch: Watch, *, now: float) -> bool:
    """Tell whether a transition is due, without anything being asked."""
    return _due(operation, watch, now=now) is not None


def turns_back(operation: Operation, watch: Watch, *, now: float) -> bool:
    """Tell whether what is due sends traffic back."""
    found = _due(operation, watch, now=now)
    return found is not None and after(the_rollout(operation), found[0]) is Phase.TURNING_BACK


def _due(operation: Operation, watch: Watch | None, *, now: float) -> tuple[Happening, str] | None:
    seen = fresh(operation, watch, now=now)
    # That nobody looked for a moment is no silence of the canary.
    sight = Sight(seen.rows if seen else (), watch.seen_at if watch else 0.0, watch.passing_since if watch else 0.0)
    return due(the_rollout(operation), sight, canary=the_plan(operation).canary, now=now)


def step(stage: Stage, record: Record, happening: Happening, why: str, *, by: str = "", **changes: Any) -> bool:
    """Enter the phase that follows: write it down, then start what it asks for. False where nothing follows."""
    operation = record.operation
    rollout = enter(the_rollout(operation), happening, now=stage.time.now(), why=why, by=by)
    rollout = replace(rollout, **{key: changes.pop(key) for key in _OWN if key in changes})
    moves = rollout.phase in MOVES
    if moves:
        rollout = replace(rollout, move=new_id())
    changes = {"rollout": rollout, "hint": "", "choices": (), **changes}
    if rollout.active:
        text = in_words(operation, rollout, happening)
        if moves and happening is Happening.UNTURNED:
            text = f"not back on {the_plan(operation).stable} yet, tried again in {span(rollout.pause_s)}: {why}"
        said = Step.CONTINUED if happening in _CONTINUING else _STEPS[rollout.phase]
        record.tell(State.RUNNING, said, text, by=by, **changes)
    else:
        _end(record, rollout, happening, changes)
    if moves and not rollout.pause_s:
        start(stage, record.operation)
    return True


def start(stage: Stage, operation: Operation) -> None:
    """Start what the record asks for; where that fails `_follow` does it: what is on record has happened."""
    try:
        start_move(stage, operation)
    except MeshbotError as error:
        log.warning("the move of %s is started a little later: %s", operation.id, error.message)


def refuse_beside(stage: Stage, operation: Operation) -> None:
    """Raise Refused where a rollout of the service is under way: two hands on one set of weights are one too many."""
    running = stage.operations.rollout(operation.target)
    if running is None or running.id in (operation.id, operation.command.rollout):
        return
    said = f"A canary of {operation.target.service} is under way: {running.id}, {where(running)}."
    raise Refused(said, hint="Nothing was changed. Steer it, or end it first:", choices=_ways(running))


def refuse_shared(stage: Stage, operation: Operation, plan: Plan) -> None:
    """Raise Refused where a rollout of another service is under way on these very weights: one rule can name both.

    Each service has a lock of its own, so two may begin at once: each step asks again, and gives way.
    """
    for other in stage.watches.active(operation.target.cluster):
        same = other.plan is not None and (other.plan.uid, other.plan.rule) == (plan.uid, plan.rule)
        if same and other.id not in (operation.id, operation.command.rollout):
            raise Refused(
                f"A canary of {other.target.service} is under way on the same weights, those of {plan.label}: "
                f"{other.id}, {where(other)}.",
                hint="Nothing was changed. Steer it, or end it first:",
                choices=_ways(other),
            )


def _ways(running: Operation) -> tuple[str, ...]:
    """Return what may be said to a rollout that is in the way."""
    target = running.target
    said = Command(verb=Verb.STATUS, service=target.service, namespace=target.namespace, cluster=target.cluster)
    words = tuple(about(again_with(said, verb=verb), on_card(running)) for verb in _steering(running))
    return (*words, again_with(said))


def _steering(running: Operation) -> list[Verb]:
    """Return the words that the rollout takes now; not `skip`, for who wanted something else presses in haste."""
    words = {Verb.RESUME: Happening.RESUME, Verb.PAUSE: Happening.PAUSE, Verb.ABORT: Happening.ABORT}
    return [verb for verb, happening in words.items() if after(the_rollout(running), happening)]


def take_over(stage: Stage, operation: Operation, lease: Lease | None) -> None:
    """End the rollout of the service, for a person's own change is about to take traffic back: before that, on record.

    Otherwise a step could be written after it.
    """
    running = stage.operations.rollout(operation.target)
    if running is None or running.id == operation.command.rollout:
        return
    why = f"{operation.command.verb} {operation.id} takes traffic back"
    step(stage, Record(stage, running, lease), Happening.TAKEN_OVER, why, by=operation.actor.user)
    # Told by a worker of its own, at once.
    stage.operations.later(running.id, seconds=0)


def _follow(stage: Stage, record: Record) -> bool:
    """See how the operation that writes the weights ended, and start it where nobody has."""
    rollout = the_rollout(record.operation)
    try:
        child = stage.operations.get(rollout.move)
    except NotFound:
        if stage.time.now() >= rollout.entered_at + rollout.pause_s:
            start_move(stage, record.operation)
        return False
    if not child.done:
        return False
    back = rollout.phase is Phase.TURNING_BACK
    if child.state is not State.SUCCEEDED:
        written = child.plan if may_be_written(child) else None
        barred = child.story[-1].step is Step.BARRED or _is_barred(child, the_plan(record.operation))
        unmoved = Happening.BARRED if barred else Happening.UNMOVED
        happening = Happening.UNTURNED if back else Happening.UNSURE if written else unmoved
        told: dict[str, Any] = {"gates": child.gates, "hint": child.hint, "choices": child.choices}
        if happening is Happening.UNMOVED and child.plan:
            if (seen := _found_by_step(stage, record.operation)) is not None:
                # Told once, as what it is: a look would tell it again, and then no button is about that stop any more.
                return step(stage, record, Happening.DRIFTED, seen.why, found=seen.found)
            told["found"] = child.plan.former
        return step(stage, record, happening, child.outcome, plan=written or record.operation.plan, **told)
    if back:
        return step(stage, record, Happening.TURNED, rollout.why, plan=child.plan)
    plan = child.plan or the_plan(record.operation)
    return step(stage, record, Happening.MOVED, "", plan=plan, arms=_arms(stage, record.operation, plan), gates=())


def _found_by_step(stage: Stage, operation: Operation) -> Drifted | None:
    """Say what somebody else changed under a step that was not written; None where that cannot be read now."""
    rollout = the_rollout(operation)
    if after(rollout, Happening.DRIFTED) is None:
        return None
    try:
        return drift(stage, operation, known=rollout.found)
    except MeshbotError as error:
        log.warning("what %s left is compared at the next look: %s", operation.id, error.message)
        return None


def _is_barred(child: Operation, plan: Plan) -> bool:
    """Tell whether a step was refused for what is wrong with the service as a whole, and for nothing else."""
    failed = {row.arm for row in child.gates if row.verdict is Verdict.FAIL}
    return child.state is State.REFUSED and failed == {child.target.service} and plan.canary not in failed


def _arms(stage: Stage, operation: Operation, plan: Plan) -> tuple[Arm, ...]:
    """Return the arms as they are now, or as they were: a route that cannot be read must not stay unwatched."""
    try:
        route = stage.cluster.reread(plan, operation.target)
    except MeshbotError as error:
        log.warning("%s goes on with the arms it knows: %s", operation.id, error.message)
        route = None
    return route.arms if route is not None else the_rollout(operation).arms


_OWN = ("arms", "said", "heard", "adopted", "found")
"""What of a rollout its transitions do not say."""
_CONTINUING = frozenset({Happening.RESUME, Happening.CLEARED})
_STEPS = {
    Phase.MOVING: Step.STEPPING,
    Phase.BAKING: Step.STEPPED,
    Phase.CONFIRMING: Step.CONFIRMING,
    Phase.PAUSED: Step.PAUSED,
    Phase.HELD: Step.HELD,
    Phase.TURNING_BACK: Step.TURNING_BACK,
    Phase.COMPLETED: Step.COMPLETED,
    Phase.TURNED_BACK: Step.TURNED_BACK,
    Phase.ABORTED: Step.ABORTED,
    Phase.STOPPED: Step.STOPPED,
    Phase.EXPIRED: Step.EXPIRED,
}


def _end(record: Record, rollout: Rollout, happening: Happening, changes: dict[str, Any]) -> None:
    state = State.FAILED
    if rollout.phase is Phase.COMPLETED:
        state = State.SUCCEEDED
    elif rollout.phase is Phase.EXPIRED:
        state = State.EXPIRED
    elif not rollout.moves and happening in (Happening.UNMOVED, Happening.BARRED):
        state = State.REFUSED
    text = in_words(record.operation, rollout, happening)
    record.end(state, _STEPS[rollout.phase], text, by=rollout.by, **changes)
