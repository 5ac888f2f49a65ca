"""Cards stay among ourselves: where people of another organisation read along by now, the person asking gets it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

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
        channel = operation.card.channel if operation.card else operation.origin.channel
        try:
            return bool(channel) and self._people.place(channel).shared
        except Unavailable as error:
            log.warning("not known whether the channel of %s is shared by now: %s", operation.id, error.message)
            return False
