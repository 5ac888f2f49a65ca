"""The app's bot token: read again where Slack takes it no longer, for it may be replaced while processes run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from chat.trouble import BAD_TOKEN, word

log = logging.getLogger(__name__)


class Bearer:
    """One token, for all clients of a process."""

    def __init__(self, token: str, again: Callable[[], str] = str) -> None:
        """Begin with `token`; `again` reads what stands where it was read, and returns nothing where it cannot."""
        self.token = token
        self.trouble = ""
        """Slack's word for what is wrong with it, as it said last; empty for nothing."""
        self._again = again

    def renewed(self, refused: str) -> bool:
        """Tell whether there is another token than the `refused` one by now."""
        found = self._again()
        if found and found != self.token:
            self.token = found
            log.warning("Slack took the bot token no longer, and there is another one now.")
        return self.token != refused


class BearerClient(WebClient):
    """A client that makes a call again with another token, where there is one: what Slack refused was not done."""

    def __init__(self, bearer: Bearer, **options: Any) -> None:
        """Use that token; further `options` are those of a WebClient."""
        super().__init__(token=bearer.token, **options)
        self._bearer = bearer

    def api_call(self, api_method: str, **options: Any) -> SlackResponse:
        """Call a method; raises what a WebClient raises."""
        used = self.token or ""
        try:
            answer = self._noted(api_method, options)
        except SlackApiError as error:
            if word(error) not in BAD_TOKEN or not self._bearer.renewed(used):
                raise
            self.token = self._bearer.token
            answer = self._noted(api_method, options)
        return answer

    def _noted(self, api_method: str, options: dict[str, Any]) -> SlackResponse:
        """Call once, and note what that says of the token."""
        # The address of a websocket is asked for with another token.
        ours = api_method != "apps.connections.open"
        try:
            answer = super().api_call(api_method, **options)
        except SlackApiError as error:
            if ours and word(error) in BAD_TOKEN:
                self._bearer.trouble = word(error)
            raise
        if ours:
            self._bearer.trouble = ""
        return answer
