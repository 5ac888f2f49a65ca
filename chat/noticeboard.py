"""Digests, drawn and written into the outbox: one message for each slot. Nothing is posted here: see `chat.sender`."""

from __future__ import annotations

import logging
from collections.abc import Callable

from slack_sdk import WebClient

from chat.digest_words import alt_text
from chat.digests import digest_message
from chat.letters import body_of
from chat.trouble import TROUBLE, word
from chat.uploads import UploadRefused, upload
from mesh.domain.digests import Edition, Slot
from mesh.domain.letters import Letter
from mesh.domain.weeks import Week
from mesh.ports import Outbox

log = logging.getLogger(__name__)

DrawWeek = Callable[[Week], bytes]
"""Draws a week as a PNG: `chat.digest_drawing.week_chart`, which not every process shall import."""


class SlackNoticeboard:
    """Implements `mesh.ports.Noticeboard`."""

    def __init__(self, outbox: Outbox, client: WebClient, draw: DrawWeek | None = None) -> None:
        """Pictures are uploaded with `client`, which has no retry handlers; without `draw` weeks are characters."""
        self._outbox = outbox
        self._client = client
        self._draw = draw

    def picture(self, week: Week) -> str:
        """Draw the week and upload it; return its id, empty where there is none. Never raises."""
        if self._draw is None or not week.total:
            return ""
        try:
            return upload(self._client, self._draw(week), name="week.png", spoken=alt_text(week))
        except UploadRefused as error:
            log.warning("Slack takes no pictures (%s): the week is drawn with characters", error)
        except TROUBLE as trouble:
            log.warning("the picture of a digest was not uploaded: %s", word(trouble))
        except Exception:
            log.exception("a bug kept the picture of a digest from being drawn")
        return ""

    def post(self, slot: Slot, channel: str, edition: Edition, *, picture: str) -> None:
        """Let it be posted once; raises Unavailable when that may not be on record: post it again."""
        body = body_of(digest_message(edition, picture=picture))
        # There is another one soon: better none than two.
        self._outbox.put(Letter(digest_key(slot), channel, body, once=True, repeats=False))


def digest_key(slot: Slot) -> str:
    """Return the key of the message of one slot."""
    return f"digest {slot}"
