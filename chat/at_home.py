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
from chat.places import at_home, channel_of, is_private
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Card, Operation
from mesh.domain.persons import is_person
from mesh.domain.points import Point
from mesh.ports import Cards, People

SHARED = "the channel is shared with another organisation"

log = logging.getLogger(__name__)


class CardsAtHome:
    """Implements `ports.Cards` around another one: a channel may be shared after something was asked for there."""

    def __init__(self, inner: Cards, people: People) -> None:
        self._inner = inner
        self._people = people

    def show(self, operation: Operation) -> Operation:
        """Show it where it was asked for, or in our direct messages; raise Unavailable as `inner` does.

        The card that stands in the shared channel is left as it is, and never touched again: who moved stays. When
        Slack does not say what the channel is now, what it said when the request came counts. Where approval is asked
        for in a channel that others read, it is asked for beside the card alone.
        """
        among_us = self._without_shared_mirror(operation)
        if _has_moved(operation):
            return _back(operation, self._inner.show(at_home(among_us)))
        # What no person asked for has no home: `CallsAtHome` keeps it from the channel, and that is on record.
        if is_person(operation.actor.user) and self._is_shared(operation):
            return _back(operation, self._inner.show(replace(at_home(among_us), card=None)))
        return replace(self._inner.show(among_us), approval=operation.approval)

    def _without_shared_mirror(self, operation: Operation) -> Operation:
        """Return it without the second place of its card, where others would read that: voters are called elsewhere."""
        approval = operation.approval
        if approval is None or not is_shared(self._people, approval.channel):
            return operation
        return replace(operation, approval=replace(approval, channel=""))

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:
        """Put the chart of a rollout on its card; not where others would see it."""
        if _has_moved(operation):
            return _back(operation, self._inner.picture(at_home(operation), points))
        return operation if self._is_shared(operation) else self._inner.picture(operation, points)

    def announce(self, operation: Operation, entry: str) -> None:
        """Put one line into the audit channel."""
        self._inner.announce(operation, entry)

    def _is_shared(self, operation: Operation) -> bool:
        return is_shared(self._people, channel_of(operation))


def _has_moved(operation: Operation) -> bool:
    """Tell whether the card is known to be in our direct messages, and was asked for elsewhere."""
    card = operation.card
    if card is None or is_private(operation):
        return False
    return card.channel != operation.origin.channel and card.channel.startswith("D")


def _back(asked: Operation, shown: Operation) -> Operation:
    """Return what was shown at home as what was asked for where it was; the old card's place counts until then."""
    return replace(shown, origin=asked.origin, approval=asked.approval, card=shown.card or asked.card)


class CallsAtHome(SlackCalls):
    """The sender's calls, to channels that are ours: another one has no entry, and what must be known is on record."""

    def __init__(self, client: WebClient, people: People) -> None:
        super().__init__(client)
        self._people = people

    def post(self, channel: str, drawn: Message, *, client: str, thread: str = "", loud: bool = False) -> Card:
        """Post it; raises NoEntry where others would read it."""
        self._enter(channel)
        return super().post(channel, drawn, client=client, thread=thread, loud=loud)

    def whisper(self, channel: str, person: str, drawn: Message, *, thread: str = "") -> None:
        """Show it to one person; raises NoEntry where others come and go."""
        self._enter(channel)
        super().whisper(channel, person, drawn, thread=thread)

    def edit(self, channel: str, ts: str, drawn: Message) -> None:
        """Edit it; raises NoEntry where others would read it."""
        self._enter(channel)
        super().edit(channel, ts, drawn)

    def _enter(self, channel: str) -> None:
        if is_shared(self._people, channel):
            raise NoEntry(SHARED)


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
