"""Counts what Slack is asked, by method and by what it said."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from telemetry.metrics import BAD_TOKEN, SLACK_BAD_TOKEN, SLACK_CALL, SLACK_LIMITED


def counted(client: WebClient) -> WebClient:
    """Let every call of `client` be counted from now on; returns it."""
    call: Callable[..., SlackResponse] = client.api_call

    def api_call(api_method: str, **options: Any) -> SlackResponse:
        since, outcome = time.monotonic(), "ok"
        try:
            return call(api_method, **options)
        except SlackApiError as error:
            limited = getattr(error.response, "status_code", 0) == 429
            outcome = "limited" if limited else "refused"
            if limited:
                SLACK_LIMITED.labels(api_method).inc()
            if (said := _word(error)) in BAD_TOKEN:
                SLACK_BAD_TOKEN.labels(said).inc()
            raise
        except Exception:
            outcome = "unanswered"
            raise
        finally:
            SLACK_CALL.labels(api_method, outcome).observe(time.monotonic() - since)

    client.api_call = api_call  # type: ignore[method-assign]  # every method of the client comes through here
    return client


def _word(error: SlackApiError) -> str:
    answer = getattr(error.response, "data", error.response)
    return str(answer.get("error")) if isinstance(answer, dict) else ""
