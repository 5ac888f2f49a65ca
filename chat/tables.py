"""The aligned parts of a card: weights and status (gates: `chat.gates`). Each returns markup ready for a section."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from chat.escape import Markup, bold, code, esc, fence, join, shorten
from chat.figures import bar, columns, counted, percent, short_name
from chat.locales import mark, tr
from mesh.domain.operations import ArmStatus, RouteStatus
from mesh.domain.plans import ArmChange, Plan
from mesh.domain.quantities import Weight

MOST_ARMS = 20
MORE_ARMS = mark("… and {count} more arms")


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
    return fence(columns(rows, right=frozenset({2})) + more(len(plan.arms) - MOST_ARMS, MORE_ARMS))


def shares(arms: Sequence[ArmChange], *, before: bool) -> str:
    """Return `v1 90 %, v2 10 %` as it was before, or as it is after."""
    return ", ".join(f"{short_name(a.name)} {percent(a.share_before if before else a.share_after)}" for a in arms)


def route_table(route: RouteStatus, named: str = "", *, counted: bool = True) -> Markup:
    """Draw one route as it is: arm, role, bar, share, weight, ready pods. `named` is how a command names it.

    Where pods were not `counted`, because there are too many routes, nothing is said of them.
    """
    rows = [_status_cells(arm)[: None if counted else -1] for arm in route.arms[:MOST_ARMS]]
    table = columns(rows, right=frozenset({3})) + more(len(route.arms) - MOST_ARMS, MORE_ARMS)
    return join("\n", [bold(esc(route.label)), code(shorten(named, 300)), fence(table or [tr("no arms")])])


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
        return tr("stays")
    after = percent(arm.share_after)
    if moved is Moved.NEVER:
        return tr("(asked: {share})", share=after)
    return f"-> {after.rjust(5)}" + (" ?" if moved is Moved.UNSURE else "")


_ROLES = {"stable": mark("stable"), "canary": mark("canary")}


def _role(name: str, plan: Plan) -> str:
    if name == plan.stable:
        return tr("stable")
    return tr("canary") if name == plan.canary else ""


def _integers(arm: ArmChange, plan: Plan) -> str:
    """Return `weight 2 of 3 -> 1 of 3`, or `weight 900m -> 500m`, where what stands in the object is not the share."""
    before, after = [a.before for a in plan.arms], [a.after for a in plan.arms]
    if _total(before) == _total(after) == 100:
        return ""
    if not plan.moves:
        return tr("weight {weight}", weight=_of(arm.before, before))
    return tr("weight {before} -> {after}", before=_of(arm.before, before), after=_of(arm.after, after))


def _of(weight: Weight | None, weights: Sequence[Weight | None]) -> str:
    if weight is None:
        return tr("unset")
    total = _total(weights)
    return str(weight) if total is None else tr("{weight} of {total}", weight=weight, total=total)


def _total(weights: Sequence[Weight | None]) -> int | None:
    """Return the sum of whole weights; None where one is absent, or a quantity."""
    whole = [weight for weight in weights if isinstance(weight, int)]
    return sum(whole) if len(whole) == len(weights) else None


def _status_cells(arm: ArmStatus) -> list[str]:
    weight = tr("no weight") if arm.weight is None else tr("weight {weight}", weight=arm.weight)
    pods = "" if arm.ready is None else counted(arm.ready, "pods")
    ready = tr("{pods} ready", pods=pods) if pods else tr("ready pods not counted")
    role = tr(_ROLES.get(arm.role, arm.role))
    return [short_name(arm.name), role, bar(arm.share), percent(arm.share), weight, ready]


def more(hidden: int, said: str) -> list[str]:
    """Return the last line of a table that leaves some rows out; nothing where it does not.

    `said` is a marked sentence with `{count}` in it.
    """
    return [tr(said, count=hidden)] if hidden > 0 else []
