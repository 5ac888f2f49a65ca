"""When the app is invited to a channel: what waits for people there, and found no way in, is said after all."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from chat.incident_outbox import incident_key
from chat.places import card_key, mirror_key
from mesh.domain.errors import Unavailable
from mesh.ports import Incidents, Operations, Outbox
from telemetry.counting import given_up

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Invited:
    """Hears that the app may post in a channel from now on."""

    operations: Operations
    incidents: Incidents
    outbox: Outbox

    def hear(self, channel: str) -> None:
        """Let cards of that channel that reached nobody be tried again; never raises.

        Only what people can still act on: changes that wait for approval, and open incidents.
        """
        try:
            waiting = self.operations.waiting()
            keys = [name for one in waiting for name in (card_key(one), mirror_key(one))]
            keys += [incident_key(one) for one in self.incidents.open().known if one.channel == channel]
            told = sum(self.outbox.revive(key, channel) for key in keys)
        except Unavailable as error:
            log.warning("what was lost in a channel that the app was invited to stays so: %s", error.message)
            given_up("news", error.lapse)
        else:
            log.info("The app was invited to %s; %d lost cards are tried again.", channel, told)
