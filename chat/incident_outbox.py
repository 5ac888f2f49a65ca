"""Incident cards, drawn and written into the outbox. Nothing is posted here: see `chat.sender`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from slack_sdk import WebClient

from chat.blocks import Message, image, message
from chat.charts import Chart
from chat.escape import esc
from chat.incidents import chart_of_incident, digest, incident_card, spoken_chart
from chat.letters import body_of, message_of
from chat.locales import tr
from chat.trouble import TROUBLE, word
from chat.uploads import UploadRefused, upload
from mesh.domain.errors import Unavailable
from mesh.domain.incidents import Incident, Scene
from mesh.domain.letters import Fate, Letter, Row, Urgency
from mesh.ports import Outbox

DrawChart = Callable[[Chart], bytes]
"""Draws a chart as a PNG: `chat.drawing.draw`, which not every process shall import."""

log = logging.getLogger(__name__)


class SlackIncidentCards:
    """Implements `ports.IncidentCards`: what is shown is on record when a call returns, and is seen a moment later."""

    def __init__(self, outbox: Outbox, client: WebClient, *, draw: DrawChart | None = None) -> None:
        """Pictures are uploaded with `client`, which has no retry handlers; without `draw` there are none."""
        self._outbox = outbox
        self._client = client
        self._draw = draw

    def show(self, incident: Incident, scene: Scene) -> Incident:
        """Let the card be posted, or edited where it would look different; raises Unavailable: show it again."""
        drawn = incident_card(incident, scene)
        seal = digest(incident, drawn)
        if incident.card is not None and incident.drawn == seal:
            return incident
        former = self._outbox.find(incident_key(incident))
        place = self._outbox.put(_card(incident, drawn, former))
        return replace(incident, card=place or incident.card, drawn=seal)

    def picture(self, incident: Incident, scene: Scene) -> Incident:
        """Upload the chart for the card's thread; what goes wrong is logged, and the card does without."""
        if self._draw is None or not incident.points:
            return incident
        try:
            card = self._outbox.find(incident_key(incident))
            if card is None or card.fate is Fate.LOST:
                return incident
            content = self._draw(chart_of_incident(incident, scene))
            spoken = spoken_chart(incident, scene)
            file_id = upload(self._client, content, name=f"{incident.target.service}-{incident.id}.png", spoken=spoken)
            # Only a message that was posted with a picture lets people see it, edits do not.
            drawn = message(esc(tr("The last hour so far")), [image(file_id, spoken)])
            self._outbox.put(_entry(incident, f"chart {incident.id} {file_id}", drawn))
        except (Unavailable, UploadRefused, *TROUBLE) as trouble:
            said = word(trouble) if isinstance(trouble, TROUBLE) else str(trouble)
            log.warning("the chart of %s was not shown: %s", incident.id, said)
            return incident
        except Exception:
            log.exception("a bug kept the chart of %s from being shown", incident.id)
            return incident
        return replace(incident, chart=file_id)


def incident_key(incident: Incident) -> str:
    """Return the key of an incident's card."""
    return f"incident {incident.id}"


def _card(incident: Incident, drawn: Message, former: Row | None) -> Letter:
    """Return the card as a letter. A channel that takes none is on record as such once, and once more at the end."""
    return Letter(
        incident_key(incident),
        incident.channel,
        body_of(drawn),
        _urgency(drawn, former),
        must=not incident.open or former is None or former.fate is not Fate.LOST,
        version=incident.revision,
        ts=incident.card.ts if incident.card else "",
    )


def _urgency(drawn: Message, former: Row | None) -> Urgency:
    """Return how urgent a drawing is: that there is an incident, that its sentence is another one, or only a number."""
    if former is None:
        return Urgency.CALL
    return Urgency.PROGRESS if message_of(former.letter).text == drawn.text else Urgency.NEWS


def _entry(incident: Incident, key: str, drawn: Message) -> Letter:
    under = incident_key(incident)
    return Letter(key, incident.channel, body_of(drawn), Urgency.STORY, under=under, once=True, must=False)
