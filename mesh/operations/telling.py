"""What a rollout says of itself, in words for cards, threads and the audit log."""

from __future__ import annotations

from mesh.domain.gates import span
from mesh.domain.operations import Operation
from mesh.domain.plans import Plan
from mesh.domain.rollouts import Happening, Phase, Rollout

_LONGEST_APART = 150
"""Characters of somebody's own words in a sentence of ours: they must not be cut where they are set apart."""


def apart(text: str) -> str:
    """Set a person's own words apart, between backticks: in a sentence of ours nothing of theirs may look like ours."""
    said = text.replace("`", "'").strip()
    said = said if len(said) <= _LONGEST_APART else f"{said[: _LONGEST_APART - 1]}…"
    return f"`{said}`" if said else ""


def reason(rollout: Rollout) -> str:
    """Return why a rollout is where it is, what a person gave as their reason set apart."""
    by_us = not rollout.steered or rollout.why == f"{rollout.cause} {rollout.said}"
    return rollout.why if by_us else apart(rollout.why)


def where(operation: Operation) -> str:
    """Return `step 2 of 4 (v2 at 25 %), baking`: the share is what it has, also where the step was not written."""
    rollout, plan = the_rollout(operation), the_plan(operation)
    share = plan.canary_share if rollout.moves else rollout.current.share
    if rollout.phase is Phase.HELD and not rollout.moves:
        share = plan.canary_share_before
    return f"{_position(rollout)} ({plan.canary} at {share:g} %), {rollout.phase}"


def in_words(operation: Operation, rollout: Rollout, happening: Happening) -> str:
    """Say what happens now that the rollout has entered its phase, and why, in one sentence."""
    plan, why = the_plan(operation), reason(rollout)
    share = f"{rollout.current.share:g} %"
    said = {
        Phase.MOVING: _moving(operation, rollout, happening),
        Phase.BAKING: _baking(rollout, plan.canary, happening),
        Phase.CONFIRMING: f"{_proven(plan.canary, share, happening)}; somebody must confirm {_next(rollout)}",
        Phase.COMPLETED: _proven(plan.canary, share, happening),
        Phase.TURNING_BACK: f"all traffic goes back to {plan.stable}: {why}",
        Phase.TURNED_BACK: f"all traffic is back on {plan.stable}: {why}",
        Phase.ABORTED: f"all traffic is back on {plan.stable}: {why}",
    }
    return said.get(rollout.phase) or why or str(happening)


def _moving(operation: Operation, rollout: Rollout, happening: Happening) -> str:
    """Say as well where somebody else answers for the steps from now on: `by …` stands behind it."""
    said = step_in_words(rollout, the_plan(operation).canary)
    anew = happening is Happening.RESUME and rollout.adopted and rollout.adopted.by != operation.actor.user
    return f"{said}; this step and those after it are answered for" if anew else said


def _proven(canary: str, share: str, happening: Happening) -> str:
    """Say that it is healthy only where the gates said so."""
    if happening is Happening.SKIP:
        return f"{canary} has {share}, and the rest of its bake was skipped"
    return f"{canary} has {share} and is healthy"


def _baking(rollout: Rollout, canary: str, happening: Happening) -> str:
    share = f"{rollout.current.share:g} %"
    why = reason(rollout)
    if happening is Happening.MOVED:
        return f"{canary} has {share}; it must stay healthy for {span(rollout.current.bake_s)}"
    return f"at {share}" + (f": {why}" if why else "")


def _next(rollout: Rollout) -> str:
    return f"{rollout.upcoming.share:g} %" if rollout.upcoming else "the end"


def step_in_words(rollout: Rollout, canary: str) -> str:
    """Return `step 2 of 4: v2 to 25 %`."""
    return f"{_position(rollout)}: {canary} to {rollout.current.share:g} %"


def _position(rollout: Rollout) -> str:
    return f"step {rollout.at + 1} of {len(rollout.strategy.steps)}"


def the_rollout(operation: Operation) -> Rollout:
    """Return the rollout that an operation is; ValueError where it is none."""
    if operation.rollout is None:
        raise ValueError(f"{operation.id} is no rollout")
    return operation.rollout


def the_plan(operation: Operation) -> Plan:
    """Return its plan; ValueError where it has none."""
    if operation.plan is None:
        raise ValueError(f"{operation.id} has no plan")
    return operation.plan
