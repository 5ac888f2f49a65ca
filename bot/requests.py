"""What Slack sends, read into one shape: a person, a place, the words or the button, and the delivery's own name.

Payloads: docs.slack.dev /interactivity/implementing-slash-commands, /reference/interaction-payloads, /apis/events-api.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mesh.domain.operations import Origin
from mesh.domain.policy import Actor

Payload = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One request of one person, whatever way it came by."""

    actor: Actor
    origin: Origin
    dedupe: str
    """Names the delivery: the same for every repeat of it, never the same for two wishes."""
    text: str = ""
    """The words as typed; empty for a button."""
    button: str = ""
    """Name of the pressed button (`chat.buttons`); empty for words."""
    claim: str = ""
    """For a button: its value, an operation's id or a command. Only a claim: looked up, or parsed like typed text."""
    message: str = ""
    """For a button: timestamp of the message that it is on."""
    app: str = ""
    """Slack app this was sent to."""
    enterprise: str = ""
    at: float | None = None
    """Unix time in seconds of an event, as Slack says; None for what Slack never sends again."""
    shared: bool = True
    """False when Slack says that nobody from outside can be in the channel."""


def from_slash(body: Payload) -> Request:
    """Read a slash command. It has no event id; its trigger id is given out once."""
    return Request(
        Actor(body["user_id"], body.get("team_id") or ""),
        Origin("slash", channel=body.get("channel_id") or "", response_url=body.get("response_url") or ""),
        dedupe=f"slash:{body['trigger_id']}",
        text=unescaped(body.get("text") or ""),
        app=body.get("api_app_id") or "",
        enterprise=body.get("enterprise_id") or "",
    )


def from_event(body: Payload) -> Request | None:
    """Read a mention or a direct message; None for what no person just wrote: bots, edits, joins, deletions."""
    event = body["event"]
    if event.get("subtype") or event.get("bot_id") or event.get("bot_profile") or not event.get("user"):
        return None
    team = event.get("user_team") or event.get("source_team") or event.get("team") or body.get("team_id") or ""
    return Request(
        Actor(event["user"], team),
        Origin("mention", channel=event["channel"], thread=event.get("thread_ts") or ""),
        dedupe=f"event:{body['event_id']}",
        text=unescaped(event.get("text") or ""),
        app=body.get("api_app_id") or "",
        enterprise=body.get("enterprise_id") or "",
        at=float(body["event_time"]),
        shared=body.get("is_ext_shared_channel") is not False,
    )


def from_button(body: Payload) -> Request:
    """Read a press of one of our buttons, named by message, button, time and person: a repeat has those in common.

    `team` of the payload is null for an app installed in a whole organisation, so the person's own team is read.
    """
    user, action, container = body["user"], body["actions"][0], body.get("container") or {}
    parts = (container.get("message_ts") or "", action["action_id"], action.get("action_ts") or "", user["id"])
    return Request(
        Actor(user["id"], user.get("team_id") or ""),
        Origin(
            "button",
            channel=container.get("channel_id") or "",
            thread=container.get("thread_ts") or "",
            response_url=body.get("response_url") or "",
        ),
        dedupe=":".join(("button", *parts)),
        button=action["action_id"],
        claim=str(action.get("value") or ""),
        message=container.get("message_ts") or "",
        app=body.get("api_app_id") or "",
        enterprise=(body.get("enterprise") or {}).get("id") or "",
    )


def unescaped(text: str) -> str:
    """Return what the person typed: Slack's links and names as plain words, its three escaped characters as they were.

    A mention without a label stays as it is (the grammar knows the one we are called by). Form of links and names:
    docs.slack.dev/messaging/formatting-message-text.
    """
    plain = _MARKED.sub(_as_typed, text)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


_MARKED = re.compile(r"<([@#]?)([^<>|]+)(?:\|([^<>]*))?>")


def _as_typed(marked: re.Match[str]) -> str:
    sign, target, label = marked.groups()
    if not sign:
        return target if "://" in target or target.startswith("mailto:") else marked[0]
    return f"{sign}{label}" if label else marked[0]
