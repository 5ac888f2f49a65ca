"""How much more traffic a change gives to what is not stable, and whether a role lets it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mesh.domain.hours import in_zone, opens
from mesh.domain.plans import Plan
from mesh.domain.policy import Role

_ROUNDING = 1e-6
"""Points by which floating arithmetic may miss."""


@dataclass(frozen=True)
class Rise:
    """What a change gives to arms that are not stable. All zero where it only takes away: that is never limited."""

    arm: str = ""
    """The arm that rises most."""
    step: float = 0.0
    """By how much, in points of a hundred."""
    share: float = 0.0
    """What the highest of the rising arms has afterwards, in per cent."""

    def __bool__(self) -> bool:
        return self.step > 0


@dataclass(frozen=True)
class Beyond:
    """Why no role lets a rise be, and when one would."""

    why: str
    opens: float | None = None
    """Unix time from which a role lets it be; None where waiting does not help."""


def rise_of(plan: Plan) -> Rise:
    """Return what a plan gives to arms that are not stable; where nobody knows which is, any arm may be a canary."""
    rising = [arm for arm in plan.arms if arm.rises and arm.name != plan.stable]
    if not rising:
        return Rise()
    most = max(rising, key=lambda arm: arm.share_after - arm.share_before)
    return Rise(most.name, most.share_after - most.share_before, max(arm.share_after for arm in rising))


def rise_of_steps(canary: str, now: float, shares: Sequence[float]) -> Rise:
    """Return what a rollout gives that goes from `now` through `shares`, in per cent: its largest step, its highest."""
    before = (now, *shares[:-1])
    return Rise(canary, max(share - former for former, share in zip(before, shares, strict=True)), max(shares))


def beyond(roles: Iterable[Role], rise: Rise, now: float) -> Beyond | None:
    """Return why none of `roles` lets this rise be at `now`; None where one does, or where nothing rises."""
    if not rise:
        return None
    found = []
    for role in roles:
        if (why := _too_much(role, rise)) is not None:
            found.append(Beyond(why))
        elif (at := opens(role.hours, now) if role.hours else now) != now:
            found.append(Beyond(_closed(role, at), at))
        else:
            return None
    # What waiting helps against is the better news.
    return min(found, key=lambda one: one.opens or float("inf"), default=Beyond("you hold no role that allows it"))


def limits_in_words(role: Role) -> str:
    """Return `at most 10 points a step, at most 50 %, mon-fri 09:00-17:00 UTC`; empty for a role without limits."""
    said = []
    if role.max_step is not None:
        said.append(f"at most {role.max_step:g} points a step")
    if role.max_share is not None:
        said.append(f"at most {role.max_share:g} %")
    return ", ".join([*said, *(str(hours) for hours in role.hours)])


def _too_much(role: Role, rise: Rise) -> str | None:
    if role.max_share is not None and rise.share > role.max_share + _ROUNDING:
        return f"role {role.name} gives an arm at most {role.max_share:g} %, and {rise.arm} would get {rise.share:g} %"
    if role.max_step is not None and rise.step > role.max_step + _ROUNDING:
        return (
            f"role {role.name} allows at most {role.max_step:g} points a step, and {rise.arm} would rise {rise.step:g}"
        )
    return None


def _closed(role: Role, at: float | None) -> str:
    hours = ", ".join(str(one) for one in role.hours)
    when = f" (next {in_zone(at, role.hours[0].zone)})" if at is not None else ""
    return f"role {role.name} gives arms more only {hours}{when}"
