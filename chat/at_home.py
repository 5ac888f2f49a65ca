"""Cards stay among ourselves: where people of another organisation read along by now, the person asking gets it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from chat.places import at_home, channel_of, is_private
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation
from mesh.domain.points import Point
from mesh.ports import Cards, People

log = logging.getLogger(__name__)


class CardsAtHome:
    """Implements `ports.Cards` around another one: a channel may be shared after something was asked for there."""

    def __init__(self, inner: Cards, people: People) -> None:
        self._inner = inner
        self._people = people

    def show(self, operation: Operation) -> Operation:
        """Show it where it was asked for, or in our direct messages; raise Unavailable as `inner` does.

        The card that stands in the shared channel is left as it is, and never touched again: who moved stays. When
        Slack does not say what the channel is now, what it said when the request came counts.
        """
        if _has_moved(operation):
            return _back(operation, self._inner.show(at_home(operation)))
        if self._is_shared(operation):
            return _back(operation, self._inner.show(replace(at_home(operation), card=None)))
        return self._inner.show(operation)

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:
        """Put the chart of a rollout on its card; not where others would see it."""
        if _has_moved(operation):
            return _back(operation, self._inner.picture(at_home(operation), points))
        return operation if self._is_shared(operation) else self._inner.picture(operation, points)

    def announce(self, operation: Operation, entry: str) -> None:
        """Put one line into the audit channel."""
        self._inner.announce(operation, entry)

    def _is_shared(self, operation: Operation) -> bool:
        channel = channel_of(operation)
        try:
            return bool(channel) and self._people.place(channel).shared
        except Unavailable as error:
            log.warning("not known whether the channel of %s is shared by now: %s", operation.id, error.message)
            return False


def _has_moved(operation: Operation) -> bool:
    """Tell whether the card is known to be in our direct messages, and was asked for elsewhere."""
    card = operation.card
    if card is None or is_private(operation):
        return False
    return card.channel != operation.origin.channel and card.channel.startswith("D")


def _back(asked: Operation, shown: Operation) -> Operation:
    """Return what was shown at home as what was asked for where it was; the old card's place counts until then."""
    return replace(shown, origin=asked.origin, card=shown.card or asked.card)
