"""The aligned parts of a card: weights and status (gates: `chat.gates`). Each returns markup ready for a section."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from chat.escape import Markup, bold, code, esc, fence, join, shorten
from chat.figures import bar, columns, counted, percent, short_name
from mesh.domain.operations import ArmStatus, RouteStatus
from mesh.domain.plans import ArmChange, Plan
from mesh.domain.quantities import Weight

MOST_ARMS = 20


class Moved(Enum):
    """How much of a plan is true by now; decides what the bars show."""

    NOT_YET = "not yet"
    """Bars show the weights before."""
    DONE = "done"
    """Bars show the weights after."""
    NEVER = "never"
    """Refused or expired: bars show the weights before, the rest is what was asked."""
    UNSURE = "unsure"
    """Sent, no answer: bars show the weights before."""
    IMAGINED = "imagined"
    """A dry run: bars show the weights after."""


def weights_table(plan: Plan, moved: Moved) -> Markup:
    """Draw every arm: name, bar, share before and after, role, and the integers when they are no plain per cent."""
    rows = [[*_arm_cells(arm, plan, moved), _integers(arm, plan)] for arm in plan.arms[:MOST_ARMS]]
    return fence(columns(rows, right=frozenset({2})) + more(len(plan.arms) - MOST_ARMS, "arms"))


def shares(arms: Sequence[ArmChange], *, before: bool) -> str:
    """Return `v1 90 %, v2 10 %` as it was before, or as it is after."""
    return ", ".join(f"{short_name(a.name)} {percent(a.share_before if before else a.share_after)}" for a in arms)


def route_table(route: RouteStatus, named: str = "", *, counted: bool = True) -> Markup:
    """Draw one route as it is: arm, role, bar, share, weight, ready pods. `named` is how a command names it.

    Where pods were not `counted`, because there are too many routes, nothing is said of them.
    """
    rows = [_status_cells(arm)[: None if counted else -1] for arm in route.arms[:MOST_ARMS]]
    table = columns(rows, right=frozenset({3})) + more(len(route.arms) - MOST_ARMS, "arms")
    return join("\n", [bold(esc(route.label)), code(shorten(named, 300)), fence(table or ["no arms"])])


def _arm_cells(arm: ArmChange, plan: Plan, moved: Moved) -> list[str]:
    now = arm.share_after if moved in (Moved.DONE, Moved.IMAGINED) else arm.share_before
    return [
        short_name(arm.name),
        bar(now),
        percent(arm.share_before),
        _becoming(arm, plan, moved),
        _role(arm.name, plan),
    ]


def _becoming(arm: ArmChange, plan: Plan, moved: Moved) -> str:
    if not plan.moves:
        return "stays"
    after = percent(arm.share_after)
    if moved is Moved.NEVER:
        return f"(asked: {after})"
    return f"-> {after.rjust(5)}" + (" ?" if moved is Moved.UNSURE else "")


def _role(name: str, plan: Plan) -> str:
    if name == plan.stable:
        return "stable"
    return "canary" if name == plan.canary else ""


def _integers(arm: ArmChange, plan: Plan) -> str:
    """Return `weight 2 of 3 -> 1 of 3`, or `weight 900m -> 500m`, where what stands in the object is not the share."""
    before, after = [a.before for a in plan.arms], [a.after for a in plan.arms]
    if _total(before) == _total(after) == 100:
        return ""
    if not plan.moves:
        return f"weight {_of(arm.before, before)}"
    return f"weight {_of(arm.before, before)} -> {_of(arm.after, after)}"


def _of(weight: Weight | None, weights: Sequence[Weight | None]) -> str:
    if weight is None:
        return "unset"
    total = _total(weights)
    return str(weight) if total is None else f"{weight} of {total}"


def _total(weights: Sequence[Weight | None]) -> int | None:
    """Return the sum of whole weights; None where one is absent, or a quantity."""
    whole = [weight for weight in weights if isinstance(weight, int)]
    return sum(whole) if len(whole) == len(weights) else None


def _status_cells(arm: ArmStatus) -> list[str]:
    weight = "no weight" if arm.weight is None else f"weight {arm.weight}"
    ready = "ready pods not counted" if arm.ready is None else f"{counted(arm.ready, 'pods')} ready"
    return [short_name(arm.name), arm.role, bar(arm.share), percent(arm.share), weight, ready]


def more(hidden: int, what: str) -> list[str]:
    """Return the last line of a table that leaves some rows out; nothing where it does not."""
    return [f"… and {hidden} more {what}"] if hidden > 0 else []
