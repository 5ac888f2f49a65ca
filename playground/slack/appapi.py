"""Methods about the app itself: auth.test, views.*, files.*, apps.connections.open.

Rules: docs.slack.dev /reference/methods.
"""

from __future__ import annotations

from typing import Any

from playground.slack.backstage import Call
from playground.slack.blocks import check_view
from playground.slack.state import Message
from playground.slack.wire import Json, SlackError

EVENTS = (
    *("app_home_opened", "app_mention", "message.im", "user_change", "subteam_members_changed", "subteam_updated"),
    *("channel_archive", "channel_unarchive", "channel_shared", "channel_unshared", "group_archive", "group_unarchive"),
    "member_joined_channel",
)
"""What it is subscribed to, as in manifests/slack-app.yaml."""


def api_test(call: Call) -> Json:
    """api.test: gives the arguments back."""
    if error := call.args.get("error"):
        raise SlackError(str(error))
    return {"ok": True, "args": call.args}


def auth_test(call: Call) -> Json:
    """auth.test."""
    world = call.back.world
    return {
        "ok": True,
        "url": f"https://{world.domain}.slack.com/",
        "team": world.team_name,
        "team_id": world.team_id,
        "user": world.bot.name,
        "user_id": world.bot.user_id,
        "bot_id": world.bot.bot_id,
        "app_id": world.bot.app_id,
        "is_enterprise_install": False,
    }


def connections_open(call: Call) -> Json:
    """apps.connections.open: a websocket URL, good for one use."""
    ticket = call.back.sockets.new_ticket()
    base = call.base_url.replace("http", "ws", 1)
    return {"ok": True, "url": f"{base}/link/?ticket={ticket}&app_id={call.back.world.bot.app_id}"}


def manifest_export(call: Call) -> Json:
    """apps.manifest.export: how the app was made, by its id."""
    world = call.back.world
    if call.text("app_id", missing="invalid_arguments") != world.bot.app_id:
        raise SlackError("invalid_app_id")
    address = f"{call.base_url}/slack/events"
    commands = [{"command": one.command, "should_escape": one.should_escape, "url": address} for one in world.commands]
    events = {"request_url": address, "bot_events": list(EVENTS)}
    interactivity = {"is_enabled": True, "request_url": address, "message_menu_options_url": address}
    settings = {"event_subscriptions": events, "interactivity": interactivity, "socket_mode_enabled": False}
    home = {"home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False}
    bot = {"display_name": world.bot.name, "always_online": True}
    features = {"app_home": home, "bot_user": bot, "slash_commands": commands}
    scopes = {"bot": list(world.bot.scopes)}
    return {
        "ok": True,
        "manifest": {"features": features, "oauth_config": {"scopes": scopes}, "settings": settings},
    }


def views_open(call: Call) -> Json:
    """views.open: within 3 s of the act, once."""
    ticket = call.back.tickets.spend_trigger(call.text("trigger_id", missing="invalid_arguments"))
    view = check_view(call.args.get("view"), kind="modal")
    return {"ok": True, "view": call.back.views.open(ticket.user, view)}


def views_push(call: Call) -> Json:
    """views.push: on top of the person's newest modal, three deep at most."""
    ticket = call.back.tickets.spend_trigger(call.text("trigger_id", missing="invalid_arguments"))
    view = check_view(call.args.get("view"), kind="modal")
    modals = [shown.view for shown in call.back.views.all(ticket.user) if shown.view["type"] == "modal"]
    if not modals:
        raise SlackError("not_found")
    return {"ok": True, "view": call.back.views.open(ticket.user, view, previous=modals[-1])}


def views_update(call: Call) -> Json:
    """views.update: by view_id or external_id, guarded by hash."""
    view = check_view(call.args.get("view"), kind="modal")
    updated = call.back.views.update(
        view,
        view_id=str(call.args.get("view_id") or ""),
        external_id=str(call.args.get("external_id") or ""),
        seen_hash=str(call.args.get("hash") or ""),
    )
    return {"ok": True, "view": updated}


def views_publish(call: Call) -> Json:
    """views.publish: the App Home of one person."""
    user = call.text("user_id")
    if call.back.world.person(user) is None:
        raise SlackError("user_not_found")
    view = check_view(call.args.get("view"), kind="home")
    return {"ok": True, "view": call.back.views.publish(user, view, seen_hash=str(call.args.get("hash") or ""))}


def get_upload_url(call: Call) -> Json:
    """files.getUploadURLExternal."""
    try:
        length = int(call.args.get("length") or 0)
    except ValueError:
        raise SlackError("invalid_arguments") from None
    upload = call.back.uploads.begin(call.text("filename"), length, str(call.args.get("alt_txt") or ""))
    return {"ok": True, "upload_url": f"{call.base_url}/upload/{upload.id}", "file_id": upload.id}


def complete_upload(call: Call) -> Json:
    """files.completeUploadExternal: once; shares the files in a channel when one is named."""
    files: Any = call.args.get("files")
    if not isinstance(files, list) or not files:
        raise SlackError("invalid_arguments")
    key = "channel_id" if call.args.get("channel_id") else "channels"
    channel = call.writable_channel(key) if call.args.get(key) else None
    done = [call.back.uploads.complete(str(f.get("id")), str(f.get("title") or "")).as_json() for f in files]
    if channel is not None:
        call.back.limits.spend_post(channel.id)
        text = str(call.args.get("initial_comment") or "")
        author = call.back.world.bot.user_id
        thread_ts = call.args.get("thread_ts") or None
        for file in done:
            call.back.uploads.share_file(file["id"], channel.id)
        call.back.workspace.post(Message(channel.id, author, text, thread_ts=thread_ts, files=tuple(done)))
    return {"ok": True, "files": done}
