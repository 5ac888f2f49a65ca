"""Weights from wanted shares: the object keeps its own total, other arms keep their proportions."""

from __future__ import annotations

import math

from mesh.domain.errors import Refused
from mesh.domain.routes import Arm, Route


def promoted(route: Route, arm: Arm, share: float, *, stable: str = "") -> dict[str, int]:
    """Return the weights, by arm, that give `arm` the wanted share (0 to 100 per cent) of the object's own total.

    The other arms keep their proportions (largest remainder). Raises Refused when the total has no such step, with the
    nearest shares there are, and when nothing says who takes the rest.
    """
    weight = _exact(route, share)
    rest = _spread(route, arm, route.total - weight, stable)
    wanted = {arm.name: weight, **rest}
    return {other.name: wanted[other.name] for other in route.arms if wanted[other.name] != other.effective}


def all_to(route: Route, stable: str) -> dict[str, int]:
    """Return the weights that send everything to `stable`, keeping the total; Refused when there is no such arm."""
    if stable not in (arm.name for arm in route.arms):
        raise Refused(f"{route.label} has no arm {stable} any more.", hint="Look at its status, then repeat.")
    wanted = {arm.name: route.total if arm.name == stable else 0 for arm in route.arms}
    return {arm.name: wanted[arm.name] for arm in route.arms if wanted[arm.name] != arm.effective}


def _exact(route: Route, share: float) -> int:
    total = route.total
    if total == 0:
        raise Refused(
            f"All weights of {route.label} are 0, so no share can be worked out.",
            hint="Write the weights with /mesh set.",
        )
    exact = share * total / 100
    if math.isclose(exact, round(exact), abs_tol=1e-6):
        return round(exact)
    near = tuple(f"{100 * weight / total:.4g}" for weight in (math.floor(exact), math.ceil(exact)))
    raise Refused(
        f"{route.label} divides its traffic into {total} parts, so {share:g} % cannot be met exactly.",
        hint=f"The nearest shares are {near[0]} % and {near[1]} %; or write other weights with /mesh set.",
    )


def _spread(route: Route, arm: Arm, rest: int, stable: str) -> dict[str, int]:
    """Divide `rest` among the other arms in proportion to what they have."""
    others = [other for other in route.arms if other.name != arm.name]
    have = sum(other.effective for other in others)
    if have == 0:
        heir = _heir(route, others, stable)
        return {other.name: rest if other is heir else 0 for other in others}
    exact = {other.name: rest * other.effective / have for other in others}
    floors = {name: math.floor(value) for name, value in exact.items()}
    short = rest - sum(floors.values())
    # Ties go to the arm that comes first in the object, so that the same request always gives the same weights.
    for name in sorted(exact, key=lambda name: floors[name] - exact[name])[:short]:
        floors[name] += 1
    return floors


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
