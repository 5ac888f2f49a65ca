"""What Slack sends, read into one shape: a person, a place, the words or the button, and the delivery's own name.

Payloads: docs.slack.dev /interactivity/implementing-slash-commands, /reference/interaction-payloads, /apis/events-api.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from mesh.domain.operations import Origin
from mesh.domain.outsiders import Outsider
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
    shared: bool | None = None
    """Whether people from outside can be in the channel; None where Slack does not say."""
    machine: Outsider | None = None
    """BOT or WORKFLOW where the payload itself says that no person made it."""
    trigger: str = ""
    """The right to open one modal within 3 s; empty where there is none."""


def from_slash(body: Payload) -> Request:
    """Read a slash command. It has no event id; its trigger id is given out once."""
    return Request(
        Actor(body["user_id"], body.get("team_id") or ""),
        Origin("slash", channel=body.get("channel_id") or "", response_url=body.get("response_url") or ""),
        dedupe=f"slash:{body['trigger_id']}",
        text=unescaped(body.get("text") or ""),
        app=body.get("api_app_id") or "",
        enterprise=body.get("enterprise_id") or "",
        trigger=body["trigger_id"],
    )


def from_event(body: Payload) -> Request | None:
    """Read a mention or a direct message; None for what nobody just wrote: edits, joins, deletions.

    What a machine wrote is read, so that it can be turned away on record.
    """
    event = body["event"]
    author = event.get("user") or event.get("bot_id")
    # Slack tells of a mention again when its message is edited.
    if event.get("edited") or event.get("subtype") not in (None, "bot_message") or not author:
        return None
    team = event.get("user_team") or event.get("source_team") or event.get("team") or body.get("team_id") or ""
    return Request(
        Actor(author, team),
        Origin("mention", channel=event["channel"], thread=event.get("thread_ts") or ""),
        dedupe=f"event:{body['event_id']}",
        text=unescaped(event.get("text") or ""),
        app=body.get("api_app_id") or "",
        enterprise=body.get("enterprise_id") or "",
        at=float(body["event_time"]),
        shared=body.get("is_ext_shared_channel"),
        machine=_machine(event),
    )


def from_home(body: Payload) -> Request:
    """Read that somebody opened the App Home."""
    user = body["event"]["user"]
    return Request(
        Actor(user, body.get("team_id") or ""),
        Origin("home", channel=user),
        dedupe=f"event:{body['event_id']}",
        app=body.get("api_app_id") or "",
        enterprise=body.get("enterprise_id") or "",
    )


def from_button(body: Payload) -> Request:
    """Read a press of one of our buttons, named by message, button, time and person: a repeat has those in common.

    `team` of the payload is null for an app installed in a whole organisation, so the person's own team is read.
    """
    user, action, container = body["user"], body["actions"][0], body.get("container") or {}
    seen = container.get("message_ts") or container.get("view_id") or ""
    parts = (seen, action["action_id"], action.get("action_ts") or "", user["id"])
    message = Origin(
        "button",
        channel=container.get("channel_id") or "",
        thread=container.get("thread_ts") or "",
        response_url=body.get("response_url") or "",
    )
    return Request(
        Actor(user["id"], user.get("team_id") or ""),
        _origin_in(body) if body.get("view") else message,
        dedupe=":".join(("button", *parts)),
        button=action["action_id"],
        claim=str(action.get("value") or ""),
        message=container.get("message_ts") or "",
        app=body.get("api_app_id") or "",
        enterprise=_enterprise(body),
        trigger=body.get("trigger_id") or "",
    )


def from_modal(body: Payload) -> Request:
    """Read that somebody sent a modal off, or types into one of its selects; what is in it is read later.

    The view's hash names this very state of the modal: sending it twice is one wish.
    """
    user, view = body["user"], body.get("view") or {}
    return Request(
        Actor(user["id"], user.get("team_id") or ""),
        _origin_in(body),
        dedupe=f"modal:{view.get('id')}:{view.get('hash')}:{user['id']}",
        text=str(body.get("value") or ""),
        app=body.get("api_app_id") or "",
        enterprise=_enterprise(body),
    )


def _origin_in(body: Payload) -> Origin:
    """Return where an act in a view belongs: where the modal was opened, else between the person and us.

    What the modal remembers of that is only a claim, so it must at least look like a channel.
    """
    view, user = body.get("view") or {}, body["user"]["id"]
    if view.get("type") == "home":
        return Origin("home", channel=user)
    kept = _object(view.get("private_metadata"))
    channel, thread = (str(kept.get(key) or "") for key in ("channel", "thread"))
    if not _CHANNEL.fullmatch(channel):
        return Origin("modal", channel=user)
    return Origin("modal", channel=channel, thread=thread if _STAMP.fullmatch(thread) else "")


def _object(text: object) -> Payload:
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _enterprise(body: Payload) -> str:
    return str((body.get("enterprise") or {}).get("id") or "")


def _machine(event: Payload) -> Outsider | None:
    profile = event.get("bot_profile") or {}
    if profile.get("is_workflow_bot") or event.get("workflow_id"):
        return Outsider.WORKFLOW
    return Outsider.BOT if profile or event.get("bot_id") or event.get("subtype") == "bot_message" else None


def unescaped(text: str) -> str:
    """Return what the person typed: Slack's links and names as plain words, its three escaped characters as they were.

    A mention without a label stays as it is (the grammar knows the one we are called by). Form of links and names:
    docs.slack.dev/messaging/formatting-message-text.
    """
    plain = _MARKED.sub(_as_typed, text)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


_CHANNEL = re.compile(r"[CDG][A-Z0-9]{1,30}")
_STAMP = re.compile(r"\d{1,12}\.\d{1,6}")
_MARKED = re.compile(r"<([@#]?)([^<>|]+)(?:\|([^<>]*))?>")


def _as_typed(marked: re.Match[str]) -> str:
    sign, target, label = marked.groups()
    if not sign:
        return target if "://" in target or target.startswith("mailto:") else marked[0]
    return f"{sign}{label}" if label else marked[0]
