"""The in-memory twins of the outbox and the directory: what was told, and who belongs where, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chat.audit_line import audit_line
from chat.blocks import Message
from chat.cards import card
from mesh.domain.operations import Card, Operation
from mesh.domain.policy import Actor


class RecordedCards:
    """Implements `ports.Cards`: draws as the real outbox does, and keeps every drawing."""

    def __init__(self) -> None:
        self.cards: dict[str, list[Message]] = {}
        """Every different drawing of a card, oldest first, by operation id."""
        self.announcements: list[Message] = []
        """Every line of the audit channel."""

    def show(self, operation: Operation) -> Operation:
        """Draw the card; a first drawing gives it a place."""
        drawn, kept = card(operation), self.cards.setdefault(operation.id, [])
        if not kept or kept[-1] != drawn:
            kept.append(drawn)
        if operation.card:
            return operation
        return replace(operation, card=Card(operation.origin.channel or "C0MEMORY", f"{len(self.cards)}.000000"))

    def announce(self, operation: Operation, entry: str) -> None:
        """Keep the line."""
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
