"""Limits of roles: how much more a change may give to what is not stable, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.commands import Verb
from mesh.domain.hours import read_hours
from mesh.domain.limits import Rise, beyond, limits_in_words, rise_of, rise_of_steps
from mesh.domain.plans import Roles, plan
from mesh.domain.policy import Policy, Role, decide
from tests.builders import JIN, TARGET, route
from tests.mesh.domain.test_hours import at

MONDAY, SUNDAY = at("2026-11-30T12:00"), at("2026-11-29T12:00")
ANY = Role("any", users=(JIN.user,), verbs=("*",))
SMALL = replace(ANY, name="small", max_step=10.0, max_share=50.0)
DAYTIME = replace(ANY, name="daytime", hours=(read_hours("mon-fri 09:00-17:00 Europe/Berlin"),))


def rise(before: dict[str, int], after: dict[str, int], stable: str = "v1") -> Rise:
    """Return what a change of weights gives."""
    return rise_of(plan(route(before), dict(after), Roles(stable, "v2"), stamps={}))


@pytest.mark.parametrize(
    ("before", "after", "stable", "step", "share"),
    [
        ({"v1": 90, "v2": 10}, {"v1": 50, "v2": 50}, "v1", 40.0, 50.0),
        ({"v1": 50, "v2": 50}, {"v1": 90, "v2": 10}, "v1", 0.0, 0.0),
        ({"v1": 0, "v2": 100}, {"v1": 100, "v2": 0}, "v1", 0.0, 0.0),
        ({"v1": 0, "v2": 100}, {"v1": 100, "v2": 0}, "", 100.0, 100.0),
        ({"v1": 80, "v2": 10, "v3": 10}, {"v1": 60, "v2": 25, "v3": 15}, "v1", 15.0, 25.0),
        ({"v1": 80, "v2": 0, "v3": 20}, {"v1": 80, "v2": 20, "v3": 0}, "v1", 20.0, 20.0),
        ({"v1": 9, "v2": 1}, {"v1": 90, "v2": 10}, "v1", 0.0, 0.0),
    ],
)
def test_only_what_is_not_stable_rises(
    before: dict[str, int], after: dict[str, int], stable: str, step: float, share: float
) -> None:
    """The largest rise, and the highest share among the arms that rise; going back is no rise at all."""
    found = rise(before, after, stable)
    assert [found.step, found.share] == pytest.approx([step, share])
    assert bool(found) is (step > 0)


def test_a_rollout_is_judged_by_its_largest_step_and_its_highest() -> None:
    """Counted from what the canary has."""
    assert rise_of_steps("v2", 5.0, (25.0, 50.0, 60.0)) == Rise("v2", 25.0, 60.0)


@pytest.mark.parametrize(
    ("roles", "rise", "now", "why"),
    [
        ((ANY,), Rise("v2", 100.0, 100.0), SUNDAY, ""),
        ((SMALL,), Rise("v2", 10.0, 50.0), SUNDAY, ""),
        ((SMALL,), Rise("v2", 10.1, 20.0), SUNDAY, "allows at most 10 points a step, and v2 would rise 10.1"),
        ((SMALL,), Rise("v2", 5.0, 51.0), SUNDAY, "gives an arm at most 50 %, and v2 would get 51 %"),
        ((SMALL, ANY), Rise("v2", 50.0, 100.0), SUNDAY, ""),
        ((DAYTIME,), Rise("v2", 50.0, 100.0), MONDAY, ""),
        ((DAYTIME,), Rise("v2", 50.0, 100.0), SUNDAY, "only mon-fri 09:00-17:00 Europe/Berlin (next 2026-11-30 09:00"),
        # What each of two roles would not let be, both together do not either.
        ((DAYTIME, SMALL), Rise("v2", 50.0, 60.0), SUNDAY, "role daytime"),
        ((), Rise("v2", 5.0, 10.0), SUNDAY, "no role"),
        ((SMALL, DAYTIME), Rise(), SUNDAY, ""),
        ((), Rise(), SUNDAY, ""),
    ],
)
def test_one_role_must_let_the_whole_rise_be(roles: tuple[Role, ...], rise: Rise, now: float, why: str) -> None:
    """Step, share and hours of the same role; what only takes away is never beyond anything."""
    found = beyond(roles, rise, now)
    assert (found is None) is (why == "")
    assert found is None or why in found.why


def test_waiting_is_offered_where_it_helps() -> None:
    """Out of hours there is a time to come back; beyond a size there is none."""
    late, large = beyond((DAYTIME,), Rise("v2", 5.0, 5.0), SUNDAY), beyond((SMALL,), Rise("v2", 60.0, 70.0), SUNDAY)
    assert late is not None
    assert late.opens == at("2026-11-30T09:00")
    assert large is not None
    assert large.opens is None


def test_a_decision_carries_every_role_that_allows() -> None:
    """The deciding rule is one without limits where there is one."""
    found = decide(Policy((SMALL, ANY)), JIN, frozenset(), Verb.PROMOTE, TARGET)
    assert (found.rule, found.limited) == ("any", False)
    assert found.roles == (SMALL, ANY)
    assert decide(Policy((SMALL,)), JIN, frozenset(), Verb.PROMOTE, TARGET).limited


def test_a_channel_narrows_and_never_grants() -> None:
    """A role for one channel counts there alone; the channel means nothing to whoever does not hold the role."""
    policy = Policy((replace(ANY, channels=("C0PROD",)), Role("other", users=("U0LEE",), verbs=("undo",))))
    assert decide(policy, JIN, frozenset(), Verb.SET, TARGET, channel="C0PROD").allowed
    for channel in ("C0DEV", ""):
        denied = decide(policy, JIN, frozenset(), Verb.SET, TARGET, channel=channel)
        assert not denied.allowed
        assert "in another channel only" in denied.why
    assert not decide(policy, replace(JIN, user="U0EVE"), frozenset(), Verb.SET, TARGET, channel="C0PROD").allowed


def test_limits_in_words() -> None:
    """Each limit once; none for a role without."""
    assert limits_in_words(ANY) == ""
    both = replace(SMALL, hours=DAYTIME.hours)
    assert limits_in_words(both) == "at most 10 points a step, at most 50 %, mon-fri 09:00-17:00 Europe/Berlin"
