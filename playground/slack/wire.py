"""The shape of what goes over the wire, and the one way to refuse a call."""

from __future__ import annotations

from typing import Any, TypeAlias

# JSON objects stay dicts here: the app's own malformed ones must get as far as the validator.
Json: TypeAlias = dict[str, Any]


class SlackError(Exception):
    """A call refused with one of Slack's error codes, e.g. `channel_not_found`.

    `messages` become `response_metadata.messages`; `status` and `headers` are HTTP's; `fields` join the body.
    """

    def __init__(self, code: str, *, messages: tuple[str, ...] = (), status: int = 200, **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.status = status
        self.fields = fields
        self.headers: dict[str, str] = {}

    def body(self) -> Json:
        """Return the JSON body, `{"ok": false, "error": …}`."""
        body: Json = {"ok": False, "error": self.code, **self.fields}
        if self.messages:
            body["response_metadata"] = {"messages": list(self.messages)}
        return body


def rate_limited(retry_after_s: int) -> SlackError:
    """Return the HTTP 429 with `Retry-After` in whole seconds (docs.slack.dev /apis/web-api/rate-limits)."""
    error = SlackError("ratelimited", status=429)
    error.headers["Retry-After"] = str(retry_after_s)
    return error


def without_nothing(values: Json) -> Json:
    """Return `values` less the keys that hold None: Slack leaves absent fields out."""
    return {key: value for key, value in values.items() if value is not None}
