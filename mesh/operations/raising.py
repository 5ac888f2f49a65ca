"""Whether what is not stable may be given more traffic: no freeze, within somebody's limits. Asked with the plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mesh.domain.errors import Barred, Denied, NotFound
from mesh.domain.limits import Rise, beyond
from mesh.domain.operations import Operation, Step
from mesh.domain.policy import Decision, decide
from mesh.domain.rollouts import Happening, Phase, Rollout, after
from mesh.operations.authorising import authorise_again
from mesh.operations.freezing import refuse_frozen
from mesh.operations.silence import Unheard
from mesh.operations.stage import Stage
from mesh.operations.telling import the_plan, the_rollout

_ASKED_FOR = frozenset({Step.STEPPING, Step.CONTINUED})
"""What the story says of a step that is written after a person's word: who said it stands beside it."""


def check_rise(stage: Stage, operation: Operation, decision: Decision, rise: Rise) -> None:
    """Raise Barred under a freeze and out of hours, Denied beyond the limits of every role that allows it.

    Nothing is asked where nothing rises: what goes back is not held up by anything. Raises Unavailable where nobody can
    tell what is frozen, Unheard where Slack's silence alone may have put it beyond the limits.
    """
    if rise:
        _check_frozen(stage, operation)
        _check_limits(decision, rise, stage.time.now())


def _check_frozen(stage: Stage, operation: Operation) -> None:
    if not operation.command.break_glass:
        refuse_frozen(stage, operation.target)


def _check_limits(decision: Decision, rise: Rise, now: float) -> None:
    found = beyond(decision.roles, rise, now)
    if found is None:
        return
    if decision.unheard:
        # A wider role may let it: "beyond your limits" would be a thing that nobody knows.
        raise Unheard(decision.unheard)
    if found.opens is not None:
        raise Barred(f"Not now: {found.why}.", hint="Nothing was changed. Going back is possible at any time.")
    raise Denied(
        f"Beyond your limits: {found.why}.",
        hint="Nothing was changed. Ask for less, or ask somebody with wider limits; /mesh whoami shows yours.",
    )


def barred(stage: Stage, operation: Operation, happening: Happening) -> str:
    """Say why a rollout's next step must wait if this happens now; an empty string where it need not.

    Judged by what is on record, for this is asked in a look: Slack is never asked there, or while it is silent nobody
    would turn back the next canary. The step asks it by itself, and what waiting does not help against is judged there.
    Raises Unavailable where nobody can tell what is frozen.
    """
    rollout = the_rollout(operation)
    waited = rollout.cause is Happening.BARRED and happening is Happening.CLEARED
    if not waited and after(rollout, happening) is not Phase.MOVING:
        return ""
    rise = next_rise(operation, happening)
    answering = _answers(stage, operation) if waited and not rollout.written else _holders(stage, operation)
    try:
        check_rise(stage, operation, _either(_on_record(stage, one) for one in answering), rise)
    except Barred as error:
        return error.message.removesuffix(".")
    except Denied:
        return ""
    return ""


def _on_record(stage: Stage, operation: Operation) -> Decision:
    """Decide by today's policy, and by the groups in which whoever asked for it was then."""
    groups, channel, verb = frozenset(operation.groups), operation.origin.channel, operation.command.verb
    return decide(stage.catalog.policy, operation.actor, groups, verb, operation.target, channel=channel)


def next_rise(operation: Operation, happening: Happening) -> Rise:
    """Return what the canary gets if this happens now."""
    rollout, plan = the_rollout(operation), the_plan(operation)
    has = rollout.moves[-1].share if rollout.moves else plan.canary_share_before
    share = _share(rollout, happening)
    return Rise(plan.canary, share - has, share) if share > has else Rise()


def _share(rollout: Rollout, happening: Happening) -> float:
    """Return the share that the canary has after it: a step that was not written yet comes before the one after it."""
    if happening is Happening.RESUME or not rollout.written or rollout.upcoming is None:
        return rollout.current.share
    return rollout.upcoming.share


def rights(stage: Stage, rollout: Operation) -> Decision:
    """Decide by which roles a rollout takes its next step, by what Slack says within a minute of it.

    Raises Unheard where Slack does not say who may, Denied where they may not any more.
    """
    now = stage.time.now()
    decisions = (authorise_again(one, stage.catalog, stage.directory, now=now) for one in _answers(stage, rollout))
    verdict = _either(decisions)
    if verdict.allowed:
        return verdict
    if verdict.unheard:
        raise Unheard(verdict.unheard)
    raise Denied(
        f"No longer allowed: {verdict.why}.",
        hint="Nothing was changed. Whoever may resume it answers for its steps from then on; going back is possible.",
    )


def _either(decisions: Iterable[Decision]) -> Decision:
    """Return what any of them allows; of the first without limits the others are not asked."""
    found: Decision | None = None
    for one in decisions:
        found = one if found is None else _both(found, one)
        if one.allowed and not one.limited:
            break
    if found is None:
        raise ValueError("nobody decided")
    return found


def _both(first: Decision, second: Decision) -> Decision:
    """Return the first decision with what the second one allows beside it."""
    said = second if second.allowed and not first.allowed else first
    return replace(said, roles=(*first.roles, *second.roles), unheard=first.unheard or second.unheard)


def _answers(stage: Stage, rollout: Operation) -> tuple[Operation, ...]:
    """Return by whose rights a step is taken: the word that asked for it, or who holds the rollout.

    Whoever said it was authorised, limited and proven for just this step, also where it was barred and is tried again;
    whoever began may be off duty by now.
    """
    begun = (one for one in reversed(rollout.story) if one.step is Step.STEPPING or (one.by and one.step in _ASKED_FOR))
    asked = next(begun, None)
    if asked and asked.by:
        return (stage.operations.get(the_rollout(rollout).said),)
    return _holders(stage, rollout)


def _holders(stage: Stage, rollout: Operation) -> tuple[Operation, ...]:
    """Return by whose rights steps come by themselves: of whoever resumed it last, and of whoever began it.

    Either is enough: who helps once, within narrow limits, does not take away what the other one may.
    """
    adopted = the_rollout(rollout).adopted
    if adopted is None:
        return (rollout,)
    try:
        return stage.operations.get(adopted.said), rollout
    except NotFound:
        # Forgotten: as if nobody had resumed it.
        return (rollout,)
