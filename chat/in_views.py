"""Cards that are wanted in a modal are shown there; all others go where cards go."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from chat.cards import card
from chat.form import View, form, previewed
from chat.screens import Screens
from chat.trouble import TROUBLE, word
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Card, Operation
from mesh.domain.points import Point
from mesh.ports import Cards

log = logging.getLogger(__name__)


class CardsInViews:
    """Implements `ports.Cards` around another one: for previews, whose place is a modal and its state."""

    def __init__(self, inner: Cards, screens: Screens, clusters: Sequence[str]) -> None:
        """Show in modals through `screens`; `clusters` are the names that the form offers."""
        self._inner = inner
        self._screens = screens
        self._clusters = tuple(clusters)

    def show(self, operation: Operation) -> Operation:
        """Show it in its modal, or where `inner` does; raise Unavailable when Slack did not take it.

        A modal that was closed, or shows something newer, is left alone: that counts as shown.
        """
        if not operation.origin.view:
            return self._inner.show(operation)
        place = operation.card or Card(operation.origin.view, operation.origin.view_hash)
        try:
            now = self._screens.update(place.channel, place.ts, self._draw(operation))
        except TROUBLE as trouble:
            log.warning("the preview of %s was not shown: %s", operation.id, word(trouble))
            raise Unavailable(
                f"Slack did not take the preview: {word(trouble)}.", hint="It is tried again."
            ) from trouble
        return replace(operation, card=Card(place.channel, now)) if now else operation

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:
        """Put the chart of a rollout on its card; a preview has none."""
        return operation if operation.origin.view else self._inner.picture(operation, points)

    def announce(self, operation: Operation, entry: str) -> None:
        """Put one line into the audit channel."""
        self._inner.announce(operation, entry)

    def _draw(self, operation: Operation) -> View:
        origin = operation.origin
        return form(self._clusters, channel=origin.channel, thread=origin.thread, preview=previewed(card(operation)))
