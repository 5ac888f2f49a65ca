"""Which operations count as a change of the week. Pure."""

from __future__ import annotations

from mesh.domain.commands import Verb
from mesh.domain.operations import Operation, State, Step
from mesh.domain.rollouts import Phase
from mesh.domain.weeks import Deed, Outcome

_ENDS = {Phase.COMPLETED: Outcome.PROMOTION, Phase.TURNED_BACK: Outcome.TURN_BACK, Phase.ABORTED: Outcome.TURN_BACK}
_MOVES = {
    Verb.PROMOTE: Outcome.PROMOTION,
    Verb.SET: Outcome.PROMOTION,
    Verb.REAPPLY: Outcome.PROMOTION,
    Verb.ROLLBACK: Outcome.ROLLBACK,
    Verb.UNDO: Outcome.ROLLBACK,
}


def deed_of(operation: Operation) -> Deed | None:
    """Return what to remember of an operation that is done; None where it moved no traffic.

    A rollout counts once, at its end: its steps do not count, nor one that another change or its first step stopped.
    The same operation gives the same deed, whatever is found out of it later.
    """
    outcome = _outcome(operation)
    if outcome is None:
        return None
    ended = next(event.at for event in reversed(operation.story) if event.step is not Step.MEASURED)
    return Deed(operation.id, ended, operation.target, outcome)


def _outcome(operation: Operation) -> Outcome | None:
    if not operation.done or operation.command.dry_run or operation.command.rollout:
        return None
    if operation.rollout is not None:
        return _ENDS.get(operation.rollout.phase)
    moved = operation.patch_step is Step.VERIFIED and operation.plan is not None and operation.plan.moves
    return _MOVES.get(operation.command.verb) if operation.state is State.SUCCEEDED and moved else None
