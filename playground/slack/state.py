"""What the workspace remembers: every message, its earlier versions, and who is listening."""

from __future__ import annotations

import asyncio
import copy
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from playground.slack.wire import Json, without_nothing
from playground.slack.world import BOT, World

INTERACTIVE_KEYS = ("elements", "accessory", "element")


@dataclass(frozen=True)
class Message:
    """One message as people see it."""

    channel: str
    """Where it is."""
    author: str
    """User id of its author."""
    text: str
    """Slack's mrkdwn, the notification text when blocks are given."""
    blocks: tuple[Json, ...] = ()
    """Block Kit, each with a block_id once posted."""
    ts: str = ""
    """Its id within the channel, Unix seconds with six decimals; given when posted."""
    thread_ts: str | None = None
    """The thread's first message, or None outside of threads."""
    broadcast: bool = False
    """A reply that the channel sees too (`reply_broadcast`)."""
    ephemeral_to: str | None = None
    """The only person who sees it, or None for everybody."""
    edited: bool = False
    """Whether "(edited)" is shown; changes of blocks do not show it."""
    notice: bool = False
    """Said by Slack itself, e.g. a command that failed."""
    deleted: bool = False
    """No longer visible; kept for the transcript."""
    edits: tuple[Json, ...] = ()
    """Earlier versions, oldest first: text and blocks."""
    metadata: Json | None = None
    """What the app attached, readable by everybody in the workspace."""
    files: tuple[Json, ...] = ()
    """Completed uploads."""


class Workspace:
    """Holds the messages in the order they appeared and tells listeners of every change."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._messages: dict[tuple[str, str], Message] = {}
        self._threads: dict[tuple[str, str], list[str]] = {}
        self._last_ts = 0
        self._listeners: set[asyncio.Queue[Json]] = set()

    def post(self, message: Message) -> Message:
        """Add a message, giving it a ts and its blocks their missing ids; return it so completed."""
        posted = replace(message, ts=self._next_ts(), blocks=with_ids(message.blocks))
        self._messages[posted.channel, posted.ts] = posted
        self._tell("message", posted)
        if posted.thread_ts:
            self._threads.setdefault((posted.channel, posted.thread_ts), []).append(posted.ts)
            self._tell_parent(posted)
        return posted

    def change(self, old: Message, **changes: object) -> Message:
        """Replace fields of a message, keeping the earlier version; return the new one."""
        # dataclasses.replace cannot be typed for a variable set of fields.
        new: Message = replace(old, **changes, edits=(*old.edits, version(old)))  # type: ignore[arg-type]
        new = replace(new, blocks=with_ids(new.blocks))
        self._messages[new.channel, new.ts] = new
        self._tell("delete" if new.deleted else "update", new)
        if new.deleted and new.thread_ts:
            self._tell_parent(new)
        return new

    def find(self, channel: str, ts: str) -> Message | None:
        """Return a message that was not deleted."""
        message = self._messages.get((channel, ts))
        return None if message is None or message.deleted else message

    def everything(self) -> list[Message]:
        """Return all messages ever shown, oldest first, deleted ones too."""
        return list(self._messages.values())

    def visible(self, channel: str, as_: str | None) -> list[Message]:
        """Return what `as_` (None: nobody in particular) sees of a channel, threads included, oldest first."""
        eyes = (None, as_) if as_ else (None,)
        return [m for m in self.everything() if m.channel == channel and not m.deleted and m.ephemeral_to in eyes]

    def replies(self, channel: str, thread_ts: str, as_: str | None = None) -> list[Message]:
        """Return a thread, its first message included, oldest first."""
        eyes = (None, as_) if as_ else (None,)
        stamps = (thread_ts, *self._threads.get((channel, thread_ts), ()))
        found = (self.find(channel, ts) for ts in stamps)
        return [message for message in found if message and message.ephemeral_to in eyes]

    def listen(self) -> asyncio.Queue[Json]:
        """Return a queue that receives every change from now on; hand it back to `unlisten`."""
        queue: asyncio.Queue[Json] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def end(self) -> None:
        """Tell every listener, by an empty change, that nothing more will come."""
        for queue in self._listeners:
            queue.put_nowait({})

    def unlisten(self, queue: asyncio.Queue[Json]) -> None:
        """Stop feeding a queue."""
        self._listeners.discard(queue)

    def seen(self, message: Message) -> Json:
        """Return a message in the shape the page and the transcript show."""
        author = self.world.person(message.author)
        name = author.name if author else "Slackbot"
        is_bot = author is None or BOT in author.flags
        replies = self.replies(message.channel, message.ts)
        return {
            "ts": message.ts,
            "channel": message.channel,
            "thread_ts": message.thread_ts,
            "reply_count": sum(reply.ts != message.ts for reply in replies),
            "broadcast": message.broadcast,
            "author": {"id": message.author, "name": name, "is_bot": is_bot},
            "text": message.text,
            "blocks": list(message.blocks),
            "ephemeral_to": message.ephemeral_to,
            "edited": message.edited,
            "notice": message.notice,
            "files": list(message.files),
        }

    def wire(self, message: Message) -> Json:
        """Return a message as the Web API and payloads give it (docs.slack.dev /reference/events/message)."""
        bot = self.world.bot
        mine = message.author == bot.user_id
        replies = len(self.replies(message.channel, message.ts)) - 1 if message.thread_ts is None else 0
        return without_nothing(
            {
                "type": "message",
                "subtype": "thread_broadcast" if message.broadcast else None,
                "user": message.author,
                "bot_id": bot.bot_id if mine else None,
                "app_id": bot.app_id if mine else None,
                "team": self.world.team_id,
                "ts": message.ts,
                "text": message.text,
                "blocks": list(message.blocks) or None,
                "thread_ts": message.thread_ts or (message.ts if replies > 0 else None),
                "reply_count": replies if replies > 0 else None,
                "edited": {"user": message.author, "ts": message.ts} if message.edited else None,
                "metadata": message.metadata,
                "files": list(message.files) or None,
            }
        )

    def tell(self, event: Json) -> None:
        """Tell every listener of a change."""
        for queue in self._listeners:
            queue.put_nowait(event)

    def _tell(self, kind: str, message: Message) -> None:
        self.tell({"type": kind, "message": self.seen(message)})

    def _tell_parent(self, reply: Message) -> None:
        # Its reply_count has changed.
        parent = self.find(reply.channel, reply.thread_ts or "")
        if parent and not reply.ephemeral_to:
            self._tell("update", parent)

    def _next_ts(self) -> str:
        self._last_ts = max(time.time_ns() // 1000, self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"


def version(message: Message) -> Json:
    """Return what an edit keeps of the earlier message."""
    return {"text": message.text, "blocks": list(message.blocks)}


def with_ids(blocks: Iterable[Json]) -> tuple[Json, ...]:
    """Return copies of the blocks in which every block_id and action_id is present, as Slack fills them in."""
    filled = copy.deepcopy(list(blocks))
    for block in filled:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        for element in interactive_elements(block):
            element.setdefault("action_id", secrets.token_urlsafe(4))
    return tuple(filled)


def interactive_elements(block: Json) -> list[Json]:
    """Return the elements of one block that people can act on."""
    found = [block[key] for key in INTERACTIVE_KEYS if key in block]
    flat = [element for part in found for element in (part if isinstance(part, list) else [part])]
    if block.get("type") not in ("section", "actions", "input"):
        return []
    return [element for element in flat if isinstance(element, dict) and element.get("type") != "image"]
