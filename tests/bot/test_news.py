"""Threat 10: whoever left, or left a group, is forgotten as soon as Slack says so, by every process."""

from __future__ import annotations

from typing import Any

import pytest

from chat.directory import SlackDirectory
from mesh.domain.errors import Unavailable
from mesh.domain.policy import Actor
from store.memory import MemoryChanges
from tests.bot.bench import Bench
from tests.bot.senders import event
from tests.chat.conftest import Slack, slack

__all__ = ["slack"]

JIN, ANA = Actor("U0JIN", "T0MESH"), Actor("U0ANA", "T0MESH")
LEFT = {"user": {"id": "U0JIN", "deleted": True}}
NEWS: dict[str, dict[str, Any]] = {
    "user_change": LEFT,
    "subteam_members_changed": {"subteam_id": "S0SRE", "user": None},
    "subteam_updated": {"subteam": {"id": "S0SRE"}, "user": None},
}


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
