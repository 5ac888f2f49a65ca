"""Payloads as Slack sends them, signed as Slack signs them."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import io
import itertools
import json
import time
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

TOKEN = "hook-token-of-tests-4711"
FLAGGER_TOKEN = "flagger-token-of-tests-4712"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
FORM = "application/x-www-form-urlencoded"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Mail:
    """One HTTP request."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    secret: str = ""
    """What it is signed with anew when it is sent: Slack's signatures live for five minutes, and some tests wait."""

    def fresh(self) -> Mail:
        """Return it as it is sent now."""
        return replace(self, headers=self.headers | _signature(self.body, self.secret)) if self.secret else self

    def with_headers(self, **changed: str | None) -> Mail:
        """Return it with other headers (`content_type="…"`); None leaves one out."""
        merged = {**self.headers, **{name.replace("_", "-"): value for name, value in changed.items()}}
        kept = {name: value for name, value in merged.items() if value is not None}
        forged = not changed.keys().isdisjoint(("x_slack_signature", "x_slack_request_timestamp"))
        return Mail(self.body, kept, "" if forged else self.secret)


@dataclass(frozen=True)
class Back:
    """What came back."""

    status: int
    text: str
    seconds: float
    headers: dict[str, str] = field(default_factory=dict)
    """By name in lower case."""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


def signed(body: str | bytes, content_type: str = FORM, *, secret: str = SECRET, age_s: float = 0) -> Mail:
    """Sign `body` as Slack does (docs.slack.dev/authentication/verifying-requests-from-slack)."""
    raw = body.encode() if isinstance(body, str) else body
    return Mail(raw, {"content-type": content_type, **_signature(raw, secret, age_s)}, "" if age_s else secret)


def _signature(raw: bytes, secret: str, age_s: float = 0) -> dict[str, str]:
    stamp = str(int(time.time() - age_s))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + raw, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={digest}"}


def slash_fields(text: str, **changes: Any) -> dict[str, Any]:
    """The form of a slash command."""
    return {
        "command": "/mesh",
        "text": text,
        "user_id": "U0JIN",
        "team_id": "T0MESH",
        "channel_id": "C0PROD",
        "api_app_id": "A0MESH",
        "response_url": "https://hooks.slack.com/commands/1/2/3",
        "trigger_id": f"1.2.{next(_numbers)}",
        **changes,
    }


def slash(text: str, *, secret: str = SECRET, **changes: Any) -> Mail:
    """A signed slash command."""
    return signed(urlencode(slash_fields(text, **changes)), secret=secret)


def event_fields(text: str, kind: str = "app_mention", *, event: dict[str, Any] | None = None, **changes: Any) -> Any:
    """The envelope of a mention (or, with `kind`, a message) in C0PROD."""
    inner = {"type": kind, "user": "U0JIN", "text": text, "channel": "C0PROD", "team": "T0MESH", "ts": "1.1"}
    return {
        "type": "event_callback",
        "team_id": "T0MESH",
        "api_app_id": "A0MESH",
        "event_id": f"Ev{next(_numbers)}",
        "event_time": int(time.time()),
        "event": {**inner, **(event or {})},
        "is_ext_shared_channel": False,
        **changes,
    }


def event(text: str, kind: str = "app_mention", *, secret: str = SECRET, **changes: Any) -> Mail:
    """A signed event."""
    return signed(json.dumps(event_fields(text, kind, **changes)), "application/json", secret=secret)


def button_fields(action_id: str, value: str, **changes: Any) -> dict[str, Any]:
    """The payload of a pressed button on a card in C0PROD."""
    return {
        "type": "block_actions",
        "user": {"id": "U0JIN", "team_id": "T0MESH"},
        "team": {"id": "T0MESH"},
        "api_app_id": "A0MESH",
        "container": {"type": "message", "message_ts": "1.1", "channel_id": "C0PROD"},
        "channel": {"id": "C0PROD"},
        "actions": [{"type": "button", "action_id": action_id, "value": value, "action_ts": f"{next(_numbers)}.0"}],
        "trigger_id": "1.2.3",
        **changes,
    }


def button(action_id: str, value: str, **changes: Any) -> Mail:
    """A signed press of a button."""
    return signed(urlencode({"payload": json.dumps(button_fields(action_id, value, **changes))}))


def fields(**given: str) -> dict[str, Any]:
    """The state of the form: promote api 50 in the default cluster, but for what is `given`."""
    found = {"verb": "promote", "cluster": "default", "service": "default/default/api", "amount": "50", **given}
    ids = {"verb": "verb", "cluster": "cluster", "service": "meshbot.form.service"}
    chosen = {block: {ids[block]: {"selected_option": {"value": found[block]}}} for block in ids}
    typed = {block: {block: {"value": found.get(block)}} for block in ("amount", "version", "reason")}
    return {"values": chosen | typed}


def modal_fields(kind: str, **changes: Any) -> dict[str, Any]:
    """A payload of the form opened in C0PROD: view_submission or block_suggestion."""
    kept = json.dumps({"channel": "C0PROD", "thread": ""})
    view = {"id": "V1", "type": "modal", "callback_id": "meshbot.form", "hash": "h1", "private_metadata": kept}
    typed = {"value": "ap", "action_id": "meshbot.form.service", "block_id": "service"}
    return {
        "type": kind,
        "user": {"id": "U0JIN", "team_id": "T0MESH"},
        "team": {"id": "T0MESH"},
        "api_app_id": "A0MESH",
        "view": {**view, "state": fields(), **changes.pop("view", {})},
        **(typed if kind == "block_suggestion" else {}),
        **changes,
    }


def submission(**changes: Any) -> Mail:
    """The form, sent off."""
    return signed(urlencode({"payload": json.dumps(modal_fields("view_submission", **changes))}))


def reason_given(operation: str, reason: Any, **changes: Any) -> Mail:
    """The form that asks why somebody denies, opened in C0PROD and sent off."""
    kept = json.dumps({"channel": "C0PROD", "thread": "", "operation": operation})
    state = {"values": {"reason": {"reason": {"value": reason}}}}
    view = {"callback_id": "meshbot.deny.why", "private_metadata": kept, "state": state, **changes.pop("view", {})}
    return submission(view=view, **changes)


def suggestion(**changes: Any) -> Mail:
    """Somebody types `ap` into the form's select."""
    return signed(urlencode({"payload": json.dumps(modal_fields("block_suggestion", **changes))}))


def view_button(action_id: str, value: str = "", **changes: Any) -> Mail:
    """A press in a view: of the form, or, with `view={"type": "home"}`, of the App Home."""
    view = modal_fields("block_actions", view=changes.pop("view", {}))["view"]
    container = {"type": "view", "view_id": view["id"]}
    return button(action_id, value, view=view, container=container, channel=None, **changes)


def home_opened(**changes: Any) -> Mail:
    """Somebody opens the App Home."""
    inner = {"tab": "home", "channel": "D0JIN", **changes.pop("event", {})}
    return event("", "app_home_opened", event=inner, **changes)


def call(application: Any, mail: Mail, *, path: str = "/slack/events", method: str = "POST") -> Back:
    """Give one request to a WSGI application."""
    mail = mail.fresh()
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(mail.body)),
        "wsgi.input": io.BytesIO(mail.body),
    }
    for name, value in mail.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key.startswith("CONTENT_") else f"HTTP_{key}"] = value
    answered: list[tuple[str, list[tuple[str, str]]]] = []
    started = time.monotonic()
    body = b"".join(application(environ, lambda status, headers: answered.append((status, headers))))
    status, headers = answered[0]
    lower = {name.lower(): value for name, value in headers}
    return Back(int(status.split()[0]), body.decode(), time.monotonic() - started, lower)


def post(port: int, mail: Mail, *, path: str = "/slack/events", method: str = "POST") -> Back:
    """Send one request to a server on 127.0.0.1."""
    mail = mail.fresh()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    started = time.monotonic()
    try:
        connection.request(method, path, mail.body, mail.headers)
        answer = connection.getresponse()
        return Back(answer.status, answer.read().decode(), time.monotonic() - started)
    finally:
        connection.close()
