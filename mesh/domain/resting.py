"""Where a route's traffic rests when nobody is moving it. Pure."""

from __future__ import annotations

from mesh.domain.plans import Roles
from mesh.domain.routes import Route


def unrest(route: Route, roles: Roles) -> str:
    """Say why a route is off its resting split, in words; an empty string when it rests.

    A route rests when one arm has everything, and that is stable; or, when the object remembers that our own last write
    left it so, any other: a canary that was promoted to the end and whose role nobody has changed yet.
    """
    serving = [arm.name for arm in route.arms if arm.effective > 0]
    if not serving:
        return "no arm has any weight"
    if len(serving) > 1:
        return route.shares
    only = serving[0]
    if not roles.stable or only == roles.stable or (route.written is not None and route.drift is None):
        return ""
    return f"{only} has everything, and {roles.stable} is stable"
