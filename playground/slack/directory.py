"""People, groups and channels: users.*, usergroups.*, conversations.* (docs.slack.dev /reference/methods)."""

from __future__ import annotations

from playground.slack.backstage import Call
from playground.slack.state import Message
from playground.slack.wire import Json, SlackError, without_nothing
from playground.slack.world import BOT, DELETED, GUEST, SINGLE_CHANNEL_GUEST, WORKFLOW_BOT, Channel, Person, UserGroup

TYPES = {"public": "public_channel", "private": "private_channel", "im": "im"}


def users_info(call: Call) -> Json:
    """users.info."""
    person = call.back.world.person(call.text("user", missing="user_not_found"))
    if person is None:
        raise SlackError("user_not_found")
    found = user_object(person)
    return {"ok": True, "user": {**found, "locale": person.locale} if call.flag("include_locale") else found}


def users_list(call: Call) -> Json:
    """users.list: everybody of this workspace, and the externals it has seen."""
    people, metadata = call.page([*call.back.world.people, call.back.world.bot_person])
    return {"ok": True, "members": [user_object(p) for p in people], "response_metadata": metadata}


def usergroups_list(call: Call) -> Json:
    """usergroups.list."""
    with_users = call.flag("include_users")
    groups = [_group(call, group, with_users=with_users) for group in call.back.world.usergroups]
    return {"ok": True, "usergroups": groups}


def usergroups_users_list(call: Call) -> Json:
    """usergroups.users.list."""
    wanted = call.text("usergroup", missing="no_such_subteam")
    group = next((g for g in call.back.world.usergroups if g.id == wanted), None)
    if group is None:
        raise SlackError("no_such_subteam")
    return {"ok": True, "users": list(group.users)}


def conversations_info(call: Call) -> Json:
    """conversations.info."""
    return {"ok": True, "channel": channel_object(call, call.channel())}


def conversations_list(call: Call) -> Json:
    """conversations.list: public channels unless `types` says otherwise; private ones and ims only with the bot."""
    types = str(call.args.get("types") or "public_channel").split(",")
    bot = call.back.world.bot.user_id
    seen = [c for c in call.back.world.channels if TYPES[c.kind] in types and (c.kind == "public" or bot in c.members)]
    seen = [c for c in seen if not (call.flag("exclude_archived") and c.archived)]
    channels, metadata = call.page(seen)
    return {"ok": True, "channels": [channel_object(call, c) for c in channels], "response_metadata": metadata}


def conversations_members(call: Call) -> Json:
    """conversations.members."""
    members, metadata = call.page(call.channel().members)
    return {"ok": True, "members": members, "response_metadata": metadata}


def conversations_history(call: Call) -> Json:
    """conversations.history: newest first, without replies and ephemerals."""
    channel = call.joined_channel()
    messages = [m for m in call.back.workspace.visible(channel.id, None) if m.thread_ts is None or m.broadcast]
    return _messages(call, list(reversed(messages)))


def conversations_replies(call: Call) -> Json:
    """conversations.replies: oldest first, the thread's first message included."""
    channel = call.joined_channel()
    wanted = call.text("ts", missing="thread_not_found")
    message = call.back.workspace.find(channel.id, wanted)
    if message is None or message.ephemeral_to:
        raise SlackError("thread_not_found")
    return _messages(call, call.back.workspace.replies(channel.id, message.thread_ts or message.ts))


def user_object(person: Person) -> Json:
    """Return a user (docs.slack.dev /reference/objects/user-object); is_stranger is false for known externals."""
    flags = person.flags
    profile = {"title": person.title, "real_name": person.real_name, "display_name": person.name}
    return without_nothing(
        {
            "id": person.id,
            "team_id": person.team_id,
            "name": person.name,
            "real_name": person.real_name,
            "profile": {**profile, "team": person.team_id},
            "deleted": DELETED in flags,
            "is_restricted": bool(flags & {GUEST, SINGLE_CHANNEL_GUEST}),
            "is_ultra_restricted": SINGLE_CHANNEL_GUEST in flags,
            "is_bot": BOT in flags,
            "is_workflow_bot": True if WORKFLOW_BOT in flags else None,
            "is_app_user": False,
            "is_admin": False,
            "is_owner": False,
            "is_stranger": False,
            "tz": "Etc/UTC",
            "tz_offset": 0,
            "updated": 1_700_000_000,
        }
    )


def channel_object(call: Call, channel: Channel) -> Json:
    """Return a conversation (docs.slack.dev /reference/objects/conversation-object)."""
    is_im = channel.kind == "im"
    bot = call.back.world.bot.user_id
    return without_nothing(
        {
            "id": channel.id,
            "name": None if is_im else channel.name,
            "user": next(member for member in channel.members if member != bot) if is_im else None,
            "is_channel": channel.kind == "public",
            "is_group": False,
            "is_im": is_im,
            "is_private": channel.kind != "public",
            "is_archived": channel.archived,
            "is_member": None if is_im else bot in channel.members,
            "is_shared": channel.ext_shared,
            "is_ext_shared": channel.ext_shared,
            "is_org_shared": False,
            "is_pending_ext_shared": False,
            "topic": {"value": channel.topic},
            "purpose": {"value": ""},
            "num_members": None if is_im else len(channel.members),
            "context_team_id": call.back.world.team_id,
            "created": 1_700_000_000,
        }
    )


def _group(call: Call, group: UserGroup, *, with_users: bool) -> Json:
    return without_nothing(
        {
            "id": group.id,
            "team_id": call.back.world.team_id,
            "is_usergroup": True,
            "handle": group.handle,
            "name": group.handle,
            "date_delete": 0,
            "user_count": len(group.users),
            "users": list(group.users) if with_users else None,
        }
    )


def _messages(call: Call, messages: list[Message]) -> Json:
    oldest, latest = float(call.args.get("oldest") or 0), float(call.args.get("latest") or "inf")
    inclusive = call.flag("inclusive")
    chosen = [m for m in messages if oldest < float(m.ts) < latest or (inclusive and float(m.ts) in (oldest, latest))]
    part, metadata = call.page(chosen)
    wire = [call.back.workspace.wire(m) for m in part]
    if not call.flag("include_all_metadata"):
        wire = [{name: value for name, value in message.items() if name != "metadata"} for message in wire]
    return {"ok": True, "messages": wire, "has_more": bool(metadata["next_cursor"]), "response_metadata": metadata}
