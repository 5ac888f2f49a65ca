"""The chat.* methods (docs.slack.dev /reference/methods/chat.postMessage and its neighbours)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playground.slack.backstage import Call
from playground.slack.blocks import MARKDOWN_CHARACTERS, check_message_blocks
from playground.slack.state import Message
from playground.slack.uploads import Uploads
from playground.slack.wire import Json, SlackError
from playground.slack.world import Channel

TRUNCATED_AT = 40_000
UPDATE_CHARACTERS = 4_000


@dataclass(frozen=True)
class Content:
    """What a message says."""

    text: str
    """Top-level text, cut at 40,000 characters."""
    blocks: tuple[Json, ...]
    """Valid blocks."""


def content_of(args: Json, uploads: Uploads) -> Content:
    """Return the checked content of a message; its pictures must be among `uploads`.

    Raises SlackError `no_text`, `msg_too_long`, `too_many_attachments`, or what the blocks are refused for.
    """
    text = args.get("text") or ""
    markdown = args.get("markdown_text") or ""
    if markdown and (text or args.get("blocks")):
        raise SlackError("markdown_text_conflict")
    if len(markdown) > MARKDOWN_CHARACTERS:
        raise SlackError("msg_too_long")
    blocks = check_message_blocks(args["blocks"]) if args.get("blocks") else ()
    uploads.check(blocks)
    attachments: Any = args.get("attachments") or ()
    if len(attachments) > 100:
        raise SlackError("too_many_attachments")
    if not (text or markdown or blocks or attachments):
        raise SlackError("no_text")
    return Content(str(text or markdown)[:TRUNCATED_AT], blocks)


def post_message(call: Call) -> Json:
    """chat.postMessage."""
    channel = call.writable_channel()
    content = content_of(call.args, call.back.uploads)
    thread_ts = _thread_of(call, channel)
    metadata = _metadata(call.args)
    call.back.limits.spend_post(channel.id)
    message = Message(
        channel.id,
        call.back.world.bot.user_id,
        content.text,
        content.blocks,
        thread_ts=thread_ts,
        broadcast=thread_ts is not None and call.flag("reply_broadcast"),
        metadata=metadata,
    )
    # Only here: what an edit brings in stays hidden from people.
    call.back.uploads.share(content.blocks, channel.id)
    posted = call.back.workspace.post(message)
    return {"ok": True, "channel": channel.id, "ts": posted.ts, "message": call.back.workspace.wire(posted)}


def update(call: Call) -> Json:
    """chat.update: own messages only; text alone drops the blocks, and only text shows "(edited)"."""
    channel, message = _own_message(call, refusal="cant_update_message")
    content = content_of(call.args, call.back.uploads)
    if len(content.text) > UPDATE_CHARACTERS:
        raise SlackError("msg_too_long")
    edited = message.edited or (not content.blocks and content.text != message.text)
    changes: Json = {"text": content.text, "blocks": content.blocks, "edited": edited}
    if metadata := _metadata(call.args):
        changes["metadata"] = metadata
    new = call.back.workspace.change(message, **changes)
    shown = call.back.workspace.wire(new)
    return {"ok": True, "channel": channel.id, "ts": new.ts, "text": new.text, "message": shown}


def delete(call: Call) -> Json:
    """chat.delete: own messages only."""
    channel, message = _own_message(call, refusal="cant_delete_message")
    call.back.workspace.change(message, deleted=True)
    return {"ok": True, "channel": channel.id, "ts": message.ts}


def post_ephemeral(call: Call) -> Json:
    """chat.postEphemeral: to a member of the channel; the ts is of no use for chat.update."""
    channel = call.writable_channel()
    user = call.text("user", missing="user_not_in_channel")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    content = content_of(call.args, call.back.uploads)
    thread_ts = _thread_of(call, channel)
    message = Message(
        channel.id,
        call.back.world.bot.user_id,
        content.text,
        content.blocks,
        thread_ts=thread_ts,
        ephemeral_to=user,
    )
    return {"ok": True, "message_ts": call.back.workspace.post(message).ts}


def get_permalink(call: Call) -> Json:
    """chat.getPermalink."""
    channel = call.joined_channel()
    message = call.back.workspace.find(channel.id, call.text("message_ts", missing="message_not_found"))
    if message is None or message.ephemeral_to:
        raise SlackError("message_not_found")
    link = f"https://{call.back.world.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"ok": True, "channel": channel.id, "permalink": link}


def _own_message(call: Call, *, refusal: str) -> tuple[Channel, Message]:
    channel = call.writable_channel()
    if call.args.get("channel") != channel.id:
        # Unlike chat.postMessage these take neither a name nor a person's id.
        raise SlackError("channel_not_found")
    message = call.back.workspace.find(channel.id, call.text("ts", missing="message_not_found"))
    if message is None or message.ephemeral_to:
        raise SlackError("message_not_found")
    if message.author != call.back.world.bot.user_id:
        raise SlackError(refusal)
    return channel, message


def _thread_of(call: Call, channel: Channel) -> str | None:
    wanted = call.args.get("thread_ts")
    if not wanted:
        return None
    parent = call.back.workspace.find(channel.id, str(wanted))
    if parent is None or parent.ephemeral_to:
        raise SlackError("thread_not_found")
    return parent.thread_ts or parent.ts


def _metadata(args: Json) -> Json | None:
    metadata = args.get("metadata")
    if not metadata:
        return None
    if not isinstance(metadata, dict) or not {"event_type", "event_payload"} <= metadata.keys():
        raise SlackError("invalid_metadata_format")
    return metadata
