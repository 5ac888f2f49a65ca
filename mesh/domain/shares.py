"""Weights from wanted shares: the object keeps its own total, other arms keep their proportions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from mesh.domain.errors import Refused
from mesh.domain.routes import Arm, Route, Weights

AS_SHOWN = Fraction(5, 1000)
"""Points of a per cent that people do not see: a third is typed as 33.33, as the cards show it."""


@dataclass(frozen=True)
class Wanted:
    """Weights that meet a request, and what had to be done for it."""

    weights: Weights
    """Only the arms that change."""
    notes: tuple[str, ...] = ()
    """How weights were rounded, for people; empty where nothing was."""


def promoted(route: Route, arm: Arm, share: float, *, stable: str = "") -> Wanted:
    """Return the weights that give `arm` the wanted share (0 to 100 per cent) of the object's own total.

    The other arms keep their proportions (largest remainder). Raises Refused when the total has no such step, with the
    nearest shares there are, and when nothing says who takes the rest.
    """
    parts = _exact(route, share)
    rest, notes = _spread(route, arm, route.total - parts, stable)
    found = {arm.name: parts, **rest}
    for one in route.arms:
        if found[one.name] > one.most:
            needed = one.written(found[one.name])
            raise Refused(
                f"{one.name} would need the weight {needed}, and this API takes at most {one.most}.",
                hint="Write smaller weights of the same proportions with /mesh set.",
            )
    return Wanted(_changed(route, found), notes)


def all_to(route: Route, stable: str) -> Weights:
    """Return the weights that send everything to `stable`, keeping the total; Refused when there is no such arm."""
    if stable not in (arm.name for arm in route.arms):
        raise Refused(f"{route.label} has no arm {stable} any more.", hint="Look at its status, then repeat.")
    return _changed(route, {arm.name: whole_of(route, arm) if arm.name == stable else 0 for arm in route.arms})


def whole_of(route: Route, heir: Arm) -> int:
    """Return what an arm is written with that gets everything: the object's total, as far as the API takes it."""
    return min(route.total or 100, heir.most)


def _changed(route: Route, parts: dict[str, int]) -> Weights:
    return {arm.name: arm.written(parts[arm.name]) for arm in route.arms if parts[arm.name] != arm.effective}


def _exact(route: Route, share: float) -> int:
    total = route.total
    if total == 0:
        raise Refused(
            f"All weights of {route.label} are 0, so no share can be worked out.",
            hint="Write the weights with /mesh set.",
        )
    # As it was written: 33.3 is 333/10, and not the binary number next to it.
    wanted = Fraction(str(share))
    exact = wanted * total / 100
    nearest = round(exact)
    # Nobody who asks for 99.996 % means that stable gets nothing.
    to_the_end = nearest in (0, total) and wanted not in (0, 100)
    if abs(Fraction(100 * nearest, total) - wanted) < AS_SHOWN and not to_the_end:
        return nearest
    near = tuple(f"{100 * weight / total:.5g}" for weight in (math.floor(exact), math.ceil(exact)))
    raise Refused(
        f"{route.label} divides its traffic into {total} parts, so {share:g} % cannot be met exactly.",
        hint=f"The nearest shares are {near[0]} % and {near[1]} %; or write other weights with /mesh set.",
    )


def _spread(route: Route, arm: Arm, rest: int, stable: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """Divide `rest` among the other arms in proportion to what they have; say how that was rounded."""
    others = [other for other in route.arms if other.name != arm.name]
    have = sum(other.effective for other in others)
    if have == 0 and rest:
        heir = _heir(route, others, stable)
        return {other.name: rest if other is heir else 0 for other in others}, ()
    exact = {other.name: Fraction(rest * other.effective, have or 1) for other in others}
    floors = {name: math.floor(value) for name, value in exact.items()}
    short = rest - sum(floors.values())
    # Ties go to the arm that comes first in the object, so that the same request always gives the same weights.
    for name in sorted(exact, key=lambda name: floors[name] - exact[name])[:short]:
        floors[name] += 1
    return floors, _rounding(exact, floors)


def _rounding(exact: dict[str, Fraction], given: dict[str, int]) -> tuple[str, ...]:
    rounded = [f"{name} {float(exact[name]):.2f} to {given[name]}" for name in given if exact[name].denominator > 1]
    return (f"Weights are whole: {', '.join(rounded)}; the total is kept.",) if rounded else ()


def _heir(route: Route, others: list[Arm], stable: str) -> Arm:
    """Return the arm that takes the rest when all the others have nothing: the only one, or stable."""
    for other in others:
        if len(others) == 1 or other.name == stable:
            return other
    raise Refused(
        f"Nothing says which arm of {route.label} takes the rest of the traffic.",
        hint="Write every weight with /mesh set.",
        choices=tuple(other.name for other in others),
    )
