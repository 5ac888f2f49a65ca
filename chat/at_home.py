"""What is told stays among ourselves, also where people of another organisation read along by now.

The card of a change goes to the person asking. What is told to a channel of the configuration is not told, and that is
on record: a channel is bound by its id, and only as long as it is ours.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from slack_sdk import WebClient

from chat.blocks import Message
from chat.calls import NoEntry, SlackCalls
from mesh.digest_ports import Noticeboard
from mesh.domain.digests import Edition
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.incidents import Incident, Scene
from mesh.domain.operations import Operation
from mesh.domain.points import Point
from mesh.domain.weeks import Week
from mesh.ports import Cards, IncidentCards, People

SHARED = "the channel is shared with another organisation"

log = logging.getLogger(__name__)


class CardsAtHome:
    """Implements `ports.Cards` around another one: a channel may be shared after something was asked for there."""

    def __init__(self, inner: Cards, people: People) -> None:
        self._inner = inner
        self._people = people

    def show(self, operation: Operation) -> Operation:
        """Show it where it was asked for, or in our direct messages; raise Unavailable as `inner` does.

        The card that stands in the shared channel is left as it is. When Slack does not say what the channel is now,
        what it said when the request came counts.
        """
        if not self._is_shared(operation):
            return self._inner.show(operation)
        private = replace(operation.origin, channel=operation.actor.user, thread="", response_url="")
        shown = self._inner.show(replace(operation, origin=private, card=None))
        return replace(shown, origin=operation.origin)

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:
        """Put the chart of a rollout on its card; not where others would see it."""
        return operation if self._is_shared(operation) else self._inner.picture(operation, points)

    def announce(self, operation: Operation, entry: str) -> None:
        """Put one line into the audit channel."""
        self._inner.announce(operation, entry)

    def _is_shared(self, operation: Operation) -> bool:
        return is_shared(self._people, operation.card.channel if operation.card else operation.origin.channel)


class CallsAtHome(SlackCalls):
    """The sender's calls, to channels that are ours: another one has no entry, and what must be known is on record."""

    def __init__(self, client: WebClient, people: People) -> None:
        super().__init__(client)
        self._people = people

    def post(self, channel: str, drawn: Message, *, client: str, thread: str = "", loud: bool = False) -> str:
        """Post it; raises NoEntry where others would read it."""
        self._enter(channel)
        return super().post(channel, drawn, client=client, thread=thread, loud=loud)

    def edit(self, channel: str, ts: str, drawn: Message) -> None:
        """Edit it; raises NoEntry where others would read it."""
        self._enter(channel)
        super().edit(channel, ts, drawn)

    def _enter(self, channel: str) -> None:
        if is_shared(self._people, channel):
            raise NoEntry(SHARED)


class IncidentCardsAtHome:
    """Implements `ports.IncidentCards` around another one."""

    def __init__(self, inner: IncidentCards, people: People) -> None:
        self._inner = inner
        self._people = people

    def post(self, incident: Incident, scene: Scene) -> Incident:
        """Post the card; raises Unavailable where others would read it, until the channel is ours again."""
        if is_shared(self._people, incident.channel):
            hint = "Name another incident_channel in the configuration."
            raise Unavailable(f"The card of {incident.id} is not posted: {SHARED}.", hint=hint)
        return self._inner.post(incident, scene)

    def find(self, incident: Incident) -> Incident:
        """Look for the card: that tells nobody anything."""
        return self._inner.find(incident)

    def edit(self, incident: Incident, scene: Scene) -> Incident:
        """Edit the card; one that others read is left as it is."""
        return incident if self._is_shared(incident) else self._inner.edit(incident, scene)

    def picture(self, incident: Incident, scene: Scene) -> Incident:
        """Draw the chart; not where others would see it."""
        return incident if self._is_shared(incident) else self._inner.picture(incident, scene)

    def _is_shared(self, incident: Incident) -> bool:
        return incident.card is not None and is_shared(self._people, incident.card.channel)


class NoticeboardAtHome:
    """Implements `mesh.digest_ports.Noticeboard` around another one."""

    def __init__(self, inner: Noticeboard, people: People) -> None:
        self._inner = inner
        self._people = people

    def picture(self, week: Week) -> str:
        """Upload the picture, which nobody sees before it is posted."""
        return self._inner.picture(week)

    def post(self, channel: str, edition: Edition, *, picture: str) -> str:
        """Post the digest; raises Refused where others would read it."""
        if is_shared(self._people, channel):
            hint = "Name another channel for it in the configuration."
            raise Refused(f"The digest is not posted: {SHARED}.", hint=hint)
        return self._inner.post(channel, edition, picture=picture)


def is_shared(people: People, channel: str) -> bool:
    """Tell whether others read along in a channel by now.

    Where Slack does not say, it is taken for what it was: ours when somebody asked there, or wrote it into the
    configuration. A Slack that hesitates must not silence an incident.
    """
    try:
        return bool(channel) and people.place(channel).shared
    except Unavailable as error:
        log.warning("not known whether a channel is shared by now: %s", error.message)
        return False
