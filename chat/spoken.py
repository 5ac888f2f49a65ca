"""In which language a message is drawn: that of whoever asked, else that of the configuration; audit lines in English.

Context does not go into other threads, so whoever draws in one says the language there.
"""

from __future__ import annotations

from collections.abc import Sequence

from chat.locales import Locale, locale_of, speaking
from mesh.domain.catalog import Catalog
from mesh.domain.digests import Edition, Slot
from mesh.domain.incidents import Incident, Scene
from mesh.domain.operations import Operation
from mesh.domain.points import Point
from mesh.domain.weeks import Week
from mesh.ports import Cards, IncidentCards, Noticeboard


class SpokenCards:
    """Implements `ports.Cards` around another one: everything about an operation is in its asker's language."""

    def __init__(self, inner: Cards, otherwise: str) -> None:
        """Speak the language `otherwise` of what no person asked for."""
        self._inner = inner
        self._otherwise = otherwise

    def show(self, operation: Operation) -> Operation:
        """Show it; raise Unavailable as `inner` does."""
        with speaking(self._language(operation)):
            return self._inner.show(operation)

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:
        """Put the chart of a rollout on its card."""
        with speaking(self._language(operation)):
            return self._inner.picture(operation, points)

    def announce(self, operation: Operation, entry: str) -> None:
        """Put one line into the audit channel, in English: whoever searches it finds every change by the same words."""
        with speaking(Locale.EN):
            self._inner.announce(operation, entry)

    def _language(self, operation: Operation) -> Locale:
        return locale_of(operation.origin.locale or self._otherwise)


class SpokenIncidentCards:
    """Implements `ports.IncidentCards` around another one: in the language of the configuration."""

    def __init__(self, inner: IncidentCards, language: str) -> None:
        self._inner = inner
        self._language = locale_of(language)

    def show(self, incident: Incident, scene: Scene) -> Incident:
        """Show it; raise Unavailable as `inner` does."""
        with speaking(self._language):
            return self._inner.show(incident, scene)

    def picture(self, incident: Incident, scene: Scene) -> Incident:
        """Upload its chart."""
        with speaking(self._language):
            return self._inner.picture(incident, scene)


class SpokenNoticeboard:
    """Implements `mesh.ports.Noticeboard` around another one: each digest in its own language."""

    def __init__(self, inner: Noticeboard, catalog: Catalog) -> None:
        self._inner = inner
        self._general = locale_of(catalog.language)
        self._own = {digest.name: locale_of(digest.language) for digest in catalog.digests if digest.language}

    def picture(self, week: Week) -> str:
        """Draw the week and upload it; nobody knows yet for which digest."""
        with speaking(self._general):
            return self._inner.picture(week)

    def post(self, slot: Slot, channel: str, edition: Edition, *, picture: str) -> None:
        """Let it be posted once; raise Unavailable as `inner` does."""
        with speaking(self._own.get(slot.digest, self._general)):
            self._inner.post(slot, channel, edition, picture=picture)
