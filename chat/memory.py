"""The in-memory twins of cards and directory: what was told, and who belongs where, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chat.approvals import vote_answer
from chat.audit_line import audit_line
from chat.blocks import Message
from chat.cards import card
from chat.chart_words import alt_text
from chat.digests import digest_message
from chat.incidents import digest, incident_card, spoken_chart
from chat.story import Told, is_followed, tell
from mesh.domain.digests import Edition, Slot
from mesh.domain.incidents import Incident, Scene
from mesh.domain.operations import Card, Operation
from mesh.domain.outsiders import Outsider
from mesh.domain.points import Point
from mesh.domain.policy import Actor
from mesh.domain.stepups import Proof
from mesh.domain.weeks import Week
from mesh.ports import Place


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
        self._announced: dict[str, str] = {}

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
        """Keep the line, once for each operation."""
        self._announced.setdefault(operation.id, entry)
        if len(self._announced) > len(self.announcements):
            self.announcements.append(audit_line(operation, entry))


class RecordedWhispers:
    """Implements `ports.Whispers`: keeps what each person alone was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, Proof]] = []
        """Who was shown what, oldest first."""

    def proof_wanted(self, operation: Operation, proof: Proof) -> bool:
        """Keep it."""
        self.shown.append((operation.actor.user, proof))
        return True


class RecordedIncidentCards:
    """Implements `ports.IncidentCards`: draws as the real one does, and keeps every drawing."""

    def __init__(self) -> None:
        self.cards: dict[str, list[Message]] = {}
        """Every different drawing of a card, oldest first, by the incident's id."""
        self.pictures: list[str] = []
        """What each chart showed, in words, oldest first."""

    def show(self, incident: Incident, scene: Scene) -> Incident:
        """Draw the card where it would look different; a first drawing gives it a place."""
        drawn, kept = incident_card(incident, scene), self.cards.setdefault(incident.id, [])
        if not kept or kept[-1] != drawn:
            kept.append(drawn)
        place = incident.card or Card(incident.channel, f"{list(self.cards).index(incident.id) + 1}.000000")
        return replace(incident, card=place, drawn=digest(incident, drawn))

    def picture(self, incident: Incident, scene: Scene) -> Incident:
        """Keep what the chart shows, in words."""
        if incident.id not in self.cards or not incident.points:
            return incident
        self.pictures.append(spoken_chart(incident, scene))
        return replace(incident, chart=f"F{len(self.pictures):09d}")


class FixedDirectory:
    """Implements `ports.Directory` and `ports.People` from plain values.

    Everybody is active but `gone` and `outsiders`.
    `members` maps a usergroup id to user ids; `persons` user ids to the id of the person in the organisation, where
    that is another; `shared` are the channels that others read along in.
    """

    def __init__(
        self,
        members: Mapping[str, set[str]],
        *,
        gone: frozenset[str] = frozenset(),
        persons: Mapping[str, str] | None = None,
        outsiders: Mapping[str, Outsider] | None = None,
        shared: frozenset[str] = frozenset(),
    ) -> None:
        self._members = members
        self._persons = persons or {}
        self._outsiders = {**dict.fromkeys(gone, Outsider.GONE), **(outsiders or {})}
        self._shared = shared
        self.archived: set[str] = set()
        """Channels that nobody uses any more."""
        self.changed: set[str] = set()
        """Ids of people, groups and channels that Slack said have changed."""

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Return those of the named usergroups the actor is in."""
        if not self.active(actor):
            return frozenset()
        return frozenset(group for group in named if actor.user in self._members.get(group, set()))

    def active(self, actor: Actor) -> bool:
        """Tell whether the actor may act at all."""
        return self.outsider(actor) is None

    def outsider(self, actor: Actor) -> Outsider | None:
        """Return what keeps the actor from being a full member; None for a member."""
        return self._outsiders.get(actor.user)

    def place(self, channel: str) -> Place:
        """Return what a channel is: the app is in all of them."""
        return Place(channel in self._shared, bool(channel), archived=channel in self.archived)

    def changed_lately(self, actor: Actor, groups: frozenset[str], channel: str) -> bool:
        """Tell whether one of them is among those that changed."""
        return not self.changed.isdisjoint({actor.user, *groups, channel})

    def person(self, actor: Actor) -> str:
        """Return the id of the person."""
        return self._persons.get(actor.user, actor.user)


class RecordedBoard:
    """Implements `mesh.ports.Noticeboard`: draws as the real one does, and keeps every message."""

    def __init__(self) -> None:
        self.slots: dict[Slot, tuple[str, Message]] = {}
        """Channel and message of each slot, oldest first."""
        self.trouble: Exception | None = None
        """Raised instead of posting while set."""

    @property
    def posted(self) -> list[tuple[str, Message]]:
        """Channel and message, oldest first."""
        return list(self.slots.values())

    def picture(self, week: Week) -> str:
        """Pretend that a picture was uploaded."""
        return "F000000001" if week.total else ""

    def post(self, slot: Slot, channel: str, edition: Edition, *, picture: str) -> None:
        """Keep the message, once for each slot."""
        if self.trouble is not None:
            raise self.trouble
        self.slots.setdefault(slot, (channel, digest_message(edition, picture=picture)))
