"""Rights and freezes in words, for the person who asks alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from chat.blocks import Message
from chat.freezes import freezes_answer
from chat.rights import can_answer, whoami_answer
from mesh.domain.approvals import Rule
from mesh.domain.commands import Target
from mesh.domain.freezes import Freeze
from mesh.domain.grammar import parse
from mesh.domain.hours import read_hours
from mesh.domain.limits import Beyond
from mesh.domain.policy import Actor, Decision, Role
from mesh.domain.scopes import Scope
from mesh.operations.explaining import Can, Right, Say, Whoami
from playground.slack.render import render_text
from tests.chat.checking import assert_accepted, assert_inert
from tests.chat.test_cards import HOSTILE

JIN = Actor("U0JIN", "T0MESH")
ROLE = Role("api owners", users=("U0JIN",), verbs=("promote", "rollback"), scope=Scope(services=("api", "web-*")))
LIMITED = replace(
    ROLE,
    name="daytime",
    channels=("C0PROD",),
    max_step=10.0,
    max_share=50.0,
    hours=(read_hours("mon-fri 09:00-17:00 Europe/Berlin"),),
)
FREEZE = Freeze("op-k3v9x2m4ta", Scope(services=("api",)), 1000.0, math.inf, "incident 4412", "U0ANA")
TARGET = Target("prod", "shop", "api")


def read(message: Message) -> str:
    """Return a checked message as a person reads it."""
    assert_accepted(message)
    assert_inert(message, allowed=("U0JIN", "U0ANA"))
    return render_text({"blocks": message.blocks}, {"U0JIN": "jin", "U0ANA": "ana"})


def test_whoami() -> None:
    """A person sees id, groups, what each role allows, its limits, and by which id they hold it."""
    held = (Right(ROLE, ("S0SRE",)), Right(Role("all", verbs=("*",)), (JIN.user,)), Right(LIMITED, (JIN.user, "S0SRE")))
    shown = read(whoami_answer(Whoami(JIN, frozenset({"S0SRE"}), held)))
    assert "@jin U0JIN" in shown
    assert "api owners allows promote, rollback: services api, web-* (by @S0SRE S0SRE)" in shown
    assert "all allows every change: everywhere (by U0JIN)" in shown
    assert "only in channels C0PROD; limits: at most 10 points a step, at most 50 %, mon-fri 09:00-17:00" in shown
    assert "(by U0JIN, @S0SRE S0SRE)" in shown
    assert "change nothing" in read(whoami_answer(Whoami(JIN, frozenset(), ())))
    assert "Nobody may change traffic now: it is broken" in read(
        whoami_answer(Whoami(JIN, frozenset(), (), "it is broken"))
    )


def test_can_says_yes_no_or_not_now_and_by_which_rule() -> None:
    """With the limits that would apply, and the freeze that does."""
    command = parse("promote api 50")
    allowed = Can(command, TARGET, Decision(True, "daytime", "role daytime allows it"), (Right(LIMITED, ("U0JIN",)),))
    shown = read(can_answer(allowed))
    assert "Yes. /mesh promote api 50" in shown
    assert "Decided by daytime: role daytime allows it." in shown
    assert "at most 10 points a step" in shown
    assert "Asked again when it runs" in shown
    waits = replace(allowed, rules=(Rule("half", need=2), Rule("owners")))
    assert "It waits for 2 people to approve, by half." in read(can_answer(waits))
    assert "It waits for 1 person to approve, by owners" in read(can_answer(waits))
    assert "It waits" not in read(can_answer(replace(waits, decision=Decision(False, "default", "no role"))))
    frozen = read(can_answer(replace(allowed, freezes=(FREEZE,))))
    assert "Not now." in frozen
    assert "incident 4412" in frozen
    assert "and a rollback, go through" in frozen
    closed = Beyond("role daytime gives arms more only mon 09:00-17:00 UTC", 5.0)
    assert "Not now." in read(can_answer(replace(allowed, beyond=closed)))
    assert "Not so much." in read(can_answer(replace(allowed, beyond=replace(closed, opens=None))))
    denied = read(can_answer(Can(command, TARGET, Decision(False, "default", "you hold no role"))))
    assert "No. /mesh promote api 50" in denied
    assert "Asked again" not in denied


def test_can_says_what_would_be_passed_behind_the_glass() -> None:
    """Yes, with the freeze and its maker, and that everybody is told; nothing that sounds like "not now"."""
    allowed = Can(parse("promote api 50 --break-glass --reason x"), TARGET, Decision(True, "all", "role all allows it"))
    shown = read(can_answer(replace(allowed, passes=(FREEZE,), rules=(Rule("break-glass"),))))
    assert "Yes. /mesh promote api 50" in shown
    assert "Frozen any/any/api · until it is lifted · by @ana" in shown
    assert "Two people who break the glass pass that, and everybody is told." in shown
    assert "go through" not in shown
    assert "glass pass that" not in read(can_answer(allowed))


def test_whoami_says_where_somebody_may_vote() -> None:
    """Each rule with its scope and by which id; who holds no role but votes is not told that they change nothing."""
    rules = (Rule("production", scope=Scope(clusters=("prod",))), Rule("leads"))
    votes = (Say(rules[0], ("S0SRE",)), Say(rules[1], ("S0LEADS",), later=True))
    shown = read(whoami_answer(Whoami(JIN, frozenset({"S0SRE"}), (), votes=votes)))
    assert "production lets you vote: clusters prod (by @S0SRE S0SRE)" in shown
    assert "leads lets you vote once it has escalated: everywhere (by @S0LEADS S0LEADS)" in shown
    assert "so you start no changes" in shown
    assert "change nothing" not in shown


def test_freezes_says_what_holds_and_what_comes() -> None:
    """Each with its scope, its end, who made it, why and its id."""
    later = Freeze("weekend", Scope(), 2000.0, 3000.0, "nobody is here")
    shown = read(freezes_answer([FREEZE], [later]))
    assert "Frozen any/any/api · until it is lifted · by @ana · incident 4412 · op-k3v9x2m4ta" in shown
    assert "everything · nobody is here · weekend" in shown
    assert "Nothing is frozen now" in read(freezes_answer([], []))
    assert "by the calendar" in read(freezes_answer([later], []))


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_threat_3_hostile_words_in_rights(word: str) -> None:
    """Whatever stands in any field, no answer makes it active."""
    role = Role(word, verbs=(word,), scope=Scope((word,), (word,), (word,)), channels=(word,))
    held = (Right(role, (word,)),) * 40
    freeze = Freeze(word, Scope((word,), (word,), (word,)), 1.0, 2.0, word, word)
    answers = [
        whoami_answer(
            Whoami(Actor(word, word), frozenset({word}), held, word, (Say(Rule(word, scope=role.scope), (word,)),) * 40)
        ),
        can_answer(
            Can(
                parse("set api v1=1"),
                TARGET,
                Decision(True, word, word),
                held,
                (freeze,) * 40,
                Beyond(word),
                (Rule(word),) * 40,
                (freeze,) * 40,
            )
        ),
        freezes_answer([freeze] * 40, [freeze] * 40),
    ]
    for answer in answers:
        assert_accepted(answer)
        assert_inert(answer)
