"""The in-memory twins of cards and directory: what was told, and who belongs where, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chat.audit_line import audit_line
from chat.blocks import Message
from chat.cards import card
from chat.charts import alt_text
from chat.story import Told, tell
from mesh.domain.operations import Card, Operation
from mesh.domain.points import Point
from mesh.domain.policy import Actor


class RecordedCards:
    """Implements `ports.Cards`: draws as the real outbox does, and keeps every drawing."""

    def __init__(self) -> None:
        self.cards: dict[str, list[Message]] = {}
        """Every different drawing of a card, oldest first, by operation id."""
        self.threads: dict[str, list[Told]] = {}
        """What the thread of each rollout's card was told, oldest first, by operation id."""
        self.pictures: dict[str, list[str]] = {}
        """What each of its charts showed, in words, oldest first, by operation id."""
        self.announcements: list[Message] = []
        """Every line of the audit channel."""
        self._announced: dict[str, str] = {}

    def show(self, operation: Operation) -> Operation:
        """Draw the card, and tell what is new of a rollout; a first drawing gives it a place. Its steps have none."""
        if operation.command.rollout:
            return operation
        drawn, kept = card(operation), self.cards.setdefault(operation.id, [])
        if not kept or kept[-1] != drawn:
            kept.append(drawn)
        if operation.card:
            return self._tell(operation)
        place = Card(operation.origin.channel or "C0MEMORY", f"{len(self.cards)}.000000")
        return self._tell(replace(operation, card=place))

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:
        """Keep what the chart shows, and tell what is new; nothing without a card or without requests."""
        measured = any(point.canary.requests or point.stable.requests for point in points)
        if operation.rollout is None or operation.card is None or operation.command.dry_run or not measured:
            return operation
        kept = self.pictures.setdefault(operation.id, [])
        kept.append(alt_text(operation, points))
        number = sum(len(shown) for shown in self.pictures.values())
        return replace(self._tell(operation), chart=f"F{number:09d}")

    def _tell(self, operation: Operation) -> Operation:
        if operation.rollout is None:
            return operation
        self.threads.setdefault(operation.id, []).extend(tell(operation))
        return replace(operation, told=len(operation.story))

    def announce(self, operation: Operation, entry: str) -> None:
        """Keep the line, once for each operation."""
        self._announced.setdefault(operation.id, entry)
        if len(self._announced) > len(self.announcements):
            self.announcements.append(audit_line(operation, entry))


class FixedDirectory:
    """Implements `ports.Directory` from a mapping of usergroup id to user ids; everybody is active but `gone`."""

    def __init__(self, members: Mapping[str, set[str]], *, gone: frozenset[str] = frozenset()) -> None:
        self._members = members
        self._gone = gone

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Return those of the named usergroups the actor is in."""
        if not self.active(actor):
            return frozenset()
        return frozenset(group for group in named if actor.user in self._members.get(group, set()))

    def active(self, actor: Actor) -> bool:
        """Tell whether the actor may act at all."""
        return actor.user not in self._gone
