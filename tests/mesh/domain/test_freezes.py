"""Freezes: what they mean, when they hold, and what the calendar makes of weekly windows."""

from __future__ import annotations

import math

import pytest

from mesh.domain.commands import Target
from mesh.domain.freezes import Closure, Freeze, covering, in_force, lifted
from mesh.domain.hours import read_hours
from mesh.domain.scopes import Scope
from tests.mesh.domain.test_hours import at

API = Target("prod", "shop", "api")
NIGHT = at("2026-11-28T03:00")


@pytest.mark.parametrize(
    ("scope", "covers"),
    [
        (Scope(), True),
        (Scope.of(API), True),
        (Scope.of(Target("*", "*", "*")), True),
        (Scope.of(Target("*", "shop", "*")), True),
        (Scope(services=("api-*",)), False),
        (Scope(services=("web", "a*")), True),
        (Scope(namespaces=("web",)), False),
        (Scope(clusters=("dev",)), False),
    ],
)
def test_a_scope_covers_what_all_its_parts_name(scope: Scope, covers: bool) -> None:
    """Service, namespace and cluster must all fit."""
    assert scope.covers(API) is covers
    assert bool(covering([Freeze("x", scope, 0.0)], API)) is covers


def test_a_scope_is_written_without_asterisks() -> None:
    """Chats would take them for bold."""
    assert str(Scope()) == str(Scope.of(Target("*", "*", "*"))) == "everything"
    assert str(Scope.of(API)) == "prod/shop/api"
    assert str(Scope(("prod",), ("*",), ("api-*", "web"))) == "prod/any/api-…,web"


def test_a_freeze_holds_until_its_end() -> None:
    """Its last moment is not in it; lifted it ends at once, and one that is over is not made longer."""
    freeze = Freeze("x", Scope(), 10.0, 20.0)
    assert [bool(in_force([freeze], [], now)) for now in (10.0, 19.9, 20.0)] == [True, True, False]
    assert lifted(freeze, 15.0).until == 15.0
    assert lifted(freeze, 30.0).until == 20.0
    assert in_force([Freeze("x", Scope(), 10.0)], [], 1e12)


def test_a_clock_that_is_behind_does_not_put_a_freeze_off() -> None:
    """The bot that wrote it down may be some seconds ahead of the worker that asks."""
    assert in_force([Freeze("x", Scope(), 10.0)], [], 8.0)


def test_windows_that_meet_are_one_freeze() -> None:
    """A weekend of three windows ends on Monday morning, and says so from Friday evening on."""
    windows = ("fri 18:00-24:00", "sat-sun 00:00-24:00", "mon 00:00-08:00")
    weekend = Closure("weekend", "nobody", weekly=tuple(read_hours(text, zone="Europe/Berlin") for text in windows))
    assert weekend.at(at("2026-11-27T17:59")) is None
    now = weekend.at(at("2026-11-27T18:00"))
    assert now is not None
    assert now.until == at("2026-11-30T08:00")
    later = weekend.upcoming(at("2026-11-25T12:00"))
    assert later is not None
    assert (later.since, later.until) == (at("2026-11-27T18:00"), at("2026-11-30T08:00"))
    assert weekend.upcoming(NIGHT) is None


def test_a_span_is_one_freeze() -> None:
    """From one moment to another, and never again."""
    holidays = Closure("holidays", "nobody", spans=((1000.0, 2000.0),))
    assert holidays.at(999.0) is None
    assert holidays.at(2000.0) is None
    assert holidays.upcoming(2000.0) is None
    before = holidays.upcoming(0.0)
    assert before is not None
    assert (before.id, before.since, before.until, before.by) == ("holidays", 1000.0, 2000.0, "")


def test_what_never_ends_ends_never() -> None:
    """A calendar that is always closed has no end to tell."""
    always = Closure("always", "x", weekly=(read_hours("00:00-24:00 UTC"),))
    freeze = always.at(5.0)
    assert freeze is not None
    assert math.isinf(freeze.until)


def test_what_is_in_force_comes_longest_first() -> None:
    """By people and by the calendar alike; what is over or not yet begun is left out."""
    people = [Freeze("a", Scope(), 0.0, 50.0), Freeze("b", Scope(), 0.0), Freeze("c", Scope(), 0.0, 5.0)]
    closures = [Closure("d", "x", spans=((0.0, 100.0),)), Closure("e", "x", spans=((200.0, 300.0),))]
    assert [one.id for one in in_force(people, closures, 10.0)] == ["b", "d", "a"]
