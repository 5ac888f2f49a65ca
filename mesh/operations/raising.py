"""Whether what is not stable may be given more traffic: no freeze, within somebody's limits. Asked with the plan."""

from __future__ import annotations

from mesh.domain.commands import Verb
from mesh.domain.errors import Barred, Denied
from mesh.domain.limits import Rise, beyond
from mesh.domain.operations import Operation
from mesh.domain.policy import Decision, decide
from mesh.domain.rollouts import Happening, Phase, Rollout, after
from mesh.operations.freezing import refuse_frozen
from mesh.operations.stage import Stage
from mesh.operations.telling import the_plan, the_rollout


def check_rise(stage: Stage, operation: Operation, decision: Decision, rise: Rise) -> None:
    """Raise Barred under a freeze and out of hours, Denied beyond the limits of every role that allows it.

    Nothing is asked where nothing rises: what goes back is not held up by anything. Raises Unavailable where nobody can
    tell what is frozen.
    """
    if not rise:
        return
    if not operation.command.break_glass:
        refuse_frozen(stage, operation.target)
    found = beyond(decision.roles, rise, stage.time.now())
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

    What waiting does not help against is judged by the step itself, and then people are asked.
    """
    rollout = the_rollout(operation)
    waited = rollout.cause is Happening.BARRED and happening is Happening.CLEARED
    if not waited and after(rollout, happening) is not Phase.MOVING:
        return ""
    try:
        check_rise(stage, operation, _rights(stage, operation), next_rise(operation, happening))
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


def _rights(stage: Stage, operation: Operation) -> Decision:
    """Return by which roles the rollout runs; the step itself asks Slack anew who is in which group."""
    groups, channel = frozenset(operation.groups), operation.origin.channel
    return decide(stage.catalog.policy, operation.actor, groups, Verb.CANARY, operation.target, channel=channel)
