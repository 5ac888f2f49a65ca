"""Threat 7: every verb, asked by everybody, by every way in: one table, kept at the door, at the vote and at the run.

`test_outsiders.py` has every kind of outsider; `tests/mesh/operations/test_matrix.py` every way in which a role can be
too narrow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.forms import AMOUNTS
from chat.form import VERBS as OF_THE_FORM
from chat.memory import FixedDirectory
from mesh.domain.approvals import Rule
from mesh.domain.catalog import Service
from mesh.domain.commands import CHANGING, VOTING, Verb
from mesh.domain.grammar import parse
from mesh.domain.operations import Operation, State
from mesh.domain.outsiders import Outsider
from mesh.domain.policy import Actor, Policy, Role
from mesh.domain.scopes import Scope
from mesh.operations.running import run
from tests import builders
from tests.bot.bench import Bench as Bot
from tests.bot.senders import Mail, button, event, fields, reason_given, slash, submission, suggestion, view_button
from tests.bot.test_outsiders import DIRECT, HOME, told, user
from tests.mesh.operations.bench import Bench as House

TYPED = frozenset(Verb) - {Verb.FLAGGER}
"""Flagger's question is asked by its hook alone."""
READING = TYPED - CHANGING - VOTING

TRUTH: dict[str, frozenset[Verb]] = {
    "guest": frozenset(),
    "no role": READING,
    "role on another service": READING,
    "role in another channel": READING,
    "role with every other verb": READING,
    "owner": READING | CHANGING,
    "approver": READING | VOTING,
    "requester": READING | {Verb.PROMOTE, Verb.DENY},
}
"""Who may do what. Whoever asks for a change does not approve it, and may take it back."""
PEOPLE = {
    "guest": "U0MIA",
    "no role": "U0NIL",
    "role on another service": "U0WEB",
    "role in another channel": "U0FAR",
    "role with every other verb": "U0ODD",
    "owner": "U0OWN",
    "approver": "U0ANA",
    "requester": "U0JIN",
}
SECRETS = ("owning", "agreeing", "U0OWN", "U0ANA", "S0SRE", "C0FAR", "S0SECRET")
"""Who else may, by which role, rule or group: no denial says it."""
TEXTS = {
    Verb.PLAN: "plan promote api 60",
    Verb.PROMOTE: "promote api 60",
    Verb.SET: "set api v1=50 v2=50",
    Verb.CANARY: "canary api v2 50",
    Verb.FREEZE: "freeze api --reason x",
    Verb.CAN: "can promote api 60",
    **{verb: str(verb) for verb in (Verb.HELP, Verb.WHOAMI, Verb.FREEZES, Verb.APPROVALS, Verb.INCIDENTS, Verb.DIGEST)},
}


def policy(verb: Verb) -> Policy:
    """Roles: one too narrow for each reason, one for everything, one for asking for promotions."""
    every, others = ("*",), tuple(sorted(CHANGING - {verb}))
    return Policy(
        (
            Role("web", users=("U0WEB",), verbs=every, scope=Scope(services=("web",))),
            Role("far", users=("U0FAR",), verbs=every, channels=("C0FAR",)),
            Role("odd", users=("U0ODD",), verbs=others),
            Role("owning", users=("U0OWN",), usergroups=("S0SECRET",), verbs=every),
            Role("asking", users=("U0JIN",), verbs=("promote",)),
        )
    )


class World:
    """A bot and a worker on one memory, where a promotion of Jin's waits for somebody of S0SRE."""

    def __init__(self, verb: Verb) -> None:
        rule = Rule("agreeing", need=1, groups=("S0SRE",), above=20, expires_s=900)
        # The guest is in the group as well: that must not help.
        house = House(policy=policy(verb), approvals=(rule,), members={"S0SRE": {"U0ANA", "U0MIA"}})
        house.services = (Service("api"),)
        house.time.at = time.time()
        house.directory = FixedDirectory(house.members, outsiders={"U0MIA": Outsider.GUEST})
        self.house, self.verb = house, verb
        self.waiting = house.do("promote api 50")
        assert self.waiting.state is State.WAITING
        self.bot = Bot(operations=house.operations, catalog=house.catalog, directory=house.directory, identity=HOME)
        about = self.waiting.id if verb in VOTING else "api"
        self.text = TEXTS.get(verb, f"{verb} {about}")
        self.before = set(house.operations.open)
        self.entries = len(house.audit())

    @property
    def made(self) -> list[Operation]:
        """The operations that came of it."""
        return [self.house.operations.get(one) for one in self.house.operations.open if one not in self.before]

    def forge(self, who: str) -> Operation:
        """Write an operation as somebody could who reached the store past the door."""
        command, target = parse(self.text), self.waiting.target
        if self.verb in VOTING:
            command = replace(command, service="api", namespace=target.namespace, cluster=target.cluster)
        actor, at = Actor(PEOPLE[who], "T0MESH"), self.house.time.at + 1
        made = builders.operation(self.text, command=command, target=target, actor=actor, created_at=at)
        facts = {"step": "queued", "operation": made.id}
        return self.house.operations.receive(made, dedupe="forged", intent="forged", facts=facts).operation

    def decision(self, who: str, said: str) -> str:
        """`allowed`, or `denied` (once, on record, in words that give nothing away); else what is wrong with it."""
        new = self.house.audit()[self.entries :]
        denials = [entry for entry in new if entry["step"] == "denied"]
        if not denials:
            return "allowed" if self._is_done(who) else f"neither denied nor done: {said[:200]}"
        leaked = [word for word in SECRETS if word in said]
        whole = (len(new), denials[0]["actor"], self.made, leaked) == (1, PEOPLE[who], [], [])
        return "denied" if whole else f"denied, but: {new} {self.made} {leaked}"

    def _is_done(self, who: str) -> bool:
        made = [(one.actor.user, one.command.verb) for one in self.made]
        if parse(self.text).answered_by_bot:
            return made == []
        return made == [(PEOPLE[who], parse(self.text).verb)]


def _form(world: World, who: str) -> Mail:
    amounts = {**AMOUNTS, Verb.PROMOTE: "60", Verb.CANARY: "50", Verb.SET: "v1=50 v2=50"}
    chosen = fields(
        verb=str(world.verb), cluster="demo", service="demo/mesh-demo/api", amount=amounts.get(world.verb, "")
    )
    return submission(view={"state": chosen}, **user(who))


WAYS: dict[str, Callable[[World, str], Mail]] = {
    "slash": lambda world, who: slash(world.text, user_id=who),
    "mention": lambda world, who: event(f"<@UMESHBOT> {world.text}", event={"user": who}),
    "direct message": lambda world, who: event(world.text, "message", event={"user": who, **DIRECT}),
    "button": lambda world, who: button("meshbot.choice.0", f"/mesh {world.text}", **user(who)),
    "modal": _form,
    "home button": lambda world, who: view_button(
        "meshbot.choice.0", f"/mesh {world.text}", view={"type": "home"}, **user(who)
    ),
    "vote button": lambda world, who: button(f"meshbot.{world.verb}", world.waiting.id, **_on_card(world), **user(who)),
    "vote on the home": lambda world, who: view_button(
        f"meshbot.{world.verb}", world.waiting.id, view={"type": "home"}, **user(who)
    ),
    "reason form": lambda world, who: reason_given(world.waiting.id, "no", **user(who)),
}
"""The ways that can start something; the seventh, suggestions, is below."""


def _on_card(world: World) -> dict[str, object]:
    """A press on the card that asks."""
    card = world.waiting.card
    assert card
    return {"container": {"type": "message", "message_ts": card.ts, "channel_id": card.channel}}


ONLY = {
    "vote button": {Verb.APPROVE},
    "vote on the home": {Verb.APPROVE},
    "reason form": {Verb.DENY},
    "modal": set(OF_THE_FORM),
}
"""Ways that do not take every word. What a press of Deny opens is looked at below."""


def verbs_of(way: str) -> list[Verb]:
    """What can be said that way."""
    return sorted(TYPED & ONLY.get(way, TYPED))


def truth(who: str, verbs: list[Verb]) -> dict[Verb, str]:
    """The line of the table."""
    return {verb: "allowed" if verb in TRUTH[who] else "denied" for verb in verbs}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", TRUTH)
def test_threat_7_the_door_keeps_the_table(who: str, way: str) -> None:
    """What is denied makes no operation, leaves one entry and names nobody; what is allowed makes exactly one."""
    found = {}
    for verb in verbs_of(way):
        world = World(verb)
        back = world.bot.send(WAYS[way](world, PEOPLE[who]))
        # One's own Home says to which channel one's own role is bound: that is no leak.
        world.bot.screens.published.clear()
        found[verb] = world.decision(who, told(world.bot, back).replace(world.text, ""))
    assert found == truth(who, verbs_of(way))


@pytest.mark.parametrize("who", TRUTH)
def test_threat_7_a_suggestion_starts_nothing_and_is_for_members(who: str) -> None:
    """The seventh way in: services for whoever may read, an empty list and an entry for others."""
    world = World(Verb.STATUS)
    back = world.bot.send(suggestion(view={"state": fields(cluster="demo")}, **user(PEOPLE[who])))
    entries = [entry["step"] for entry in world.house.audit()[world.entries :]]
    assert world.made == []
    assert (bool(back.json["options"]), entries) == ((True, []) if TRUTH[who] else (False, ["denied"]))


@pytest.mark.parametrize("who", TRUTH)
def test_threat_7_the_worker_keeps_the_table(who: str) -> None:
    """A change that was written past the door is refused when it runs, and neither weights nor freezes are touched."""
    found = {}
    for verb in sorted(CHANGING):
        world = World(verb)
        done = run(world.forge(who).id, world.house.stage)
        denied = done.state is State.REFUSED and "No longer allowed" in done.outcome
        if denied:
            assert (world.house.weights(), world.house.freezes.standing()) == ([90, 10], [])
            assert world.house.audit_steps(done)[-1] == "refused"
        found[verb] = "denied" if denied else "allowed"
    assert found == truth(who, sorted(CHANGING))


@pytest.mark.parametrize("who", TRUTH)
def test_threat_7_the_vote_keeps_the_table(who: str) -> None:
    """A vote that was written past the door is not counted, and what it is about waits on."""
    found = {}
    for verb in sorted(VOTING):
        world = World(verb)
        done = run(world.forge(who).id, world.house.stage)
        now = world.house.operations.get(world.waiting.id)
        counted = now.state is not State.WAITING
        assert counted == (done.state is State.SUCCEEDED)
        if not counted:
            assert world.house.weights() == [90, 10]
            assert not now.approval or now.approval.votes == ()
        found[verb] = "allowed" if counted else "denied"
    assert found == truth(who, sorted(VOTING))


@pytest.mark.parametrize("on_home", [False, True])
@pytest.mark.parametrize("who", TRUTH)
def test_threat_7_only_who_may_deny_is_asked_why(who: str, on_home: bool) -> None:
    """The press of Deny opens the form for those who may, and starts nothing; others are told, on record."""
    world = World(Verb.DENY)
    where = {"view": {"type": "home"}} if on_home else _on_card(world)
    press = view_button if on_home else button
    back = world.bot.send(press("meshbot.deny", world.waiting.id, **where, **user(PEOPLE[who])))
    world.bot.screens.published.clear()
    asked = [view["callback_id"] for _, view in world.bot.screens.opened]
    assert world.made == []
    if Verb.DENY in TRUTH[who]:
        assert asked == ["meshbot.deny.why"]
    else:
        assert (asked, world.decision(who, told(world.bot, back).replace(world.waiting.id, ""))) == ([], "denied")


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ONLY])
def test_threat_7_nobody_types_what_only_flagger_asks(way: str) -> None:
    """Its verb is no word of the grammar, for an owner either."""
    world = World(Verb.STATUS)
    world.text = "flagger api"
    world.bot.send(WAYS[way](world, PEOPLE["owner"]))
    assert world.made == []
