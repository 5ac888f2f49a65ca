"""Slack's Web API as the sender needs it: each call is made once, and what went wrong says what to do about it.

Rules: docs.slack.dev /apis/web-api/rate-limits and the pages of chat.postMessage, chat.update, conversations.history.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from chat.blocks import Message
from chat.response_url import TurnedAway, respond
from chat.trouble import BAD_TOKEN, TROUBLE, word
from chat.uploads import is_not_ready
from mesh.domain.operations import Card

EVENT = "meshbot_message"
"""The type of the metadata that goes with every message: everybody in the workspace can read it, so it says no more."""
SKEW_S = 60.0
"""How far Slack's clock may be from ours."""
PAGES, PAGE = 5, 200
SULKING_S = 900.0
"""For how long nothing is looked up after Slack said that we may not; somebody may add the scope meanwhile."""

_NO_ENTRY = frozenset({
    "not_in_channel", "channel_not_found", "is_archived", "user_not_in_channel",
    "access_denied", "no_permission", "ekm_access_denied", "team_access_not_granted", "messages_tab_disabled",
})  # fmt: skip
RESTRICTED = "restricted_action"
"""How all of Slack's words begin for a channel in which not everybody may post."""
_NO_EDIT = frozenset({"edit_window_closed", "cant_update_message"})
_GONE = frozenset({"message_not_found"})
_NO_THREAD = frozenset({"thread_not_found", "restricted_action_thread_locked"})
_BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"})
_PERHAPS = frozenset({"internal_error", "fatal_error", "request_timeout", "service_unavailable"})
"""Slack's words for trouble of its own: it may have done it all the same."""
_OURS = BAD_TOKEN | {"missing_scope"}
"""Slack's words for a token that is no good: no other way leads to people before somebody mends that."""
_QUIET: dict[str, Any] = {"parse": "none", "link_names": False}
_NO_PREVIEWS: dict[str, Any] = {"unfurl_links": False, "unfurl_media": False}

log = logging.getLogger(__name__)


class Trouble(Exception):
    """A call that was not answered as it should be; its text is one safe word."""


class Slow(Trouble):
    """Slack wants us to wait for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__("ratelimited")
        self.seconds = seconds


class NoEntry(Trouble):
    """We cannot post in this channel."""


class NoEdit(Trouble):
    """This message can no longer be edited."""


class Gone(NoEdit):
    """It was deleted."""


class NoThread(Trouble):
    """There is no such thread."""


class NotReady(Trouble):
    """Slack still looks a picture over."""


class Perhaps(Trouble):
    """Nobody knows whether it was done."""


class NotDone(Trouble):
    """It was not done, and may work later."""


class Refusal(NotDone):
    """Slack did not do it, and says why by a word that we do not know."""


class Blind(Trouble):
    """We may not look for it."""


class SlackCalls:
    """Posts, edits and looks up, with a client without retry handlers (`chat.connection.web_client`)."""

    def __init__(self, client: WebClient) -> None:
        self._client = client
        self._blind_until: dict[str, float] = {}
        """By channel: scopes differ for public and private ones."""

    def post(self, channel: str, drawn: Message, *, client: str, thread: str = "", loud: bool = False) -> Card:
        """Post a message and return where it is; `client` goes with it and finds it again. Raises Trouble.

        To a person (`channel` is a user id) it goes into our direct messages, which Slack names.
        """
        where: dict[str, Any] = {"channel": channel, "thread_ts": thread or None, **_NO_PREVIEWS}
        if thread and loud:
            where["reply_broadcast"] = True
        where["metadata"] = {"event_type": EVENT, "event_payload": {"key": client}}
        posted = self._send(self._client.chat_postMessage, drawn, where)
        return Card(str(posted.get("channel") or channel), str(posted["ts"]))

    def whisper(self, channel: str, person: str, drawn: Message, *, thread: str = "") -> None:
        """Show a message in a channel to one person of it alone, which Slack lets nobody find again. Raises Trouble."""
        where: dict[str, Any] = {"channel": channel, "user": person, "thread_ts": thread or None}
        self._send(self._client.chat_postEphemeral, drawn, where)

    def edit(self, channel: str, ts: str, drawn: Message) -> None:
        """Edit a message in place; its metadata stays. Raises Trouble."""
        where: dict[str, Any] = {"channel": channel, "ts": ts}
        self._send(self._client.chat_update, drawn, where)

    def address(self, channel: str, ts: str) -> str:
        """Return the address of a message, for people to open. Raises Trouble."""
        try:
            return str(self._client.chat_getPermalink(channel=channel, message_ts=ts)["permalink"])
        except SlackApiError as error:
            raise _translated(error) from error
        except TROUBLE as error:
            raise NotDone(word(error)) from error

    def look_up(self, channel: str, *, client: str, since: float, thread: str = "") -> str:
        """Return the timestamp of the message that `client` went with, sent at `since` (Unix time); empty for none.

        Raises Blind where the app may not read the channel.
        """
        if monotonic() < self._blind_until.get(channel, 0.0):
            raise Blind("missing_scope")
        try:
            for found in self._pages(channel, since - SKEW_S, thread):
                metadata = found.get("metadata") or {}
                if metadata.get("event_type") == EVENT and metadata.get("event_payload", {}).get("key") == client:
                    return str(found["ts"])
        except SlackApiError as error:
            trouble = _translated(error)
            if isinstance(trouble, NotDone):
                self._blind_until[channel] = monotonic() + SULKING_S
                raise Blind(word(error)) from error
            raise trouble from error
        except TROUBLE as error:
            raise NotDone(word(error)) from error
        return ""

    def answer(self, address: str, drawn: Message) -> None:
        """Show the message to one person by a `response_url`.

        Raises NotDone when it was not taken, now or ever, Perhaps when nobody knows.
        """
        try:
            respond(address, drawn, api_url=self._client.base_url)
        except (TurnedAway, ValueError) as error:
            raise NotDone(word(error)) from error
        except TROUBLE as error:
            raise _unanswered(error) from error

    def _pages(self, channel: str, oldest: float, thread: str) -> Iterator[dict[str, Any]]:
        ask: dict[str, Any] = {"channel": channel, "oldest": f"{oldest:.6f}", "limit": PAGE}
        cursor = ""
        for _ in range(PAGES):
            if thread:
                page = self._client.conversations_replies(
                    ts=thread, include_all_metadata=True, cursor=cursor or None, **ask
                )
            else:
                page = self._client.conversations_history(include_all_metadata=True, cursor=cursor or None, **ask)
            yield from page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    def _send(self, method: Callable[..., SlackResponse], drawn: Message, where: dict[str, Any]) -> SlackResponse:
        """Send a message; blocks that Slack refuses are left out, pictures first. Raises Trouble."""
        try:
            return method(text=drawn.text, blocks=list(drawn.blocks), **where, **_QUIET)
        except SlackApiError as error:
            if is_not_ready(error):
                raise NotReady(word(error)) from error
            if word(error) not in _BAD_BLOCKS:
                raise _translated(error) from error
            return self._send_less(method, drawn, where, word(error))
        except TROUBLE as error:
            raise _unanswered(error) from error

    def _send_less(
        self, method: Callable[..., SlackResponse], drawn: Message, where: dict[str, Any], refusal: str
    ) -> SlackResponse:
        fewer = without_pictures(drawn)
        if len(fewer.blocks) < len(drawn.blocks):
            log.warning("Slack refused a message with its picture (%s); sent without it", refusal)
            return self._send(method, fewer, where)
        log.error("Slack refused the blocks of a message (%s); sent its text alone", refusal)
        try:
            return method(text=drawn.text, **where, **_QUIET)
        except SlackApiError as error:
            raise _translated(error) from error
        except TROUBLE as error:
            raise _unanswered(error) from error


def without_pictures(drawn: Message) -> Message:
    """Return the message with its pictures left out."""
    return replace(drawn, blocks=tuple(block for block in drawn.blocks if block["type"] != "image"))


_MEANS: tuple[tuple[frozenset[str], type[Trouble]], ...] = (
    (_NO_ENTRY, NoEntry),
    (_NO_EDIT, NoEdit),
    (_GONE, Gone),
    (_NO_THREAD, NoThread),
    (_PERHAPS, Perhaps),
    (_OURS, NotDone),
)
"""Slack's words, and what they mean for us; any other is a refusal that somebody may mend."""


def _translated(error: SlackApiError) -> Trouble:
    response = error.response
    if isinstance(response, SlackResponse) and response.status_code == 429:
        return Slow(_retry_after(response))
    said = word(error)
    if said == "no answer of Slack's":
        # A proxy's page, say: what is behind it may have done it.
        return Perhaps(said)
    found = next((means for words, means in _MEANS if said in words), None)
    return (found or (NoEntry if said.startswith(RESTRICTED) else Refusal))(said)


def _retry_after(response: SlackResponse) -> float:
    """Return how long Slack wants us to wait, in seconds."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        return max(0.0, float(headers.get("retry-after", "1")))
    except (TypeError, ValueError):
        return 1.0


def _unanswered(error: Exception) -> Trouble:
    """Tell what never left from what may have arrived."""
    reason = error.reason if isinstance(error, URLError) else error
    never = isinstance(reason, ConnectionRefusedError) or type(reason).__name__ == "gaierror"
    return (NotDone if never else Perhaps)(word(error))
