"""Modals and App Homes in Slack: opening, changing, publishing.

Rules: docs.slack.dev /interactivity/handling-user-interaction (a trigger opens one modal within 3 s) and
/reference/methods/views.update (`hash` guards against overwriting what is newer).
"""

from __future__ import annotations

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from chat.form import View
from chat.trouble import word

_OVERTAKEN = frozenset({"hash_conflict", "not_found", "view_not_found", "invalid_view_id"})
"""The modal was closed, or shows something newer."""


class Screens:
    """Shows views through the Web API; raises `chat.trouble.TROUBLE` when Slack does not take one."""

    def __init__(self, client: WebClient) -> None:
        """Use a client without retry handlers (`chat.connection.web_client`)."""
        self._client = client

    def open(self, trigger: str, view: View) -> None:
        """Open a modal with a right that lasts 3 s and is good for one."""
        self._client.views_open(trigger_id=trigger, view=view)

    def update(self, view_id: str, seen_hash: str, view: View) -> str:
        """Change an open modal that nobody changed since `seen_hash`; returns its new hash, empty when overtaken."""
        try:
            answer = self._client.views_update(view_id=view_id, hash=seen_hash, view=view)
        except SlackApiError as error:
            if word(error) in _OVERTAKEN:
                return ""
            raise
        return str((answer.get("view") or {}).get("hash") or "")

    def publish(self, user: str, view: View) -> None:
        """Show this App Home to that person from now on."""
        self._client.views_publish(user_id=user, view=view)
