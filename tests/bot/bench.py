"""A bot on a bench: the real Bolt application and gate on a memory in place of Redis, and a Slack that takes notes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bot.alertmanager import alertmanager
from bot.chores import Chores
from bot.denying import Denials
from bot.flagger import flagger
from bot.gate import Gate
from bot.hearing import Ear
from bot.homes import Homes
from bot.hooks import Hooks
from bot.identity import Identity, Passport
from bot.invited import Invited
from bot.lapses import Lapses
from bot.listeners import Listeners, listen
from bot.news import News
from bot.replies import Replies
from bot.requests import Request
from bot.surface import Surface
from bot.voice import Voice
from bot.web import web
from bot.wiring import make_app
from chat.blocks import Message
from chat.connection import web_client
from chat.form import View
from chat.memory import FixedDirectory
from chat.screens import Screens
from mesh.domain.catalog import Catalog
from mesh.domain.digests import Digest
from mesh.domain.operations import Operation
from mesh.domain.policy import Policy, Role
from mesh.operations.admitting import Door
from mesh.operations.desk import Desk
from mesh.operations.overview import Boards
from mesh.operations.receiving import note_stranger
from settings.cron import CronAlmanac
from store.memory import MemoryBuckets, MemoryChanges, MemoryFreezes, MemoryOperations, MemoryRounds
from store.memory_incidents import MemoryIncidents
from store.memory_outbox import MemoryOutbox
from tests.bot.senders import FLAGGER_TOKEN, SECRET, TOKEN, Back, Mail, call

SRE = Role("sre", users=("U0JIN",), usergroups=("S0SRE",), verbs=("*",))


class Wall:
    """The real time."""

    def now(self) -> float:
        """Return Unix time in seconds."""
        return time.time()


class Notes(Replies):
    """Replies that are noted instead of sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Request, Message]] = []

    def later(self, request: Request, message: Message) -> None:
        """Note the answer."""
        self.sent.append((request, message))


class Now(Chores):
    """Chores that are done at once, so that a test sees what came of them."""

    def __init__(self) -> None:
        pass

    def later(self, what: str, chore: Callable[[], None]) -> None:
        """Do it."""
        chore()


class Panes(Screens):
    """Screens that take notes: what was opened, changed and published, oldest first."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, View]] = []
        self.updated: list[tuple[str, str, View]] = []
        self.published: list[tuple[str, View]] = []
        self.fails: Exception | None = None

    def open(self, trigger: str, view: View) -> None:
        """Note what was opened with which trigger."""
        if self.fails:
            raise self.fails
        self.opened.append((trigger, view))

    def update(self, view_id: str, seen_hash: str, view: View) -> str:
        """Note what was changed."""
        self.updated.append((view_id, seen_hash, view))
        return "h2"

    def publish(self, user: str, view: View) -> None:
        """Note what was published."""
        self.published.append((user, view))


@dataclass
class Bench:
    """Everything of one bot, to look at."""

    operations: MemoryOperations = field(default_factory=lambda: MemoryOperations(Wall()))
    directory: Any = field(default_factory=lambda: FixedDirectory({"S0SRE": {"U0ANA"}}))
    notes: Any = field(default_factory=Notes)
    screens: Any = field(default_factory=Panes)
    chores: Chores = field(default_factory=Now)
    identity: Identity = field(default_factory=Identity)
    secrets: tuple[str, ...] = (SECRET,)
    tokens: tuple[str, ...] = (TOKEN,)
    flagger_tokens: tuple[str, ...] = (FLAGGER_TOKEN,)
    changes: MemoryChanges = field(default_factory=MemoryChanges)
    catalog: Catalog = field(default_factory=lambda: Catalog(policy=Policy((SRE,))))
    outbox: MemoryOutbox = field(default_factory=lambda: MemoryOutbox(Wall()))
    digests: tuple[Digest, ...] = ()
    locales: dict[str, str] = field(default_factory=dict)
    """What is remembered of people's languages, by id."""
    desk: Desk = field(init=False)
    boards: Boards = field(init=False)
    application: Any = field(init=False)

    def __post_init__(self) -> None:
        self.incidents = MemoryIncidents(Wall(), log=self.operations.log)
        catalog = replace(self.catalog, digests=self.digests) if self.digests else self.catalog
        self.desk = Desk(
            catalog=catalog,
            operations=self.operations,
            directory=self.directory,
            time=Wall(),
            incidents=self.incidents,
            freezes=MemoryFreezes(Wall()),
            buckets=MemoryBuckets(Wall()),
            rounds=MemoryRounds(),
            almanac=CronAlmanac(),
        )
        # A closed port: whatever calls Slack on the way to an acknowledgement fails here.
        client = web_client("xoxb-test", "http://127.0.0.1:9/api/")
        passport = Passport(client)
        passport.identity = self.identity
        app = make_app(client, passport)
        door = Door(self.directory, self.operations, Wall(), self.desk.buckets)
        voice = Voice(lambda user: self.locales.get(user, ""), lambda: catalog.language)
        ear = Ear(self.desk, passport, Lapses(door, self.chores), voice=voice)
        self.boards = Boards(running=self.operations)
        homes = Homes(self.screens, self.chores, gap_s=0)
        surface = Surface(ear, self.directory, self.boards, self.screens, homes, self.chores)
        news = News(self.changes, Invited(self.operations, self.incidents, self.outbox))
        listen(app, Listeners(ear, self.notes, surface, Denials(surface), news))
        tokens = {"alertmanager": self.tokens, "flagger": self.flagger_tokens}
        self.hooks = Hooks(
            tokens,
            {"alertmanager": alertmanager(self.desk), **flagger(self.desk)},
            stranger=partial(note_stranger, self.desk),
        )
        self.application = web(app, Gate(self.secrets), lambda: (True, {"ready": True}), self.hooks)

    def send(self, mail: Mail, **where: str) -> Back:
        """Give one request to the bot."""
        return call(self.application, mail, **where)

    @property
    def started(self) -> list[Operation]:
        """Every operation that was written."""
        return [self.operations.get(name) for name in self.operations.open]

    @property
    def told(self) -> list[str]:
        """The text of every answer that did not ride on an acknowledgement."""
        return [message.text for _, message in self.notes.sent]
