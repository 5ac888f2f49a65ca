"""Threats 9, 11, 20 and 21: whoever is no full member here is turned away on every way in, on record, told nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bot.identity import Identity
from chat.memory import FixedDirectory
from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.errors import Unavailable
from mesh.domain.outsiders import SHARED, WHY, Outsider
from mesh.domain.policy import Actor, Policy
from mesh.ports import Place
from tests.bot.bench import SRE, Bench
from tests.bot.senders import Back, Mail, button, event, fields, home_opened, slash, submission, suggestion, view_button

HOME = Identity(team="T0MESH", app="A0MESH", bot="B0MESH", user="UMESHBOT")
SECRETS = ("secretcluster", "secretns", "secretsvc", "sre", "Role", "role")
"""What no outsider may read: names of the configuration, and how rights are given."""
CATALOG = Catalog(
    clusters=(Cluster("secretcluster", namespace="secretns"),),
    services=(Service("secretsvc"), Service("api")),
    policy=Policy((SRE,)),
)
PEOPLE = {
    "U0MIA": Outsider.GUEST,
    "U0EXT": Outsider.STRANGER,
    "U0GONE": Outsider.GONE,
    "U0BOT": Outsider.BOT,
    "U0WF": Outsider.WORKFLOW,
}
DIRECT = {"channel": "D0MIA", "channel_type": "im"}


def user(who: str) -> dict[str, Any]:
    """The person of an interaction."""
    return {"user": {"id": who, "team_id": "T0MESH"}}


WAYS: dict[str, Callable[[str], Mail]] = {
    "slash": lambda who: slash("status secretsvc", user_id=who),
    "slash alone": lambda who: slash("", user_id=who),
    "mention": lambda who: event("<@UMESHBOT> status secretsvc", event={"user": who}),
    "direct message": lambda who: event("status secretsvc", "message", event={"user": who, **DIRECT}),
    "button": lambda who: button("meshbot.choice.0", "/mesh rollback secretsvc", **user(who)),
    "modal": lambda who: submission(**user(who)),
    "preview": lambda who: view_button("meshbot.form.preview", **user(who)),
    "home button": lambda who: view_button("meshbot.choice.0", "/mesh help", view={"type": "home"}, **user(who)),
    "form button": lambda who: view_button("meshbot.form.open", view={"type": "home"}, **user(who)),
    "home": lambda who: home_opened(event={"user": who}),
    "suggestion": lambda who: suggestion(**user(who)),
}
"""Every way in: the seven, and the buttons beside them."""


def bench(**people: Any) -> Bench:
    """A bot with something to hide, before a directory that knows the outsiders."""
    directory = FixedDirectory({}, outsiders=PEOPLE, shared=frozenset({"C0VEND"}))
    return Bench(directory=people.get("directory", directory), identity=HOME, catalog=CATALOG)


def told(bench: Bench, back: Back) -> str:
    """Everything that left the bot."""
    views = [view for _, view in (*bench.screens.opened, *bench.screens.published)]
    views += [view for _, _, view in bench.screens.updated]
    messages = [[message.text, *message.blocks] for _, message in bench.notes.sent]
    return back.text + json.dumps([views, messages], ensure_ascii=False)


def denials(bench: Bench) -> list[dict[str, Any]]:
    """The audit entries, all of which must be denials."""
    found = [entry.facts for entry in bench.operations.log.entries()]
    assert {facts["step"] for facts in found} <= {"denied"}
    return found


def assert_turned_away(bench: Bench, back: Back, why: str, *, way: str) -> None:
    """Nothing was started, it is on record once, the reason was told where there is a place for one, nothing leaked."""
    said = told(bench, back)
    [entry] = denials(bench)
    assert (back.status, bench.started, bench.screens.opened) == (200, [], [])
    assert entry["text"] == why.removesuffix(".")
    if way == "suggestion":
        assert back.json == {"options": []}
    else:
        assert why in said
    assert [name for name in SECRETS if name in said.replace("/mesh rollback", "")] == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", PEOPLE)
def test_threat_9_outsiders_are_turned_away_on_every_way_in(way: str, who: str) -> None:
    """Guests, strangers, leavers, bots and workflows: denied with the reason and an audit entry; no name leaves."""
    bot = bench()
    back = bot.send(WAYS[way](who))
    assert_turned_away(bot, back, WHY[PEOPLE[who]], way=way)
    assert denials(bot)[0]["actor"] == who


@pytest.mark.parametrize("way", WAYS)
def test_members_pass_on_every_way_in(way: str) -> None:
    """The same ways are open to a full member: the matrix denies people, not ways."""
    bot = bench()
    back = bot.send(WAYS[way]("U0JIN"))
    assert [entry.facts for entry in bot.operations.log.entries() if entry.facts["step"] == "denied"] == []
    assert bot.started or told(bot, back) != json.dumps([[], []])


STRANGE: dict[str, Mail] = {
    "slash": slash("status secretsvc", team_id="T0OTHER"),
    "mention": event("<@UMESHBOT> status api", event={"user_team": "T0OTHER"}, is_ext_shared_channel=True),
    "direct message": event("status api", "message", event={**DIRECT, "user_team": "T0X"}, is_ext_shared_channel=True),
    "button": button("meshbot.choice.0", "/mesh status api", user={"id": "U0JIN", "team_id": "T0OTHER"}),
    "modal": submission(user={"id": "U0JIN", "team_id": "T0OTHER"}),
    "home button": view_button("meshbot.home.refresh", view={"type": "home"}, user={"id": "U0J", "team_id": "T0X"}),
    "suggestion": suggestion(user={"id": "U0JIN", "team_id": "T0OTHER"}),
}


@pytest.mark.parametrize("way", STRANGE)
def test_threat_21_other_workspaces_are_turned_away(way: str) -> None:
    """A team that is not ours, by the request's own word, before anybody is asked."""
    bot = bench()
    assert_turned_away(bot, bot.send(STRANGE[way]), WHY[Outsider.STRANGER], way=way)


FOREIGN: dict[str, Mail] = {
    "slash": slash("status api", api_app_id="A0OTHER"),
    "mention": event("<@UMESHBOT> status api", api_app_id="A0OTHER"),
    "button": button("meshbot.choice.0", "/mesh status api", api_app_id="A0OTHER"),
    "modal": submission(api_app_id="A0OTHER"),
    "home": home_opened(api_app_id="A0OTHER"),
    "suggestion": suggestion(api_app_id="A0OTHER"),
}


@pytest.mark.parametrize("way", FOREIGN)
def test_threat_21_other_apps_are_refused(way: str) -> None:
    """What was meant for another app of the same name gets a 200 and a refusal."""
    bot = bench()
    assert_turned_away(bot, bot.send(FOREIGN[way]), "This request was sent to another Slack app.", way=way)


def test_an_organisations_id_passes_for_a_team() -> None:
    """In a suggestion the team may be the organisation (E…): that is home, too."""
    bot = bench()
    bot.identity = Identity(team="T0MESH", enterprise="E0ORG", app="A0MESH")
    bot.__post_init__()
    state = fields(cluster="secretcluster")
    back = bot.send(suggestion(user={"id": "U0JIN", "team_id": "E0ORG"}, view={"state": state}))
    assert next(option["value"] for option in back.json["options"]) == "secretcluster/secretns/api"


SHARED_WAYS: dict[str, Mail] = {
    "slash": slash("status secretsvc", channel_id="C0VEND"),
    "slash alone": slash("", channel_id="C0VEND"),
    "mention": event("<@UMESHBOT> help", event={"channel": "C0VEND"}, is_ext_shared_channel=True),
    "button": button("meshbot.choice.0", "/mesh status api", container={"message_ts": "1.1", "channel_id": "C0VEND"}),
    "modal": submission(view={"private_metadata": json.dumps({"channel": "C0VEND"})}),
    "preview": view_button("meshbot.form.preview", view={"private_metadata": json.dumps({"channel": "C0VEND"})}),
}


@pytest.mark.parametrize("way", SHARED_WAYS)
def test_threat_9_a_shared_channel_gets_no_detail(way: str) -> None:
    """Where people of another organisation read along nothing is done and nothing shown, not even for members."""
    bot = bench()
    assert_turned_away(bot, bot.send(SHARED_WAYS[way]), SHARED, way=way)


class Silent:
    """A Slack that does not say who people are, or what a channel is."""

    def __init__(self, *, people: bool) -> None:
        self._people = people

    def outsider(self, actor: Actor) -> Outsider | None:
        """Say nothing."""
        if self._people:
            return None
        raise Unavailable("Slack did not say who is who (users.info: ratelimited).", hint="Repeat it in a minute.")

    def place(self, channel: str) -> Place:
        """Say nothing."""
        raise Unavailable("Slack did not say who is who (conversations.info: ratelimited).")


@pytest.mark.parametrize("people", [False, True])
@pytest.mark.parametrize("way", ["slash", "slash alone", "mention", "button", "modal", "preview", "suggestion"])
def test_threat_9_no_answer_is_no(way: str, people: bool) -> None:
    """When Slack does not say who somebody is, or whether a channel is shared, the answer is no, on record."""
    bot = bench(directory=Silent(people=people))
    mail = WAYS[way]("U0JIN")
    if way == "mention":
        mail = event("<@UMESHBOT> status secretsvc", is_ext_shared_channel=None)
    back = bot.send(mail)
    assert (bot.started, bot.screens.opened, len(denials(bot))) == ([], [], 1)
    assert "could not say" in denials(bot)[0]["text"]
    assert [name for name in SECRETS if name in told(bot, back)] == []


MARKS: dict[str, dict[str, Any]] = {
    "bot_id": {"bot_id": "B1"},
    "bot_profile": {"bot_profile": {"id": "B1"}},
    "workflow": {"bot_profile": {"id": "B1", "is_workflow_bot": True}},
    "bot_message": {"subtype": "bot_message", "user": None, "bot_id": "B1"},
}


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("kind", ["app_mention", "message"])
def test_threat_11_machines_start_nothing(mark: str, kind: str) -> None:
    """What an app or a workflow writes, whoever's name it bears, is turned away on record and never answered."""
    bot = bench()
    where = {"channel_type": "im", "channel": "D0JIN"} if kind == "message" else {}
    bot.send(event("<@UMESHBOT> promote api 50", kind, event={**where, **MARKS[mark]}))
    assert (bot.started, bot.told) == ([], [])
    wanted = Outsider.WORKFLOW if mark == "workflow" else Outsider.BOT
    assert [entry["text"] for entry in denials(bot)] == [WHY[wanted].removesuffix(".")]


@pytest.mark.parametrize(
    "inner",
    [
        {"subtype": "message_changed", "message": {"user": "U0JIN", "text": "promote api 50"}},
        {"edited": {"user": "U0JIN", "ts": "2.2"}},
        {"subtype": "message_deleted"},
        {"subtype": "channel_join"},
    ],
)
@pytest.mark.parametrize("kind", ["app_mention", "message"])
def test_threat_11_an_edited_message_never_executes(kind: str, inner: dict[str, Any]) -> None:
    """A correction of what was said runs nothing again, and is no request."""
    bot = bench()
    bot.send(event("<@UMESHBOT> promote api 50", kind, event={"channel_type": "im", **inner}))
    assert (bot.started, bot.told, denials(bot)) == ([], [], [])


def test_our_own_messages_are_no_requests() -> None:
    """In a direct message our own answers come back as events, also before we know who we are: no loop, no entry."""
    for identity in (HOME, Identity()):
        bot = Bench(identity=identity)
        own = {"channel_type": "im", "channel": "D0JIN", "bot_id": "B0MESH", "user": "UMESHBOT"}
        bot.send(event("Queued as op-k3v9x2m4ta", "message", event=own))
        assert (bot.told, denials(bot)) == ([], [])


@pytest.mark.parametrize("who", PEOPLE)
def test_threat_22_outsiders_cannot_fill_the_log(who: str) -> None:
    """Turned away fifty times, by every way in, somebody leaves one entry; another person has one of their own."""
    bot = bench()
    for _ in range(5):
        for way in WAYS.values():
            bot.send(way(who))
    bot.send(WAYS["slash"]("U0GONE" if who != "U0GONE" else "U0MIA"))
    assert [entry["actor"] for entry in denials(bot)] == [who, "U0GONE" if who != "U0GONE" else "U0MIA"]
    assert bot.started == []
