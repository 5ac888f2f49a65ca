"""What people say to a rollout that is under way: pause, resume, skip, confirm, abort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mesh.domain.choices import about
from mesh.domain.commands import Verb
from mesh.domain.errors import Held, NotFound, Refused
from mesh.domain.gates import GateResult, Verdict, overall
from mesh.domain.operations import Operation, Paused, State, Step
from mesh.domain.policy import Decision
from mesh.domain.rollouts import MOST_HEARD, WEIGHTS_STAND, Adoption, Happening, Phase, Rollout, after
from mesh.domain.routes import Weights
from mesh.operations.choosing import again_with
from mesh.operations.moves import drift
from mesh.operations.proving import prove_for_step
from mesh.operations.raising import check_rise, next_rise
from mesh.operations.recording import Record
from mesh.operations.rollouts import fresh, step
from mesh.operations.stage import Stage
from mesh.operations.telling import reason, the_rollout, where
from mesh.operations.words import SAID, on_card

_GIVES_MORE = frozenset({Verb.SKIP, Verb.CONFIRM})
AGAIN_S = 0.5
"""When to say it again to a rollout whose weights are just being written, in seconds."""


def steer(stage: Stage, record: Record, decision: Decision) -> None:
    """Let the rollout of the service hear it; under the service's lock. Heard twice, it counts once.

    Raises Refused where there is no such rollout, where it cannot do that now, or where that would give the canary
    more than `decision` lets this person give.
    """
    operation = record.operation
    since = stage.operations.since(operation, whole=False)
    if unbegun := _unbegun(stage, operation, since):
        _remember(stage, record, unbegun, since)
        return
    parent = _heard_before(stage, operation) or _addressed(stage, operation, since)
    rollout = the_rollout(parent)
    if operation.id not in rollout.heard:
        _check_newest(operation, parent, since)
        _check_step(operation, parent)
        _check_stop(operation, parent)
        happening = SAID[operation.command.verb]
        if after(rollout, happening) is None or (happening is Happening.PAUSE and _is_written(stage, rollout)):
            if _can_wait(rollout, happening):
                stage.operations.later(operation.id, seconds=AGAIN_S)
                return
            raise _unfit(operation, parent)
        if after(rollout, happening) is Phase.MOVING:
            # By the limits of whoever says it; whether the glass is broken was agreed to of the rollout.
            check_rise(stage, parent, decision, next_rise(parent, happening))
            prove_for_step(stage, operation, parent)
        rows = _rows(stage, parent)
        if after(rollout, happening) is Phase.COMPLETED:
            _check_end(stage, parent, rows)
        held = happening is Happening.RESUME and rollout.phase is Phase.HELD
        found = _check_held(stage, Record(stage, parent, record.lease), rows) if held else None
        if happening is Happening.CONFIRM and overall(rows) is not Verdict.PASS:
            raise Held(
                "The gates do not pass now, so it is not confirmed.",
                hint=f"See /mesh status {operation.target.service}; confirm once they pass, or abort.",
            )
        heard = Record(stage, parent, record.lease)
        why = operation.command.reason or f"{operation.command.verb} {operation.id}"
        words = _words(operation, rollout, now=stage.time.now())
        step(stage, heard, happening, why, by=operation.actor.user, gates=rows or parent.gates, found=found, **words)
        parent = heard.operation
        stage.operations.later(parent.id, seconds=0)
    record.end(State.SUCCEEDED, Step.STEERED, f"{parent.id}: {where(parent)}", plan=parent.plan)


def _unbegun(stage: Stage, operation: Operation, since: Sequence[Operation]) -> list[Operation]:
    """Return the rollouts that a pause or resume is about and that have not begun: they wait for approval, or a turn.

    Who types it means the service: any of them may be the one that begins. A button is about the one on its card.
    """
    if operation.command.verb not in (Verb.PAUSE, Verb.RESUME) or stage.operations.rollout(operation.target):
        return []
    later = {one.id for one in since}
    found = [one for one in stage.operations.beside(operation, whole=False) if not one.done and one.id not in later]
    promised = operation.command.promised.partition("/")[0]
    waiting = [one for one in found if one.command.verb is Verb.CANARY and one.rollout is None]
    return [one for one in waiting if promised in ("", one.id)]


def _remember(stage: Stage, record: Record, unbegun: Sequence[Operation], since: Sequence[Operation]) -> None:
    """Write down that nothing of them starts until somebody resumes them, or that somebody did; heard twice is once.

    Raises Refused where it is so already of each. Neither gives a canary anything: what starts is judged then.
    """
    said, pause = record.operation, record.operation.command.verb is Verb.PAUSE
    refused = {one.id: why for one in unbegun if (why := _unheard(one, said, since))}
    if len(refused) == len(unbegun):
        raise refused[unbegun[0].id]
    then = "nothing of it starts until somebody resumes it" if pause else "it begins when it may"
    heard = [one for one in unbegun if one.id not in refused]
    for one in heard:
        _tell_unbegun(stage, record, one)
    record.end(State.SUCCEEDED, Step.STEERED, "; ".join(f"{one.id} has not begun: {then}" for one in heard))


def _unheard(unbegun: Operation, said: Operation, since: Sequence[Operation]) -> Refused | None:
    """Return why a word changes nothing of a rollout that has not begun; None where it does, or has done so."""
    pause, paused = said.command.verb is Verb.PAUSE, unbegun.paused
    if paused is not None and paused.said == said.id:
        return None
    newest = next((one for one in since if paused and one.id == paused.said), None)
    if newest:
        return Refused(
            f"{newest.id} ({newest.command.verb}) was said after this, and is heard already.",
            hint="Nothing was changed. Look at the card; if it is still wanted, say it again.",
        )
    if pause is (paused is not None):
        now = "is paused already" if pause else "is not paused"
        return Refused(f"The canary of {said.target.service} has not begun and {now}.", hint="Nothing was changed.")
    return None


def _tell_unbegun(stage: Stage, record: Record, unbegun: Operation) -> None:
    """Write the word into the record of a rollout that has not begun, unless it is there."""
    said, pause = record.operation, record.operation.command.verb is Verb.PAUSE
    if unbegun.paused is not None and unbegun.paused.said == said.id:
        return
    why = said.command.reason or f"{said.command.verb} {said.id}"
    paused = Paused(said.actor.user, said.id, why) if pause else None
    heard = Record(stage, unbegun, record.lease)
    heard.tell(unbegun.state, Step.PAUSED if pause else Step.CONTINUED, why, by=said.actor.user, paused=paused)
    stage.operations.later(unbegun.id, seconds=0)


def _can_wait(rollout: Rollout, happening: Happening) -> bool:
    """Tell whether this can be done once the step that is on its way is written, and was meant for then.

    A resume is about a stop that is over by then, and another one would be nothing that its person saw.
    """
    return rollout.phase is Phase.MOVING and happening is not Happening.RESUME


def _words(operation: Operation, rollout: Rollout, *, now: float) -> dict[str, Any]:
    """Return what the rollout remembers of this word; who resumes one that is held answers for its steps from now on.

    They were authorised, limited and proven for this step as whoever began it was: a press for each step would ask no
    more of them. Who lets a paused one go on was asked for none of that.
    """
    words: dict[str, Any] = {"said": operation.id, "heard": (*rollout.heard, operation.id)[-MOST_HEARD:]}
    happening = SAID[operation.command.verb]
    if happening is Happening.RESUME and after(rollout, happening) is Phase.MOVING:
        words["adopted"] = Adoption(operation.actor.user, operation.id, now)
    return words


def _is_written(stage: Stage, rollout: Rollout) -> bool:
    """Tell whether a step may be on its way to the object: then its end is waited for."""
    if rollout.phase is not Phase.MOVING:
        return False
    try:
        child = stage.operations.get(rollout.move)
    except NotFound:
        return False
    return child.done or child.patch_is_open


def _check_end(stage: Stage, parent: Operation, rows: tuple[GateResult, ...]) -> None:
    """Raise Refused where the last bake cannot be skipped: no step follows that would be judged, or find drift."""
    if overall(rows) is Verdict.FAIL:
        raise Refused(
            "The gates fail now, so the last bake is not skipped.",
            hint=f"See /mesh status {parent.target.service}; what failed is acted on by itself.",
        )
    if seen := drift(stage, parent):
        raise Refused(f"It is not complete: {seen.why}.", hint="Nothing was changed. Look at it, then resume or abort.")


def _check_held(stage: Stage, record: Record, rows: tuple[GateResult, ...]) -> Weights | None:
    """Return the weights of somebody else that the step may be written over, where there are any.

    Raises Refused where what holds it is not over, or where they are not those that people were told of. What nobody
    could answer for is resumed on whatever is there now, and that alone.
    """
    parent, rollout = record.operation, the_rollout(record.operation)
    if rollout.cause is Happening.WORSE and overall(rows) is Verdict.FAIL:
        # Its weights stand, so nothing would be written or judged, and what was proven would be forgotten.
        raise Refused(
            f"The gates still blame the canary: {rollout.why}.",
            hint="Resume once they do not any more; who has mended it is faster with abort and a new canary.",
        )
    seen = drift(stage, parent)
    told = rollout.cause in WEIGHTS_STAND or rollout.cause is Happening.UNMOVED or rollout.found is not None
    if seen and told and seen.found != rollout.found:
        if not rollout.moves and after(rollout, Happening.DRIFTED):
            # No look will say so on the card: before its first step nobody looks.
            step(stage, record, Happening.DRIFTED, seen.why, found=seen.found)
            stage.operations.later(parent.id, seconds=0)
        raise Refused(
            f"It is not resumed: {seen.why}.",
            hint="Nothing was changed. Look at the card; if it is still wanted, say it again.",
        )
    return seen.found if seen else None


def _rows(stage: Stage, parent: Operation) -> tuple[GateResult, ...]:
    watch = fresh(parent, stage.watches.load([parent.id]).get(parent.id), now=stage.time.now())
    return watch.rows if watch else ()


def _heard_before(stage: Stage, operation: Operation) -> Operation | None:
    """Return the rollout that has heard this already, when a worker died between its word and ours."""
    found = stage.operations.recent(target=operation.target, count=20)
    return next((one for one in found if one.rollout and operation.id in one.rollout.heard), None)


def _addressed(stage: Stage, operation: Operation, since: Sequence[Operation]) -> Operation:
    """Return the rollout that this is about; raise Refused where there is none, or only one that began later."""
    service, former = operation.target.service, operation.command.promised.partition("/")[0]
    parent = stage.operations.rollout(operation.target)
    if parent is None:
        # Who aborts wants traffic back, and must not be told to start a canary.
        back = operation.command.verb is Verb.ABORT
        hint = "Nothing was changed. To send all traffic to stable:" if back else f"Start one: /mesh canary {service}."
        choices = (again_with(operation.command, verb=Verb.ROLLBACK),) if back else ()
        raise Refused(f"No canary of {service} is under way.", hint=hint, choices=choices)
    verb = operation.command.verb
    if former not in ("", parent.id):
        raise _another(f"This {verb} was about {former}, which is over: {parent.id} is under way.", operation, parent)
    if parent.id in {one.id for one in since}:
        raise _another(f"The canary {parent.id} began after this {verb}.", operation, parent)
    return parent


def _another(said: str, operation: Operation, parent: Operation) -> Refused:
    """Return the refusal of a word about what is over, with the word about what is so now, where the rollout takes it.

    A step that is being written can be skipped as soon as it bakes.
    """
    verb, rollout = operation.command.verb, the_rollout(parent)
    takes = after(rollout, SAID[verb]) or (verb is Verb.SKIP and rollout.phase is Phase.MOVING)
    if not takes:
        return Refused(said, hint="Nothing was changed. Look at the card.")
    choice = about(again_with(operation.command), on_card(parent))
    return Refused(said, hint="Nothing was changed. Look at the card; if it is still wanted:", choices=(choice,))


def _shown(operation: Operation) -> tuple[str, str]:
    """Return which step, and which stop, the card showed whose button was pressed; nothing of a typed word."""
    _, step_at, stop = (*operation.command.promised.split("/"), "", "")[:3]
    return step_at, stop


def _check_newest(operation: Operation, parent: Operation, since: Sequence[Operation]) -> None:
    """Raise Refused where somebody said something after this, and was heard first. Going back is never too late."""
    newest = next((one for one in since if one.id == the_rollout(parent).said), None)
    if newest and operation.command.verb is not Verb.ABORT:
        said = f"{newest.id} ({newest.command.verb}) was said after this, and is heard already."
        raise _another(said, operation, parent)


def _check_stop(operation: Operation, parent: Operation) -> None:
    """Raise Refused where a resume was said of another stop: what this one is about its person has not seen."""
    rollout, stop = the_rollout(parent), _shown(operation)[1]
    if operation.command.verb is not Verb.RESUME or rollout.phase not in (Phase.PAUSED, Phase.HELD):
        return
    if stop != rollout.stop:
        now = f"{where(parent)}: {reason(rollout)}"
        if not stop:
            raise _another(f"This resume does not say which stop it is about: {now}.", operation, parent)
        raise _another(f"The stop that this resume was about is over. Now it is another: {now}.", operation, parent)


def _check_step(operation: Operation, parent: Operation) -> None:
    """Raise Refused where what gives the canary more was said of a step that is over: pressed twice, or by two people.

    A typed word is about the weights that stood when it was received, so not about a step that is being written.
    """
    verb, rollout, step_at = operation.command.verb, the_rollout(parent), _shown(operation)[0]
    if verb in _GIVES_MORE and step_at != str(rollout.at):
        now = f"the canary is at step {rollout.at + 1} by now"
        if not step_at:
            raise _another(f"This {verb} does not say which step it is about: {now}.", operation, parent)
        raise _another(f"The step that this {verb} was about is over: {now}.", operation, parent)


def _unfit(operation: Operation, parent: Operation) -> Refused:
    verb, rollout = operation.command.verb, the_rollout(parent)
    fitting = [str(one) for one, happening in SAID.items() if after(rollout, happening)]
    said = f"The canary of {operation.target.service} cannot {verb} now: {where(parent)}."
    return Refused(said, hint=f"It takes: {', '.join(fitting)}." if fitting else "Wait until traffic is back.")
