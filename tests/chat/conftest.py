"""The stand-in Slack, with a real slack_sdk client pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from slack_sdk import WebClient

from chat.connection import web_client
from playground.serving import ServerThread
from playground.slack.backstage import BACKSTAGE
from playground.slack.driver import SlackDriver
from playground.slack.rules import Rules
from playground.slack.server import make_app
from playground.slack.tickets import Tickets
from playground.slack.world import Person, World, default_world


@dataclass(frozen=True)
class Slack:
    """A workspace to talk to."""

    url: str
    client: WebClient
    driver: SlackDriver
    """Orders failures and looks at what people see."""
    tickets: Tickets
    """Issues response_urls."""

    def response_url(self, user: str, channel: str) -> str:
        """Return a fresh response_url of one person's command."""
        return f"{self.url}/response/T0MESH/A0MESH/{self.tickets.new_response(user, channel)}"


@contextmanager
def workspace(world: World | None = None, rules: Rules | None = None) -> Iterator[Slack]:
    """Run a stand-in Slack; the default workspace and Slack's own limits unless others are given."""
    world = world or default_world()
    # Slack's own bot looks like a person: its is_bot is false.
    world = replace(world, people=(*world.people, Person("USLACKBOT", "slackbot", "Slackbot")))
    app = make_app(world, rules=rules)
    with ServerThread(app) as server:
        client = web_client(world.bot.bot_token, f"{server.url}/api/")
        yield Slack(server.url, client, SlackDriver(server.url), app[BACKSTAGE].tickets)


@pytest.fixture
def slack() -> Iterator[Slack]:
    """A stand-in Slack with the default workspace."""
    with workspace() as made:
        yield made
