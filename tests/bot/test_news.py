"""Threat 10: whoever left, or left a group, is forgotten as soon as Slack says so, by every process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.identity import Identity
from chat.directory import SlackDirectory
from mesh.domain.errors import Unavailable
from mesh.domain.letters import Fate, Letter
from mesh.domain.operations import Operation
from mesh.domain.policy import Actor
from store.memory import MemoryChanges
from tests.bot.bench import Bench
from tests.bot.senders import event
from tests.bot.test_votes import asking
from tests.chat.conftest import Slack, slack

__all__ = ["slack"]

JIN, ANA = Actor("U0JIN", "T0MESH"), Actor("U0ANA", "T0MESH")
LEFT = {"user": {"id": "U0JIN", "deleted": True}}
NEWS: dict[str, dict[str, Any]] = {
    "user_change": LEFT,
    "subteam_members_changed": {"subteam_id": "S0SRE", "user": None},
    "subteam_updated": {"subteam": {"id": "S0SRE"}, "user": None},
}
"""Events about Jin, and about a group of his."""


@pytest.mark.parametrize("kind", NEWS)
def test_threat_10_news_reach_every_process(kind: str, slack: Slack) -> None:
    """One bot hears it; a worker that remembered the old answer asks Slack again, and about others it does not."""
    bot = Bench()
    worker = SlackDirectory(slack.client, changes=bot.changes)
    assert worker.groups(JIN, frozenset({"S0SRE"})) == {"S0SRE"}
    worker.active(ANA)
    slack.driver.trouble("error", method="users.info", error="internal_error", times=9)
    slack.driver.trouble("error", method="usergroups.users.list", error="internal_error", times=9)
    assert worker.groups(JIN, frozenset({"S0SRE"})) == {"S0SRE"}
    assert bot.send(event("", kind, event=NEWS[kind])).status == 200
    with pytest.raises(Unavailable):
        worker.groups(JIN, frozenset({"S0SRE"}))
    assert worker.active(ANA)
    assert (bot.told, bot.started, list(bot.operations.log.entries())) == ([], [], [])


@pytest.mark.parametrize("kind", NEWS)
def test_threat_10_news_are_newer_than_what_is_on_record(kind: str, slack: Slack) -> None:
    """A worker sees that the person, one of their groups, or the channel is not what it was when they asked."""
    bot = Bench()
    worker = SlackDirectory(slack.client, changes=bot.changes)
    about = (JIN, frozenset({"S0SRE"}), "C0PROD")
    assert worker.changed_lately(*about) is False
    bot.send(event("", kind, event=NEWS[kind]))
    assert worker.changed_lately(*about) is True
    assert worker.changed_lately(ANA, frozenset({"S0OTHER"}), "C0OTHER") is False


@pytest.mark.parametrize("kind", ["channel_shared", "channel_archive"])
def test_threat_12_what_a_channel_has_become_counts_at_once(kind: str, slack: Slack) -> None:
    """What a process remembered of it is asked again as soon as Slack says that it changed."""
    bot = Bench()
    worker = SlackDirectory(slack.client, changes=bot.changes)
    assert worker.place("C0PROD").ours
    slack.driver.change_channel("C0PROD", ext_shared=True, archived=True)
    assert worker.place("C0PROD").ours
    bot.send(event("", kind, event={"channel": "C0PROD", "user": None}))
    assert not worker.place("C0PROD").ours


# --- being invited ---------------------------------------------------------------------------------------------------


def lost_cards(bot: Bench) -> Operation:
    """A change that waits for approval, whose card in C0APPROVE found no way in, beside a lost line of the audit."""
    operation = asking(bot)
    for key in (f"mirror {operation.id}", f"audit {operation.id}"):
        bot.outbox.put(Letter(key, "C0APPROVE", "{}"))
        bot.outbox.settle(replace(bot.outbox.rows[key], fate=Fate.LOST, why="not_in_channel"))
    return operation


def test_an_invitation_lets_lost_cards_be_tried_again() -> None:
    """Of what people can still act on, in that channel alone."""
    bot = Bench(identity=Identity(user="UMESHBOT", bot="BMESH", team="T0MESH"))
    operation = lost_cards(bot)
    joined = {"user": "U0JIN", "channel": "C0APPROVE", "channel_type": "C", "team": "T0MESH"}
    for event_of in (joined, {**joined, "user": "UMESHBOT", "channel": "C0OTHER"}):
        bot.send(event("", "member_joined_channel", event=event_of))
        assert bot.outbox.rows[f"mirror {operation.id}"].fate is Fate.LOST
    bot.send(event("", "member_joined_channel", event={**joined, "user": "UMESHBOT"}))
    assert bot.outbox.rows[f"mirror {operation.id}"].fate is Fate.WAITING
    assert bot.outbox.rows[f"audit {operation.id}"].fate is Fate.LOST
    assert bot.outbox.lanes["C0APPROVE"] <= bot.desk.time.now()


@pytest.mark.parametrize("user", [None, {}, {"id": 5}, {"id": "x y"}, {"id": "U" * 50}])
def test_news_of_nobody_are_nothing(user: Any) -> None:
    """An event without a sound id is answered and does nothing."""
    bot = Bench()
    assert bot.send(event("", "user_change", event={"user": user})).status == 200
    assert bot.changes._marks == {}


class Away(MemoryChanges):
    """A memory that does not answer."""

    def note(self, what: str) -> None:
        """Answer nothing."""
        raise Unavailable("Redis did not answer.")

    def mark(self, what: str) -> str:
        """Answer nothing."""
        raise Unavailable("Redis did not answer.")


def test_without_the_memory_a_minute_holds(slack: Slack) -> None:
    """A Redis that is away breaks neither the bot nor what is remembered."""
    bot = Bench(changes=Away())
    assert bot.send(event("", "user_change", event=LEFT)).status == 200
    directory = SlackDirectory(slack.client, changes=Away())
    assert directory.active(JIN)
    slack.driver.trouble("error", method="users.info", error="internal_error", times=9)
    assert directory.active(JIN)
