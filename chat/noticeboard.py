"""Posting digests: one message of its own, once, in a channel. To be served by the durable outbox when there is one.

Rules: docs.slack.dev, the page of chat.postMessage. What is not known to have failed counts as posted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from time import sleep
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from chat.blocks import Block, Message
from chat.digest_words import alt_text
from chat.digests import digest_message
from chat.trouble import TROUBLE, word
from chat.uploads import UploadRefused, is_not_ready, upload
from mesh.digest_ports import OutcomeUnknown
from mesh.domain.digests import Edition
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.weeks import Week

LOOKED_OVER_S = (0.5, 1.0, 1.5, 2.0)
"""How long to wait, again and again, for Slack to look a new picture over before a message may show it."""
_PASSING = frozenset({"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
"""After these Slack may have posted it all the same."""
_BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})

log = logging.getLogger(__name__)

DrawWeek = Callable[[Week], bytes]
"""Draws a week as a PNG: `chat.digest_drawing.week_chart`, which not every process shall import."""


class SlackNoticeboard:
    """Implements `mesh.digest_ports.Noticeboard` with Slack's Web API."""

    def __init__(self, client: WebClient, draw: DrawWeek | None = None) -> None:
        """Use a client without retry handlers (`chat.connection.web_client`): one that repeats may post twice.

        Without `draw` weeks are drawn with characters.
        """
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

    def post(self, channel: str, edition: Edition, *, picture: str) -> str:
        """Post it once; return the message's timestamp. Raises Unavailable, Refused and OutcomeUnknown."""
        refusal: SlackApiError | None = None
        for drawn in _drawings(edition, picture):
            try:
                return self._send(channel, drawn)
            except SlackApiError as error:
                if word(error) not in _BAD_BLOCKS:
                    raise _refused(error) from error
                refusal = error
            except TROUBLE as trouble:
                raise _unsure(trouble) from trouble
        raise _refused(refusal) if refusal else ValueError("there was nothing to post")

    def _send(self, channel: str, drawn: Message) -> str:
        """Send one drawing, and again while Slack is still looking its picture over: it was refused then."""
        for wait in (*LOOKED_OVER_S, None):
            try:
                answer = self._client.chat_postMessage(
                    channel=channel,
                    text=drawn.text,
                    blocks=list(drawn.blocks),
                    unfurl_links=False,
                    unfurl_media=False,
                    parse="none",
                    link_names=False,
                )
                return str(answer["ts"])
            except SlackApiError as error:
                if wait is None or not is_not_ready(error):
                    raise
                sleep(wait)
        raise AssertionError("unreachable")


def _drawings(edition: Edition, picture: str) -> Iterator[Message]:
    """Yield what to try, the best first; each only after Slack refused the one before."""
    if picture:
        yield digest_message(edition, picture=picture)
    plain = digest_message(edition)
    yield plain
    blocks: tuple[Block, ...] = ()
    yield Message(plain.text, blocks)


def _refused(error: SlackApiError) -> Unavailable | Refused | OutcomeUnknown:
    """Say what Slack's refusal means for another try."""
    said, status = word(error), getattr(error.response, "status_code", 200)
    if said in _UNSURE or status >= 500:
        return OutcomeUnknown(f"Slack did not say whether it took the digest ({said}).", hint="Look into the channel.")
    if said in _PASSING or status == 429:
        return Unavailable(f"Slack did not take the digest: {said}.", hint="It is tried again.")
    return Refused(f"Slack does not take the digest: {said}.", hint="Invite the bot to the channel: /invite.")


def _unsure(trouble: Exception) -> Unavailable | OutcomeUnknown:
    """Say what broken lines mean: only a connection that was never made is certain to have posted nothing."""
    reason = trouble.reason if isinstance(trouble, URLError) else trouble
    if isinstance(reason, ConnectionRefusedError):
        return Unavailable("Slack cannot be reached.", hint="The digest is tried again.")
    return OutcomeUnknown(f"Slack did not answer ({word(trouble)}).", hint="Look into the channel for the digest.")
