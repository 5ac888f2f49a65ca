"""What a digest is made of: scopes, slots, parts that stay short, weeks, and what counts as a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mesh.domain.commands import Target
from mesh.domain.deeds import deed_of
from mesh.domain.digests import MOST_ITEMS, Edition, Item, Kind, Slot, grouped, listed, part
from mesh.domain.operations import Event, Operation, State, Step
from mesh.domain.plans import Plan, Roles, plan
from mesh.domain.resting import unrest
from mesh.domain.rollouts import Phase, Rollout
from mesh.domain.routes import STAMP_WRITTEN
from mesh.domain.scopes import Scope
from mesh.domain.strategies import DEFAULT
from mesh.domain.weeks import Changes, Deed, Outcome, begin_of_week, week_of
from tests.builders import TARGET, operation, route

BERLIN = "Europe/Berlin"


def test_a_scope_covers_what_all_its_patterns_match() -> None:
    """Cluster, namespace and service must fit; letters count as they are."""
    scope = Scope(("prod",), ("shop*",), ("api", "web-*"))
    assert scope.covers(Target("prod", "shop-eu", "web-1"))
    assert not scope.covers(Target("test", "shop-eu", "web-1"))
    assert not scope.covers(Target("prod", "bank", "api"))
    assert not scope.covers(Target("prod", "shop", "API"))


@pytest.mark.parametrize("text", ["daily", "@5", "daily@", "daily@x", "daily@-5", "daily@5.0", "daily@٣"])
def test_what_is_no_slot_is_not_read(text: str) -> None:
    """Only what we write."""
    with pytest.raises(ValueError, match="not a slot"):
        Slot.parse(text)
    assert Slot.parse(str(Slot("daily", 1764493200))) == Slot("daily", 1764493200)


def test_a_part_is_short_and_counts_what_it_leaves_out() -> None:
    """The oldest come first; a thousand lines become a few and a number."""
    items = [Item(f"s{number:04}", "x", since=5000.0 - number) for number in range(1000)]
    found = part(Kind.OFF_REST, [*items, Item("aaa", "nobody knows since when")])
    assert (len(found.items), found.total, found.more) == (MOST_ITEMS, 1001, 1001 - MOST_ITEMS)
    assert found.items[0].what == "s0999"


def test_reasons_are_told_once() -> None:
    """A thousand services without metrics are one line."""
    found = grouped(Kind.BLIND, [*((f"s{number:03}", "no metrics") for number in range(998)), ("api", "no traffic")])
    assert [item.what for item in found.items] == ["no metrics", "no traffic"]
    assert found.items[0].text.endswith("s005 and 992 more")
    assert (found.total, found.more) == (999, 0)
    assert listed(["a", "b"]) == "a, b"


def deeds(*moments: str, outcome: Outcome = Outcome.PROMOTION, service: str = "api") -> list[Deed]:
    """Changes of one service at these local times."""
    times = (datetime.fromisoformat(one).replace(tzinfo=ZoneInfo(BERLIN)).timestamp() for one in moments)
    return [Deed(f"op-{at}", at, Target("prod", "shop", service), outcome) for at in times]


def test_a_week_is_seven_days_of_its_zone() -> None:
    """Midnight there parts the days, also in the week in which a day has 25 hours."""
    at = datetime(2026, 10, 27, 9, tzinfo=ZoneInfo(BERLIN)).timestamp()
    found = week_of(
        [
            *deeds("2026-10-20 23:59", "2026-10-21 00:00", "2026-10-25 00:30", "2026-10-25 23:59", "2026-10-27 09:01"),
            *deeds("2026-10-27 09:00", outcome=Outcome.ROLLBACK, service="web"),
            *deeds("2026-10-27 08:00", outcome=Outcome.TURN_BACK),
        ],
        at,
        BERLIN,
    )
    assert [day.date for day in found.days] == [f"2026-10-{day}" for day in range(21, 28)]
    assert [day.changes.total for day in found.days] == [1, 0, 0, 0, 2, 0, 2]
    assert found.changes == Changes(3, 1, 1)
    assert [(one.service, one.changes) for one in found.services] == [
        ("prod/shop/api", Changes(3, 0, 1)),
        ("prod/shop/web", Changes(0, 1, 0)),
    ]
    assert begin_of_week(at, BERLIN) == deeds("2026-10-21 00:00")[0].at


def test_a_week_of_many_services_names_a_few() -> None:
    """The busiest are named, the rest is counted."""
    at = datetime(2026, 10, 27, 9, tzinfo=ZoneInfo(BERLIN)).timestamp()
    found = week_of([one for name in range(50) for one in deeds("2026-10-26 09:00", service=f"s{name}")], at, BERLIN)
    assert len(found.services) + found.more == 50
    assert found.total == 50


def test_an_empty_edition_is_one_without_anything() -> None:
    """A week with a change, or trouble, is something to say."""
    empty = Edition("daily", 0.0, "UTC", Scope(), 5)
    assert empty.is_empty
    assert not replace(empty, troubles=("x",)).is_empty
    assert not replace(empty, week=week_of(deeds("2026-10-26 09:00"), deeds("2026-10-26 10:00")[0].at, BERLIN)).is_empty


# --- what counts -----------------------------------------------------------------------------------------------------


def moved(**wanted: int) -> Plan:
    """A plan from 90/10 to other weights."""
    return plan(route(), dict(wanted), Roles("v1", "v2"), stamps={"a": "b"})


def done(text: str, made: Plan | None = None, step: Step = Step.VERIFIED, state: State = State.SUCCEEDED) -> Operation:
    """An operation that ended at 2000 and was measured at 2060."""
    story = (Event(Step.QUEUED, 1000.0), Event(step, 2000.0), Event(Step.MEASURED, 2060.0))
    return operation(text, state=state, plan=made or moved(v1=50, v2=50), story=story)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("promote api 50", Outcome.PROMOTION),
        ("set api v1=50 v2=50", Outcome.PROMOTION),
        ("reapply api", Outcome.PROMOTION),
        ("rollback api", Outcome.ROLLBACK),
        ("undo api", Outcome.ROLLBACK),
        ("adopt api", None),
        ("status api", None),
        ("promote api 50 --dry-run", None),
        ("pause api", None),
    ],
)
def test_what_a_change_counts_as(text: str, outcome: Outcome | None) -> None:
    """By its verb; reading, planning, adopting and steering move nothing."""
    found = deed_of(done(text))
    assert (found and found.outcome) == outcome
    assert found is None or (found.at, found.target) == (2000.0, TARGET)


def test_what_moved_nothing_does_not_count() -> None:
    """A refusal, a failure, weights that already were so, a step of a rollout, and what still runs."""
    assert deed_of(done("promote api 50", step=Step.REFUSED, state=State.REFUSED)) is None
    assert deed_of(done("promote api 50", step=Step.UNACCEPTED, state=State.FAILED)) is None
    assert deed_of(done("promote api 10", moved(v1=90, v2=10))) is None
    assert deed_of(done("promote api 50", step=Step.UNCHANGED)) is None
    assert deed_of(done("promote api 50", state=State.RUNNING)) is None
    step = done("promote api 50")
    assert deed_of(replace(step, command=replace(step.command, rollout="op-aaaaaaaaaa"))) is None


@pytest.mark.parametrize(
    ("phase", "state", "outcome"),
    [
        (Phase.COMPLETED, State.SUCCEEDED, Outcome.PROMOTION),
        (Phase.TURNED_BACK, State.FAILED, Outcome.TURN_BACK),
        (Phase.ABORTED, State.FAILED, Outcome.TURN_BACK),
        (Phase.STOPPED, State.FAILED, None),
        (Phase.EXPIRED, State.EXPIRED, None),
        (Phase.BAKING, State.RUNNING, None),
    ],
)
def test_a_rollout_counts_once_at_its_end(phase: Phase, state: State, outcome: Outcome | None) -> None:
    """Completed is a promotion; turned back and aborted are turn-backs; stopped by another change is that change's."""
    found = deed_of(replace(done("canary api", state=state), rollout=Rollout(DEFAULT, phase)))
    assert (found and found.outcome) == outcome


# --- rest ------------------------------------------------------------------------------------------------------------

WRITTEN = ((STAMP_WRITTEN, '{"":{"v1":0,"v2":100}}'),)


def test_a_route_rests_on_stable() -> None:
    """Everything on stable, or on the only arm that has anything where nobody says what is stable."""
    assert unrest(route({"v1": 100, "v2": 0}), Roles("v1", "v2")) == ""
    assert unrest(route({"v1": 0, "v2": 7}), Roles()) == ""


def test_a_completed_canary_rests_where_we_left_it() -> None:
    """On another arm than stable only where our own last write gave it everything."""
    assert unrest(route({"v1": 0, "v2": 100}, annotations=WRITTEN), Roles("v1", "v2")) == ""
    assert unrest(route({"v1": 0, "v2": 100}), Roles("v1", "v2")) == "v2 has everything, and v1 is stable"
    other = (WRITTEN[0][0], '{"":{"v1":50,"v2":50}}')
    assert unrest(route({"v1": 0, "v2": 100}, annotations=(other,)), Roles("v1", "v2"))


def test_a_split_does_not_rest() -> None:
    """Traffic on two arms, or on none."""
    assert unrest(route(), Roles("v1", "v2")) == "v1 90 % / v2 10 %"
    assert unrest(route({"v1": 0, "v2": 0}), Roles("v1", "v2")) == "no arm has any weight"
