"""Whether what is not stable may be given more traffic: no freeze, within somebody's limits. Asked with the plan."""

from __future__ import annotations

from mesh.domain.errors import Barred, Denied
from mesh.domain.limits import Rise, beyond
from mesh.domain.operations import Operation
from mesh.domain.policy import Decision, is_bound, named_groups
from mesh.domain.rollouts import Happening, Phase, Rollout, after
from mesh.operations.authorising import authorise_again
from mesh.operations.freezing import refuse_frozen
from mesh.operations.stage import Stage
from mesh.operations.telling import the_plan, the_rollout


def check_rise(stage: Stage, operation: Operation, decision: Decision, rise: Rise) -> None:
    """Raise Barred under a freeze and out of hours, Denied beyond the limits of every role that allows it.

    Nothing is asked where nothing rises: what goes back is not held up by anything. Raises Unavailable where nobody can
    tell what is frozen.
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
    if found.opens is not None:
        raise Barred(f"Not now: {found.why}.", hint="Nothing was changed. Going back is possible at any time.")
    raise Denied(
        f"Beyond your limits: {found.why}.",
        hint="Nothing was changed. Ask for less, or ask somebody with wider limits; /mesh whoami shows yours.",
    )


def barred(stage: Stage, operation: Operation, happening: Happening) -> str:
    """Say why a rollout's next step must wait if this happens now; an empty string where it need not.

    The same is asked as by the step itself, or the two could disagree without end. What waiting does not help against
    is judged by the step, and then people are asked. Raises Unavailable where nobody can tell.
    """
    rollout = the_rollout(operation)
    waited = rollout.cause is Happening.BARRED and happening is Happening.CLEARED
    if not waited and after(rollout, happening) is not Phase.MOVING:
        return ""
    rise = next_rise(operation, happening)
    if not rise:
        return ""
    try:
        # First, for Slack is not asked about anybody while a freeze holds.
        _check_frozen(stage, operation)
        _hear_slack(stage, operation)
        _check_limits(rights(stage, operation), rise, stage.time.now())
    except Barred as error:
        return error.message.removesuffix(".")
    except Denied:
        return ""
    return ""


def next_rise(operation: Operation, happening: Happening) -> Rise:
    """Return what the canary gets if this happens now."""
    rollout, plan = the_rollout(operation), the_plan(operation)
    has = rollout.moves[-1].share if rollout.moves else 0.0
    share = _share(rollout, happening)
    return Rise(plan.canary, share - has, share) if share > has else Rise()


def _share(rollout: Rollout, happening: Happening) -> float:
    """Return the share that the canary has after it: a step that was not written yet comes before the one after it."""
    if happening is Happening.RESUME or not rollout.written or rollout.upcoming is None:
        return rollout.current.share
    return rollout.upcoming.share


def rights(stage: Stage, operation: Operation) -> Decision:
    """Decide by which roles a rollout takes its next step: who is in which group was on record when it began."""
    return authorise_again(operation, stage.catalog, stage.directory, now=stage.time.now())


def _hear_slack(stage: Stage, operation: Operation) -> None:
    """Raise Unavailable where Slack says nothing: a moment's silence must not look like a right that was taken away."""
    policy, channel = stage.catalog.policy, operation.origin.channel
    stage.directory.active(operation.actor)
    stage.directory.groups(operation.actor, named_groups(policy))
    if is_bound(policy, channel):
        stage.directory.place(channel)
