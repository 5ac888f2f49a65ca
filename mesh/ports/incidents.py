"""What is asked about incidents: of the store, and of who tells people of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mesh.domain.commands import Target
from mesh.domain.incidents import Incident, Scene


@dataclass(frozen=True)
class Open:
    """The incidents that are open."""

    known: tuple[Incident, ...] = ()
    """The oldest first."""
    unread: Mapping[Target, str] = field(default_factory=dict)
    """Services of which one may be open that only a newer meshbot can read, and why."""


class Incidents(Protocol):
    """The durable memory of incidents, with their audit entries (one atomic write for both)."""

    def newest(self, target: Target) -> Incident | None:
        """Return the newest incident of a service, open or not; None where there was none."""

    def open(self) -> Open:
        """Return every incident that is open; one that cannot be read says nothing of other services."""

    def get(self, incident_id: str) -> Incident:
        """Return the incident; raise NotFound."""

    def commit(self, incident: Incident, entries: Sequence[dict[str, Any]] = ()) -> Incident:
        """Write the incident and append audit entries, all or nothing; returns it with the next revision.

        One that is not settled is due at once. Raises Conflict when the stored revision is another, and, for a new one,
        when the newest of its service is not the one that it names as `former`: two never open at once.
        """

    def later(self, incident_id: str, *, seconds: float) -> None:
        """Let the clock hand this incident to a worker again after `seconds`; does nothing for one that is settled."""


class IncidentCards(Protocol):
    """Telling a channel of an incident, by the outbox as `Cards` do."""

    def show(self, incident: Incident, scene: Scene) -> Incident:
        """Let the card be posted, or edited where it would look different.

        Returns the incident with the drawing's digest, and with the card's place, once it has one. Raises Unavailable
        when that may not have been written down: show it again, there is one card all the same.
        """

    def picture(self, incident: Incident, scene: Scene) -> Incident:
        """Draw the chart of its points into the card's thread, from where the card may show it, too. Never raises.

        Returns the incident with the picture's id; as it was where there is nothing to show, or Slack takes none.
        """
