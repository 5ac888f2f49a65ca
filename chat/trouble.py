"""Slack's trouble, named in one place: what a call may raise, and a word for it that is safe to show.

An error's own text is never shown or logged: it may hold an address, a token or the whole page of a proxy.
"""

from __future__ import annotations

import re
from http.client import HTTPException

from slack_sdk.errors import SlackApiError, SlackClientError

TROUBLE = (SlackClientError, HTTPException, OSError, ValueError)
"""Whatever a call to Slack may raise: its refusals, broken and absent connections, answers that are no JSON."""

BAD_TOKEN = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"})
"""Slack's words for a token that is no good (docs.slack.dev/reference/methods/auth.test, errors)."""

_SLACKS_WORD = re.compile(r"[a-z_]{1,60}")


def word(error: Exception) -> str:
    """Return Slack's own word (`invalid_auth`), or the kind of the error (`URLError`).

    What Slack would never say (a proxy's page, say) is `no answer of Slack's`.
    """
    if not isinstance(error, SlackApiError):
        return type(error).__name__
    answer = getattr(error.response, "data", error.response)
    said = answer.get("error") if isinstance(answer, dict) else None
    return said if isinstance(said, str) and _SLACKS_WORD.fullmatch(said) else "no answer of Slack's"
