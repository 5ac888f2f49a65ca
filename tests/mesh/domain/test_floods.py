"""Floods: a burst, then a pace, for each person and each channel; what goes back is never held up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain import floods
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import Refused
from mesh.domain.floods import Floods, Measure
from mesh.domain.operations import Operation, Origin
from mesh.domain.policy import Actor

API = Target("prod", "mesh-demo", "api")
ASKED = Operation(
    "op-1", Command(verb=Verb.PROMOTE, service="api"), API, Actor("U1", "T1"), Origin("slash", "C1"), created_at=1000.0
)
OTHERS = replace(ASKED, actor=Actor("U2", "T1"))


def refused(counted: Floods, operation: Operation) -> bool:
    """Tell whether this is too much."""
    try:
        counted.check(operation)
    except Refused:
        return True
    return False


def test_a_person_has_a_burst_and_a_pace() -> None:
    """After three at once one a second is taken; who waits as long as the refusal says goes on."""
    counted = Floods(person=Measure(1.0, 3))
    assert [refused(counted, ASKED) for _ in range(4)] == [False, False, False, True]
    with pytest.raises(Refused, match="You ask for more than can be done at once") as said:
        counted.check(ASKED)
    assert "Go on in 1 s" in said.value.hint
    assert not refused(counted, replace(ASKED, created_at=1001.0))


def test_nobody_pays_for_others() -> None:
    """One person's flood leaves the others their own measure, and so does one of the same id elsewhere."""
    counted = Floods(person=Measure(1.0, 1))
    assert not refused(counted, ASKED)
    assert refused(counted, ASKED)
    assert not refused(counted, OTHERS)
    assert not refused(counted, replace(ASKED, actor=Actor("U1", "T2")))


def test_a_channel_has_a_measure_of_its_own() -> None:
    """Many people in one channel share its measure; a refusal counts nothing, and other channels go on."""
    counted = Floods(channel=Measure(1.0, 2))
    people = [replace(ASKED, actor=Actor(f"U{number}", "T1")) for number in range(4)]
    assert [refused(counted, one) for one in people] == [False, False, True, True]
    assert not refused(counted, replace(ASKED, origin=Origin("slash", "C2")))
    assert not refused(counted, replace(ASKED, created_at=1001.0))


@pytest.mark.parametrize("verb", [Verb.ROLLBACK, Verb.UNDO, Verb.ABORT])
def test_what_goes_back_is_never_too_much(verb: Verb) -> None:
    """In the middle of a flood a rollback goes through."""
    counted = Floods(person=Measure(1.0, 1))
    counted.check(ASKED)
    back = replace(ASKED, command=Command(verb=verb, service="api"))
    assert not any(refused(counted, back) for _ in range(10))


def test_it_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many people and channels are remembered."""
    monkeypatch.setattr(floods, "REMEMBERED", 10)
    counted = Floods()
    for number in range(100):
        counted.check(replace(ASKED, actor=Actor(f"U{number}", "T1")))
    assert len(counted._spent) == 10


def test_two_hundred_at_once_are_no_flood() -> None:
    """What a busy second brings is taken."""
    counted = Floods()
    assert not any(refused(counted, ASKED) for _ in range(200))
