"""The real bot beside the stand-in Slack, on a memory in place of Redis and without workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bot.chores import Chores
from bot.replies import Replies
from chat.calls import SlackCalls
from chat.connection import web_client
from chat.directory import SlackDirectory
from chat.in_views import CardsInViews
from chat.memory import RecordedCards
from chat.screens import Screens
from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.operations import Operation
from mesh.domain.policy import Policy, Role
from mesh.domain.scopes import Scope
from playground.serving import ServerThread, free_port
from playground.slack.driver import SlackDriver
from playground.slack.server import make_app
from playground.slack.world import default_world
from store.memory_outbox import MemoryOutbox
from tests.bot.bench import Bench, Wall
from tests.chat.samples import SAMPLES
from tests.playground.slack.stage import serving

WORLD = default_world()
CATALOG = Catalog(
    clusters=(Cluster("prod", namespace="mesh-demo"), Cluster("lab", namespace="try")),
    services=tuple(Service(name) for name in ("api", "api-gateway", "checkout", "search", "web")),
    policy=Policy((
        Role("sre", usergroups=("S0SRE",), verbs=("*",)),
        Role("api-owners", usergroups=("S0APIOWN",), verbs=("promote", "rollback"), scope=Scope(services=("api",))),
    )),
)  # fmt: skip


@dataclass
class Live:
    """Everything to act with."""

    url: str
    driver: SlackDriver
    bench: Bench
    cards: CardsInViews

    def finish_preview(self) -> Operation:
        """Do what a worker does with the newest dry run: show a plan where it was asked for."""
        asked = max(self.bench.started, key=lambda one: one.created_at)
        return self.cards.show(replace(SAMPLES["plan"], origin=asked.origin, card=None))


@contextmanager
def live() -> Iterator[Live]:
    """Run both until the block ends."""
    port = free_port()
    with ServerThread(make_app(WORLD, request_url=f"http://127.0.0.1:{port}/slack/events")) as server:
        client, outbox = web_client(WORLD.bot.bot_token, f"{server.url}/api/"), MemoryOutbox(Wall())
        bench = Bench(
            directory=SlackDirectory(client),
            notes=Replies(SlackCalls(client), outbox, Wall()),
            outbox=outbox,
            screens=Screens(client),
            chores=Chores(),
            secrets=(WORLD.bot.signing_secret,),
            catalog=CATALOG,
        )
        cards = CardsInViews(RecordedCards(), Screens(client), ("prod", "lab"))
        with serving(bench.application, port):
            yield Live(server.url, SlackDriver(server.url), bench, cards)
            bench.notes.close()
            bench.chores.close()
