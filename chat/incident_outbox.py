"""Posting an incident's card and editing it: the one place that knows how such a card gets to Slack."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from time import sleep
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from chat.blocks import Block, Message, image, message
from chat.charts import Chart
from chat.escape import esc
from chat.incidents import chart_of_incident, digest, incident_card, spoken_chart
from chat.trouble import TROUBLE, word
from chat.uploads import UploadRefused, is_not_ready, upload
from mesh.domain.errors import Unavailable
from mesh.domain.incidents import Incident, Scene
from mesh.domain.operations import Card

LOOKED_OVER_S = (0.5, 1.0, 1.5, 2.0)
"""How long to wait, again and again, for Slack to look a new picture over before a message may show it."""
DrawChart = Callable[[Chart], bytes]
"""Draws a chart as a PNG: `chat.drawing.draw`, which not every process shall import."""
EVENT = "meshbot_incident"
"""Type of the metadata that names the incident in its card, so that a lost answer does not make a second one."""
LOOKED_FOR_S = 10.0
"""How long before its posting was begun a card is looked for: clocks differ."""

_NO_EDIT = frozenset({"edit_window_closed", "message_not_found", "cant_update_message"})
_MAY_NOT_LOOK = frozenset({"missing_scope", "not_in_channel", "channel_not_found", "no_permission", "access_denied"})
_BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
_QUIET: dict[str, Any] = {"parse": "none", "link_names": False}
_NO_PREVIEWS: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False}

log = logging.getLogger(__name__)


class SlackIncidentCards:
    """Implements `ports.IncidentCards` with Slack's Web API."""

    def __init__(self, client: WebClient, *, draw: DrawChart | None = None) -> None:
        """Use a client without retry handlers (`chat.connection.web_client`); without `draw` there are no pictures."""
        self._client = client
        self._draw = draw

    def post(self, incident: Incident, scene: Scene) -> Incident:
        """Post the card in the incident's channel; raises Unavailable when Slack did not take it, or did not say."""
        drawn = incident_card(incident, scene)
        metadata = {"event_type": EVENT, "event_payload": {"incident": incident.id}}
        where: dict[str, Any] = {"channel": incident.channel, "metadata": metadata, **_NO_PREVIEWS}
        posted = self._send("chat_postMessage", drawn, where)
        place = Card(str(posted["channel"]), str(posted["ts"]))
        return replace(incident, card=place, drawn=digest(incident, drawn))

    def find(self, incident: Incident) -> Incident:
        """Look through the channel for a card of this incident; unchanged where there is none, or nobody may look."""
        oldest = f"{incident.posting_at - LOOKED_FOR_S:.6f}"
        try:
            answer = self._client.conversations_history(
                channel=incident.channel, oldest=oldest, limit=200, include_all_metadata=True
            )
        except TROUBLE as trouble:
            if word(trouble) in _MAY_NOT_LOOK:
                log.warning("nobody may look whether the card of %s was posted: %s", incident.id, word(trouble))
                return incident
            raise Unavailable(f"Slack did not say what is in the channel: {word(trouble)}.") from trouble
        messages: list[dict[str, Any]] = answer.get("messages") or []
        for one in messages:
            metadata = one.get("metadata") or {}
            if metadata.get("event_type") == EVENT and metadata.get("event_payload") == {"incident": incident.id}:
                return replace(incident, card=Card(incident.channel, str(one["ts"])))
        return incident

    def edit(self, incident: Incident, scene: Scene) -> Incident:
        """Edit the card where it would look different; post a new one where Slack lets nobody edit it any more."""
        drawn = incident_card(incident, scene)
        seal = digest(incident, drawn)
        if incident.card is None or incident.drawn == seal:
            return incident
        try:
            self._send("chat_update", drawn, {"channel": incident.card.channel, "ts": incident.card.ts})
        except Unavailable as error:
            if not isinstance(error.__cause__, SlackApiError) or word(error.__cause__) not in _NO_EDIT:
                raise
            return self.post(incident, scene)
        return replace(incident, drawn=seal)

    def picture(self, incident: Incident, scene: Scene) -> Incident:
        """Upload the chart and post it into the card's thread; what goes wrong is logged, and the card does without."""
        if self._draw is None or incident.card is None or not incident.points:
            return incident
        try:
            content = self._draw(chart_of_incident(incident, scene))
            spoken = spoken_chart(incident, scene)
            file_id = upload(self._client, content, name=f"{incident.target.service}-{incident.id}.png", spoken=spoken)
            self._reply(incident.card, image(file_id, spoken))
        except (UploadRefused, *TROUBLE) as trouble:
            said = str(trouble) if isinstance(trouble, UploadRefused) else word(trouble)
            log.warning("the chart of %s was not shown: %s", incident.id, said)
            return incident
        except Exception:
            log.exception("a bug kept the chart of %s from being shown", incident.id)
            return incident
        return replace(incident, chart=file_id)

    def _reply(self, place: Card, picture: Block) -> None:
        """Post a picture: only a message that was posted with it lets people see it, edits do not."""
        drawn = message(esc("The last hour so far"), [picture])
        where: dict[str, Any] = {"channel": place.channel, "thread_ts": place.ts, **_NO_PREVIEWS, **_QUIET}
        for wait in (*LOOKED_OVER_S, None):
            try:
                self._client.chat_postMessage(text=drawn.text, blocks=list(drawn.blocks), **where)
            except SlackApiError as error:
                if wait is None or not is_not_ready(error):
                    raise
                sleep(wait)
            else:
                return

    def _send(self, method: str, drawn: Message, where: dict[str, Any]) -> Any:
        """Call Slack once; blocks that it refuses are left out, pictures first."""
        call = getattr(self._client, method)
        kept = tuple(block for block in drawn.blocks if block["type"] != "image")
        try:
            try:
                return call(text=drawn.text, blocks=list(drawn.blocks), **where, **_QUIET)
            except SlackApiError as error:
                if word(error) not in _BAD_BLOCKS:
                    raise
                if len(kept) < len(drawn.blocks):
                    log.warning("Slack refused a card with its picture (%s); sent without it", word(error))
                    return self._send(method, replace(drawn, blocks=kept), where)
                log.error("Slack refused the blocks of an incident's card (%s); sent its text alone", word(error))  # noqa: TRY400 (the trace would hold foreign text)
                return call(text=drawn.text, **where, **_QUIET)
        except TROUBLE as trouble:
            raise Unavailable(f"Slack did not take the card: {word(trouble)}.", hint="It is tried again.") from trouble
