"""The whole way of a message in one process: cards write into an outbox in memory, a real sender empties it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from chat.calls import SlackCalls
from chat.drawing import chart
from chat.letters import Posts
from chat.outbox import SlackCards
from chat.pictures import Draw
from chat.places import card_key, mirror_key
from chat.sender import Sender
from mesh.domain.letters import Row
from mesh.domain.operations import Operation
from store.memory import MemoryLocks
from store.memory_outbox import MemoryOutbox
from tests.chat.conftest import Slack

PATIENT_S = 120.0


class SharedTime:
    """The wall clock, put forward together with the stand-in's."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self.ahead = 0.0

    def now(self) -> float:
        """Return Unix time."""
        return time.time() + self.ahead

    def advance(self, seconds: float) -> None:
        """Put both clocks forward."""
        self._slack.driver.advance(seconds)
        self.ahead += seconds


class PostOffice:
    """Everything between an operation and Slack."""

    def __init__(self, slack: Slack, *, audit_channel: str = "C0AUDIT", draw: Draw | None = chart) -> None:
        self.slack = slack
        self.time = SharedTime(slack)
        self.locks = MemoryLocks()
        self.outbox = MemoryOutbox(self.time, locks=self.locks)
        self.lost: list[Row] = []
        self.cards = SlackCards(self.outbox, slack.client, audit_channel=audit_channel, draw=draw)
        self.posts = Posts(self.outbox)
        self.sender = self.new_sender()

    def new_sender(self) -> Sender:
        """Return a sender as another process would have it."""
        return Sender(self.outbox, self.locks, SlackCalls(self.slack.client), self.time, lost=self.lost.append)

    def deliver(self, *, within_s: float = PATIENT_S) -> float:
        """Send until nothing waits, putting the clocks forward; return the seconds that took."""
        began = self.time.now()
        while self.outbox.lanes:
            due = self.outbox.due(self.time.now())
            for channel in due:
                self.sender.send(channel)
            if not due:
                pause = min(self.outbox.lanes.values()) - self.time.now()
                if self.time.now() + pause > began + within_s:
                    break
                self.time.advance(max(0.0, pause) + 0.001)
        return self.time.now() - began

    def show(self, operation: Operation) -> Operation:
        """Show a card, have it delivered, and return the operation with its place."""
        shown = self.cards.show(operation)
        self.deliver()
        return self.placed(shown)

    def picture(self, operation: Operation, points: Any) -> Operation:
        """Show a chart, have it delivered, and return the operation."""
        shown = self.cards.picture(operation, points)
        self.deliver()
        return shown

    def announce(self, operation: Operation, entry: str) -> None:
        """Announce a change, and have it delivered."""
        self.cards.announce(operation, entry)
        self.deliver()

    def placed(self, operation: Operation) -> Operation:
        """Return the operation with the place that its card has by now."""
        card, mirror = (self.outbox.find(key) for key in (card_key(operation), mirror_key(operation)))
        operation = replace(operation, mirror=mirror.place) if mirror and mirror.place else operation
        return replace(operation, card=card.place) if card and card.place else operation
