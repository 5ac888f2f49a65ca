"""A bot on a bench: the real Bolt application and gate on a memory in place of Redis, and a Slack that takes notes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from bot.gate import Gate
from bot.hearing import Ear
from bot.identity import Identity, Passport
from bot.listeners import Listeners, listen
from bot.replies import Replies
from bot.requests import Request
from bot.web import web
from bot.wiring import make_app
from chat.blocks import Message
from chat.connection import web_client
from chat.memory import FixedDirectory
from mesh.domain.catalog import Catalog
from mesh.domain.operations import Operation
from mesh.domain.policy import Policy, Role
from mesh.operations.admitting import Door
from mesh.operations.receiving import Desk
from store.memory import MemoryOperations
from tests.bot.senders import SECRET, Back, Mail, call

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


@dataclass
class Bench:
    """Everything of one bot, to look at."""

    operations: MemoryOperations = field(default_factory=lambda: MemoryOperations(Wall()))
    directory: Any = field(default_factory=lambda: FixedDirectory({"S0SRE": {"U0ANA"}}))
    notes: Notes = field(default_factory=Notes)
    identity: Identity = field(default_factory=Identity)
    secrets: tuple[str, ...] = (SECRET,)
    desk: Desk = field(init=False)
    application: Any = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(Catalog(policy=Policy((SRE,))), self.operations, self.directory, Wall())
        # A closed port: whatever calls Slack on the way to an acknowledgement fails here.
        client = web_client("xoxb-test", "http://127.0.0.1:9/api/")
        passport = Passport(client)
        passport.identity = self.identity
        app = make_app(client, passport)
        door = Door(self.directory, self.operations, Wall())
        listen(app, Listeners(Ear(self.desk, passport, door), self.notes))
        self.application = web(app, Gate(self.secrets), lambda: (True, {"ready": True}))

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
