"""What the app receives when people act (docs.slack.dev /reference/interaction-payloads, /apis/events-api)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from playground.slack.escaping import escape_command
from playground.slack.state import Message, Workspace
from playground.slack.wire import Json, without_nothing
from playground.slack.world import BOT, WORKFLOW_BOT, Channel, Command, Person, World


@dataclass(frozen=True)
class Act:
    """One person doing something in one channel."""

    person: Person
    """Who."""
    channel: Channel
    """Where."""
    trigger_id: str
    """The right to open a modal within 3 s."""
    response_url: str
    """Where the app may answer for 30 minutes."""


def slash_payload(world: World, act: Act, command: Command, text: str) -> Json:
    """Return the form fields of a slash command; no thread and no event id, as in Slack."""
    names = {"im": "directmessage", "private": "privategroup"}
    return {
        "token": "deprecated-verification-token",
        "team_id": world.team_id,
        "team_domain": world.domain,
        "channel_id": act.channel.id,
        "channel_name": names.get(act.channel.kind, act.channel.name),
        "user_id": act.person.id,
        "user_name": act.person.name,
        "command": command.command,
        "text": escape_command(world, text) if command.should_escape else text,
        "api_app_id": world.bot.app_id,
        "is_enterprise_install": "false",
        "response_url": act.response_url,
        "trigger_id": act.trigger_id,
    }


def click_payload(workspace: Workspace, act: Act, message: Message, action: Json) -> Json:
    """Return a block_actions payload for an element of a message."""
    hidden = message.ephemeral_to is not None
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": act.channel.id,
        "is_ephemeral": hidden,
        "thread_ts": message.thread_ts,
    }
    return without_nothing(
        {
            **_interaction(workspace.world, act.person, "block_actions"),
            "container": without_nothing(container),
            "channel": {"id": act.channel.id, "name": act.channel.name},
            # Slack leaves the message out when it was ephemeral.
            "message": None if hidden else workspace.wire(message),
            "state": {"values": {}},
            "trigger_id": act.trigger_id,
            "response_url": act.response_url,
            "actions": [action],
        }
    )


def view_click_payload(world: World, person: Person, view: Json, *, action: Json, trigger_id: str) -> Json:
    """Return a block_actions payload for an element of a modal or the App Home: no channel, no response_url."""
    container = {"type": "view", "view_id": view["id"]}
    body = {"container": container, "view": view, "actions": [action], "trigger_id": trigger_id}
    return {**_interaction(world, person, "block_actions"), **body}


def submission_payload(world: World, person: Person, view: Json, *, trigger_id: str) -> Json:
    """Return a view_submission payload; the values stand in view.state.values."""
    extra = {"view": view, "trigger_id": trigger_id, "response_urls": []}
    return {**_interaction(world, person, "view_submission"), **extra}


def suggestion_payload(world: World, person: Person, view: Json, *, ids: tuple[str, str], value: str) -> Json:
    """Return a block_suggestion payload of an external select in a view: no trigger_id, no response_url."""
    typed = {"block_id": ids[0], "action_id": ids[1], "value": value}
    container = {"type": "view", "view_id": view["id"]}
    return {**_interaction(world, person, "block_suggestion"), "container": container, "view": view, **typed}


def closing_payload(world: World, person: Person, view: Json) -> Json:
    """Return a view_closed payload."""
    return {**_interaction(world, person, "view_closed"), "view": view, "is_cleared": False}


def event_payload(world: World, event: Json, *, ext_shared: bool = False) -> Json:
    """Wrap an event as the Events API does; event_id is globally unique."""
    authorization = {
        "enterprise_id": None,
        "team_id": world.team_id,
        "user_id": world.bot.user_id,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": "deprecated-verification-token",
        "team_id": world.team_id,
        "context_team_id": world.team_id,
        "context_enterprise_id": None,
        "api_app_id": world.bot.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(time.time()),
        "authorizations": [authorization],
        "is_ext_shared_channel": ext_shared,
        "event_context": f"4-{secrets.token_hex(8)}",
    }


def message_event(workspace: Workspace, message: Message, *, kind: str) -> Json:
    """Return the inner event of app_mention, or of message in an im."""
    person = workspace.world.person(message.author)
    external = person is not None and workspace.world.is_external(person)
    event = {
        "type": kind,
        "user": message.author,
        "text": message.text,
        "ts": message.ts,
        "event_ts": message.ts,
        "channel": message.channel,
        "team": workspace.world.team_id,
        "thread_ts": message.thread_ts,
        "channel_type": "im" if kind == "message" else None,
        "client_msg_id": secrets.token_hex(16) if person and not person.flags & {BOT, WORKFLOW_BOT} else None,
        **_machine(person),
        "user_team": person.team_id if person and external else None,
        "source_team": person.team_id if person and external else None,
    }
    return without_nothing(event)


def _machine(person: Person | None) -> Json:
    """Return what marks a message of a bot or a workflow."""
    if person is None or not person.flags & {BOT, WORKFLOW_BOT}:
        return {}
    bot_id = f"B{person.id[1:]}"
    profile = {"id": bot_id, "name": person.name, "team_id": person.team_id, "deleted": False}
    return {
        "bot_id": bot_id,
        "bot_profile": profile | ({"is_workflow_bot": True} if WORKFLOW_BOT in person.flags else {}),
    }


def home_event(person: Person, channel_id: str, view: Json | None = None) -> Json:
    """Return the inner event of somebody opening the App Home; `view` is what was published there last."""
    stamp = f"{time.time():.6f}"
    event = {"type": "app_home_opened", "user": person.id, "channel": channel_id, "tab": "home", "event_ts": stamp}
    return without_nothing({**event, "view": view})


def changes_of_channel(before: Channel, after: Channel) -> list[Json]:
    """Return the inner events of what changed of a channel (docs.slack.dev /reference/events)."""
    stamp, found = f"{time.time():.6f}", list[Json]()
    if before.name != after.name:
        renamed = {"id": after.id, "name": after.name, "created": 1_700_000_000}
        found.append({"type": "channel_rename", "channel": renamed, "event_ts": stamp})
    if before.archived != after.archived:
        kind = "channel_archive" if after.archived else "channel_unarchive"
        found.append({"type": kind, "channel": after.id, "event_ts": stamp})
    if before.ext_shared != after.ext_shared:
        kind = "channel_shared" if after.ext_shared else "channel_unshared"
        found.append({"type": kind, "channel": after.id, "connected_team_id": "T0OTHER", "event_ts": stamp})
    return found


def action_of(element: Json, block_id: str, chosen: str | None) -> Json:
    """Return one entry of `actions`: a button's stored value, or the option with the `chosen` value.

    Raises ValueError when the element has no such option.
    """
    action: Json = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block_id,
        "action_ts": f"{time.time():.6f}",
    }
    if element["type"] == "button":
        return action | {key: element[key] for key in ("text", "value", "style") if key in element}
    options = [o for group in element.get("option_groups", [element]) for o in group.get("options", [])]
    option = next((option for option in options if option["value"] == chosen), None)
    if option is None:
        raise ValueError(f"no option has the value {chosen!r}; give one of {[o['value'] for o in options]}")
    return action | {"selected_option": option}


def _interaction(world: World, person: Person, kind: str) -> Json:
    user = {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team_id}
    return {
        "type": kind,
        "user": user,
        "api_app_id": world.bot.app_id,
        "token": "deprecated-verification-token",
        "team": {"id": world.team_id, "domain": world.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }
