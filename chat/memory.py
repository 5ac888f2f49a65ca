"""The in-memory twins of the outbox and the directory: what was told, and who belongs where, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chat.approvals import vote_answer
from chat.audit_line import audit_line
from chat.blocks import Message
from chat.cards import card
from chat.charts import alt_text
from chat.story import Told, is_followed, tell
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
        self.votes: dict[str, Message] = {}
        """What each voter was told, by the id of the vote."""
        self.announcements: list[Message] = []
        """Every line of the audit channel."""

    def show(self, operation: Operation) -> Operation:
        """Draw the card, and tell what is new of a rollout; a first drawing gives it a place. Its steps have none."""
        if operation.command.votes:
            if operation.done:
                self.votes[operation.id] = vote_answer(operation)
            return operation
        if operation.command.rollout:
            return operation
        drawn, kept = card(operation), self.cards.setdefault(operation.id, [])
        if not kept or kept[-1] != drawn:
            kept.append(drawn)
        ts = f"{len(self.cards)}.000000"
        if operation.approval and operation.approval.channel and not operation.mirror and not operation.done:
            operation = replace(operation, mirror=Card(operation.approval.channel, ts))
        if not operation.card:
            operation = replace(operation, card=Card(operation.origin.channel or "C0MEMORY", ts))
        return self._tell(operation)

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
        if not is_followed(operation):
            return operation
        self.threads.setdefault(operation.id, []).extend(tell(operation))
        return replace(operation, told=len(operation.story))

    def announce(self, operation: Operation, entry: str) -> None:
        """Keep the line."""
        self.announcements.append(audit_line(operation, entry))


class FixedDirectory:
    """Implements `ports.Directory` from a mapping of usergroup id to user ids; everybody is active but `gone`."""

    def __init__(
        self,
        members: Mapping[str, set[str]],
        *,
        gone: frozenset[str] = frozenset(),
        persons: Mapping[str, str] | None = None,
    ) -> None:
        """`persons` maps user ids to the id of the person in the organisation, where that is another."""
        self._members = members
        self._gone = gone
        self._persons = persons or {}

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Return those of the named usergroups the actor is in."""
        if not self.active(actor):
            return frozenset()
        return frozenset(group for group in named if actor.user in self._members.get(group, set()))

    def active(self, actor: Actor) -> bool:
        """Tell whether the actor may act at all."""
        return actor.user not in self._gone

    def person(self, actor: Actor) -> str:
        """Return the id of the person."""
        return self._persons.get(actor.user, actor.user)
